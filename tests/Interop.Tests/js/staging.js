// Runs a program of calls on npm ssb-conn-staging. A program is a list of [NAME, ADDRESS?, DATA?]; beside the calls of the
// module there is ["tick", MILLISECONDS]. Gives what each call gave, every event, the last value of liveEntries, and whether that ended.
const pull = require('pull-stream')
const ConnStaging = require('ssb-conn-staging')

// What is handed out belongs to the module and may change under our hands.
const copy = (value) => JSON.parse(JSON.stringify(value === undefined ? null : value))

module.exports = function run ({ start, calls }) {
  let now = start
  const clock = Date.now
  Date.now = () => now
  try {
    const staging = new ConnStaging()
    const events = []
    let live
    let ended = false
    pull(staging.listen(), pull.drain((event) => events.push([event.type, event.address])))
    pull(staging.liveEntries(), pull.drain((entries) => { live = entries }, () => { ended = true }))
    const results = calls.map(([name, a, b]) => {
      if (name === 'tick') return (now += a, null)
      try {
        return name === 'entries' ? copy([...staging.entries()]) : copy(b === undefined ? staging[name](a) : staging[name](a, b))
      } catch (e) {
        return 'error'
      }
    })
    return { results, events, live: copy(live), ended } // each value is a new list, which nobody changes
  } finally {
    Date.now = clock
  }
}
