// What a request meets before anybody knows who sent it: names the listener answers to, proxies it believes, penalties, bounds on connections and bodies.

import { createTraceSource, type Tracer } from '../adapters/telemetry/trace.ts'
import type { RefusalTable } from '../audit/aggregate.ts'
import type { Snapshot } from '../config/schema.ts'
import { ConnectionTable } from '../http/connections.ts'
import type { Gatekeeper } from '../http/edge.ts'
import { LargeBodies } from '../http/large-bodies.ts'
import type { EndpointDeps } from '../http/mcp-endpoint.ts'
import { createChallenge } from '../identity/challenge.ts'
import type { Reason } from '../kernel/errors.ts'
import type { ServerDeps } from '../http/server.ts'
import type { VisitorLimits } from '../limits/visitors.ts'
import type { GatewayDeps } from '../pipeline/deps.ts'
import type { Endpoint } from '../pipeline/path.ts'
import { endpointsOf } from './endpoints.ts'
import type { Counted } from './limits.ts'
import { gatekeeperOf, trustedProxies } from './listener.ts'

type Parts = Pick<GatewayDeps, 'authenticate' | 'now' | 'newId'> & {
  readonly current: () => Snapshot
  readonly metrics: { refusal(reason: Reason): void }
  readonly refusals: Pick<RefusalTable, 'count'>
  readonly counted: Counted
  readonly tracer: () => Tracer | undefined
}

type Door = Pick<EndpointDeps, 'challenge' | 'trace' | 'penalise' | 'charge' | 'whyNoPayload' | 'largeBodies'> &
  Pick<ServerDeps, 'blockedSeconds' | 'limitAddress' | 'limitVisitor'> & {
    readonly connections: ConnectionTable
    readonly gate: VisitorLimits['gate']
    readonly isTrustedProxy: (address: string) => boolean
    readonly endpoints: () => ReadonlyMap<string, Endpoint>
    readonly gatekeeper: () => Gatekeeper
    /** the port that is listened on; known once there is a listener */
    bound(port: number): void
    configure(snapshot: Snapshot): void
  }

export function createDoor(snapshot: Snapshot, parts: Parts): Door {
  const { current, now, metrics, refusals } = parts
  const { limits, visitors, penalties } = parts.counted
  const rulesOf = (of: Snapshot, port: number) => ({
    port,
    endpoints: endpointsOf(of),
    challenge: createChallenge(of),
    isTrusted: trustedProxies(of),
    gatekeeper: gatekeeperOf(of, port),
  })
  let rules = rulesOf(snapshot, snapshot.listen.port)
  const isTrustedProxy = (address: string): boolean => rules.isTrusted(address)
  return {
    isTrustedProxy,
    endpoints: () => rules.endpoints,
    gatekeeper: () => rules.gatekeeper,
    challenge: (stop, at) => rules.challenge(stop, at),
    trace: createTraceSource(parts.newId, { tracer: parts.tracer }),
    penalise: (address, isForged) => penalties.penalise(address, isForged),
    limitAddress: address => limits.address(address),
    limitVisitor: (address, isProbe) => visitors.visit(address, isProbe),
    charge: (principal, bytes) => limits.charge(principal, bytes),
    whyNoPayload: principal => limits.whyNoPayload(principal),
    blockedSeconds: address => penalties.blockedSeconds(address),
    largeBodies: new LargeBodies({
      authenticate: (authorization, resource, possession) =>
        parts.authenticate(authorization, resource, Math.floor(now() / 1000), possession),
      limits: () => current().limits,
    }),
    gate: (name, perMinute) => visitors.gate(name, perMinute),
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
