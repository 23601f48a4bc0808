// `telemetry` of a checked document, as the gateway sees it.

import type { ValueSource } from './fields.ts'
import type { TelemetrySettings } from './schema.ts'
import type { ConfigDocument } from './table.ts'

export function telemetryOf(
  { telemetry: { traces, metrics } }: ConfigDocument,
  valueOf: (source: ValueSource) => string,
): TelemetrySettings {
  const target = ({ endpoint, headers }: NonNullable<typeof traces | typeof metrics>) => ({
    url: new URL(endpoint).href,
    headers: Object.fromEntries([...headers].map(([name, source]) => [name, valueOf(source)])),
  })
  return {
    ...(traces && { traces: { ...target(traces), sample: traces.sample, fromHosts: traces.fromHosts } }),
    ...(metrics && { metrics: { ...target(metrics), everyMs: metrics.every } }),
  }
}
