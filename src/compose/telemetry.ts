// What is sent to OpenTelemetry collectors, as the configuration says now: traces as they come, metrics from time to time.

import { randomUUID } from 'node:crypto'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { Metrics } from '../adapters/telemetry/metrics.ts'
import { openExporter, type Exporter } from '../adapters/telemetry/exporter.ts'
import { createSampler } from '../adapters/telemetry/sampler.ts'
import { RecordedRequest } from '../adapters/telemetry/spans.ts'
import type { Tracer } from '../adapters/telemetry/trace.ts'
import type { Snapshot, TelemetrySettings } from '../config/schema.ts'

type Parts = {
  readonly version: string
  readonly metrics: Pick<Metrics, 'spans' | 'exported' | 'families'>
  readonly logger: Pick<Logger, 'warn' | 'info'>
  /** monotonic milliseconds */
  readonly monotonic: () => number
}

export type Telemetry = {
  /** who traces now; undefined = nobody */
  readonly tracer: () => Tracer | undefined
  configure(next: Pick<Snapshot, 'telemetry'>): void
  /** what waits goes out, as far as that takes no longer than a moment */
  close(): Promise<void>
}

export function openTelemetry({ telemetry }: Pick<Snapshot, 'telemetry'>, parts: Parts): Telemetry {
  const instance = randomUUID()
  let settings: TelemetrySettings = {}
  let exporter: Exporter | undefined
  let tracer: Tracer | undefined
  const isSampled = createSampler(() => settings.traces ?? NOTHING, parts.monotonic, Math.random)

  function configure(next: TelemetrySettings): void {
    // What others decide of a reload does not concern collectors: what waits for them waits on.
    if (JSON.stringify(next) === JSON.stringify(settings)) return
    void exporter?.close()
    settings = next
    exporter = next.traces || next.metrics ? openExporter(next, { ...parts, instance }) : undefined
    const spans = next.traces && exporter?.spans
    tracer = spans && { isSampled, begin: begun => new RecordedRequest(begun, spans) }
  }
  configure(telemetry)
  return {
    tracer: () => tracer,
    configure: next => configure(next.telemetry),
    close: async () => exporter?.close(),
  }
}

const NOTHING = { sample: 0, fromHosts: 0 }
