// Gives memory back when a busy time is over (docs/adr/0008): V8 keeps what calls and opened streams left behind for as long as nothing else is allocated.

/** Nothing was asked for this long. */
const QUIET_MS = 5_000
/** At least this long between two collections: each stops the process for as long as it looks at what is alive. */
const APART_MS = 600_000
/** Requests since the last collection: fewer leave nothing worth a pause. */
const WORTH = 1_000

/** What a full collection is; undefined where the engine does not offer one. */
export type Collect = (() => void) | undefined

export class QuietCollection {
  readonly #collect: Collect
  #seen = 0
  #seenAt = 0
  #collected = 0
  #collectedAt = -Infinity

  constructor(collect: Collect) {
    this.#collect = collect
  }

  /** `requests`: how many have been answered since the start; `running`: how many are being answered now. */
  tick(nowMs: number, { requests, running }: { readonly requests: number; readonly running: number }): void {
    if (requests !== this.#seen || running > 0) {
      this.#seen = requests
      this.#seenAt = nowMs
    }
    if (nowMs - this.#seenAt < QUIET_MS || nowMs - this.#collectedAt < APART_MS || requests - this.#collected < WORTH) return
    this.#collected = requests
    this.#collectedAt = nowMs
    this.#collect?.()
  }
}

/** The engine's own, where it was started with `--expose-gc`: the kind that also returns pages to the system. */
export function engineCollection(): Collect {
  const { gc } = globalThis
  if (!gc) return undefined
  return () => {
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }
}
