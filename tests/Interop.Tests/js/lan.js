// The bytes of ssb-lan 1.2.3, by its own code, without its sockets.
const LAN = require('ssb-lan')
const keys = require('ssb-keys')
const pull = require('pull-stream')

const lan = (id, seed, network, address) => new LAN(
  { id, keys: seed, getAddress: () => address, close: { hook: () => {} } }, { caps: { shs: network } })

// What a peer of this seed sends when it announces this address on this network.
exports.write = ({ seed, network, address }) => {
  const k = keys.generate('ed25519', Buffer.alloc(32, seed))
  const out = {}
  const one = lan(k.id, k, network, address)
  one.normalBroadcast = { write: (bytes) => { out.normal = bytes.toString('base64') } }
  one.legacyBroadcast = { write: (text) => { out.legacy = Buffer.from(text).toString('base64') } }
  one.writeNormal()
  one.writeLegacy()
  return out
}

// What a peer makes of such bytes: [address, verified], or null.
exports.read = ({ network, format, bytes }) => {
  const one = lan('@nobody', null, network)
  let found = null
  pull(one.discoveredPeers(), pull.drain((d) => { found = [d.address, d.verified] }))
  one[format === 'Legacy' ? 'readLegacy' : 'readNormal'](Buffer.from(bytes, 'base64'))
  return found
}
