// Preload of the suite's process (`node --import pin-ports.ts <suite>`): whatever listens on any free port there takes the next of CONFORMANCE_PORTS instead.
// CONFORMANCE_BEHIND: the first of them listens there, and says the port it was given all the same: the harness answers on that one itself.
// The gateway fetches from loopback only where its configuration names host and port, so the harness has to know them before the suite starts.

import { Server } from 'node:net'

const ports = (process.env['CONFORMANCE_PORTS'] ?? '').split(',').filter(Boolean).map(Number)
let behind = process.env['CONFORMANCE_BEHIND']
const plainListen = Server.prototype.listen as (this: Server, ...args: unknown[]) => Server

Server.prototype.listen = function listen(this: Server, ...[port, ...rest]: unknown[]): Server {
  if (port !== 0) return plainListen.call(this, port, ...rest)
  const next = ports.shift()
  if (next === undefined) throw new Error('the suite listens on more ports than the harness gave it')
  if (behind === undefined) return plainListen.call(this, next, ...rest)
  const hidden = Number(behind)
  behind = undefined
  const address = this.address.bind(this)
  this.address = () => {
    const real = address()
    return typeof real === 'object' && real !== null ? { ...real, port: next } : real
  }
  return plainListen.call(this, hidden, ...rest)
}
