// Asks npm ssb-conn-query about pools that are filled as told: book and bench are [ADDRESS, DATA] pairs, hub is [ADDRESS, STATE, KEY, DATA]. Gives of
// each answer its peers as [ADDRESS, POOL, KEY], and what the helpers make of them. The book is a map, which is all that the module asks of it.
const ConnHub = require('ssb-conn-hub')
const ConnQuery = require('ssb-conn-query')
const ConnStaging = require('ssb-conn-staging')

const tests = ['hasNoAttempts', 'hasOnlyFailedAttempts', 'hasSuccessfulAttempts', 'hasPinged']

module.exports = function run ({ book, bench, hub, step, longest, wait, at }) {
  const staging = new ConnStaging()
  for (const [address, data] of bench) staging.stage(address, data)
  const connections = new ConnHub({ addListener () {}, removeListener () {} })
  for (const [address, state, key, data] of hub) connections._setPeer(address, { ...data, ...(key && { key }), state })
  const query = new ConnQuery(new Map(book), connections, staging)

  const describe = (peers) => ({
    peers: peers.map(([address, { pool, key }]) => [address, pool, key || null]),
    ...Object.fromEntries(tests.map((name) => [name, peers.map(ConnQuery[name])])),
    passesExpBackoff: peers.map(ConnQuery.passesExpBackoff(step, longest === null ? undefined : longest, at)),
    passesGroupDebounce: ConnQuery.passesGroupDebounce(wait, at)(peers).length,
    sortByStateChange: ConnQuery.sortByStateChange(peers.filter((peer) => 'stateChange' in peer[1])).map((peer) => peer[1].stateChange)
  })
  return {
    peersAll: describe(query.peersAll()),
    peersConnected: describe(query.peersConnected()),
    peersConnecting: describe(query.peersConnecting()),
    peersInConnection: describe(query.peersInConnection()),
    db: describe(query.peersConnectable('db')),
    staging: describe(query.peersConnectable('staging')),
    dbAndStaging: describe(query.peersConnectable('dbAndStaging'))
  }
}
