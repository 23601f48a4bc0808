// Preload of the suite's process (`node --import pin-ports.ts <suite>`): whatever listens on any free port there takes the next of CONFORMANCE_PORTS instead.
// The gateway fetches from loopback only where its configuration names host and port, so the harness has to know them before the suite starts.

import { Server } from 'node:net'

const ports = (process.env['CONFORMANCE_PORTS'] ?? '').split(',').filter(Boolean).map(Number)
const plainListen = Server.prototype.listen as (this: Server, ...args: unknown[]) => Server

Server.prototype.listen = function listen(this: Server, ...[port, ...rest]: unknown[]): Server {
  if (port !== 0) return plainListen.call(this, port, ...rest)
  const next = ports.shift()
  if (next === undefined) throw new Error('the suite listens on more ports than the harness gave it')
  return plainListen.call(this, next, ...rest)
}
