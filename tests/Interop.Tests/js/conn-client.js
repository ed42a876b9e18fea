// A program of calls to a peer's conn.* by stock ssb-client, as a master and as a stranger; what comes back is written down, so that peers
// can be compared. node conn-client.js '{"address":ADDRESS,"seed":1,"third":PORT,"nobody":PORT}'
// Line-JSON out: {"call":TITLE,"answer":VALUE} or {"call":TITLE,"error":{"name","message"}} for each, in order; at last {"over":true}.
// Ports, times and the order of fields differ between peers and are written as if they did not. `third` is where a peer of ours listens,
// and `nobody` where nobody does. The seed is the peer's own.
const options = JSON.parse(process.argv[2])
require('./no-delay')
const pull = require('pull-stream')
const Pushable = require('pull-pushable')
const ssbKeys = require('ssb-keys')
const caps = require('ssb-caps')
const say = require('./say')

process.on('uncaughtException', (e) => { say({ crashed: e.stack }); process.exit(1) })
const PATIENCE = 20e3 // a guard
const SILENCE = 1000 // for what a JavaScript peer never answers

const keysOf = (seed) => ssbKeys.generate('ed25519', Buffer.alloc(32, seed))
const keys = keysOf(options.seed)
const shsOf = (keys) => `shs:${keys.public.split('.')[0]}`
const thirdKeys = keysOf(77)
const third = `net:127.0.0.1:${options.third}~${shsOf(thirdKeys)}`
const otherKey = `net:127.0.0.1:${options.third}~${shsOf(keysOf(78))}`
const nobody = `net:127.0.0.1:${options.nobody}~${shsOf(keysOf(79))}`
const strangerKeys = keysOf(80)
const some = (n) => `net:127.0.0.1:${n}~${shsOf(keysOf(90 + n))}`

// What differs from run to run.
const times = new Set(['birth', 'stagingBirth', 'stagingUpdated', 'hubBirth', 'hubUpdated', 'hubStateSince', 'stateChange'])
const halves = (text) => text.replace(/\p{Surrogate}/gu, (half) => `<${half.charCodeAt(0).toString(16)}>`) // who compares cannot read them
const normal = (value, field) => {
  if (typeof value === 'number' && times.has(field)) return value > 1.6e12 && value < 1e14 ? 'TIME' : value
  if (typeof value === 'string') {
    return halves(value).split(`:${options.third}~`).join(':THIRD~').split(`:${options.nobody}~`).join(':NOBODY~')
      .replace(/net:127\.0\.0\.1:\d{4,5}(?=~)/g, 'net:127.0.0.1:PORT')
  }
  if (Array.isArray(value)) return value.map((item) => normal(item))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.keys(value).sort().map((key) => [halves(key), normal(value[key], key)]))
}
const byAddress = (entries) => [...entries].sort((a, b) => a[0] < b[0] ? -1 : 1)
const told = (err) => err === true ? { end: true } : { name: err.name, message: err.message }
const note = (call, line) => say(normal({ call, ...line }))
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// Calls, and writes down what comes back. `shown` says what of it.
const ask = (title, call, shown = (value) => value, patience = PATIENCE) => new Promise((resolve) => {
  let isOver = false
  const over = (line) => {
    if (isOver) return
    isOver = true
    clearTimeout(guard)
    note(title, line)
    resolve()
  }
  const guard = setTimeout(() => over({ silent: true }), patience)
  const answer = (err, value) => over(err ? { error: told(err) } : { answer: value === undefined ? 'undefined' : shown(value) })
  try {
    call(answer)
  } catch (e) {
    over({ thrown: told(e) })
  }
})

// Reads a live stream. `newest` waits until its newest item is as wanted, and writes that down.
const watch = (title, source) => {
  const seen = { items: [], end: null }
  let waiting = () => {}
  const reader = pull.drain((item) => { seen.items.push(item); waiting() }, (end) => { seen.end = told(end || true); waiting() })
  pull(source, reader)
  const until = (isThere) => new Promise((resolve) => {
    const guard = setTimeout(() => { waiting = () => {}; resolve(false) }, PATIENCE)
    waiting = () => { if (isThere()) { clearTimeout(guard); waiting = () => {}; resolve(true) } }
    waiting()
  })
  return {
    newest: async (what, wanted) => {
      const came = await until(() => seen.items.length > 0 && wanted(seen.items[seen.items.length - 1]))
      note(`${title}: ${what}`, { came, newest: byAddress(seen.items[seen.items.length - 1] || []) })
    },
    nothing: () => note(`${title}: nothing came`, { answer: seen.items.length === 0 }),
    end: async () => {
      reader.abort()
      await until(() => seen.end)
      note(`${title}: ended by us`, seen.end)
    },
  }
}

// One exchange of a ping: they volley what we serve.
const ping = (title, open, args = []) => ask(title, (cb) => {
  const output = Pushable()
  const stream = open(...args)
  pull(output, stream.sink)
  pull(stream.source, pull.take(1), pull.collect((err, items) => {
    output.end()
    cb(err, items && items.map((item) => typeof item === 'number' && Math.abs(item - Date.now()) < 60e3 ? 'a time' : item))
  }))
  output.push(Date.now())
})

const client = (keys, extra = {}) => new Promise((resolve, reject) => require('ssb-client')(
  keys, { remote: options.address, caps, timers: { handshake: 60e3 }, ...extra }, (err, rpc) => err ? reject(err) : resolve(rpc)))

const flat = (manifest, prefix = []) => Object.keys(manifest).flatMap((name) => typeof manifest[name] === 'string'
  ? [[[...prefix, name].join('.'), manifest[name]]] : flat(manifest[name], [...prefix, name]))

// The peer that is there: it lets everybody in.
const thirdPeer = () => new Promise((resolve) => {
  const calls = []
  const peer = require('secret-stack')({ appKey: caps.shs, caps })
    .use({ name: 'gossip', version: '1.0.0', manifest: { ping: 'duplex' }, permissions: { anonymous: { allow: ['ping'] } }, init: () => ({ ping: () => require('pull-ping')({}) }) })({
      keys: thirdKeys,
      caps,
      timers: { inactivity: 600e3, handshake: 60e3 },
      connections: { incoming: { net: [{ scope: 'device', host: '127.0.0.1', port: options.third, transform: 'shs' }] }, outgoing: { net: [{ transform: 'shs' }] } },
    })
  peer.on('rpc:connect', (rpc) => calls.push(rpc))
  peer.once('multiserver:listening', () => resolve({ peer, calls }))
})

// Calls by the way below a manifest, whatever it says.
const raw = (rpc, type, name) => (...args) => rpc.stream.remoteCall(type, name.split('.'), args, typeof args[args.length - 1] === 'function' ? args.pop() : undefined)

const values = [
  ['no data', []], ['empty', [{}]], ['null', [null]], ['text', ['text']], ['an empty text', ['']], ['a number', [5]], ['0', [0]], ['true', [true]], ['false', [false]],
  ['a list', [['a']]], ['an empty list', [[]]], ['a function', [() => {}]], ['more than data', [{}, 'more']],
]
const fields = [
  ['known fields', { type: 'lan', verified: true, note: 'a note' }],
  ['its key', (address) => ({ type: 'pub', key: `@${address.split('shs:')[1]}.ed25519` })],
  ['another key', { key: '@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519' }],
  ['unknown fields', { zz: 1, a: { b: [1, { c: null }] }, list: [], empty: '' }],
  ['unicode', { note: '\u2603 \ud83d\udc22 \u00e9 \u2028 <&\'"\\', '\u5b57': '\u0000\u001f' }],
  ['numbers', { big: 1e21, small: 1e-7, max: Number.MAX_SAFE_INTEGER, min: -Number.MAX_VALUE, float: 0.1, int: -5 }],
  ['null and false', { nothing: null, no: false, yes: true }],
  ['wrong kinds', { type: 5, verified: 'yes', note: {}, source: [] }],
  ['odd names', { '': 1, 1: 2, 'a.b': 3, constructor: 4, toString: 'x' }],
  ['a birth', { birth: 5, stagingBirth: 6, stagingUpdated: 7 }],
  ['half a pair', { half: 'a\ud800', list: ['\udc00', '\ude00\ud83d'], 'n\ud83d': { '\udfff': 1 }, type: '\ud800' }],
  ['70 levels', { deep: JSON.parse('['.repeat(69) + ']'.repeat(69)) }],
  ['room fields', { type: 'room-attendant', room: '@pAhDcHjunq6epPvYYo483vBjcuDkE10qrc2tYC827R0=.ed25519', roomName: 'r', openInvites: true, alias: 'a' }],
]
const addresses = [
  ['null', null], ['text', 'nonsense'], ['empty', ''], ['a number', 5], ['an object', {}], ['true', true], ['false', false],
  ['a feed id', thirdKeys.id], ['no transform', 'net:127.0.0.1:8008'], ['a legacy address', `127.0.0.1:8008:${thirdKeys.id}`], ['noauth', 'net:127.0.0.1:1~noauth'],
  ['a short key', 'net:127.0.0.1:1~shs:AAAA'], ['with spaces', ' net:127.0.0.1:1~shs:AAAA '],
]

// Each transport that peers have, and what a person may write.
const usual = [
  ['IPv6', `net:::1:1~${shsOf(thirdKeys)}`], ['a name', `net:pub.example:8008~${shsOf(thirdKeys)}`], ['ws', `ws://127.0.0.1:1~${shsOf(thirdKeys)}`],
  ['wss', `wss://pub.example/path~${shsOf(thirdKeys)}`], ['onion', `onion:abc.onion:8008~${shsOf(thirdKeys)}`], ['unix', `unix:/nonesuch/socket~${shsOf(thirdKeys)}`],
  ['unix noauth', 'unix:/nonesuch/socket~noauth'], ['tunnel', `tunnel:${keysOf(78).id}:${thirdKeys.id}~${shsOf(thirdKeys)}`],
  ['two routes', `net:127.0.0.1:1~${shsOf(thirdKeys)};ws://127.0.0.1:2~${shsOf(thirdKeys)}`], ['a transport that is not known beside one', `bt:AA.BB~${shsOf(thirdKeys)};net:127.0.0.1:1~${shsOf(thirdKeys)}`],
]

const programs = {
  async manifest (rpc) {
    await ask('manifest', (cb) => rpc.manifest((err, manifest) => {
      if (!err) flat(manifest).sort().forEach(([name, type]) => note(`manifest ${name}`, { answer: type }))
      cb(err, true)
    }))
    await ask('whoami', (cb) => rpc.whoami(cb))
    await ask('whoami with an argument', (cb) => rpc.whoami({ a: 1 }, cb))
    note('client.id', { answer: rpc.id })
    await ask('a name that is not there', (cb) => raw(rpc, 'async', 'conn.nothing')(cb))
    await ask('a plugin that is not there', (cb) => raw(rpc, 'async', 'nothing')(cb))
    await ask('a source that is not there', (cb) => pull(raw(rpc, 'source', 'conn.nothing')(), pull.collect(cb)))
    await ask('a sync as a source', (cb) => pull(raw(rpc, 'source', 'conn.dbPeers')(), pull.collect(cb)))
    await ask('a source as an async', (cb) => raw(rpc, 'async', 'conn.peers')(cb))
    await ask('a duplex as an async', (cb) => raw(rpc, 'async', 'conn.ping')(cb))
    await ask('an async as a sync', (cb) => raw(rpc, 'sync', 'conn.disconnect')(nobody, cb))
  },

  // What is meant for plugins of the same process. Early: once a write of the address book is due, `db` ends a JavaScript peer.
  async objects (rpc) {
    const shown = (value) => JSON.stringify(value).includes(keys.private) ? 'an object with the secret key' : 'an object'
    for (const name of ['db', 'hub', 'staging', 'query']) await ask(name, (cb) => rpc.conn[name](cb), shown)
  },

  async stage (rpc) {
    const staged = watch('stagedPeers', rpc.conn.stagedPeers())
    const again = watch('stagedPeers once more', rpc.conn.stagedPeers())
    const has = (address) => (entries) => entries.some((entry) => entry[0] === address)
    await staged.newest('at first', () => true)
    for (const [title, address] of addresses) await ask(`stage ${title}`, (cb) => rpc.conn.stage(address, { type: 'lan' }, cb))
    for (const [title, address] of addresses) await ask(`unstage ${title}`, (cb) => rpc.conn.unstage(address, cb))
    for (const [title, address] of usual) {
      await ask(`stage ${title}`, (cb) => rpc.conn.stage(address, { type: 'pub' }, cb))
      await ask(`unstage ${title}`, (cb) => rpc.conn.unstage(address, cb))
    }
    await ask('unstage who is not there', (cb) => rpc.conn.unstage(some(1), cb))
    for (const [title, args] of values) {
      await ask(`stage with ${title}`, (cb) => rpc.conn.stage(some(1), ...args, cb))
      await ask(`unstage after ${title}`, (cb) => rpc.conn.unstage(some(1), cb))
    }
    await staged.newest('after those', (entries) => entries.length === 0)
    let n = 10
    for (const [title, given] of fields) {
      const address = some(++n)
      const data = typeof given === 'function' ? given(address) : given
      await ask(`stage with ${title}`, (cb) => rpc.conn.stage(address, data, cb))
      if (title !== 'another key' && title !== '70 levels') await staged.newest(`with ${title}`, has(address))
      await ask(`stage again with ${title}`, (cb) => rpc.conn.stage(address, data, cb))
      await ask(`unstage with ${title}`, (cb) => rpc.conn.unstage(address, cb))
    }
    await ask('stage', (cb) => rpc.conn.stage(some(1), { type: 'lan', a: 1, b: { c: 1 } }, cb))
    await ask('stage again', (cb) => rpc.conn.stage(some(1), { b: { d: 2 }, e: null }, cb))
    await staged.newest('merged', (entries) => entries.some(([, data]) => data.b && data.b.d === 2))
    await ask('stage another', (cb) => rpc.conn.stage(some(2), { type: 'pub' }, cb))
    await staged.newest('two', (entries) => entries.length === 2)
    await again.newest('two', (entries) => entries.length === 2)
    await ask('stagedPeers as they are', (cb) => pull(rpc.conn.stagedPeers(), pull.take(1), pull.collect(cb)), ([entries]) => byAddress(entries))
    await ask('stagedPeers with arguments', (cb) => pull(rpc.conn.stagedPeers({ live: false }), pull.take(1), pull.collect(cb)), ([entries]) => entries.length)
    await ask('unstage', (cb) => rpc.conn.unstage(some(1), cb))
    await ask('unstage twice', (cb) => rpc.conn.unstage(some(1), cb))
    await staged.newest('one', (entries) => entries.length === 1)
    await staged.end()
    await ask('unstage another', (cb) => rpc.conn.unstage(some(2), cb))
    await again.newest('nobody', (entries) => entries.length === 0)
    await again.end()
  },

  async db (rpc) {
    const book = (title) => ask(`dbPeers ${title}`, (cb) => rpc.conn.dbPeers(cb), byAddress)
    await book('at first')
    await ask('dbPeers with an argument', (cb) => rpc.conn.dbPeers({ live: true }, cb))
    for (const [title, address] of addresses) {
      await ask(`remember ${title}`, (cb) => rpc.conn.remember(address, { type: 'pub' }, cb))
      await book(`after ${title}`)
      await ask(`forget ${title}`, (cb) => rpc.conn.forget(address, cb))
    }
    for (const [title, address] of usual) {
      await ask(`remember ${title}`, (cb) => rpc.conn.remember(address, { type: 'pub', autoconnect: false }, cb))
      await book(`after ${title}`)
      await ask(`forget ${title}`, (cb) => rpc.conn.forget(address, cb))
    }
    await ask('forget who is not there', (cb) => rpc.conn.forget(some(1), cb))
    for (const [title, args] of values) {
      await ask(`remember with ${title}`, (cb) => rpc.conn.remember(some(1), ...args, cb))
      await book(`with ${title}`)
      await ask(`forget after ${title}`, (cb) => rpc.conn.forget(some(1), cb))
    }
    let n = 10
    for (const [title, given] of fields) {
      const address = some(++n)
      const data = typeof given === 'function' ? given(address) : given
      await ask(`remember with ${title}`, (cb) => rpc.conn.remember(address, { ...data, autoconnect: false }, cb))
      await book(`with ${title}`)
      await ask(`forget with ${title}`, (cb) => rpc.conn.forget(address, cb))
    }
    await ask('remember', (cb) => rpc.conn.remember(some(1), { type: 'pub', a: 1 }, cb))
    await ask('remember again', (cb) => rpc.conn.remember(some(1), { b: { c: [] }, a: null }, cb))
    await ask('remember again without data', (cb) => rpc.conn.remember(some(1), cb))
    await book('merged')
    await ask('forget', (cb) => rpc.conn.forget(some(1), cb))
    await ask('forget twice', (cb) => rpc.conn.forget(some(1), cb))
    await book('at last')
  },

  async connect (rpc) {
    const { peer, calls } = await thirdPeer()
    const hub = watch('peers', rpc.conn.peers())
    const staged = watch('bench', rpc.conn.stagedPeers())
    const book = (title) => ask(`book ${title}`, (cb) => rpc.conn.dbPeers(cb), byAddress)
    const state = (address, state) => (entries) => entries.some(([a, data]) => a === address && data.state === state)
    const gone = (entries) => entries.length === 0
    await hub.newest('nobody', () => true)
    for (const [title, address] of addresses.filter(([title]) => !['noauth', 'a short key'].includes(title))) {
      await ask(`connect ${title}`, (cb) => rpc.conn.connect(address, cb))
      await ask(`disconnect ${title}`, (cb) => rpc.conn.disconnect(address, cb))
    }
    await ask('connect nothing', (cb) => rpc.conn.connect(cb), undefined, SILENCE)
    await ask('disconnect nothing', (cb) => rpc.conn.disconnect(cb), undefined, SILENCE)
    await ask('disconnect who is not there', (cb) => rpc.conn.disconnect(nobody, cb))

    await ask('remember nobody', (cb) => rpc.conn.remember(nobody, { type: 'pub' }, cb))
    await ask('connect nobody', (cb) => rpc.conn.connect(nobody, cb), () => true)
    await hub.newest('after nobody', gone)
    await book('after nobody')
    await ask('forget nobody', (cb) => rpc.conn.forget(nobody, cb))
    await ask('connect another key', (cb) => rpc.conn.connect(otherKey, { type: 'lan' }, cb), () => true)
    await hub.newest('after another key', gone)
    await ask('connect a short key', (cb) => rpc.conn.connect('net:127.0.0.1:1~shs:AAAA', cb), () => true)
    await ask('connect noauth', (cb) => rpc.conn.connect('net:127.0.0.1:1~noauth', cb), () => true)
    await ask('connect ourselves', (cb) => rpc.conn.connect(options.address, cb), () => true)
    await ask('disconnect ourselves', (cb) => rpc.conn.disconnect(options.address, cb))
    await ask('unstage who came back', (cb) => rpc.conn.unstage(nobody, cb))
    await ask('unstage another who came back', (cb) => rpc.conn.unstage(otherKey, cb))

    for (const [title, args] of values) {
      await ask(`connect with ${title}`, (cb) => rpc.conn.connect(third, ...args, cb), (value) => typeof value, title === 'more than data' ? SILENCE : PATIENCE)
      await ask(`disconnect after ${title}`, (cb) => rpc.conn.disconnect(third, cb))
    }
    await hub.newest('after those', gone)

    await ask('remember the third', (cb) => rpc.conn.remember(third, { type: 'pub', note: 'n' }, cb))
    await ask('stage the third', (cb) => rpc.conn.stage(third, { type: 'lan', note: 'staged' }, cb))
    await staged.newest('the third', (entries) => entries.length === 1)
    await ask('connect', (cb) => rpc.conn.connect(third, { type: 'room', x: { y: 1 } }, cb), (value) => typeof value)
    await hub.newest('connected', state(third, 'connected'))
    await staged.newest('without the third', gone)
    await book('connected')
    await ask('connect twice', (cb) => rpc.conn.connect(third, cb), (value) => typeof value)
    await ask('connect twice with data', (cb) => rpc.conn.connect(third, { x: 2 }, cb), (value) => typeof value)
    await ask('stage who is connected', (cb) => rpc.conn.stage(third, {}, cb))
    await ask('stage the key of who is connected', (cb) => rpc.conn.stage('net:127.0.0.1:3~noauth', { key: thirdKeys.id }, cb))
    await ask('unstage who is connected', (cb) => rpc.conn.unstage(third, cb))
    note('the third sees', { answer: calls.length > 0 && calls[calls.length - 1].id })
    await ask('disconnect', (cb) => rpc.conn.disconnect(third, cb))
    await hub.newest('disconnected', gone)
    await ask('disconnect twice', (cb) => rpc.conn.disconnect(third, cb))
    await ask('forget the third', (cb) => rpc.conn.forget(third, cb))
    await ask('unstage the third', (cb) => rpc.conn.unstage(third, cb))

    await ask('connect without data', (cb) => rpc.conn.connect(third, cb), (value) => typeof value)
    await hub.newest('connected without data', state(third, 'connected'))
    const late = watch('peers, late', rpc.conn.peers())
    await late.newest('at first', state(third, 'connected'))
    calls[calls.length - 1].close(true, () => {})
    await hub.newest('the third has gone', gone)
    await late.newest('the third has gone', gone)
    await late.end()

    const [one, two] = await Promise.all([1, 2].map(() => new Promise((resolve) => rpc.conn.connect(third, (err, answer) => resolve(err ? told(err) : typeof answer)))))
    note('connect two at once', { answer: [one, two] })
    await ask('disconnect both', (cb) => rpc.conn.disconnect(third, cb))
    await hub.newest('at last', gone)

    // Who calls the peer is in its hub, too.
    await new Promise((resolve, reject) => peer.connect(options.address, (err, rpc) => err ? reject(err) : resolve(rpc)))
    await hub.newest('the third called', (entries) => entries.length === 1 && entries[0][1].state === 'connected')
    await ask('stop while a peer is connected', (cb) => rpc.conn.stop(cb))
    await hub.newest('stopped', gone)
    await hub.end()
    await staged.end()
    await new Promise((resolve) => peer.close(true, resolve))
  },

  async ping (rpc) {
    await ping('conn.ping', rpc.conn.ping)
    await ping('gossip.ping', rpc.gossip.ping)
    await ping('gossip.ping with options', rpc.gossip.ping, [{ timeout: 300e3 }])
    await ping('gossip.ping with nonsense', rpc.gossip.ping, ['x', null, 5])
  },

  async running (rpc) {
    await ask('start', (cb) => rpc.conn.start(cb))
    await ask('start twice', (cb) => rpc.conn.start({ a: 1 }, cb))
    await ask('stop', (cb) => rpc.conn.stop(cb))
    await ask('stop twice', (cb) => rpc.conn.stop(null, cb))
    await ask('start again', (cb) => rpc.conn.start(cb))
    await ask('stop at last', (cb) => rpc.conn.stop(cb))
  },

  async lan (rpc) {
    await ask('lan.stop before a start', (cb) => rpc.lan.stop(cb))
    const heard = watch('lan.discoveredPeers', rpc.lan.discoveredPeers())
    await ask('lan.start', (cb) => rpc.lan.start(cb))
    await ask('lan.start with an argument', (cb) => rpc.lan.start({}, cb))
    await ask('lan.stop', (cb) => rpc.lan.stop(cb))
    await ask('lan.stop twice', (cb) => rpc.lan.stop(cb))
    heard.nothing()
    await heard.end()
  },

  async stranger (rpc) {
    const stranger = await client(strangerKeys)
    note('a stranger has a manifest', { answer: Object.keys(stranger.conn).includes('stagedPeers') })
    const hub = watch('callers', rpc.conn.peers())
    await hub.newest('a stranger is there', (entries) => entries.some(([, data]) => data.key === strangerKeys.id))
    const { conn, lan } = stranger
    for (const name of ['remember', 'forget', 'dbPeers', 'connect', 'disconnect', 'stage', 'unstage', 'start', 'stop', 'db', 'hub', 'staging', 'query']) {
      await ask(`a stranger calls ${name}`, (cb) => conn[name](cb))
    }
    for (const name of ['peers', 'stagedPeers']) await ask(`a stranger reads ${name}`, (cb) => pull(conn[name](), pull.collect(cb)))
    for (const name of ['start', 'stop']) await ask(`a stranger calls lan.${name}`, (cb) => lan[name](cb))
    await ask('a stranger reads lan.discoveredPeers', (cb) => pull(lan.discoveredPeers(), pull.collect(cb)))
    await ask('a stranger calls whoami', (cb) => stranger.whoami(cb))
    await ask('a stranger calls manifest', (cb) => stranger.manifest(cb), (manifest) => typeof manifest.conn)
    await ask('a stranger calls nothing', (cb) => raw(stranger, 'async', 'conn.nothing')(cb))
    await ask('a stranger opens nothing', (cb) => pull(raw(stranger, 'source', 'conn.nothing')(), pull.collect(cb)))
    await ping('a stranger pings by conn.ping', conn.ping)
    await ping('a stranger pings by gossip.ping', stranger.gossip.ping)
    await new Promise((resolve) => stranger.close(true, resolve))
    await hub.newest('the stranger has gone', (entries) => entries.length === 0)
    await hub.end()
  },

  // What leaves a JavaScript peer with entries that nobody can take away.
  async odd (rpc) {
    for (const name of ['stage', 'unstage', 'remember', 'forget']) {
      await ask(`${name} nothing`, (cb) => rpc.conn[name](cb))
      await ask(`${name} a list`, (cb) => rpc.conn[name](['net:127.0.0.1:1~shs:x'], {}, cb))
    }
  },
}

const main = async () => {
  const rpc = await client(keys)
  for (const name of Object.keys(programs)) {
    note(`--- ${name}`, {})
    await programs[name](rpc)
  }
  rpc.close(true, () => {})
  say({ over: true })
  await wait(50)
  process.exit(0)
}
main().catch((e) => { say({ crashed: e.stack }); process.exit(1) })
