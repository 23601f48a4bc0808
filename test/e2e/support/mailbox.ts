// What arrived, in order, and waiting for what is to arrive: events with a deadline instead of sleeps.

/** Only what never comes meets it: within a test's own time (vitest.config.ts), so that what did arrive is told. */
const DEADLINE_MS = 50_000

export class Mailbox<T> {
  readonly all: T[] = []
  #waiters: { readonly look: () => boolean }[] = []
  readonly #name: string
  constructor(name: string) {
    this.#name = name
  }

  push(item: T): void {
    this.all.push(item)
    this.#waiters = this.#waiters.filter(waiter => !waiter.look())
  }
  /** Where the next item will be; hand it to `until` to ignore what came before. */
  get mark(): number {
    return this.all.length
  }
  since(mark: number): T[] {
    return this.all.slice(mark)
  }

  /** The first item from `mark` on that matches, once it is there. */
  until(what: string, matches: (item: T) => boolean, mark = 0): Promise<T> {
    return this.#until(what, () => this.all.slice(mark).find(matches), mark)
  }

  /** Until all that arrived so far, taken together, is so. */
  async so(what: string, isSo: (all: readonly T[]) => boolean): Promise<void> {
    await this.#until(what, () => isSo(this.all) || undefined, 0)
  }

  #until<R>(what: string, look: () => R | undefined, mark: number): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>()
    const timer = setTimeout(() => {
      this.#waiters = this.#waiters.filter(w => w !== waiter)
      reject(new Error(`${this.#name}: ${what} did not arrive; what did: ${JSON.stringify(this.since(mark)).slice(0, 4000)}`))
    }, DEADLINE_MS)
    const waiter = {
      look: (): boolean => {
        const found = look()
        if (found === undefined) return false
        clearTimeout(timer)
        resolve(found)
        return true
      },
    }
    if (!waiter.look()) this.#waiters.push(waiter)
    return promise
  }
}
