// Growing, jittered pauses between attempts (R69: polling needs jitter and backoff).

const FIRST_MS = 250

export class Backoff {
  readonly #random: () => number
  readonly #longestMs: number
  #failures = 0

  /** `random` returns [0, 1). */
  constructor(random: () => number, longestMs: number) {
    this.#random = random
    this.#longestMs = longestMs
  }

  /** Milliseconds to wait before the next attempt: between half and all of a value that doubles. */
  nextMs(): number {
    const full = Math.min(FIRST_MS * 2 ** Math.min(this.#failures++, 20), this.#longestMs)
    return full / 2 + (full / 2) * this.#random()
  }

  reset(): void {
    this.#failures = 0
  }
}
