// The metrics page in Prometheus and OpenMetrics text form. Every label value comes from a closed or configured set; no principal, tool or address is ever a label.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { WitnessLevel } from '../../audit/witness-levels.ts'
import type { Level } from '../../delivery/route.ts'
import type { Activity, Measure } from '../../kernel/measure.ts'
import { REPLIES } from '../../mcp/replies.ts'
import { History } from './history.ts'
import { MetricsPages, type Family, type ReadCounts } from './metrics-pages.ts'
import { showSinks } from './sink-metrics.ts'
import { showWitnesses } from './witness-metrics.ts'
import { Distribution, Labelled } from './series.ts'

/** Levels that somebody else keeps, read when the page is asked for. */
const GAUGES = {
  audit_backlog_rows: 'Audit rows appended and not yet durable',
  audit_healthy: '1 while the audit log can be written, else 0: nothing passes',
  body_bytes: 'Bytes kept for large request bodies under way',
  break_glass_open: '1 while break-glass is open, else 0',
  calls_at_once: 'Calls that hold a place, parked ones included',
  connections: 'Open connections of hosts',
  in_flight: 'Exchanges under way',
  limit_keys: 'Principals, clients, addresses and others counted for limits at the moment',
  log_lines_dropped: 'Log lines not written since the start: over the rate, or not read',
  parked_calls: 'Legacy upstream calls waiting for a host’s answer',
  sessions: 'Legacy host sessions',
  streams: 'Open event streams of hosts',
  trust_fresh_seconds: 'Seconds until what is known of the trust repository expires; negative: since it has; +Inf: none is followed',
  trust_renewal_seconds: 'Seconds until the first of what trust keyholders signed expires; +Inf: none is followed',
  upstream_connections: 'Upstream processes and connections',
} as const
export type GaugeName = keyof typeof GAUGES

/** Such levels by the value of one label. */
const LABELLED_GAUGES = {
  upstream_ready: { label: 'upstream', help: '1 while this upstream answers or was not needed yet, else 0' },
} as const
type LabelledGaugeName = keyof typeof LABELLED_GAUGES

export type Metrics = Measure & {
  /** shows a level under this name; `read` is called for each page and must not throw */
  gauge(name: GaugeName, read: () => number): void
  /** the same, a level for each value of the name's one label; values are configured or of the code, and few */
  gauges(name: LabelledGaugeName, read: () => Iterable<readonly [label: string, value: number]>): void
  /** a message of an upstream that reached nobody; `kind` of a closed list, see adapters/upstream/drops.ts */
  dropped(upstream: string, kind: string): void
  /** shows each sink of audit events; `levels` is asked for each page */
  sinks(levels: () => readonly Level[]): void
  witnesses(levels: () => readonly WitnessLevel[]): void
  /** spans that reached the collector, or never will */
  spans(outcome: 'sent' | 'dropped', n: number): void
  /** one attempt to send something to a collector */
  exported(signal: 'traces' | 'metrics', outcome: 'taken' | 'later' | 'refused'): void
  /** the page: Prometheus text 0.0.4, or OpenMetrics, with exemplars, where `accept` prefers it */
  page(accept?: string): Promise<{ readonly type: string; readonly text: string }>
  /** all of it as prom-client has it, for whoever sends it elsewhere */
  families(): Promise<readonly Family[]>
  /** the last hour by minute */
  readonly activity: () => Activity
  /** stops watching the event loop */
  close(): void
}

// Seconds. Stages take microseconds, calls milliseconds to minutes; the added cost of the gateway is the difference of call and upstream.
const STAGE_BUCKETS = [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10]
const CALL_BUCKETS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const SYNC_BUCKETS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]
const ROWS_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096]
const MAX_UPSTREAMS = 1000
const MAX_NAMES = 100
const LOOP_RESOLUTION_MS = 20

/** Names that code gives: stages, reasons, outcomes. Nothing a host or an upstream sends has a way here; if it had, it would not be a label. */
const isName = (value: string): boolean => /^[a-z][a-z-]{0,39}$/.test(value)

/** `upstreams` are the configured aliases; asked again only for an alias not seen before. */
export function createMetrics(upstreams: () => Iterable<string>): Metrics {
  const pages = new MetricsPages()
  const isUpstream = (alias: string): boolean => alias === 'none' || [...upstreams()].includes(alias)
  const counter = (): { n: number } => ({ n: 0 })

  const stages = new Labelled(() => new Distribution(STAGE_BUCKETS), isName, MAX_NAMES)
  const calls = new Labelled(() => new Distribution(CALL_BUCKETS), isUpstream, MAX_UPSTREAMS)
  const waits = new Labelled(() => new Distribution(CALL_BUCKETS), isUpstream, MAX_UPSTREAMS)
  const outcomes = new Labelled(() => new Labelled(counter, isName, MAX_NAMES), isUpstream, MAX_UPSTREAMS)
  // Every reason has room: one that is refused for the first time after a hundred others is what an alert is for.
  const refusals = new Labelled(counter, reason => Object.hasOwn(REPLIES, reason), Object.keys(REPLIES).length)
  const drops = new Labelled(() => new Labelled(counter, isName, MAX_NAMES), isUpstream, MAX_UPSTREAMS)
  const traced = new Labelled(counter, isName, MAX_NAMES)
  const exports = new Labelled(() => new Labelled(counter, isName, MAX_NAMES), isName, MAX_NAMES)
  const groupRows = new Distribution(ROWS_BUCKETS)
  const groupSeconds = new Distribution(SYNC_BUCKETS)
  let groupBytes = 0
  const history = new History(CALL_BUCKETS, () => performance.now())

  const histogram = (name: string, help: string, label: string, series: Labelled<Distribution>): void =>
    pages.histogram({ name: `gatehouse_${name}`, help, label }, () => series.entries())
  const single = (name: string, help: string, of: Distribution): void =>
    pages.histogram({ name: `gatehouse_${name}`, help }, () => [['', of]])
  const counts = (name: string, help: string, labels: readonly string[], read: ReadCounts): void =>
    pages.counter({ name: `gatehouse_${name}`, help, labels }, read)
  histogram('stage_seconds', 'Time in one stage of a request’s path', 'stage', stages)
  histogram('call_seconds', 'Time of one exchange from its last byte received to its answer', 'upstream', calls)
  histogram('upstream_seconds', 'Time an upstream took for one exchange', 'upstream', waits)
  counts('calls_total', 'Exchanges by upstream and outcome', ['upstream', 'outcome'], add => {
    for (const [upstream, byOutcome] of outcomes.entries()) for (const [outcome, { n }] of byOutcome.entries()) add([upstream, outcome], n)
  })
  counts('refusals_total', 'Refusals by reason', ['reason'], add => {
    for (const [reason, { n }] of refusals.entries()) add([reason], n)
  })
  counts('upstream_messages_dropped_total', 'Messages of upstreams that reached nobody, by kind', ['upstream', 'kind'], add => {
    for (const [upstream, kinds] of drops.entries()) for (const [kind, { n }] of kinds.entries()) add([upstream, kind], n)
  })
  counts('trace_spans_total', 'Spans that reached the collector, or never will', ['outcome'], add => {
    for (const [outcome, { n }] of traced.entries()) add([outcome], n)
  })
  counts('telemetry_exports_total', 'Attempts to send to a collector, by what became of them', ['signal', 'outcome'], add => {
    for (const [signal, byOutcome] of exports.entries()) for (const [outcome, { n }] of byOutcome.entries()) add([signal, outcome], n)
  })
  single('audit_group_rows', 'Audit rows that shared one sync', groupRows)
  single('audit_sync_seconds', 'Time to write and sync one group of audit rows', groupSeconds)
  counts('audit_bytes_total', 'Bytes of audit rows made durable', [], add => add([], groupBytes))
  const stopWatching = watchProcess(pages)

  return {
    stage: (name, seconds) => stages.of(name).observe(seconds),
    call(upstream, outcome, seconds, traceId) {
      calls.of(upstream).observe(seconds, traceId)
      outcomes.of(upstream).of(outcome).n += 1
      history.call(outcome, seconds)
    },
    upstream: (alias, seconds) => waits.of(alias).observe(seconds),
    refusal(reason) {
      refusals.of(reason).n += 1
      history.refusal(reason)
    },
    dropped(upstream, kind) {
      drops.of(upstream).of(kind).n += 1
    },
    auditGroup(rows, bytes, seconds) {
      groupRows.observe(rows)
      groupSeconds.observe(seconds)
      groupBytes += bytes
    },
    spans(outcome, n) {
      traced.of(outcome).n += n
    },
    exported(signal, outcome) {
      exports.of(signal).of(outcome).n += 1
    },
    gauge: (name, read) => pages.gauge({ name: `gatehouse_${name}`, help: GAUGES[name] }, () => [['', read()]]),
    gauges: (name, read) => pages.gauge({ name: `gatehouse_${name}`, ...LABELLED_GAUGES[name] }, read),
    sinks: levels => showSinks(pages, levels),
    witnesses: levels => showWitnesses(pages, levels),
    page: accept => pages.page(accept),
    families: () => pages.families(),
    activity: () => history.activity(Date.now() - performance.now()),
    close: stopWatching,
  }
}

// The names are those that common dashboards for Node processes ask for.
function watchProcess(pages: MetricsPages): () => void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  delay.enable()
  pages.gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory' }, () => [['', process.memoryUsage.rss()]])
  pages.gauge({ name: 'process_start_time_seconds', help: 'Start of the process since the epoch' }, () => [
    ['', Math.round(performance.timeOrigin / 1000)],
  ])
  pages.counter({ name: 'process_cpu_seconds_total', help: 'User and system CPU time', labels: [] }, add => {
    const { user, system } = process.cpuUsage()
    add([], (user + system) / 1e6)
  })
  const help = 'Delay of the event loop since it was last asked for'
  pages.gauge({ name: 'gatehouse_event_loop_delay_seconds', help, label: 'quantile' }, () => {
    // The timer's own period is not a delay.
    const seconds = (nanoseconds: number): number =>
      Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - LOOP_RESOLUTION_MS / 1000) : 0
    const [half, most, all] = [delay.percentile(50), delay.percentile(99), delay.max]
    delay.reset()
    return [
      ['0.5', seconds(half)],
      ['0.99', seconds(most)],
      ['1', seconds(all)],
    ]
  })
  return () => {
    delay.disable()
  }
}
