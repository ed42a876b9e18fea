// A peer that speaks secret handshake and box stream by npm secret-handshake 1.1.21, over TCP on this machine alone. One connection.
// Line-JSON on stdin; all bytes are base64; a seed is a number that fills 32 bytes.
//   {"do":"listen","seed":N,"network":B,"authorize":BOOL}               -> {"listening":PORT}
//   {"do":"connect","seed":N,"network":B,"server":B,"port":PORT}        -> {"connecting":PORT}
//   {"do":"send","bytes":B} -> {"sent":LENGTH}      {"do":"end"} -> {"ending":true}      the latter says goodbye
// Told on stdout: {"remote":B} or {"failed":MESSAGE}; at the end of what comes in {"received":B,"end":null or MESSAGE}.
const net = require('net')
const pull = require('pull-stream')
const Pushable = require('pull-pushable')
const chloride = require('chloride')
const shs = require('secret-handshake')
const toPull = require('stream-to-pull-stream')

const patience = 60e3
const say = require('./say')
const bytes = (base64) => Buffer.from(base64, 'base64')
const keysOf = (seed) => chloride.crypto_sign_seed_keypair(Buffer.alloc(32, seed))
const outgoing = Pushable()

const talk = (err, stream) => {
  if (err) return say({ failed: String(err.message || err) })
  say({ remote: stream.remote.toString('base64') })
  pull(outgoing, stream.sink)
  pull(stream.source, pull.collect((err, all) => {
    say({ received: Buffer.concat(all || []).toString('base64'), end: err ? String(err.message || err) : null })
  }))
}

const wishes = {
  listen: ({ seed, network, authorize }) => {
    const create = shs.createServer(keysOf(seed), (id, cb) => cb(null, authorize), bytes(network), patience)
    const server = net.createServer((socket) => {
      server.close()
      const duplex = toPull.duplex(socket)
      pull(duplex, create(talk), duplex)
    })
    server.listen(0, '127.0.0.1', () => say({ listening: server.address().port }))
  },
  connect: ({ seed, network, server, port }) => {
    const create = shs.createClient(keysOf(seed), bytes(network), patience)
    const socket = net.connect(port, '127.0.0.1', () => {
      const duplex = toPull.duplex(socket)
      pull(duplex, create(bytes(server), talk), duplex)
    })
    say({ connecting: port })
  },
  send: ({ bytes: base64 }) => {
    outgoing.push(bytes(base64))
    say({ sent: base64.length })
  },
  end: () => {
    outgoing.end()
    say({ ending: true })
  },
}

const input = require('readline').createInterface({ input: process.stdin })
input.on('line', (line) => {
  const wish = JSON.parse(line)
  wishes[wish.do](wish)
})
input.on('close', () => process.exit(0))
