// A real JavaScript peer that goes to rooms: secret-stack, ssb-conn 6.0.4 and ssb-room-client 2.0.2, nothing changed in them. Of those it meets
// it dials rooms alone by itself, as it knows nobody's hops. node attendant.js '{"path":FOLDER,"host":ADDRESS,"port":PORT,"seed":2,"network":BASE64}'
// Line-JSON out: {"ready":ID}, then {"staged":[[ADDRESS,DATA]...]} and {"peers":[...]} whenever bench and hub change. In:
// {"do":"remember","address":A,"data":D}; {"do":"connect","address":A} and {"do":"reach","address":A}, which asks who answers for its manifest,
// are answered by {"reached":{"id":ID,"manifest":M}} or {"reached":{"error":TEXT}}; {"do":"disconnect","address":A}. The end of stdin ends it.
const options = JSON.parse(process.argv[2])
const pull = require('pull-stream')
const ssbKeys = require('ssb-keys')
const say = require('./say')

process.on('uncaughtException', (e) => { say({ crashed: e.stack }); process.exit(1) })
const ssb = require('secret-stack')({ appKey: options.network, caps: { shs: options.network } })
  .use(require('ssb-master'))
  .use(require('ssb-conn'))
  .use(require('ssb-room-client'))({
    path: options.path,
    keys: ssbKeys.generate('ed25519', Buffer.alloc(32, options.seed)),
    caps: { shs: options.network },
    timers: { inactivity: 600e3, handshake: 60e3 },
    conn: { autostart: true, populatePubs: false },
    connections: {
      incoming: {
        net: [{ scope: 'device', host: options.host, port: options.port, transform: 'shs' }],
        tunnel: [{ scope: 'public', transform: 'shs' }],
      },
      outgoing: { net: [{ transform: 'shs' }], tunnel: [{ transform: 'shs' }] },
    },
  })

// ssb-conn listens for attendants some time after its start, and whom it did not hear of then it never stages: ready is who has heard both.
const listening = new Promise((resolve) => ssb.once('multiserver:listening', resolve))
const { discoveredAttendants } = ssb.roomClient
const hearing = new Promise((resolve) => {
  ssb.roomClient.discoveredAttendants = () => { resolve(); return discoveredAttendants() }
})
Promise.all([listening, hearing]).then(() => say({ ready: ssb.id }))
pull(ssb.conn.stagedPeers(), pull.drain((entries) => say({ staged: entries })))
pull(ssb.conn.peers(), pull.drain((entries) => say({ peers: entries.map(([address, data]) => [address, { ...data, details: undefined }]) })))

const reached = (error, id, manifest) => say({ reached: error ? { error: error.message } : { id, manifest } })
const wishes = {
  remember: ({ address, data }) => ssb.conn.remember(address, data),
  connect: ({ address }) => ssb.conn.connect(address, (error, rpc) => reached(error, rpc && rpc.id)),
  reach: ({ address }) => ssb.conn.connect(address, (error, rpc) => {
    if (error) return reached(error)
    rpc.manifest((error, manifest) => reached(error, rpc.id, manifest))
  }),
  disconnect: ({ address }) => ssb.conn.disconnect(address, () => {}),
}
require('readline').createInterface({ input: process.stdin })
  .on('line', (line) => {
    const wish = JSON.parse(line)
    wishes[wish.do](wish)
  })
  .on('close', () => process.exit(0))
