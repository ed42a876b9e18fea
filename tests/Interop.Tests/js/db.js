// Runs a program of calls on npm ssb-conn-db. A program has a folder, a time, and a list of [NAME, ADDRESS?, DATA?]; beside the calls of the
// module there are ["tick", MILLISECONDS], ["change", ADDRESS, DATA] and ["changeTo", ADDRESS, DATA], updates with a function. The
// database is opened before the first call and closed after the last. Gives what each call gave, and every event: its type, its address, and
// whether the entry is another one than before it.
const atomic = require('atomic-file-rw')
const pull = require('pull-stream')
const ConnDB = require('ssb-conn-db')

// close() does not tell when its write is done
let writing = []
const writeFile = atomic.writeFile
atomic.writeFile = (path, value, options, cb) => {
  writing.push(new Promise((resolve) => writeFile(path, value, options, (err) => { cb(err); resolve(err) })))
}

// What is handed out belongs to the module and may change under our hands.
const copy = (value) => JSON.parse(JSON.stringify(value === undefined ? null : value))

module.exports = async function run ({ folder, start, calls }) {
  writing = []
  const db = new ConnDB({ path: folder, writeTimeout: 1e8 }) // closing writes
  await db.loaded()
  let now = start
  const clock = Date.now
  Date.now = () => now
  try {
    const events = []
    const before = new Map([...db.entries()].map(([address, data]) => [address, JSON.stringify(data)]))
    pull(db.listen(), pull.drain((event) => {
      const data = JSON.stringify(db.get(event.address))
      events.push([event.type, event.address, data !== before.get(event.address)])
      before.set(event.address, data)
    }))
    const results = calls.map(([name, a, b]) => {
      if (name === 'tick') return (now += a, null)
      try {
        const wasThere = a !== undefined && db.has(a)
        switch (name) {
          case 'set': db.set(a, b); return !wasThere
          case 'replace': db.replace(a, b); return !wasThere
          case 'update': db.update(a, b); return wasThere
          case 'change': db.update(a, (known) => ({ ...known, ...b })); return wasThere
          case 'changeTo': db.update(a, () => b); return wasThere
          case 'entries': return copy([...db.entries()])
          default: return copy(db[name](a))
        }
      } catch (e) {
        return 'error'
      }
    })
    db.close()
    return { results, events }
  } finally {
    Date.now = clock
    const failed = (await Promise.all(writing)).find((err) => err)
    if (failed) throw failed
  }
}
