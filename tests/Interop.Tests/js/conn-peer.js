// A real JavaScript peer for comparisons: secret-stack, ssb-master, ssb-conn and ssb-lan, nothing changed in them, on loopback only.
// node conn-peer.js '{"path":FOLDER,"port":PORT,"seed":1,"network":BASE64,"ws":PORT}'
// Line-JSON: {"ready":ID,"manifest":MANIFEST} out; the end of stdin ends it.
// ssb-lan broadcasts, which nobody may hear: its UDP sockets are put off by ones that hear and say nothing.
const options = JSON.parse(process.argv[2])
const EventEmitter = require('events')
const fs = require('fs')
const ssbKeys = require('ssb-keys')
const say = require('./say')

process.on('uncaughtException', (e) => { say({ crashed: e.message }); process.exit(1) })
const silent = () => Object.assign(new EventEmitter(), { write () {}, close () {} })
require.cache[require.resolve('dgram-broadcast', { paths: [require.resolve('ssb-lan')] })] = { exports: silent, loaded: true }

const keys = ssbKeys.generate('ed25519', Buffer.alloc(32, options.seed))
const network = options.network || require('ssb-caps').shs
fs.mkdirSync(options.path, { recursive: true })
const loopback = { scope: 'device', host: '127.0.0.1', transform: 'shs' }
const WS = { name: 'ws', create: (options) => require('multiserver/plugins/ws')(options) }
const stack = require('secret-stack')({ appKey: network, caps: { shs: network } })
  .use(require('ssb-master'))
  .use({ init: (ssb) => { ssb.multiserver.transport(WS) } })
  .use({ manifest: { whoami: 'sync' }, init: (ssb) => ({ whoami: () => ({ id: ssb.id }) }) }) // which ssb-db and ssb-db2 serve
  .use({ name: 'keysShim', version: '1.0.0', manifest: {}, init: (ssb, config) => { ssb.keys = config.keys; return {} } }) // ssb-lan reads it
  .use(require('ssb-conn'))
  .use(require('ssb-lan'))
const ssb = stack({
  path: options.path,
  keys,
  caps: { shs: network },
  timers: { inactivity: 600e3, handshake: 60e3 }, // a loaded machine shakes hands slowly
  conn: { autostart: false, populatePubs: false },
  connections: {
    incoming: { net: [{ ...loopback, port: options.port }], ...(options.ws && { ws: [{ ...loopback, port: options.ws }] }) },
    outgoing: { net: [{ transform: 'shs' }], ws: [{ transform: 'shs' }] },
  },
})
ssb.once('multiserver:listening', () => say({ ready: ssb.id, manifest: ssb.getManifest() }))
process.stdin.on('data', () => {}).on('end', () => process.exit(0))
