// The npm side of the wire benchmarks: line-JSON jobs in, line-JSON results out. One process is both ends of a handshake;
// two processes are the server and the client of muxrpc.
'use strict'
const path = require('path')
const net = require('net')
const root = process.argv[2]
const load = (name) => require(path.join(root, 'node_modules', name))

// multiserver has no option for it, so the sockets that it makes are met on their way
let noDelay = true
const { createServer, connect } = net
const prepared = (socket) => noDelay ? socket.setNoDelay(true) : socket
net.createServer = (options, listener) => createServer(options, (socket) => listener(prepared(socket)))
net.connect = (...args) => prepared(connect(...args))

const pull = load('pull-stream')
const boxes = load('pull-box-stream')
const toPull = load('stream-to-pull-stream')
const shs = load('secret-handshake')
const ssbKeys = load('ssb-keys')
const Multiserver = load('multiserver')
const Net = load('multiserver/plugins/net')
const Shs = load('multiserver/plugins/shs')
const Muxrpc = load('muxrpc')
if (!Object.keys(require.cache).some((file) => file.endsWith('.node'))) throw new Error('libsodium is not native here')

const cap = Buffer.from('1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s=', 'base64')
const clock = () => Number(process.hrtime.bigint())
const generate = () => {
  const keys = ssbKeys.generate()
  const bytes = (text) => Buffer.from(text.replace('.ed25519', ''), 'base64')
  return { publicKey: bytes(keys.public), secretKey: bytes(keys.private) }
}
const authorize = (id, cb) => cb(null, true)
const promise = (f) => new Promise((resolve, reject) => f((err, value) => err ? reject(err) : resolve(value)))
// `count` times in all, `parallel` at a time; nanoseconds for one
const repeat = async (count, parallel, f) => {
  let left = count
  const start = clock()
  await Promise.all(Array.from({ length: parallel }, async () => {
    while (left-- > 0) await f()
  }))
  return (clock() - start) / count
}

let handshakes
const startHandshakes = async () => {
  const keys = generate()
  const accept = shs.createServer(keys, authorize, cap)
  const client = shs.createClient(generate(), cap)
  const accepted = []
  const server = net.createServer({}, (socket) => {
    const stream = toPull.duplex(socket)
    pull(stream, accept((err) => accepted.shift()(err)), stream)
  })
  await promise((cb) => server.listen(0, '127.0.0.1', cb))
  const one = () => Promise.all([
    promise((cb) => accepted.push(cb)),
    new Promise((resolve, reject) => {
      const socket = net.connect(server.address().port, '127.0.0.1')
      const stream = toPull.duplex(socket)
      socket.on('close', resolve)
      pull(stream, client(keys.publicKey, (err) => err ? reject(err) : socket.destroy()), stream)
    })
  ])
  return { one }
}

const key = Buffer.alloc(32, 1)
const nonce = Buffer.alloc(24, 2)
const sealAll = (packets, chunk, each) => pull(
  pull.values(Array(packets * 4096 / chunk).fill(Buffer.alloc(chunk, 3))),
  boxes.createBoxStream(key, nonce),
  pull.drain(each)
)
let recording

const manifest = { echo: 'async', numbers: 'source' }
const api = {
  echo: (value, cb) => cb(null, value),
  numbers: (count) => {
    let i = 0
    return (end, cb) => end || i === count ? cb(end || true) : cb(null, small(i++))
  }
}
// about 100 bytes as JSON
const small = (i) => ({ sequence: i, author: '@ye+QM09iPcDJD6YvQYjoQc7sLF/IFhmNbEqgdzQo3lQ=.ed25519', type: 'post' })
const talk = (stream) => {
  const rpc = Muxrpc(manifest, manifest, api, '@' + stream.remote.toString('base64') + '.ed25519', null, null, false)
  pull(stream, rpc.stream, stream)
  rpc.once('closed', () => peers.delete(rpc))
  peers.add(rpc)
  return rpc
}
const peers = new Set()
let rpc
const dial = async ({ port, key }) => {
  const ms = Multiserver([[Net({ scope: 'device' }), Shs({ keys: generate(), appKey: cap, auth: authorize })]])
  return talk(await promise((cb) => ms.client(`net:127.0.0.1:${port}~shs:${key}`, cb)))
}

const jobs = {
  // connect, shake hands as both, close; nanoseconds for one
  async handshakes ({ count, parallel }) {
    handshakes ??= await startHandshakes()
    return repeat(count, parallel, handshakes.one)
  },
  // nanoseconds for a packet of 4 KiB
  seal ({ packets, chunk }) {
    let bytes = 0
    const start = clock()
    sealAll(packets, chunk, (data) => { bytes += data.length })
    const time = clock() - start
    if (bytes !== packets * (4096 + 34) + 34) throw new Error(`sealed ${bytes} bytes`)
    return time / packets
  },
  // likewise, of a recording of 4 MiB again and again, which comes as a socket gives it, 64 KiB at a time
  open ({ packets }) {
    const recorded = 1024
    if (!recording) {
      const all = []
      sealAll(recorded, 4096, (data) => all.push(data))
      const joined = Buffer.concat(all)
      recording = Array.from({ length: Math.ceil(joined.length / 65536) }, (_, i) => joined.subarray(i * 65536, (i + 1) * 65536))
    }
    let bytes = 0
    const start = clock()
    for (let i = 0; i < packets; i += recorded) {
      pull(pull.values(recording), boxes.createUnboxStream(key, nonce), pull.drain((data) => { bytes += data.length }))
    }
    const time = clock() - start
    if (bytes !== packets * 4096) throw new Error(`opened ${bytes} bytes`)
    return time / packets
  },
  // a box stream alone, over TCP: all is opened, then answered by the end
  async receive () {
    const server = net.createServer({}, (socket) => {
      const stream = toPull.duplex(socket)
      pull(stream.source, boxes.createUnboxStream(key, nonce), pull.drain(() => {}, () => pull(pull.empty(), boxes.createBoxStream(key, nonce), stream.sink)))
    })
    await promise((cb) => server.listen(0, '127.0.0.1', cb))
    return server.address().port
  },
  // nanoseconds for a packet, from the first one sealed to the last one opened
  async send ({ port, packets }) {
    const stream = toPull.duplex(net.connect(port, '127.0.0.1'))
    const packet = Buffer.alloc(4096)
    let left = packets
    const start = clock()
    pull((end, cb) => end || left-- === 0 ? cb(end || true) : cb(null, packet), boxes.createBoxStream(key, nonce), stream.sink)
    await promise((cb) => pull(stream.source, boxes.createUnboxStream(key, nonce), pull.onEnd((err) => cb(err === true ? null : err))))
    return (clock() - start) / packets
  },
  // a muxrpc server
  async serve (options) {
    noDelay = options.noDelay
    const keys = generate()
    const port = await promise((cb) => {
      const free = createServer().listen(0, '127.0.0.1', () => {
        const { port } = free.address()
        free.close(() => cb(null, port))
      })
    })
    const ms = Multiserver([[Net({ scope: 'device', host: '127.0.0.1', port }), Shs({ keys, appKey: cap, auth: authorize })]])
    await promise((cb) => ms.server(talk, null, cb))
    return { port, key: keys.publicKey.toString('base64') }
  },
  async connect (options) {
    noDelay = options.noDelay
    rpc = await dial(options)
    return 0
  },
  // nanoseconds for one
  calls ({ count, parallel }) {
    let i = 0
    return repeat(count, parallel, async () => {
      const sent = i++
      if (await rpc.echo(sent) !== sent) throw new Error('not the echo')
    })
  },
  // nanoseconds for one
  async messages ({ count }) {
    let seen = 0
    const start = clock()
    await promise((cb) => pull(rpc.numbers(count), pull.drain(() => { seen++ }, cb)))
    if (seen !== count) throw new Error(`${seen} messages`)
    return (clock() - start) / count
  },
  // `count` more connections that stay
  async hold (options) {
    await repeat(options.count, 8, () => dial(options))
    return peers.size
  },
  // bytes resident after collections
  async memory () {
    for (let i = 0; i < 5; i++) {
      global.gc()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return { bytes: process.memoryUsage().rss, peers: peers.size }
  }
}

require('readline').createInterface({ input: process.stdin }).on('line', async (line) => {
  const { job, ...args } = JSON.parse(line)
  let answer
  try {
    answer = { result: await jobs[job](args) }
  } catch (err) {
    answer = { error: err.stack }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}).on('close', () => process.exit())
