// What the metrics page shows as levels: who keeps each number.

import type { GaugeName, Metrics } from '../adapters/telemetry/metrics.ts'
import type { BreakGlass } from '../administration/break-glass.ts'
import type { AuditLog } from '../audit/log.ts'
import type { TrustPlane } from './trust.ts'
import type { Delivery } from './delivery.ts'
import type { UpstreamSet } from './upstreams.ts'
import type { WitnessWatch } from './witnesses.ts'

type Sized = { readonly size: number }
type Parts = {
  readonly log: AuditLog
  readonly logger: { readonly dropped: number }
  readonly endpoint: { readonly running: number }
  readonly largeBodies: { readonly held: number }
  readonly breakGlass: BreakGlass
  readonly connections: Sized
  readonly parked: Sized
  readonly counted: { readonly limits: { readonly callsAtOnce: number; readonly keys: number } }
  readonly sessions: Sized
  readonly streams: Sized
  readonly upstreams: UpstreamSet
  readonly delivery: Pick<Delivery, 'levels'>
  readonly witnesses: Pick<WitnessWatch, 'levels'>
  readonly trust?: Pick<TrustPlane, 'freshSeconds' | 'renewalSeconds'> | undefined
}

export function showLevels(metrics: Metrics, parts: Parts): void {
  const levels: Readonly<Record<GaugeName, () => number>> = {
    audit_backlog_rows: () => parts.log.backlog,
    audit_healthy: () => Number(parts.log.isHealthy),
    body_bytes: () => parts.largeBodies.held,
    break_glass_open: () => Number(parts.breakGlass.now !== undefined),
    calls_at_once: () => parts.counted.limits.callsAtOnce,
    connections: () => parts.connections.size,
    in_flight: () => parts.endpoint.running,
    limit_keys: () => parts.counted.limits.keys,
    log_lines_dropped: () => parts.logger.dropped,
    parked_calls: () => parts.parked.size,
    sessions: () => parts.sessions.size,
    streams: () => parts.streams.size,
    trust_fresh_seconds: () => parts.trust?.freshSeconds() ?? Infinity,
    trust_renewal_seconds: () => parts.trust?.renewalSeconds() ?? Infinity,
    upstream_connections: () => [...parts.upstreams.entries.values()].reduce((sum, { upstream }) => sum + upstream.status().connections, 0),
  }
  for (const [name, read] of Object.entries(levels)) metrics.gauge(name as GaugeName, read)
  metrics.gauges('upstream_ready', () =>
    [...parts.upstreams.entries.values()].map(({ alias, upstream }) => {
      const { state } = upstream.status()
      return [alias, Number(state === 'ready' || state === 'idle')] as const
    }),
  )
  metrics.sinks(() => parts.delivery.levels())
  metrics.witnesses(() => parts.witnesses.levels())
}
