// A real JavaScript peer for comparisons: secret-stack, ssb-master, ssb-conn and ssb-lan, nothing changed in them, on loopback only.
// node conn-peer.js '{"path":FOLDER,"port":PORT,"ws":PORT,"seed":1}'
// Line-JSON: {"ready":ID,"manifest":MANIFEST} out; the end of stdin ends it. Without a seed it is who FOLDER/secret says.
// ssb-lan broadcasts, which nobody may hear: its UDP sockets are put off by ones that hear and say nothing.
const options = JSON.parse(process.argv[2])
require('./no-delay')
const EventEmitter = require('events')
const fs = require('fs')
const path = require('path')
const ssbKeys = require('ssb-keys')
const say = require('./say')

process.on('uncaughtException', (e) => { say({ crashed: e.message }); process.exit(1) })
const silent = () => Object.assign(new EventEmitter(), { write () {}, close () {} })
require.cache[require.resolve('dgram-broadcast', { paths: [require.resolve('ssb-lan')] })] = { exports: silent, loaded: true }

fs.mkdirSync(options.path, { recursive: true })
const keys = options.seed ? ssbKeys.generate('ed25519', Buffer.alloc(32, options.seed)) : ssbKeys.loadOrCreateSync(path.join(options.path, 'secret'))
const network = require('ssb-caps').shs
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
    incoming: { net: [{ ...loopback, port: options.port }], ws: [{ ...loopback, port: options.ws }] },
    outgoing: { net: [{ transform: 'shs' }], ws: [{ transform: 'shs' }] },
  },
})
ssb.once('multiserver:listening', () => say({ ready: ssb.id, manifest: ssb.getManifest() }))
process.stdin.on('data', () => {}).on('end', () => process.exit(0))
