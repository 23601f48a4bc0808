// Verdicts by what they depend on. Bounded: the one that was not asked for longest goes first.

export class Verdicts {
  readonly #most: number
  readonly #kept = new Map<string, object>()

  /** `most`: entries kept; a few kilobytes each */
  constructor(most: number) {
    this.#most = most
  }

  get(key: string): object | undefined {
    const verdict = this.#kept.get(key)
    if (verdict) this.set(key, verdict)
    return verdict
  }

  set(key: string, verdict: object): void {
    this.#kept.delete(key)
    this.#kept.set(key, verdict)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) break
      this.#kept.delete(oldest)
    }
  }
}
