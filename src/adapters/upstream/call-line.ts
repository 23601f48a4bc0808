// Calls of one channel that an upstream may ask something: one at a time, so that a question belongs to the call that runs; the others wait (R43).

import type { Exchange } from './exchange.ts'

// Orders held calls across the processes of one upstream; only compared.
let questions = 0

export class CallLine {
  #current: Exchange | undefined
  #waiting: Exchange[] = []
  /** questions of the current call that nobody has answered yet */
  #unanswered = 0
  #heldSince = 0

  /** the call that questions belong to */
  get current(): Exchange | undefined {
    return this.#current
  }
  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }
  /** The current call waits for an answer, perhaps a person's: others would wait as long. */
  get isHeld(): boolean {
    return this.#current !== undefined && this.#unanswered > 0
  }
  /** order in which calls came to be held; smaller is older */
  get heldSince(): number {
    return this.#heldSince
  }

  /** False: it waits until its turn comes. */
  enter(exchange: Exchange): boolean {
    if (this.#current) this.#waiting.push(exchange)
    else this.#current = exchange
    return this.#current === exchange
  }

  /** A question of this call came; to be called once when it is answered. */
  asked(exchange: Exchange): () => void {
    if (exchange !== this.#current) return () => {}
    if (this.#unanswered === 0) this.#heldSince = questions++
    this.#unanswered += 1
    return () => {
      // An answer that comes after its call has ended is not the next one's.
      if (exchange === this.#current) this.#unanswered -= 1
    }
  }

  /** This call has ended: the one whose turn it is now, if there is one. */
  leave(exchange: Exchange): Exchange | undefined {
    if (exchange !== this.#current) {
      if (exchange.id === 0) this.#waiting = this.#waiting.filter(waiting => waiting !== exchange)
      return undefined
    }
    this.#current = undefined
    this.#unanswered = 0
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (!next.isDone) return (this.#current = next)
    }
    return undefined
  }

  /** Nobody's turn comes any more; those who waited. */
  clear(): readonly Exchange[] {
    const waiting = this.#waiting
    this.#waiting = []
    this.#current = undefined
    return waiting
  }
}
