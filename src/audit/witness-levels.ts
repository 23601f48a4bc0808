// How far each witness of a log is behind, and whether it disputes the log: for whoever watches a gateway.

import type { LogState } from './reading.ts'

/** `ahead`, `contradicted`: it saw more of this log than there is, or another history. Else it only did not sign (yet). */
export type Trouble = { readonly is: 'ahead' | 'contradicted' | 'refused' | 'away'; readonly why: string }

export type WitnessLevel = {
  readonly name: string
  /** events that are signed by the log and not by the witness */
  readonly lagEvents: number
  /** how long there have been such, as far as this process knows, in seconds; 0: there are none */
  readonly lagSeconds: number
  readonly trouble?: Trouble
}

/** `size`: undefined until the log was looked at. */
type Known = { size: number | undefined; sinceMs: number | undefined; trouble: Trouble | undefined }

/** Times are monotonic, milliseconds. Counts what `take` and `hear` said last. */
export class WitnessLevels {
  readonly #known: ReadonlyMap<string, Known>
  #signed = 0
  #tookMs: number | undefined

  /** `names`: those of the configuration. */
  constructor(names: readonly string[]) {
    this.#known = new Map(names.map(name => [name, { size: undefined, sinceMs: undefined, trouble: undefined }]))
  }

  /** What is wrong with a witness; undefined: nothing is, any more. */
  hear(name: string, trouble: Trouble | undefined): void {
    const known = this.#known.get(name)
    if (known) known.trouble = trouble
  }

  /** How the log stands now. */
  take({ checkpoint, witnesses }: Pick<LogState, 'checkpoint' | 'witnesses'>, nowMs: number): void {
    this.#signed = checkpoint?.size ?? 0
    for (const [name, known] of this.#known) {
      const size = witnesses.find(witness => witness.name === name)?.size ?? 0
      const hasSigned = known.size !== undefined && size > known.size
      known.size = size
      // Whatever it did not sign came after it was looked at last.
      if (hasSigned) known.sinceMs = this.#tookMs
      if (hasSigned) known.trouble = undefined
      known.sinceMs = size < this.#signed ? (known.sinceMs ?? nowMs) : undefined
    }
    this.#tookMs = nowMs
  }

  levels(nowMs: number): readonly WitnessLevel[] {
    return [...this.#known].map(([name, { size, sinceMs, trouble }]) => ({
      name,
      lagEvents: Math.max(0, this.#signed - (size ?? 0)),
      lagSeconds: sinceMs === undefined ? 0 : (nowMs - sinceMs) / 1000,
      ...(trouble && { trouble }),
    }))
  }
}

/** Not merely late: the log is not the one that the witness saw. */
export const isDisputed = ({ trouble }: WitnessLevel): boolean => trouble?.is === 'ahead' || trouble?.is === 'contradicted'
