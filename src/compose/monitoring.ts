// Who may see dependencies and metrics: aliases, issuers and counts are a map of the house, and no token is asked for.

import type { IncomingMessage } from 'node:http'
import type { Snapshot } from '../config/schema.ts'
import { clientAddress, readHeaders } from '../http/edge.ts'
import { isStop } from '../kernel/errors.ts'
import { inNetworks } from './networks.ts'

/** Headers by which a proxy says that the request is somebody else's. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']

/** One test per snapshot; the lists are compiled once. */
const tests = new WeakMap<Snapshot, (req: IncomingMessage) => boolean>()

/** A proxy that is not declared must not lend its own address, perhaps a loopback one, to whom it serves. */
export function mayMonitor(snapshot: Snapshot, req: IncomingMessage): boolean {
  let test = tests.get(snapshot)
  if (!test) tests.set(snapshot, (test = testOf(snapshot)))
  return test(req)
}

function testOf({ monitoring, trustedProxies }: Snapshot): (req: IncomingMessage) => boolean {
  const isAllowed = inNetworks(monitoring.networks)
  const isTrusted = inNetworks(trustedProxies)
  return req => {
    const headers = readHeaders(req.rawHeaders)
    if (isStop(headers)) return false
    const address = clientAddress(req.socket.remoteAddress, headers, isTrusted)
    const peer = clientAddress(req.socket.remoteAddress, headers, () => false)
    // A proxy that says nothing readable about its client says nothing for it.
    if (isTrusted(peer)) return address !== peer && isAllowed(address)
    return FORWARDED.every(name => req.headers[name] === undefined) && isAllowed(address)
  }
}
