// Proofs of possession that were used: each counts once (RFC 9449 section 11.1). Bounded in time, in all and per principal.

import type { Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'

/** Proofs remembered in one generation: in all, and of one principal. A principal at its own limit leaves room for the others. */
const MAX_PROOFS = 200_000
const MAX_OWN = 50_000

const REPLAYED: Stop = {
  stop: 'token-invalid',
  detail: 'the DPoP proof was used before',
  fix: 'make a new proof for each request',
  scheme: 'DPoP',
}
const FULL: Stop = { stop: 'principal-limited', detail: 'too many DPoP proofs', fix: 'send fewer requests', retryAfterSeconds: 60 }

/** Two generations: whatever was used within one `lifeSeconds` is known, and nothing is kept longer than two. */
export class SpentProofs {
  readonly #lifeSeconds: number
  #young = new Set<string>()
  #old = new Set<string>()
  #own = new Map<PrincipalKey, number>()
  #since = -Infinity

  constructor(lifeSeconds: number) {
    this.#lifeSeconds = lifeSeconds
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** Spends a proof; a stop when it was spent, or when no more can be remembered: what cannot be remembered is not accepted. */
  spend(id: string, principal: PrincipalKey, nowSeconds: number): Stop | undefined {
    if (nowSeconds - this.#since >= this.#lifeSeconds) this.#age(nowSeconds)
    if (this.#young.has(id) || this.#old.has(id)) return REPLAYED
    const own = this.#own.get(principal) ?? 0
    if (own >= MAX_OWN || this.#young.size >= MAX_PROOFS) return FULL
    this.#own.set(principal, own + 1)
    this.#young.add(id)
    return undefined
  }

  #age(nowSeconds: number): void {
    this.#old = nowSeconds - this.#since >= 2 * this.#lifeSeconds ? new Set() : this.#young
    this.#young = new Set()
    this.#own = new Map()
    this.#since = nowSeconds
  }
}
