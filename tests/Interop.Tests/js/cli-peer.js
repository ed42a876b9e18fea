// A real JavaScript peer on loopback and on a unix socket, as desktop apps run it: secret-stack, ssb-master, ssb-unix-socket, ssb-no-auth and
// ssb-conn, nothing changed in them. node cli-peer.js '{"path":FOLDER,"port":PORT,"network":BASE64}'
// Line-JSON: {"ready":ID,"address":ADDRESS} out; the end of stdin ends it. Its secret is FOLDER/secret.
const options = JSON.parse(process.argv[2])
const path = require('path')
const ssbKeys = require('ssb-keys')
const say = require('./say')

process.on('uncaughtException', (e) => { say({ crashed: e.stack }); process.exit(1) })
const keys = ssbKeys.loadOrCreateSync(path.join(options.path, 'secret'))
const network = options.network || require('ssb-caps').shs
const ssb = require('secret-stack')({ appKey: network, caps: { shs: network } })
  .use(require('ssb-master'))
  .use(require('ssb-unix-socket'))
  .use(require('ssb-no-auth'))
  .use({ name: 'keysShim', version: '1.0.0', manifest: {}, init: (ssb, config) => { ssb.keys = config.keys; return {} } })
  .use(require('ssb-conn'))({
    path: options.path,
    keys,
    caps: { shs: network },
    timers: { inactivity: 600e3, handshake: 60e3 }, // a loaded machine shakes hands slowly
    conn: { autostart: false, populatePubs: false },
    connections: {
      incoming: {
        net: [{ scope: 'device', host: '127.0.0.1', port: options.port, transform: 'shs' }],
        unix: [{ scope: 'device', transform: 'noauth', server: true }],
      },
      outgoing: { net: [{ transform: 'shs' }] },
    },
  })
ssb.once('multiserver:listening', () => say({ ready: ssb.id, address: ssb.getAddress('device') }))
process.stdin.on('data', () => {}).on('end', () => process.exit(0))
