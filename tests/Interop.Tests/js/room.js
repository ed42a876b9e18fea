// A real room of the first kind: the tunnel server of ssb-room 1.3.0, with the modules that come with it, nothing changed in them; without
// its web page. node room.js '{"path":FOLDER,"host":ADDRESS,"port":PORT,"seed":9,"network":BASE64,"name":NAME}'
// Line-JSON: {"ready":ID,"address":ADDRESS} out; the end of stdin ends it as if it were killed.
const options = JSON.parse(process.argv[2])
const fs = require('fs')
const path = require('path')
const ssbKeys = require('ssb-keys')
const say = require('./say')

process.on('uncaughtException', (e) => { say({ crashed: e.stack }); process.exit(1) })
const own = { paths: [path.dirname(require.resolve('ssb-room/package.json'))] }
const its = (name) => require(require.resolve(name, own))
fs.writeFileSync(path.join(options.path, 'roomcfg'), JSON.stringify({ name: options.name, description: 'of a test' }))
const ssb = its('secret-stack')({ appKey: options.network })
  .use(its('ssb-master'))
  .use(its('ssb-conn'))
  .use(require('ssb-room/tunnel/server'))
  .use(require('ssb-room/ssb-shims'))({
    path: options.path,
    keys: ssbKeys.generate('ed25519', Buffer.alloc(32, options.seed)),
    caps: { shs: options.network },
    timers: { inactivity: 600e3, handshake: 60e3 }, // a loaded machine shakes hands slowly
    conn: { autostart: false },
    connections: {
      incoming: { net: [{ scope: 'device', host: options.host, port: options.port, transform: 'shs' }] },
      outgoing: { net: [{ transform: 'shs' }] },
    },
  })
ssb.once('multiserver:listening', () => say({ ready: ssb.id, address: ssb.getAddress('device') }))
process.stdin.on('data', () => {}).on('end', () => process.exit(0))
