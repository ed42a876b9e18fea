// Procedures of every type for secret-stack, and their manifest. RpcProcedures.cs has the same ones. `say` hears what happens in them.
const Pair = require('pull-pair')
const Pushable = require('pull-pushable')
const pull = require('pull-stream')
const { make, tell, tellEnd } = require('./rpc-values')

exports.manifest = {
  give: 'sync', later: 'async', fail: 'async', boom: 'sync', boomLater: 'async', never: 'async', order: 'sync',
  items: 'source', count: 'source', bytes: 'source', failing: 'source', broken: 'source', forever: 'source',
  take: 'sink', refuse: 'sink', swap: 'duplex', half: 'duplex',
}

const failures = {
  error: new TypeError('failed on purpose ☃'),
  text: 'only a text',
  object: { message: 'no Error', name: 'Custom', stack: 'Custom: no Error' },
  empty: {},
}

// An endless stream, which tells how it was ended.
const forever = (say, name) => {
  let i = 0
  return (end, cb) => {
    if (end) { say({ aborted: name, end: tellEnd(end) }); return cb(end) }
    setImmediate(cb, null, { i: i++ })
  }
}

exports.procedures = (say) => ({
  give: (value) => make(value),
  later: (value, cb) => setImmediate(cb, null, make(value)),
  fail: (how, cb) => setImmediate(cb, failures[how]),
  boom: () => { throw failures.error },
  boomLater: (cb) => { throw failures.error },
  never: (cb) => say({ called: 'never' }),
  order: (i) => { say({ ordered: i }); return i },
  items: (values) => pull.values(values.map(make)),
  count: (from, to) => pull(pull.count(to - from - 1), pull.asyncMap((i, cb) => setImmediate(cb, null, { i: from + i }))),
  // As fast as it goes. muxrpc takes the items of a source whether or not the socket takes them, so 251 different ones are shared.
  bytes: (count, size) => {
    const filled = Array.from({ length: 251 }, (_, i) => Buffer.alloc(size, i))
    return pull(pull.count(count - 1), pull.asyncMap((i, cb) => setImmediate(cb, null, filled[i % 251])))
  },
  failing: (n) => { let i = 0; return (end, cb) => cb(end || (i < n ? null : failures.error), i++) },
  broken: () => { throw failures.error },
  forever: () => forever(say, 'forever'),
  take: () => pull(pull.map(tell), pull.collect((end, took) => say({ took, end: tellEnd(end) }))),
  refuse: (n) => (read) => {
    let took = 0
    const more = () => read(null, (end) => end ? say({ refused: took, end: tellEnd(end) })
      : ++took < n ? more()
        : read(failures.error, () => say({ refused: took })))
    more()
  },
  swap: () => Pair(),
  // Gives nothing back until the other side has ended; then how many came.
  half: () => {
    const source = Pushable()
    let count = 0
    const sink = pull.drain(() => { count++ }, (end) => {
      say({ half: count, end: tellEnd(end || true) })
      source.push(count)
      source.end()
    })
    return { source, sink }
  },
})
