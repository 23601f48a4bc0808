// What arrived, in order, and waiting for what is to arrive: events with a deadline instead of sleeps.

const DEADLINE_MS = 12_000

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
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const timer = setTimeout(() => {
      this.#waiters = this.#waiters.filter(w => w !== waiter)
      reject(new Error(`${this.#name}: ${what} did not arrive; what did: ${JSON.stringify(this.since(mark)).slice(0, 4000)}`))
    }, DEADLINE_MS)
    const waiter = {
      look: (): boolean => {
        const found = this.all.slice(mark).find(matches)
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
