// A grant: what one principal may do at one upstream, in the upstream's own terms. The port to where grants are kept.

import type { PrincipalKey } from '../kernel/principal.ts'

/** How it was obtained. `secret`: entered by the principal on the Connections page. */
export type GrantKind = 'oauth' | 'token-exchange' | 'identity-assertion' | 'client-credentials' | 'secret'

/** What a grant is for. The secret part opens for exactly this and nothing else. */
export type GrantTerms = {
  readonly principal: PrincipalKey
  /** identity of the upstream's alias */
  readonly upstream: string
  /** who issued the credential: the authorization server's `issuer`; for `secret` the upstream's origin */
  readonly issuer: string
  /** RFC 8707: what the credential is good for */
  readonly resource: string
  readonly scopes: readonly string[]
  readonly kind: GrantKind
  /** end of the access token, seconds since the epoch; absent: not known, or never */
  readonly expiresAtSeconds?: number
  /** whom the upstream calls this principal, for people to recognise; shown, never decided on */
  readonly account?: string
}

export type Grant = GrantTerms & {
  readonly id: string
  /** 1, and one more with each refresh: tells a caller's grant from a newer one */
  readonly revision: number
  readonly createdAtSeconds: number
}

/** `dpop`: the private key (JWK as JSON) that the tokens are bound to (RFC 9449). */
type TokenSecret = {
  readonly accessToken: string
  readonly refreshToken?: string
  readonly tokenType: string
  readonly dpop?: string
}
/** What is sealed. Never logged, never in an error. */
export type Secret = TokenSecret | { readonly secret: string }

/** A grant as it is kept. `keyId` names the generation of the vault key that made `sealed`. */
export type StoredGrant = { readonly grant: Grant; readonly keyId: string; readonly sealed: string }

/**
 * Where grants are kept. A principal has at most one grant for an upstream.
 * Durable: what resolves is on disk. Atomic: each call is one transaction. Concurrency: any number of calls at once; `replace` is the only one that
 * depends on what was there. Errors: Fault `state-unavailable`, and then the change may or may not have been made.
 */
export interface GrantStore {
  find(principal: PrincipalKey, upstream: string): Promise<StoredGrant | undefined>
  /** oldest first, 1000 at most */
  list(principal: PrincipalKey): Promise<readonly StoredGrant[]>
  /** in place of what the principal had for this upstream */
  put(row: StoredGrant): Promise<void>
  /** in place of the row with the same id, if that still has this revision; false otherwise */
  replace(row: StoredGrant, revision: number): Promise<boolean>
  /** false when there was none */
  remove(principal: PrincipalKey, id: string): Promise<boolean>
  /** rows that another key sealed, by id, from behind `afterId` on */
  sealedOtherwise(keyId: string, afterId: string, limit: number): Promise<readonly StoredGrant[]>
}
