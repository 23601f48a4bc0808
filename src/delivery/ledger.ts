// The ports to what delivery keeps: how far each sink is, and its dead letters. Dead letters name events of the log, they hold none.

/**
 * How far a sink is in one log. `cursor`: the next seq to send. `last`: the last that it took, -1 = none. `began`: where it began. `unsure`: from there on nobody
 * knows whether what it took was read, as its protocol does not say; a start begins there.
 */
export type Standing = {
  readonly origin: string
  readonly began: number
  readonly cursor: number
  readonly last: number
  readonly unsure?: number
}

export type DeadLetter = {
  readonly sink: string
  readonly origin: string
  readonly seq: number
  /** so that the event can be found in every copy of the log */
  readonly leaf: string
  /** never the sink's own words */
  readonly why: string
  /** milliseconds since the epoch */
  readonly atMs: number
  readonly isReplayed: boolean
}
export type NewlyDead = Pick<DeadLetter, 'seq' | 'leaf' | 'why'>

/** Durability: what resolved survives a crash and a power loss. Atomicity: each call whole or not at all. Errors: rejects; then nothing is known to be kept. */
export interface Ledger {
  /** undefined: nothing is known of this sink */
  standing(sink: string): Promise<Standing | undefined>
  /** the sink is so far, and these of what it passed are dead letters */
  advance(sink: string, standing: Standing, dead: readonly NewlyDead[]): Promise<void>
  /** dead letters that were asked for again, oldest first */
  replays(sink: string, limit: number): Promise<readonly DeadLetter[]>
  /** a dead letter was taken after all; or is one again, for this reason */
  settle(sink: string, seq: number, why?: string): Promise<void>
  /** how many dead letters a sink has */
  count(sink: string): Promise<number>
}

/** Which of a sink's: one, or all. */
export type Which = { readonly sink: string; readonly seq?: number }

/** For administrators. The same promises. */
export interface DeadLetters {
  /** oldest first; of one sink, or of all */
  list(sink: string | undefined, limit: number): Promise<readonly DeadLetter[]>
  /** they are sent again at the next look; how many */
  replay(which: Which): Promise<number>
  /** they are never sent; how many */
  drop(which: Which): Promise<number>
}
