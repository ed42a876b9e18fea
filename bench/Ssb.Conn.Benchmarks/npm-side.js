// The npm side of the benchmarks: line-JSON jobs in, line-JSON results (milliseconds) out.
'use strict'
const path = require('path')
const root = process.argv[2]
const load = (name) => require(path.join(root, 'node_modules', name))
const { check } = load('multiserver-address')
const ConnStaging = load('ssb-conn-staging')
const pull = load('pull-stream')
const clock = () => Number(process.hrtime.bigint()) / 1e6

const address = (i) => {
  const key = Buffer.alloc(32)
  key.writeUInt32LE(i, 0)
  key.writeUInt32LE((i * 2654435761) % 4294967296, 4)
  return `net:p${String(i).padStart(7, '0')}.lan.example.me:${10000 + (i % 50000)}~shs:${key.toString('base64')}`
}

// of the same length, and of four kinds in turn
const mixed = (i) => {
  const host = [
    `net:p${String(i).padStart(7, '0')}.lan.example.me:${10000 + i}`,
    `net:192.168.${i % 256}.${i % 100}:${10000 + i}`,
    `ws://p${i}.example.com:${10000 + i}`,
    `onion:${'a'.repeat(10)}${String(i).padStart(6, '0')}.onion:${10000 + i}`
  ][i % 4].padEnd(33, '0')
  return host + address(i).slice(33)
}

const jobs = {
  // one check of each of `count` addresses, `rounds` times; nanoseconds for one
  check ({ count, rounds }) {
    const all = Array.from({ length: count }, (_, i) => mixed(i))
    let valid = 0
    for (let r = 0; r < 20; r++) for (const a of all) valid += check(a) ? 1 : 0
    const start = clock()
    for (let r = 0; r < rounds; r++) for (const a of all) valid += check(a) ? 1 : 0
    const ms = clock() - start
    if (valid !== (rounds + 20) * count) throw new Error('an address is not valid')
    return ms * 1e6 / (rounds * count)
  },
  // one new peer into a bench of `size` (its map filled directly); nanoseconds for one, the median of `rounds`
  stageInto ({ size, rounds }) {
    const pool = new ConnStaging()
    for (let i = 0; i < size; i++) pool._peers.set(address(i), { key: 'k', type: 'lan', stagingBirth: 1, stagingUpdated: 1 })
    const times = []
    for (let r = 0; r < rounds; r++) {
      const extra = address(size + r)
      const start = clock()
      pool.stage(extra, { type: 'lan' })
      times.push(clock() - start)
      pool._peers.delete(extra)
    }
    pool.close()
    return times.sort((a, b) => a - b)[rounds >> 1] * 1e6
  },
  // 0 to `size` with one live reader; milliseconds
  fill ({ size }) {
    const all = Array.from({ length: size }, (_, i) => address(i))
    const pool = new ConnStaging()
    let seen = 0
    pull(pool.liveEntries(), pull.drain((entries) => { seen = entries.length }))
    const start = clock()
    for (const a of all) pool.stage(a, { type: 'lan' })
    const ms = clock() - start
    if (seen !== size) throw new Error(`the reader saw ${seen}`)
    return ms
  }
}

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { job, ...args } = JSON.parse(line)
  process.stdout.write(JSON.stringify({ result: jobs[job](args) }) + '\n')
})
