// A whole JavaScript peer, as apps run it: secret-stack, ssb-master and ssb-conn. node peer-side.js ROOT FOLDER PORT
'use strict'
const path = require('path')
const net = require('net')
const [root, folder, port] = process.argv.slice(2)
const load = (name) => require(path.join(root, 'node_modules', name))

// multiserver has no option for it, so the sockets that it makes are met on their way: without it small answers wait for each other
const { createServer } = net
net.createServer = (options, listener) => createServer(options, (socket) => listener(socket.setNoDelay(true)))

const keys = load('ssb-keys').loadOrCreateSync(path.join(folder, 'secret'))
const caps = load('ssb-caps')
load('secret-stack')({ appKey: caps.shs, caps })
  .use(load('ssb-master'))
  .use(load('ssb-conn'))({
    path: folder,
    keys,
    caps,
    timers: { inactivity: 600e3, handshake: 60e3 },
    conn: { autostart: false, populatePubs: false },
    connections: {
      incoming: { net: [{ scope: 'device', host: '127.0.0.1', port: Number(port), transform: 'shs' }] },
      outgoing: { net: [{ transform: 'shs' }] }
    }
  })
process.stdin.on('data', () => {}).on('end', () => process.exit(0))
