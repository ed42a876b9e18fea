// A real JavaScript SSB peer: secret-stack, ssb-conn and ssb-lan, nothing changed in them. Runs only inside a network namespace,
// since it broadcasts. node peer.js '{"path":FOLDER,"host":"10.77.0.2","port":8008,"seed":2,"network":BASE64,"legacy":true}'
// With "hops":{FEED_ID:NUMBER} it knows how far others are, and so dials them: a stand-in for ssb-friends, which would need a database.
// With "scopes":true it is told no host, as most are: multiserver-scopes finds one, of the card that it likes best.
// Line-JSON on stdout: {"ready":ID,"address":...}, then {"discovered":ADDRESS,"verified":BOOL} for each announcement it hears, and
// {"staged":[ENTRY...]} whenever its bench changes, {"peers":[ENTRY...]} whenever its hub does, {"announced":MS} whenever it announces itself. On stdin: {"do":"stop"} falls
// silent, {"do":"start"} speaks again, both answered by {"done":true}, as is {"do":"nothing"}; the end of stdin ends it.
const options = JSON.parse(process.argv[2])
const fs = require('fs')
const path = require('path')
const pull = require('pull-stream')
const ssbKeys = require('ssb-keys')

const say = require('./say')
const keys = ssbKeys.generate('ed25519', Buffer.alloc(32, options.seed))
fs.mkdirSync(options.path, { recursive: true })
const network = options.network || require('ssb-caps').shs
const ssb = require('secret-stack')({ appKey: network, caps: { shs: network } })
  .use(require('ssb-master'))
  .use({ name: 'keysShim', version: '1.0.0', manifest: {}, init: (ssb, config) => { ssb.keys = config.keys; return {} } }) // ssb-lan reads it
  .use({ name: 'friends', version: '5.0.0', manifest: {}, init: () => options.hops ? { hopStream: () => pull.once(options.hops) } : {} })
  .use(require('ssb-conn'))
  .use(require('ssb-lan'))({
    path: options.path,
    keys,
    host: options.host,
    port: options.port,
    caps: { shs: network },
    conn: { autostart: true, populatePubs: false },
    lan: { legacy: options.legacy !== false },
    connections: {
      incoming: {
        net: [options.scopes ? { scope: 'private', port: options.port, transform: 'shs' }
          : { scope: ['device', 'local', 'private'], host: options.host, port: options.port, transform: 'shs' }],
      },
      outgoing: { net: [{ transform: 'shs' }] },
    },
  })

// Each announcing ends with the normal format, which only tells the time here. A legacy-only peer is an ssb-local of old; ssb-lan has no
// such option, so its other half is silenced.
const LAN = require('ssb-lan')
const writeNormal = LAN.prototype.writeNormal
LAN.prototype.writeNormal = function () {
  say({ announced: Date.now() })
  if (options.normal !== false) writeNormal.call(this)
}
pull(ssb.lan.discoveredPeers(), pull.drain(({ address, verified }) => say({ discovered: address, verified })))
pull(ssb.conn.peers(), pull.drain((entries) => say({ peers: entries })))
pull(ssb.conn.stagedPeers(), pull.drain((entries) => say({ staged: entries })))
ssb.once('multiserver:listening', () => say({ ready: ssb.id, address: ssb.getAddress('private') }))
process.on('uncaughtException', (e) => { console.error(e); process.exit(1) })

const input = require('readline').createInterface({ input: process.stdin })
input.on('line', (line) => {
  const wish = JSON.parse(line).do
  if (wish !== 'nothing') ssb.lan[wish]()
  say({ done: true })
})
input.on('close', () => process.exit(0))
