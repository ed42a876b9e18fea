// Box streams by pull-box-stream 1.0.13. All bytes are base64.
const boxes = require('pull-box-stream')
const pull = require('pull-stream')

const bytes = (base64) => Buffer.from(base64, 'base64')

// What it writes for these writes, the goodbye included.
exports.seal = ({ key, nonce, chunks }) => {
  let sealed
  pull(pull.values(chunks.map(bytes)), boxes.createBoxStream(bytes(key), bytes(nonce)), pull.collect((err, all) => {
    if (err) throw err
    sealed = Buffer.concat(all)
  }))
  return sealed.toString('base64')
}

// What it reads from these pieces: all that it delivers, and how that ended, null after a goodbye.
exports.open = ({ key, nonce, chunks }) => {
  const delivered = []
  let end
  pull(pull.values(chunks.map(bytes)), boxes.createUnboxStream(bytes(key), bytes(nonce)), pull.drain(
    (plain) => { delivered.push(plain) }, (err) => { end = err ? err.message : null }))
  return [Buffer.concat(delivered).toString('base64'), end]
}
