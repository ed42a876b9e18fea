// Writes a value as a line of JSON, whole: a pipe that is full takes a part, or nothing.
const fs = require('fs')

module.exports = (value) => {
  let bytes = Buffer.from(JSON.stringify(value) + '\n')
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(fs.writeSync(1, bytes))
    } catch (e) {
      if (e.code !== 'EAGAIN') throw e
    }
  }
}
