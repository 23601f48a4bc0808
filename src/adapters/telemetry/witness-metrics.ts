// Metrics of the witnesses of the audit log, one series a witness. Their names are the configuration's.

import { isDisputed, type WitnessLevel } from '../../audit/witness-levels.ts'
import type { MetricsPages } from './metrics-pages.ts'

type Row = readonly [name: string, help: string, read: (level: WitnessLevel) => number]
const GAUGES: readonly Row[] = [
  ['lag_events', 'Events that the audit log signed and the witness did not', level => level.lagEvents],
  ['lag_seconds', 'How long there have been such; 0: there are none', level => level.lagSeconds],
  [
    'disputes',
    '1 while the witness says that it saw more of this log than there is, or another history, else 0',
    level => Number(isDisputed(level)),
  ],
]

/** `levels` is asked for each page. */
export function showWitnesses(pages: MetricsPages, levels: () => readonly WitnessLevel[]): void {
  for (const [name, help, read] of GAUGES)
    pages.gauge({ name: `gatehouse_audit_witness_${name}`, help, label: 'witness' }, () =>
      levels().map(level => [level.name, read(level)] as const),
    )
}
