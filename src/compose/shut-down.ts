// The order of stopping: nothing new, streams told to go elsewhere, calls finished, processes stopped, the log last.

import type { Server } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { Metrics } from '../adapters/telemetry/metrics.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { RefusalTable } from '../audit/aggregate.ts'
import type { ParkedCalls } from '../bridge/parked.ts'
import type { Snapshot } from '../config/schema.ts'
import type { McpEndpoint } from '../http/mcp-endpoint.ts'
import type { StreamTable } from '../http/sse-channel.ts'
import type { SessionStore } from './sessions.ts'
import type { Telemetry } from './telemetry.ts'
import type { UpstreamReport } from './upstream-report.ts'
import type { UpstreamSet } from './upstreams.ts'

export type Stopping = {
  readonly clock: { stop(): Promise<void> }
  readonly state: { close(): Promise<void> }
  readonly localActs: { close(): void }
  readonly server: Server
  readonly streams: StreamTable
  readonly endpoint: McpEndpoint
  readonly parked: ParkedCalls
  readonly sessions: SessionStore
  readonly upstreams: UpstreamSet
  readonly served: { close(): Promise<void> }
  readonly refusals: RefusalTable
  readonly report: UpstreamReport
  readonly log: AuditLog
  readonly encoder: EventEncoder
  readonly metrics: Metrics
  readonly telemetry: Telemetry
  readonly delivery: { close(): Promise<void> }
  readonly values: { close(): Promise<void> }
}

/** Time upstream processes get to end by themselves. */
const STOP_MS = 3000
/** Time that questions to others get that are under way: the repository of trust, mirrors, domains. */
const LOOKS_MS = 5000

export async function shutDown(parts: Stopping, { limits }: Snapshot): Promise<void> {
  const { server, log } = parts
  const looked = parts.clock.stop()
  parts.localActs.close()
  server.close()
  parts.streams.endAll()
  await parts.endpoint.idle(limits.drainMs)
  parts.parked.closeAll('the gateway is stopping')
  parts.sessions.closeAll()
  server.closeAllConnections()
  await parts.upstreams.close(STOP_MS)
  await parts.served.close()
  // What was looked at as the stop came writes into the log, the database and trust/: before they are closed, or not at all.
  await Promise.race([looked, wait(LOOKS_MS, undefined, { ref: false })])
  await parts.refusals.flush()
  await parts.report.flush()
  await log.append(parts.encoder.lifecycle('stop'))
  await parts.delivery.close()
  await parts.values.close()
  await log.close()
  await parts.state.close()
  // Last of all, and never long: by now everything that counts is durable.
  await parts.telemetry.close()
  parts.metrics.close()
}
