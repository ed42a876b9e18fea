// The jobs that need whole pools: one look of the scheduler, and queries across address book, hub and bench.
'use strict'
const fs = require('fs')
const os = require('os')
const path = require('path')

module.exports = (load, clock) => {
  const CONN = load('ssb-conn/core')
  const ConnScheduler = load('ssb-conn/scheduler')
  const ConnHub = load('ssb-conn-hub')
  const ConnStaging = load('ssb-conn-staging')
  const ConnQuery = load('ssb-conn-query')
  let tick, query

  const mock = (folder) => {
    const ssb = {
      id: '@self',
      peers: {},
      addListener () {},
      removeListener () {},
      close: { hook () {} },
      connect () {}
    }
    const config = { path: folder, conn: { autostart: false } }
    ssb.conn = new CONN(ssb, config)
    ssb.connScheduler = new ConnScheduler(ssb, config)
    return ssb
  }

  return {
    // peers: [[address, key], ...], all of them failing and left alone for a while
    async prepareTick ({ peers }) {
      const ssb = mock(fs.mkdtempSync(path.join(os.tmpdir(), 'ssb-conn-bench-')))
      await ssb.conn.db().loaded()
      const now = Date.now()
      const hops = {}
      for (const [address, key] of peers) {
        ssb.conn.db()._map.set(address, {
          birth: now, key, type: 'pub', failure: 10, stateChange: now, duration: { mean: 5, stdev: 0, count: 1, sum: 5, sqsum: 25 }
        })
        hops[key] = 2
      }
      tick = ssb.connScheduler
      tick.closed = false
      tick.loadedHops = true
      tick.hops = hops
      return peers.length
    },
    async tick ({ count }) {
      global.gc()
      const start = clock()
      for (let i = 0; i < count; i++) {
        tick.updateStagingNow()
        tick.updateHubNow()
      }
      const time = clock() - start
      if ([...tick.ssb.conn.hub().entries()].length) throw new Error('somebody was dialled')
      return time / count
    },
    async prepareQuery ({ staged, connected }) {
      const ssb = { id: '@self', peers: {}, addListener () {}, removeListener () {} }
      const hub = new ConnHub(ssb)
      const staging = new ConnStaging()
      const now = Date.now()
      for (const [address, key] of connected) hub._peers.set(address, { key, state: 'connected', hubBirth: now, hubUpdated: now })
      for (const [address, key] of staged) staging._peers.set(address, { key, type: 'pub', stagingBirth: now, stagingUpdated: now })
      const db = { entries: () => [], has: () => false, get: () => undefined }
      query = new ConnQuery(db, hub, staging)
      return staged.length + connected.length
    },
    async query ({ what, count, expected }) {
      global.gc()
      const start = clock()
      let found
      for (let i = 0; i < count; i++) found = what === 'all' ? query.peersAll() : query.peersConnectable('dbAndStaging')
      const time = clock() - start
      if (found.length !== expected) throw new Error(`${found.length} peers`)
      return time / count
    }
  }
}
