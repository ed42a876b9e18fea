// A JavaScript peer with procedures of every type (rpc-plugin.js), driven over line-JSON; on loopback only.
// node rpc-peer.js '{"seed":1,"port":PORT,"master":[ID...]}' (with "quiet":true it answers pings and never pings) serves with secret-stack; says {"ready":ID,"address":ADDRESS}.
// A wish {"do":NAME,"id":ID,...} is answered by {ID:ANSWER}, the failure of an answer by {ID:{"error":...}}. Wishes: see below.
const options = JSON.parse(process.argv[2])
const pull = require('pull-stream')
const Pushable = require('pull-pushable')
const ssbKeys = require('ssb-keys')
const caps = require('ssb-caps')
const { manifest, procedures } = require('./rpc-plugin')
const { make, tell, tellEnd } = require('./rpc-values')

const say = require('./say')
const keys = ssbKeys.generate('ed25519', Buffer.alloc(32, options.seed))
// A gossip.ping that answers, and never serves in turn.
const answer = () => {
  const clocks = Pushable()
  return { source: clocks, sink: pull.drain(() => clocks.push(Date.now()), () => clocks.end()) }
}
const plugin = (name, manifest, create) => ({ name, version: '1.0.0', manifest, permissions: {}, init: create })
const ssb = require('secret-stack')({ appKey: caps.shs, caps })
  .use(require('ssb-master'))
  .use(plugin('test', manifest, () => procedures(say)))
  .use(plugin('gossip', { ping: 'duplex' }, () => ({ ping: (opts) => options.quiet ? answer() : require('pull-ping')({ timeout: opts && opts.timeout }) })))({
    keys,
    caps,
    master: options.master || [],
    timers: { inactivity: 600e3, handshake: 60e3 }, // a loaded machine shakes hands slowly
    connections: {
      incoming: { net: [{ scope: 'device', host: '127.0.0.1', port: options.port, transform: 'shs' }] },
      outgoing: { net: [{ transform: 'shs' }] },
    },
  })

const connections = {} // by the name that a wish gave; those that came are 'in'
ssb.on('rpc:connect', (rpc, isClient) => {
  say({ connected: rpc.id, isClient })
  rpc.on('closed', () => say({ closed: rpc.id }))
  if (!isClient) connections.in = rpc
})

// A procedure as an application has it, or by the way below that, whatever the manifest says.
const procedure = (rpc, { type, name, raw }) => raw
  ? (...args) => rpc.stream.remoteCall(type, name.split('.'), args, typeof args[args.length - 1] === 'function' ? args.pop() : undefined)
  : name.split('.').reduce((level, part) => level[part], rpc)

// Reads a stream: all items, or so many and then an abort.
const read = (take, done) => {
  const items = []
  const end = (end) => done({ items, end: tellEnd(end || true) })
  return take === undefined ? pull.drain((item) => { items.push(tell(item)) }, end)
    : (read) => read(null, function next (ended, item) {
        if (ended) return end(ended)
        items.push(tell(item))
        if (items.length === take) read(true, end)
        else read(null, next)
      })
}

const wishes = {
  connect: ({ as, address }, done) => ssb.connect(address, (err, rpc) => {
    connections[as] = rpc
    done(err, rpc && rpc.id)
  }),

  // ssb-client, with a manifest, or without one: then it asks for it.
  client: ({ as, address, manifest }, done) => require('ssb-client')(keys, { remote: address, manifest, caps, timers: { handshake: 60e3 } }, (err, rpc) => {
    connections[as] = rpc
    if (rpc) rpc.on('closed', () => say({ closed: as }))
    done(err, rpc && { id: rpc.id, test: Object.keys(rpc.test || {}) })
  }),

  // Of streams: `items` are sent, and after them an end, unless `open`; `take` says after how many of theirs we end it.
  call: ({ on, args = [], items = [], open, take, ...wish }, done) => {
    const f = procedure(connections[on], wish)
    const output = Pushable()
    items.forEach((item) => output.push(make(item)))
    switch (wish.type) {
      case 'source': return pull(f(...args), read(take, (all) => done(null, all)))
      case 'sink':
        pull(output, f(...args, (end) => done(null, { end: tellEnd(end || true) })))
        return open || output.end()
      case 'duplex': {
        // In muxrpc an end of what we send ends both ways, and what still comes is lost: so it comes last.
        const stream = f(...args)
        pull(output, stream.sink)
        return pull(stream.source, read(take, (all) => { output.end(); done(null, all) }))
      }
      default: return f(...args, (err, value) => done(err, { value: tell(value) }))
    }
  },

  // Many sources at once; each item is {i}, and stream s has those from s * each on.
  sources: ({ on, count, each }, done) => {
    let left = count
    const wrong = []
    for (let s = 0; s < count; s++) {
      pull(connections[on].test.count(s * each, s * each + each), pull.collect((err, items) => {
        if (err || items.length !== each || items.some(({ i }, k) => i !== s * each + k)) wrong.push([s, err && err.message, items && items.length])
        if (--left === 0) done(null, { wrong: wrong.length, some: wrong.slice(0, 3) })
      }))
    }
  },

  // Calls sent at once, none waited for.
  order: ({ on, count }, done) => {
    const answers = []
    const note = (err, answer) => { if (answers.push(err ? err.message : answer) === count) done(null, answers) }
    for (let i = 0; i < count; i++) connections[on].test.order(i, note)
  },

  // pull-ping, as ssb-gossip uses it: how often we measured, after so many exchanges.
  ping: ({ on, timeout, times }, done) => {
    const ping = require('pull-ping')({ serve: true, timeout })
    let volleys = 0
    const count = () => { if (++volleys === times) done(null, { rtt: ping.rtt, skew: ping.skew }) }
    pull(ping, connections[on].gossip.ping({ timeout }), pull.through(count), ping)
  },

  close: ({ on, now }, done) => connections[on].close(now, () => done(null, true)),

  // A box stream without muxrpc: `send` writes, and nothing is read but by `read`.
  raw: ({ as, address }, done) => {
    const shs = require('multiserver/plugins/shs')({
      keys: { publicKey: Buffer.from(keys.public, 'base64'), secretKey: Buffer.from(keys.private, 'base64') },
      appKey: caps.shs,
      auth: (_, cb) => cb(null, false),
    })
    require('multiserver')([[require('multiserver/plugins/net')({}), shs]]).client(address, (err, stream) => {
      if (err) return done(err)
      const output = Pushable()
      pull(output, stream.sink)
      connections[as] = { output, source: stream.source }
      done(null, true)
    })
  },
  send: ({ on, bytes }, done) => {
    connections[on].output.push(Buffer.from(bytes, 'base64'))
    done(null, true)
  },
  // Reads so many frames, or to the end: the bytes.
  read: ({ on, frames }, done) => {
    let bytes = Buffer.alloc(0)
    const count = (at) => at + 9 > bytes.length ? 0 : 1 + count(at + 9 + bytes.readUInt32BE(at + 1))
    connections[on].source(null, function next (end, some) {
      if (some) bytes = Buffer.concat([bytes, some])
      if (end || count(0) === frames) done(null, { bytes: bytes.toString('base64'), end: tellEnd(end) })
      else connections[on].source(null, next)
    })
  },

  die: () => process.kill(process.pid, 'SIGKILL'),
  nothing: (_, done) => done(null, true),
}

process.on('uncaughtException', (e) => { say({ crashed: e.stack }); process.exit(1) })
ssb.once('multiserver:listening', () => say({ ready: ssb.id, address: ssb.getAddress('device') }))
const input = require('readline').createInterface({ input: process.stdin })
input.on('line', (line) => {
  const wish = JSON.parse(line)
  const done = (err, answer) => say({ [wish.id]: err ? { error: { ...tellEnd(err), isError: err instanceof Error } } : answer })
  try {
    wishes[wish.do](wish, done)
  } catch (e) {
    done(e)
  }
})
input.on('close', () => process.exit(0))
