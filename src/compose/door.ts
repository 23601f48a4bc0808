// What a request meets before anybody knows who sent it: names the listener answers to, proxies it believes, penalties, bounds on connections and bodies.

import { createTraceSource } from '../adapters/telemetry/trace.ts'
import type { RefusalTable } from '../audit/aggregate.ts'
import type { Snapshot } from '../config/schema.ts'
import { ConnectionTable } from '../http/connections.ts'
import type { Gatekeeper } from '../http/edge.ts'
import { LargeBodies } from '../http/large-bodies.ts'
import type { EndpointDeps } from '../http/mcp-endpoint.ts'
import { Penalties } from '../http/penalties.ts'
import { createChallenge } from '../identity/challenge.ts'
import type { Reason } from '../kernel/errors.ts'
import type { GatewayDeps } from '../pipeline/deps.ts'
import type { Endpoint } from '../pipeline/path.ts'
import { endpointsOf } from './endpoints.ts'
import { gatekeeperOf, trustedProxies } from './listener.ts'

type Parts = Pick<GatewayDeps, 'authenticate' | 'now' | 'monotonic' | 'newId'> & {
  readonly current: () => Snapshot
  readonly metrics: { refusal(reason: Reason): void }
  readonly refusals: Pick<RefusalTable, 'count'>
}

type Door = Pick<EndpointDeps, 'challenge' | 'trace' | 'penalise' | 'largeBodies'> & {
  readonly blockedSeconds: (address: string) => number | undefined
  readonly connections: ConnectionTable
  readonly isTrustedProxy: (address: string) => boolean
  readonly endpoints: () => ReadonlyMap<string, Endpoint>
  readonly gatekeeper: () => Gatekeeper
  /** the port that is listened on; known once there is a listener */
  bound(port: number): void
  configure(snapshot: Snapshot): void
}

export function createDoor(snapshot: Snapshot, parts: Parts): Door {
  const { current, now, monotonic, metrics, refusals } = parts
  const rulesOf = (of: Snapshot, port: number) => ({
    port,
    endpoints: endpointsOf(of),
    challenge: createChallenge(of),
    isTrusted: trustedProxies(of),
    gatekeeper: gatekeeperOf(of, port),
  })
  let rules = rulesOf(snapshot, snapshot.listen.port)
  const isTrustedProxy = (address: string): boolean => rules.isTrusted(address)
  const penalties = new Penalties(() => current().limits.addressFailuresPerMinute, monotonic)
  return {
    isTrustedProxy,
    endpoints: () => rules.endpoints,
    gatekeeper: () => rules.gatekeeper,
    challenge: (stop, at) => rules.challenge(stop, at),
    trace: createTraceSource(parts.newId),
    penalise: address => penalties.penalise(address),
    blockedSeconds: address => penalties.blockedSeconds(address),
    largeBodies: new LargeBodies({
      authenticate: (authorization, resource, possession) =>
        parts.authenticate(authorization, resource, Math.floor(now() / 1000), possession),
      limits: () => current().limits,
    }),
    connections: new ConnectionTable({
      limits: () => current().limits,
      isTrustedProxy,
      refused(reason, address) {
        metrics.refusal(reason)
        refusals.count(reason, address)
      },
    }),
    bound: port => void (rules = rulesOf(current(), port)),
    configure: next => void (rules = rulesOf(next, rules.port)),
  }
}
