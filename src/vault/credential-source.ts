// The port to authorization servers that issue principals' credentials for upstreams. Implemented by adapters/upstream-oauth.

import type { CredentialRule } from './credential-rule.ts'

/** Why nothing was issued. `detail` is ours, or an error code of RFC 6749's alphabet: never text of the other side, never a secret. */
export type SourceFailure = {
  /** `refused`: the authorization server said no; `unavailable`: it could not be asked; `unsafe`: what it says of itself breaks a rule, and it was not asked */
  readonly failed: 'refused' | 'unavailable' | 'unsafe'
  readonly detail: string
}
export const isSourceFailure = (value: object): value is SourceFailure => 'failed' in value

/** The upstream a credential is for. */
export type SourceTarget = {
  readonly rule: CredentialRule
  /** where the MCP server answers */
  readonly url: string
}

/** What a person is asked to agree to, before anything is asked of the authorization server. */
export type ConnectOffer = {
  readonly issuer: string
  readonly resource: string
  /** absent = none is named and the authorization server decides */
  readonly scopes?: readonly string[]
}

/** A started authorization. `url`: where the person's browser goes; `flow`: secret, what `finish` needs; it is kept sealed. */
type StartedFlow = { readonly url: string; readonly flow: string }

type IssuedSecret = { readonly accessToken: string; readonly refreshToken?: string; readonly tokenType: 'Bearer' }
export type Issued = {
  readonly issuer: string
  readonly resource: string
  readonly scopes: readonly string[]
  readonly secret: IssuedSecret
  /** seconds since the epoch; absent = it did not say */
  readonly expiresAtSeconds?: number
}
/** What a grant remembers of who issued it. */
export type IssuedBy = { readonly issuer: string; readonly resource: string; readonly scopes: readonly string[] }

/**
 * A token that proves who the caller is, for exchanges. An ID token goes to its `issuer` alone, and what comes of it has to speak of `subject` (its `sub`;
 * absent = this provider calls people otherwise towards each client).
 */
export type SubjectToken =
  | { readonly type: 'access_token'; readonly token: string }
  | { readonly type: 'id_token'; readonly token: string; readonly issuer: string; readonly subject?: string }

/**
 * INVARIANT: client credentials and tokens go to the issuer they belong to and to nobody else (R114). Nothing here is kept but public metadata for a few
 * minutes and client registrations. No method rejects; each settles within the bounds of safe-fetch.
 */
export interface CredentialSource {
  /** asks the upstream and its authorization server what connecting would mean; `wanted`: further scopes (step-up) */
  offer(target: SourceTarget, wanted?: readonly string[]): Promise<ConnectOffer | SourceFailure>
  /** `state` comes back in the callback; the caller makes it, keeps it and spends it once */
  begin(target: SourceTarget, offer: ConnectOffer, state: string): Promise<StartedFlow | SourceFailure>
  /** redeems the callback's query; checks `iss` before it looks at anything else (R113) */
  finish(target: SourceTarget, flow: string, query: string): Promise<Issued | SourceFailure>
  refresh(target: SourceTarget, by: IssuedBy, refreshToken: string): Promise<Issued | SourceFailure>
  /** kinds without a browser: token exchange, identity assertion, client credentials */
  obtain(target: SourceTarget, subject: SubjectToken | undefined): Promise<Issued | SourceFailure>
  /** tells the issuer that a grant has ended, where it wants to know (RFC 7009); says nothing of whether it worked */
  revoke(target: SourceTarget, by: IssuedBy, secret: IssuedSecret): Promise<void>
}

/** A client the gateway registered by itself (RFC 7591). */
export type RegisteredAt = {
  readonly clientId: string
  readonly secret?: string
  readonly authentication: string
  readonly expiresAtSeconds?: number
}

/** Registrations by issuer and redirect: durable once `put` resolves, last one wins, secrets sealed at rest. Reject with the store's Fault. */
export interface ClientRegistrations {
  find(issuer: string, redirectUri: string): Promise<RegisteredAt | undefined>
  put(issuer: string, redirectUri: string, client: RegisteredAt): Promise<void>
  remove(issuer: string, redirectUri: string): Promise<void>
}
