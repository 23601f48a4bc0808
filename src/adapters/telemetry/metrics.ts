// The metrics page in Prometheus text form. Every label value comes from a closed or configured set; no principal, tool or address is ever a label.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Measure } from '../../kernel/measure.ts'
import { Distribution, histogramOf, Labelled } from './series.ts'

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

export type Metrics = Measure & {
  /** shows a level under this name; `read` is called for each page and must not throw */
  gauge(name: GaugeName, read: () => number): void
  /** a message of an upstream that reached nobody; `kind` of a closed list, see adapters/upstream/drops.ts */
  dropped(upstream: string, kind: string): void
  /** the page, content type `text/plain; version=0.0.4` */
  text(): Promise<string>
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
  const registry = new Registry()
  const isUpstream = (alias: string): boolean => alias === 'none' || [...upstreams()].includes(alias)
  const counter = (): { n: number } => ({ n: 0 })

  const stages = new Labelled(() => new Distribution(STAGE_BUCKETS), isName, MAX_NAMES)
  const calls = new Labelled(() => new Distribution(CALL_BUCKETS), isUpstream, MAX_UPSTREAMS)
  const waits = new Labelled(() => new Distribution(CALL_BUCKETS), isUpstream, MAX_UPSTREAMS)
  const outcomes = new Labelled(() => new Labelled(counter, isName, MAX_NAMES), isUpstream, MAX_UPSTREAMS)
  const refusals = new Labelled(counter, isName, MAX_NAMES)
  const drops = new Labelled(() => new Labelled(counter, isName, MAX_NAMES), isUpstream, MAX_UPSTREAMS)
  const groupRows = new Distribution(ROWS_BUCKETS)
  const groupSeconds = new Distribution(SYNC_BUCKETS)
  let groupBytes = 0

  const histogram = (name: string, help: string, label: string, series: Labelled<Distribution>): void =>
    registry.registerMetric(histogramOf({ name: `gatehouse_${name}`, help, label }, () => series.entries()))
  const single = (name: string, help: string, of: Distribution): void =>
    registry.registerMetric(histogramOf({ name: `gatehouse_${name}`, help }, () => [['', of]]))
  const counts = (
    name: string,
    help: string,
    labelNames: readonly string[],
    read: (add: (labels: readonly string[], n: number) => void) => void,
  ): void => {
    new Counter({
      name: `gatehouse_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset()
        read((labels, n) => this.labels(...labels).inc(n))
      },
    })
  }
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
  single('audit_group_rows', 'Audit rows that shared one sync', groupRows)
  single('audit_sync_seconds', 'Time to write and sync one group of audit rows', groupSeconds)
  counts('audit_bytes_total', 'Bytes of audit rows made durable', [], add => add([], groupBytes))
  const stopWatching = watchProcess(registry)

  return {
    stage: (name, seconds) => stages.of(name).observe(seconds),
    call(upstream, outcome, seconds) {
      calls.of(upstream).observe(seconds)
      outcomes.of(upstream).of(outcome).n += 1
    },
    upstream: (alias, seconds) => waits.of(alias).observe(seconds),
    refusal(reason) {
      refusals.of(reason).n += 1
    },
    dropped(upstream, kind) {
      drops.of(upstream).of(kind).n += 1
    },
    auditGroup(rows, bytes, seconds) {
      groupRows.observe(rows)
      groupSeconds.observe(seconds)
      groupBytes += bytes
    },
    gauge: (name, read) => gauge(registry, `gatehouse_${name}`, GAUGES[name], read),
    text: () => registry.metrics(),
    close: stopWatching,
  }
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}

// The names are those that common dashboards for Node processes ask for.
function watchProcess(registry: Registry): () => void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  delay.enable()
  gauge(registry, 'process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
  gauge(registry, 'process_start_time_seconds', 'Start of the process since the epoch', () => Math.round(performance.timeOrigin / 1000))
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'gatehouse_event_loop_delay_seconds',
    help: 'Delay of the event loop since the page was last asked for',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      // The timer's own period is not a delay.
      const seconds = (nanoseconds: number): number =>
        Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - LOOP_RESOLUTION_MS / 1000) : 0
      this.set({ quantile: '0.5' }, seconds(delay.percentile(50)))
      this.set({ quantile: '0.99' }, seconds(delay.percentile(99)))
      this.set({ quantile: '1' }, seconds(delay.max))
      delay.reset()
    },
  })
  return () => {
    delay.disable()
  }
}
