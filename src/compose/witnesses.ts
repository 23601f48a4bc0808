// The witnesses of the audit log, as this process sees them: for `/readyz` and the metrics. Nothing waits for them.

import { readVkey } from '../audit/note.ts'
import type { AuditReader } from '../audit/reading.ts'
import { isDisputed, WitnessLevels, type Trouble, type WitnessLevel } from '../audit/witness-levels.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Dependency } from '../http/control-plane/app.ts'

/** A witness that does not answer is asked again within five minutes. */
const LATE_SECONDS = 600

export type WitnessWatch = {
  levels(): readonly WitnessLevel[]
  /** for `/readyz`: none of them is needed to serve */
  dependencies(): readonly Dependency[]
  /** every few seconds; asks nothing where there is no witness. Never rejects: what cannot be read now is read the next time */
  look(): Promise<void>
  /** what the notary told, with `witness`, and `trouble` and `why` while there is any; of anything else, nothing is heard */
  hear(fields: Readonly<Record<string, unknown>>): void
}

type Parts = { readonly reader: Pick<AuditReader, 'state'>; readonly monotonic: () => number }

export function watchWitnesses(configured: Snapshot['audit']['witnesses'], { reader, monotonic }: Parts): WitnessWatch {
  const names = configured.flatMap(({ key }) => {
    const read = readVkey(key)
    return typeof read === 'string' ? [] : [read.name]
  })
  const known = new WitnessLevels(names)
  const levels = (): readonly WitnessLevel[] => known.levels(monotonic())
  return {
    levels,
    dependencies: () => levels().map(dependencyOf),
    async look() {
      if (names.length === 0) return
      const state = await reader.state().catch(() => undefined)
      if (state) known.take(state, monotonic())
    },
    hear({ witness, trouble, why }) {
      if (typeof witness !== 'string') return
      known.hear(witness, trouble === undefined ? undefined : ({ is: trouble, why } as Trouble))
    },
  }
}

function dependencyOf(level: WitnessLevel): Dependency {
  const { name: witness, lagEvents, lagSeconds, trouble } = level
  const name = `witness ${witness}`
  if (isDisputed(level)) return { name, state: 'degraded', ...(trouble && { detail: `it disputes the audit log: ${trouble.why}` }) }
  if (lagSeconds < LATE_SECONDS) return { name, state: 'ready' }
  return {
    name,
    state: 'degraded',
    detail: `it did not sign ${lagEvents} events for ${Math.round(lagSeconds)} s${trouble ? `: ${trouble.why}` : ''}`,
  }
}
