// Traces and metrics on their way to collectors. The library that knows the wire is loaded with the first thing to send; nothing here is on a request's path.

import { ExportQueue } from './export-queue.ts'
import type { Logger } from './logs.ts'
import type { Metrics } from './metrics.ts'
import { resourceMetrics } from './otlp-metrics.ts'
import { otlpResource } from './otlp-resource.ts'
import { createOtlpSender, type OtlpSender, type Sent } from './otlp-sender.ts'
import { readableSpan } from './otlp-traces.ts'
import type { EndedSpan } from './spans.ts'

type Collector = { readonly url: string; readonly headers: Readonly<Record<string, string>> }
type Settings = { readonly traces?: Collector; readonly metrics?: Collector & { readonly everyMs: number } }
type Parts = {
  readonly version: string
  readonly instance: string
  readonly metrics: Pick<Metrics, 'spans' | 'exported' | 'families'>
  readonly logger: Pick<Logger, 'warn' | 'info'>
}

export type Exporter = {
  /** takes spans that have ended; never waits */
  readonly spans: (ended: readonly EndedSpan[]) => void
  /** what waits goes out, as far as that takes no longer than a moment */
  close(): Promise<void>
}

/** Time that a stop gives to what was not sent yet. */
const CLOSE_MS = 2_000

const load = (): Promise<typeof import('@opentelemetry/otlp-transformer')> => import('@opentelemetry/otlp-transformer')
/** The wall clock at the monotonic instant 0, as it is now. */
const wallMs = (): number => Date.now() - performance.now()

export function openExporter({ traces, metrics }: Settings, parts: Parts): Exporter {
  const resource = otlpResource(parts.version, parts.instance)
  const sending = (signal: 'traces' | 'metrics', collector: Collector): Sending => ({
    ...createOtlpSender(collector),
    tell: tellerOf(signal, collector, parts),
  })
  const spans = traces && openSpans(sending('traces', traces), resource, parts)
  const pushing = metrics && openPush(sending('metrics', metrics), metrics.everyMs, { ...parts, resource })
  return {
    spans: ended => spans?.queue.push(ended),
    async close() {
      await Promise.all([spans?.close(), pushing?.close()])
    },
  }
}

/** Counts each attempt; the log hears of a collector that stopped answering, and of one that answers again, not of every attempt. */
function tellerOf(signal: 'traces' | 'metrics', { url }: Collector, { metrics, logger }: Parts): (sent: Sent) => void {
  const { origin } = new URL(url)
  let isWell = true
  return ({ is, status }) => {
    metrics.exported(signal, is)
    if ((is === 'taken') === isWell) return
    isWell = !isWell
    if (isWell) logger.info('a collector takes telemetry again', { signal, collector: origin })
    else logger.warn('a collector does not take telemetry', { signal, collector: origin, status })
  }
}

type Sending = OtlpSender & { tell(sent: Sent): void }
type Resource = ReturnType<typeof otlpResource>

function openSpans(
  sender: Sending,
  resource: Resource,
  { metrics }: Parts,
): { readonly queue: ExportQueue<EndedSpan>; close(): Promise<void> } {
  const queue = new ExportQueue<EndedSpan>({
    encode: async batch => {
      const { ProtobufTraceSerializer } = await load()
      const wall = wallMs()
      return ProtobufTraceSerializer.serializeRequest(batch.map(span => readableSpan(span, resource, wall))) ?? new Uint8Array()
    },
    send: body => sender.send(body),
    counted: (outcome, n) => metrics.spans(outcome, n),
    attempted: sent => sender.tell(sent),
  })
  return {
    queue,
    async close() {
      await queue.close(CLOSE_MS)
      await sender.close()
    },
  }
}

/** What was not taken is not kept: the next push says all of it, and more. */
function openPush(sender: Sending, everyMs: number, parts: Parts & { readonly resource: Resource }): { close(): Promise<void> } {
  let pushing: Promise<void> | undefined
  const push = async (): Promise<void> => {
    const { ProtobufMetricsSerializer } = await load()
    const families = await parts.metrics.families()
    const times = { startMs: performance.timeOrigin, nowMs: Date.now() }
    const body = ProtobufMetricsSerializer.serializeRequest(resourceMetrics(families, parts.resource, times))
    if (body) sender.tell(await sender.send(body))
  }
  const begin = (): Promise<void> =>
    (pushing ??= push()
      // A number that cannot be said is not said; there is nobody to tell but the log, once.
      .catch(() => sender.tell({ is: 'refused', status: 0 }))
      .finally(() => (pushing = undefined)))
  const timer = setInterval(() => void begin(), everyMs)
  timer.unref()
  return {
    async close() {
      clearInterval(timer)
      const last = new Promise<void>(resolve => setTimeout(resolve, CLOSE_MS).unref())
      await Promise.race([begin(), last])
      await sender.close()
    },
  }
}
