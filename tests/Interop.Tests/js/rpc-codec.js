// Frames by packet-stream-codec 1.2.0.
const codec = require('packet-stream-codec')
const pull = require('pull-stream')
const { make, tell } = require('./rpc-values')

// One frame: base64 of its bytes.
exports.encode = ({ req, stream, end, value }) => {
  const [head, body] = codec.encodePair({ req, stream, end, value: make(value) })
  return Buffer.concat([head, body]).toString('base64')
}

// All frames in these bytes, which come in chunks of this size.
exports.decode = ({ bytes, chunk }) => {
  const all = Buffer.from(bytes, 'base64')
  const chunks = []
  for (let i = 0; i < all.length; i += chunk) chunks.push(all.subarray(i, i + chunk))
  let frames
  pull(
    pull.values(chunks),
    codec.decode(),
    pull.map((f) => f === 'GOODBYE' ? f : { req: f.req, stream: f.stream, end: f.end, type: f.type, value: tell(f.value) }),
    pull.collect((err, all) => { frames = err ? String(err) : all }))
  return frames
}
