// The metrics page as OTLP: the same names and numbers, cumulative since the process began.

import type { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import type { Family } from './metrics-pages.ts'
import type { OtlpResource } from './otlp-resource.ts'
import { timeOf } from './otlp-traces.ts'

type ResourceMetrics = Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0]
type Metric = ResourceMetrics['scopeMetrics'][number]['metrics'][number]
type Histograms = Extract<Metric, { dataPointType: 0 }>['dataPoints']
type Value = Family['values'][number]
type Times = { readonly startTime: [number, number]; readonly endTime: [number, number] }

// As the wire and the SDK number them (opentelemetry/proto/metrics/v1; DataPointType, AggregationTemporality and ValueType of its JavaScript SDK).
const HISTOGRAM = 0
const GAUGE = 2
const SUM = 3
const CUMULATIVE = 1
const DOUBLE = 1

/** Times in milliseconds since the epoch. */
export function resourceMetrics(
  families: readonly Family[],
  resource: OtlpResource,
  { startMs, nowMs }: { readonly startMs: number; readonly nowMs: number },
): ResourceMetrics {
  const times = { startTime: timeOf(startMs), endTime: timeOf(nowMs) }
  const metrics = families.map(family => metricOf(family, times)).filter(metric => metric.dataPoints.length > 0)
  return { resource, scopeMetrics: [{ scope: { name: 'gatehouse' }, metrics }] }
}

function metricOf({ name, help, type, values }: Family, times: Times): Metric {
  const common = { descriptor: { name, description: help, unit: '', valueType: DOUBLE, advice: {} }, aggregationTemporality: CUMULATIVE }
  // Its enums have no values that could be imported without the whole SDK.
  /* eslint-disable @typescript-eslint/no-unsafe-enum-assignment -- numbers of the wire, named above */
  if (type === 'histogram') return { ...common, dataPointType: HISTOGRAM, dataPoints: histograms(name, values, times) }
  const dataPoints = values.map(({ value, labels }) => ({ ...times, attributes: { ...labels }, value }))
  return type === 'counter'
    ? { ...common, dataPointType: SUM, isMonotonic: true, dataPoints }
    : { ...common, dataPointType: GAUGE, dataPoints }
  /* eslint-enable @typescript-eslint/no-unsafe-enum-assignment */
}

/** Buckets on the page are cumulated and end with +Inf; here each has its own count. */
function histograms(name: string, values: readonly Value[], times: Times): Histograms {
  const series = new Map<
    string,
    { labels: Record<string, string | number>; below: number[]; bounds: number[]; sum: number; count: number }
  >()
  for (const { value, labels, metricName } of values) {
    const { le, ...rest } = labels
    const key = JSON.stringify(rest)
    let one = series.get(key)
    if (!one) series.set(key, (one = { labels: rest, below: [], bounds: [], sum: 0, count: 0 }))
    if (metricName === `${name}_sum`) one.sum = value
    else if (metricName === `${name}_count`) one.count = value
    else {
      one.below.push(value)
      if (typeof le === 'number') one.bounds.push(le)
    }
  }
  return [...series.values()].map(({ labels, below, bounds, sum, count }) => ({
    ...times,
    attributes: labels,
    value: { buckets: { boundaries: bounds, counts: below.map((n, i) => n - (below[i - 1] ?? 0)) }, sum, count },
  }))
}
