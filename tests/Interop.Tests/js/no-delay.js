// Sockets that send at once: with the algorithm of Nagle, which stock peers leave on, each small call waits for some 40 ms.
const net = require('net')
const { connect } = net.Socket.prototype
const { listen } = net.Server.prototype
net.Socket.prototype.connect = function (...args) {
  this.setNoDelay(true)
  return connect.apply(this, args)
}
net.Server.prototype.listen = function (...args) {
  this.on('connection', (socket) => socket.setNoDelay(true))
  return listen.apply(this, args)
}
