// Metrics of delivery, one series a sink. Names of sinks are the configuration's.

import type { Level } from '../../delivery/route.ts'
import type { MetricsPages } from './metrics-pages.ts'

type Row = readonly [name: string, help: string, read: (level: Level) => number]
const GAUGES: readonly Row[] = [
  ['lag_events', 'Audit events that a checkpoint covers and the sink did not take yet', level => level.lagEvents],
  ['lag_seconds', 'Age of the oldest of these; 0: there is none', level => level.lagSeconds],
  ['dead_letters', 'Audit events that the sink will not take, until somebody replays or drops them', level => level.dead],
  ['up', '1 while the sink takes events or has them all, else 0', level => Number(level.state === 'ready' || level.state === 'busy')],
]
const COUNTERS: readonly Row[] = [
  ['events_total', 'Audit events that the sink took since the courier began', level => level.taken],
  ['failures_total', 'Attempts that the sink did not take, since the courier began', level => level.failures],
]

/** `levels` is asked for each page. */
export function showSinks(pages: MetricsPages, levels: () => readonly Level[]): void {
  for (const [name, help, read] of GAUGES)
    pages.gauge({ name: `gatehouse_audit_sink_${name}`, help, label: 'sink' }, () =>
      levels().map(level => [level.name, read(level)] as const),
    )
  for (const [name, help, read] of COUNTERS)
    pages.counter({ name: `gatehouse_audit_sink_${name}`, help, labels: ['sink'] }, add => {
      for (const level of levels()) add([level.name], read(level))
    })
}
