// A real JavaScript app on loopback: secret-stack, ssb-master, ssb-conn, and ssb-db2 with its createHistoryStream, nothing changed in them. As every app did before
// EBT, it asks each peer that connects for its feed, from where its own copy ends, and live. node db2-peer.js '{"path":FOLDER,"port":PORT,"posts":[TEXT, ...]}'
// Line-JSON: {"ready":ID}, {"message":{key,value}} for each that it posted or that ssb-validate took, {"connected":ID}, {"refused":WHY} and {"failed":WHY} out;
// {"connect":ADDRESS} and {"post":TEXT} in. The end of stdin ends it.
const options = JSON.parse(process.argv[2])
const path = require('path')
const pull = require('pull-stream')
const ssbKeys = require('ssb-keys')
const validate = require('ssb-validate')
const say = require('../js/say')

process.on('uncaughtException', (e) => { say({ crashed: e.stack }); process.exit(1) })
const keys = ssbKeys.loadOrCreateSync(path.join(options.path, 'secret'))
const network = require('ssb-caps').shs
const ssb = require('secret-stack')({ appKey: network, caps: { shs: network } })
  .use(require('ssb-master'))
  .use(require('ssb-db2'))
  .use(require('ssb-db2/compat/db'))
  .use(require('ssb-db2/compat/history-stream'))
  .use(require('ssb-conn'))({
    path: options.path,
    keys,
    caps: { shs: network },
    timers: { inactivity: 600e3, handshake: 60e3 }, // a loaded machine shakes hands slowly
    conn: { autostart: false, populatePubs: false },
    connections: {
      incoming: { net: [{ scope: 'device', host: '127.0.0.1', port: options.port, transform: 'shs' }] },
      outgoing: { net: [{ transform: 'shs' }] },
    },
  })

const tell = (message) => say({ message: { key: message.key, value: message.value } })
const feeds = {} // of ssb-validate: the end of each feed
ssb.on('rpc:connect', (rpc) => {
  if (rpc.id === ssb.id) return
  say({ connected: rpc.id })
  const end = feeds[rpc.id]
  pull(
    rpc.createHistoryStream({ id: rpc.id, seq: end ? end.sequence + 1 : 1, live: true, keys: false }),
    pull.asyncMap((value, cb) => {
      const state = feeds[rpc.id] || null
      const error = validate.checkInvalid(state, null, value)
      if (error) return cb(error)
      feeds[rpc.id] = { id: validate.id(value), sequence: value.sequence, timestamp: value.timestamp, queue: [] }
      ssb.db.add(value, cb)
    }),
    pull.drain(tell, (error) => {
      if (error && error !== true) say({ refused: error.message || String(error) })
    })
  )
})

const post = (text, cb) => ssb.db.create({ keys, content: { type: 'post', text } }, (error, message) => { if (error) throw error; tell(message); cb() })
const postAll = (texts, cb) => texts.length === 0 ? cb() : post(texts[0], () => postAll(texts.slice(1), cb))
ssb.once('multiserver:listening', () => postAll(options.posts, () => say({ ready: ssb.id })))
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const asked = JSON.parse(line)
  if (asked.post) post(asked.post, () => {})
  if (asked.connect) ssb.conn.connect(asked.connect, (error) => { if (error) say({ failed: error.message }) })
}).on('close', () => process.exit(0))
