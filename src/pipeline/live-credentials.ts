// Credentials held ready, a bounded number of them, and who wants to hear that one came, changed or went.

import type { PrincipalKey } from '../kernel/principal.ts'
import type { Grant } from '../vault/grant.ts'
import type { EntryCredential, UpstreamEntry } from './entry.ts'
import type { OwnCredential } from './own-credential.ts'

/** Credentials held ready; the vault has all. */
export const MAX_LIVE = 10_000

export type Live = {
  readonly key: string
  readonly own: EntryCredential
  readonly alias: string
  readonly credential: OwnCredential
  /** absent for what is minted without a grant */
  grant: Grant | undefined
  refreshToken: string | undefined
  /** seconds since the epoch; Infinity = it does not say */
  expiresAtSeconds: number
  /** applications that may use it; undefined = no consent is kept for this kind */
  readonly clients: Set<string> | undefined
  /** the sign-in at the gateway's own authorization server that it was minted from, as Principal.family */
  family: string | undefined
}

export const keyOf = (principal: PrincipalKey, account: string): string => `${principal}\n${account}`

export class LiveCredentials {
  readonly #live = new Map<string, Live>()
  readonly #listeners = new Map<string, Set<() => void>>()

  get(key: string): Live | undefined {
    return this.#live.get(key)
  }
  keep(live: Live): void {
    this.#live.delete(live.key)
    this.#live.set(live.key, live)
    for (const oldest of this.#live.keys()) {
      if (this.#live.size <= MAX_LIVE) break
      this.#live.delete(oldest)
    }
  }
  /** This one, not a newer one of the same holder. */
  forget(live: Live): void {
    if (this.#live.get(live.key) === live) this.#live.delete(live.key)
  }
  /** Whatever is held of this holder's is read again. */
  drop(key: string): void {
    this.#live.delete(key)
  }

  /** Costs what is live. */
  expireWhere(isMeant: (live: Live) => boolean): void {
    for (const live of this.#live.values()) if (isMeant(live)) live.expiresAtSeconds = 0
  }

  onChange(principal: PrincipalKey, entry: UpstreamEntry, listener: () => void): () => void {
    const key = keyOf(principal, entry.credential?.account ?? '')
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(key)
    }
  }
  tell(key: string): void {
    for (const listener of [...(this.#listeners.get(key) ?? [])]) listener()
  }
}
