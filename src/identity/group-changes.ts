// Notices that a new token shows other groups than the last one of the same principal, so that what the old groups opened can end (N032).

import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import { isSameSet } from './sign-in.ts'
import { VerdictCache } from './verdict-cache.ts'

type Seen = { readonly issuedAtSeconds: number; readonly groups: readonly string[] }

const OLDER: Stop = {
  stop: 'token-revoked',
  detail: 'a newer token shows other groups',
  fix: 'use the newer token, or sign in again',
}

/**
 * Compared per principal, client and resource: issuers may tell different clients and resources of different groups. Whatever the order in which
 * tokens arrive, an older one never brings back groups that a newer one no longer shows. Of two tokens of the same second neither is newer.
 */
export class GroupChanges {
  readonly #seen: VerdictCache<Seen>
  readonly #onChange: (principal: Principal) => void

  /** `onChange` gets the newer token's principal. Memory: the last token of at most `entries` (principal, client, resource), default 20,000. */
  constructor(onChange: (principal: Principal) => void, entries = 20_000) {
    this.#onChange = onChange
    this.#seen = new VerdictCache(entries)
  }

  /** Called with each token whose signature has just been verified, not with each request. */
  judge(principal: Principal, resource: string): Stop | undefined {
    // No name holds a control character (identity/claims.ts), so the parts cannot run into each other.
    const key = `${principal.key}\n${principal.client ?? ''}\n${resource}`
    const before = this.#seen.get(key)
    const issuedAtSeconds = principal.issuedAtSeconds ?? 0
    const isChanged = before !== undefined && !isSameSet(before.groups, principal.groups)
    if (isChanged && issuedAtSeconds < before.issuedAtSeconds) return OLDER
    if (before === undefined || issuedAtSeconds > before.issuedAtSeconds) this.#seen.set(key, { issuedAtSeconds, groups: principal.groups })
    if (isChanged && issuedAtSeconds > before.issuedAtSeconds) this.#onChange(principal)
    return undefined
  }
}
