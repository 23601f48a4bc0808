// The vault: each principal's own credentials for upstreams. Nothing is shared, and nothing falls back to anything else.

import type { PrincipalKey } from '../kernel/principal.ts'
import type { Sealer } from '../kernel/seal.ts'
import { GrantCache } from './grant-cache.ts'
import type { Grant, GrantStore, GrantTerms, Secret, StoredGrant } from './grant.ts'
import { openGrant, sealGrant } from './seal-grant.ts'

export type VaultDeps = {
  readonly store: GrantStore
  readonly sealer: Sealer
  readonly newId: () => string
  /** milliseconds since the epoch */
  readonly now: () => number
  /** milliseconds, for ages */
  readonly monotonic: () => number
  /** a row that does not open: changed by somebody, or sealed with a key that is gone */
  readonly unreadable: (grant: Grant) => void
  /** grants remembered (sealed); default 10,000 for a minute */
  readonly cache?: { readonly entries: number; readonly maxAgeMs: number }
}

/** `grant` is the one the secret belongs to: newer than the one asked for if a refresh came between. */
export type Opened = { readonly grant: Grant; readonly secret: Secret }

/**
 * The whole new secret (an authorization server that returns no refresh token lets the old one stand). `scopes`: absent = as before. More than
 * before ends the grant, as `refused` does: nobody consented to them (RFC 6749 section 6).
 */
export type Refreshed = { readonly secret: Secret; readonly expiresAtSeconds?: number; readonly scopes?: readonly string[] }

/** Asks the grant's own issuer. `refused`: the issuer said that the grant is over (invalid_grant). Throws when it could not be asked. */
export type AskRefresh = (opened: Opened) => Promise<Refreshed | 'refused'>

/** Secrets saved nowhere because the store failed at that moment. */
const MAX_UNSAVED = 1000

const slotOf = (principal: PrincipalKey, upstream: string): string => `${upstream}\n${principal}`

/** Safe for any number of callers at once. Every method throws Fault `state-unavailable` when the store fails. */
export class Vault {
  readonly #deps: VaultDeps
  readonly #cache: GrantCache
  readonly #flights = new Map<string, Promise<Grant | undefined>>()
  readonly #unsaved = new Map<string, { readonly revision: number; readonly refreshed: Refreshed }>()
  #sealer: Sealer

  constructor(deps: VaultDeps) {
    this.#deps = deps
    this.#sealer = deps.sealer
    this.#cache = new GrantCache(deps.cache ?? { entries: 10_000, maxAgeMs: 60_000 }, deps.monotonic)
  }

  /** The principal's own grant for this upstream. One of another issuer or resource than `expected` counts as none: credentials never cross issuers. */
  async find(
    principal: PrincipalKey,
    upstream: string,
    expected: { readonly issuer?: string; readonly resource?: string } = {},
  ): Promise<Grant | undefined> {
    const grant = (await this.#row(principal, upstream))?.grant
    if (grant === undefined) return undefined
    const fits = grant.issuer === (expected.issuer ?? grant.issuer) && grant.resource === (expected.resource ?? grant.resource)
    return fits ? grant : undefined
  }

  /** The secret, or undefined when the grant was revoked or replaced meanwhile, or its row was tampered with: then the principal must connect anew. */
  async open({ principal, upstream, id }: Grant): Promise<Opened | undefined> {
    const row = await this.#row(principal, upstream)
    return row?.grant.id === id ? this.#open(row) : undefined
  }

  /** Keeps a new grant in place of what the principal had for this upstream. Throws Fault `vault-grant-invalid` when it is too large. */
  async put(terms: GrantTerms, secret: Secret): Promise<Grant> {
    const grant: Grant = { ...terms, id: this.#deps.newId(), revision: 1, createdAtSeconds: Math.floor(this.#deps.now() / 1000) }
    const row = sealGrant(this.#sealer, grant, secret)
    await this.#change(grant, () => this.#deps.store.put(row))
    return grant
  }

  /** Ends it here; ending it at the upstream is the caller's. False when this principal has no such grant. */
  async revoke(principal: PrincipalKey, id: string): Promise<boolean> {
    this.#unsaved.delete(id)
    const row = (await this.#deps.store.list(principal)).find(({ grant }) => grant.id === id)
    return row !== undefined && this.#change(row.grant, () => this.#deps.store.remove(principal, id))
  }

  /** Oldest first. */
  async list(principal: PrincipalKey): Promise<readonly Grant[]> {
    return (await this.#deps.store.list(principal)).map(({ grant }) => grant)
  }

  /**
   * A fresh grant for one whose access token has ended or was refused. However many ask, the issuer is asked once, and who comes late with the old
   * grant gets the new one. Undefined: the grant is over, and was removed if its issuer said so. Throws what `ask` throws; the grant then stays.
   */
  refresh(grant: Grant, ask: AskRefresh): Promise<Grant | undefined> {
    // with the revision: who holds a newer grant must not be given the answer to an older one
    const key = `${grant.id} ${grant.revision}`
    const flying = this.#flights.get(key)
    if (flying) return flying
    const flight = this.#refresh(grant, ask).finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }

  async #refresh(old: Grant, ask: AskRefresh): Promise<Grant | undefined> {
    const { store } = this.#deps
    const row = await store.find(old.principal, old.upstream)
    if (row?.grant.id !== old.id) return undefined
    if (row.grant.revision !== old.revision) return row.grant
    const opened = this.#open(row)
    if (opened === undefined) return undefined
    const refreshed = this.#takeUnsaved(row.grant) ?? (await ask(opened))
    if (refreshed === 'refused' || refreshed.scopes?.some(scope => !row.grant.scopes.includes(scope))) {
      await this.#change(old, () => store.remove(old.principal, old.id))
      return undefined
    }
    const next = sealGrant(this.#sealer, renewed(row.grant, refreshed), refreshed.secret)
    const isKept = await this.#change(old, () => store.replace(next, old.revision)).catch((error: unknown) => {
      // The issuer may already have ended the old refresh token: what it gave is kept for the next attempt, and used by nobody before it is on disk.
      this.#keepUnsaved(row.grant, refreshed)
      throw error
    })
    return isKept ? next.grant : undefined
  }

  #takeUnsaved({ id, revision }: Grant): Refreshed | undefined {
    const unsaved = this.#unsaved.get(id)
    this.#unsaved.delete(id)
    return unsaved?.revision === revision ? unsaved.refreshed : undefined
  }

  #keepUnsaved({ id, revision }: Grant, refreshed: Refreshed): void {
    if (this.#unsaved.size < MAX_UNSAVED) this.#unsaved.set(id, { revision, refreshed })
  }

  /** From now on `sealer` seals. It must open what the one before sealed, until `reseal` has been over it. */
  rekey(sealer: Sealer): void {
    this.#sealer = sealer
    this.#cache.clear() // what is remembered may be two generations old by the next time
  }

  /**
   * Seals anew what another generation sealed. It may be stopped at any row and started again: each row opens with the one key or the other at any
   * time. `unreadable`: rows that no known key opens; they stay as they are.
   */
  async reseal(batch = 100): Promise<{ readonly resealed: number; readonly unreadable: number }> {
    const sealer = this.#sealer
    const count = { resealed: 0, unreadable: 0 }
    for (let after = ''; ;) {
      const rows = await this.#deps.store.sealedOtherwise(sealer.keyId, after, batch)
      const last = rows.at(-1)
      if (last === undefined || sealer !== this.#sealer) return count
      after = last.grant.id
      await Promise.all(
        rows.map(async row => {
          const opened = this.#open(row)
          if (opened === undefined) count.unreadable += 1
          // false: refreshed, replaced or revoked meanwhile, so nothing of the old key is left in that row
          else if (await this.#deps.store.replace(sealGrant(sealer, row.grant, opened.secret), row.grant.revision)) count.resealed += 1
        }),
      )
    }
  }

  #row(principal: PrincipalKey, upstream: string): Promise<StoredGrant | undefined> {
    return this.#cache.get(slotOf(principal, upstream), () => this.#deps.store.find(principal, upstream))
  }

  #open(row: StoredGrant): Opened | undefined {
    const secret = openGrant(this.#sealer, row)
    if (secret === undefined) this.#deps.unreadable(row.grant)
    return secret && { grant: row.grant, secret }
  }

  /** Forgets before, so that nobody is given the old one once this began, and after, because somebody may have read it in between. */
  async #change<T>({ principal, upstream }: GrantTerms, work: () => Promise<T>): Promise<T> {
    const slot = slotOf(principal, upstream)
    this.#cache.forget(slot)
    try {
      return await work()
    } finally {
      this.#cache.forget(slot)
    }
  }
}

const renewed = (grant: Grant, { expiresAtSeconds, scopes }: Refreshed): Grant => {
  const { id, principal, upstream, issuer, resource, kind, account, createdAtSeconds } = grant
  const lasting = { id, principal, upstream, issuer, resource, kind, createdAtSeconds, ...(account !== undefined && { account }) }
  return {
    ...lasting,
    revision: grant.revision + 1,
    scopes: scopes ?? grant.scopes,
    ...(expiresAtSeconds !== undefined && { expiresAtSeconds }),
  }
}
