// Values that JSON does not have, spelled in JSON: {"$bytes":BASE64}, {"$undefined":true}; and large ones in short:
// {"$text":LENGTH}, {"$fill":LENGTH} (bytes). What is large is told by its length and hash.
const crypto = require('crypto')

const hash = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex')
const filled = (length) => { const bytes = Buffer.alloc(length); for (let i = 0; i < length; i++) bytes[i] = i % 251; return bytes }

exports.make = (spec) => {
  if (spec === null || typeof spec !== 'object') return spec
  if ('$undefined' in spec) return undefined
  if ('$bytes' in spec) return Buffer.from(spec.$bytes, 'base64')
  if ('$text' in spec) return 'ü'.repeat(spec.$text / 2)
  if ('$fill' in spec) return filled(spec.$fill)
  return spec
}

exports.tell = (value) => {
  if (value === undefined) return { $undefined: true }
  if (Buffer.isBuffer(value)) return value.length <= 4096 ? { $bytes: value.toString('base64') } : { $fill: value.length, hash: hash(value) }
  if (typeof value === 'string' && value.length > 4096) return { $text: Buffer.byteLength(value), hash: hash(value) }
  return value
}

// What an application learns of an error, or of how a stream ended: true is a plain end.
exports.tellEnd = (end) => end === null || end === undefined || end === true
  ? end === true
  : { message: end.message, name: end.name, stack: end.stack, text: typeof end === 'string' ? end : undefined }
