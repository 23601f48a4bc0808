// At most so many at once; the others wait in the order they came.

export class Turns {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  /** `work` never begins before the caller has gone on. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    const place = this.#free > 0 ? undefined : new Promise<void>(resolve => this.#waiting.push(resolve))
    if (!place) this.#free--
    await place
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
