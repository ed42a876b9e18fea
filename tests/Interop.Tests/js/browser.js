// A JavaScript peer in a browser, as far as others can tell: its WebSockets name the page that opens them. secret-stack and multiserver's ws, nothing changed in them; what a browser
// has, a global WebSocket, is npm ws's with an origin, and dials only. node browser.js '{"path":FOLDER,"seed":4,"origin":"http://example.org"}'
// Without an origin it is a program. Line-JSON out: {"ready":ID}. In: {"do":"reach","address":A}, which asks who answers for its manifest, is answered by
// {"reached":{"id":ID,"manifest":M}} or {"reached":{"error":TEXT}}. The end of stdin ends it.
const options = JSON.parse(process.argv[2])
const WebSocket = require('ws')
const say = require('./say')

process.on('uncaughtException', (e) => say({ reached: { error: e.message } })) // of a WebSocket that is refused, which pull-websocket does not listen to
globalThis.WebSocket = class extends WebSocket {
  constructor (url) { super(url, options.origin === undefined ? {} : { origin: options.origin }) }
}

const network = require('ssb-caps').shs
const WS = { name: 'ws', create: (options) => require('multiserver/plugins/ws')(options) }
const ssb = require('secret-stack')({ appKey: network, caps: { shs: network } })
  .use({ init: (ssb) => { ssb.multiserver.transport(WS) } })({
    path: options.path,
    keys: require('ssb-keys').generate('ed25519', Buffer.alloc(32, options.seed)),
    caps: { shs: network },
    timers: { inactivity: 600e3, handshake: 60e3 }, // a loaded machine shakes hands slowly
    connections: { incoming: {}, outgoing: { ws: [{ transform: 'shs' }] } },
  })

require('readline').createInterface({ input: process.stdin })
  .on('line', (line) => ssb.connect(JSON.parse(line).address, (error, rpc) => {
    if (error) return say({ reached: { error: error.message || String(error) } })
    rpc.manifest((error, manifest) => say({ reached: error ? { error: error.message } : { id: rpc.id, manifest } }))
  }))
  .on('close', () => process.exit(0))
say({ ready: ssb.id })
