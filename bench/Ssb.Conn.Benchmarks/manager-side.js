// The npm side of the benchmarks of the manager: line-JSON jobs in, line-JSON results (nanoseconds) out.
'use strict'
const path = require('path')
const root = process.argv[2]
const load = (name) => require(path.join(root, 'node_modules', name))
const atomic = load('atomic-file-rw')
const ConnDB = load('ssb-conn-db')
const { selfHealingJSONCodec } = load('ssb-conn-db/lib/atomic-file-codecs')
const clock = () => Number(process.hrtime.bigint())

// closing writes, which is no part of loading
const { writeFile } = atomic
let writes = false
atomic.writeFile = (file, value, options, cb) => writes ? writeFile(file, value, options, cb) : cb()

const open = async ({ folder, peers }) => {
  const db = new ConnDB({ path: folder, writeTimeout: 1e8 })
  await db.loaded()
  if (db._map.size !== peers) throw new Error(`${db._map.size} peers`)
  return db
}
let opened
const kept = async (options) => (opened ??= await open(options))

const jobs = {
  async load (options) {
    global.gc()
    const start = clock()
    const db = await open(options)
    const time = clock() - start
    db.close()
    return time
  },
  async serialize (options) {
    const db = await kept(options)
    global.gc()
    const start = clock()
    const text = selfHealingJSONCodec.encode(db._serialize())
    const time = clock() - start
    if (text.length < 100 * options.peers) throw new Error(`${text.length} characters`)
    return time
  },
  // as its timer does, until it is on the disk
  async save (options) {
    const db = await kept(options)
    global.gc()
    writes = true
    const start = clock()
    await new Promise((resolve, reject) => db._write((err) => err ? reject(err) : resolve()))
    const time = clock() - start
    writes = false
    return time
  }
}

Object.assign(jobs, require('./manager-jobs.js')(load, clock))

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
