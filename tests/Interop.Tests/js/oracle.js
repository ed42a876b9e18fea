// The npm modules as functions. Line-JSON: {"ask":NAME,"items":[STRING...]} in, {"answers":[VALUE...]} out, one for each item.
const address = require('multiserver-address')
const fs = require('fs')
const path = require('path')

const keys = require('ssb-keys')

const attempt = (f) => { try { return f() } catch (e) { return null } }
const fromSeed = (n) => keys.generate('ed25519', Buffer.alloc(32, n))
const net = require('multiserver/plugins/net')({})
console.error = () => {} // ssb-ref complains at length about every address it cannot read

const questions = {
  // The package's own lists of what is valid and what is not.
  ownLists: () => {
    const source = fs.readFileSync(path.join(path.dirname(require.resolve('multiserver-address')), 'test/index.js'), 'utf8')
    const list = (name) => eval(new RegExp(`var ${name} = (\\[[^]*?\\n\\])`).exec(source)[1])
    return { valid: list('valid'), invalid: list('invalid') }
  },
  random: () => fs.readFileSync(path.join(path.dirname(require.resolve('multiserver-address')), 'test/random.txt'), 'utf8').split('\n'),
  check: (s) => address.check(s),
  decode: (s) => attempt(() => address.decode(s).map((route) => route.map((part) => [part.name, ...part.data]))),
  key: (s) => require('ssb-ref').getKeyFromAddress(s) || null,
  // A text's JSON, compact and as SSB signs it; bytes as base64.
  stringify: (s) => attempt(() => [JSON.stringify(JSON.parse(s)), JSON.stringify(JSON.parse(s), null, 2)].map((t) => Buffer.from(t).toString('base64'))),
  sign: (s) => { const q = JSON.parse(s); return JSON.stringify(keys.signObj(fromSeed(q.seed), JSON.parse(q.text))) },
  verify: (s) => { const q = JSON.parse(s); return attempt(() => keys.verifyObj({ public: q.id.slice(1) }, JSON.parse(q.text))) },
  createSecret: (file) => keys.createSync(file).id,
  // Loading it is not enough: what is signed with it has to be worth something too.
  loadSecret: (file) => { const k = keys.loadSync(file); return [k.id, JSON.stringify(keys.signObj(k, { hello: 'world' }))] },
  staging: (s) => require('./staging')(JSON.parse(s)),
  db: (s) => require('./db')(JSON.parse(s)),
  query: (s) => require('./query')(JSON.parse(s)),
  lanWrite: (s) => require('./lan').write(JSON.parse(s)),
  lanRead: (s) => require('./lan').read(JSON.parse(s)),
  seal: (s) => require('./box').seal(JSON.parse(s)),
  open: (s) => require('./box').open(JSON.parse(s)),
  rpcEncode: (s) => require('./rpc-codec').encode(JSON.parse(s)),
  rpcDecode: (s) => require('./rpc-codec').decode(JSON.parse(s)),
  net: (s) => { const r = net.parse(s); return r && [r.host, r.port] },
}

// One after the other: some of them patch the clock.
require('readline').createInterface({ input: process.stdin }).on('line', async (line) => {
  const { ask, items } = JSON.parse(line)
  const answers = []
  for (const item of items) answers.push(await questions[ask](item))
  process.stdout.write(JSON.stringify({ answers }) + '\n')
})
