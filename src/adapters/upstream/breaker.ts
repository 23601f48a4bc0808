// The circuit breaker of one upstream: after repeated failures to reach it, callers get an answer at once instead of a wait.

/**
 * What the end of an exchange says about reaching the upstream. `reached`: it answered, even with a JSON-RPC error. `unreached`: nothing
 * was sent (refused, timed out, not started). `lost`: the connection broke under a call; a caller may cause that himself, so it counts
 * only when more than one caller saw it. `none`: says nothing (cancelled, slow, refused here).
 */
export type Contact = 'reached' | 'unreached' | 'lost' | 'none'

const THRESHOLD = 5
const FIRST_OPEN_MS = 1_000
const LONGEST_OPEN_MS = 30_000

export class Breaker {
  #unreached = 0
  #lost = 0
  #lostOwner: string | undefined
  #lostBySeveral = false
  #openUntil = 0
  #openMs = 0
  #probing = false

  /** Milliseconds until the next try, 0 = go on. While half open exactly one caller goes on: the probe. */
  waitMs(now: number): number {
    if (this.#openMs === 0) return 0
    if (now < this.#openUntil) return this.#openUntil - now
    if (this.#probing) return FIRST_OPEN_MS
    this.#probing = true
    return 0
  }

  get isOpen(): boolean {
    return this.#openMs !== 0
  }

  #succeeded(): void {
    if (this.#unreached === 0 && this.#lost === 0 && this.#openMs === 0) return
    this.#unreached = 0
    this.#lost = 0
    this.#lostOwner = undefined
    this.#lostBySeveral = false
    this.#openMs = 0
    this.#probing = false
  }

  ended(contact: Contact, owner: string, now: number): void {
    if (contact === 'reached') {
      this.#succeeded()
      return
    }
    if (contact === 'none') {
      // The probe told nothing: let another caller probe.
      this.#probing = false
      return
    }
    if (contact === 'unreached') this.#unreached++
    else {
      this.#lost++
      if (this.#lostOwner === undefined) this.#lostOwner = owner
      else if (this.#lostOwner !== owner) this.#lostBySeveral = true
    }
    const isDown = this.#unreached >= THRESHOLD || (this.#lost >= THRESHOLD && this.#lostBySeveral)
    // Calls that were under way when it opened must not lengthen the pause.
    if ((!isDown && !this.#probing) || now < this.#openUntil) return
    this.#probing = false
    this.#openMs = this.#openMs === 0 ? FIRST_OPEN_MS : Math.min(this.#openMs * 2, LONGEST_OPEN_MS)
    this.#openUntil = now + this.#openMs
  }
}
