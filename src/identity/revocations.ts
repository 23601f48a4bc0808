// Tokens that ended before their time: their principal signed out, changed groups, or had its sessions ended. A later token of the same principal counts.

import type { Stop } from '../kernel/errors.ts'
import type { Principal, PrincipalKey } from '../kernel/principal.ts'

/** `key`: a principal key, or `sessionKey(issuer, sid)`. Tokens issued at `atSeconds` or before are refused; until `untilSeconds` one may still be alive. */
export type Revocation = { readonly key: string; readonly atSeconds: number; readonly untilSeconds: number }

/**
 * Where revocations outlive the process. Durability: `put` resolves once it survives a crash. Concurrency: calls may overlap; the later `atSeconds` of
 * one key wins. Errors: a rejection means that it may not survive a restart.
 */
export interface RevocationStore {
  /** those with `untilSeconds` after `nowSeconds`; the others may be forgotten */
  alive(nowSeconds: number): Promise<readonly Revocation[]>
  put(revocation: Revocation): Promise<void>
}

/** No token lives longer (`maxTokenLife` is at most a day), clock skew on both sides included. */
export const LONGEST_TOKEN_SECONDS = 86_400 + 120
/** Beyond this many, everybody signs in anew: none is forgotten to make room for another. */
const MAX_REVOCATIONS = 100_000

/** A sign-in at an issuer. Neither part holds a space, and the prefix is no issuer, so no principal key looks like it. */
export const sessionKey = (issuer: string, sid: string): string => `sid ${issuer} ${sid}`

/** Tokens of a principal that name no sign-in. */
export const unnamedKey = (key: PrincipalKey): string => `unnamed ${key}`

/** Tokens of everybody: what is known of them is older than they are (`gatehouse restore`). No issuer and no prefix, so no other key looks like it. */
export const EVERYBODY = 'everybody'

/** What a caller is told whose token no longer counts. */
export const REVOKED: Stop = {
  stop: 'token-revoked',
  detail: 'its principal signed out, changed groups, or had its sessions ended',
  fix: 'sign in again',
}

/** Memory: one small entry per principal or sign-in that was ended within the last day. */
export class Revocations {
  readonly #byKey = new Map<string, Revocation>()
  /** tokens of everybody issued at this second or before */
  #floorSeconds = -1
  readonly #store: RevocationStore

  constructor(store: RevocationStore) {
    this.#store = store
  }
  get size(): number {
    return this.#byKey.size
  }

  async load(nowSeconds: number): Promise<void> {
    for (const revocation of await this.#store.alive(nowSeconds)) this.#keep(revocation, nowSeconds)
  }

  /** A look-up or two per request, none where nothing is revoked. */
  stopOf({ key, issuer, sessionId, issuedAtSeconds = 0 }: Principal): Stop | undefined {
    if (this.#byKey.size === 0 && this.#floorSeconds < 0) return undefined
    if (issuedAtSeconds <= this.#floorSeconds) return REVOKED
    if (issuedAtSeconds <= (this.#byKey.get(key)?.atSeconds ?? -1)) return REVOKED
    const session = this.#byKey.get(sessionId === undefined ? unnamedKey(key) : sessionKey(issuer, sessionId))
    return session && issuedAtSeconds <= session.atSeconds ? REVOKED : undefined
  }

  /** In force at once; resolves when it is durable, rejects when it may not survive a restart. */
  async revoke(key: string, atSeconds: number, nowSeconds: number): Promise<void> {
    const before = this.#byKey.get(key)
    if (before !== undefined && before.atSeconds >= atSeconds) return
    const revocation: Revocation = { key, atSeconds, untilSeconds: atSeconds + LONGEST_TOKEN_SECONDS }
    this.#keep(revocation, nowSeconds)
    await this.#store.put(revocation)
  }

  #keep(revocation: Revocation, nowSeconds: number): void {
    if (revocation.key === EVERYBODY) {
      this.#floorSeconds = Math.max(this.#floorSeconds, revocation.atSeconds)
      return
    }
    if (this.#byKey.size >= MAX_REVOCATIONS) this.#prune(nowSeconds)
    if (this.#byKey.size >= MAX_REVOCATIONS) {
      this.#floorSeconds = Math.max(this.#floorSeconds, nowSeconds)
      this.#byKey.clear()
    }
    this.#byKey.set(revocation.key, revocation)
  }
  #prune(nowSeconds: number): void {
    for (const [key, { untilSeconds }] of this.#byKey) if (untilSeconds <= nowSeconds) this.#byKey.delete(key)
  }
}
