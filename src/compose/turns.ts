// Turns for work that would hold everybody up: whoever waits gets one after the other, and everything else that is due runs in between.

export class Turns {
  readonly #waiting: (() => void)[] = []

  /** Resolves once it is this one's turn: one of all that wait goes on in each round of the event loop. */
  readonly take = (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    if (this.#waiting.push(() => resolve(undefined)) === 1) setImmediate(this.#next)
    return promise
  }

  readonly #next = (): void => {
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) setImmediate(this.#next)
  }
}
