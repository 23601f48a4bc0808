// Which application a person lets act for them: asked for each client, remembered with everything the person saw, asked again when any of it changes.

import { hash } from 'node:crypto'
import type { Principal } from '../kernel/principal.ts'
import { isNativeRedirect } from './redirects.ts'

/** An authorization that waits for the person in the browser. */
export type PendingAuthorization = {
  readonly id: string
  readonly client: { readonly id: string; readonly name: string; readonly redirects: readonly string[] }
  readonly redirect: string
  /** the endpoint the token would be for */
  readonly resource: string
  /** scopes the client named, without those that mean nothing here; empty = it named none */
  readonly scopes: readonly string[]
  /** the client wants the person asked again (`prompt`) */
  readonly wantsLogin: boolean
  readonly wantsConsent: boolean
  /** seconds since the epoch */
  readonly startedAtSeconds: number
}

/** What a person is asked before an account at an upstream is connected: the upstream, the scopes, the redirect and the application (R119). */
export type ConnectQuestion = {
  readonly title: string
  readonly alias: string
  /** host of the upstream */
  readonly server: string
  /** client id of the application that asked; '' = the person */
  readonly client: string
} & (
  | { readonly kind: 'sign-in'; readonly issuer: string; readonly scopes: readonly string[]; readonly redirect: string }
  | { readonly kind: 'secret' }
  /** the account is connected; this application may not use it yet */
  | { readonly kind: 'consent'; readonly scopes: readonly string[] }
)

/** What a person agreed to. */
export type Consent = {
  readonly client: string
  /** name the client gave itself, and redirect, as they were shown */
  readonly clientName: string
  readonly redirect: string
  /** the endpoint it was given for (resource identifier) */
  readonly resource: string
  readonly scopes: readonly string[]
  /** digest over all redirects the client may use (redirectSetDigest) */
  readonly redirects: string
  readonly grantedAtSeconds: number
}

/**
 * The registry of consents: one for each (principal, client, resource). Every write is durable when it resolves and atomic; calls may run at once. Faults
 * of the store reject.
 */
export interface ConsentStore {
  put(principal: Principal, consent: Consent): Promise<void>
  find(principal: Principal, client: string, resource: string): Promise<Consent | undefined>
  list(principal: Principal): Promise<readonly Consent[]>
  /** takes the consents of a client away with its codes and refresh tokens for this principal; the families of tokens that ended */
  revoke(principal: Principal, client: string): Promise<readonly string[]>
}

/** The same for the same set of redirects in any order. */
export const redirectSetDigest = (redirects: readonly string[]): string =>
  hash('sha256', JSON.stringify([...new Set(redirects)].sort()), 'base64url')

/**
 * Whether an earlier consent answers this request, so that the person need not be asked. Not where a server behind a scope is another since (`sinceMs`). Never for redirects to this machine or to a private-use scheme:
 * any program there can pretend to be the client (RFC 8252 section 8.6).
 */
export function isAnswered(
  earlier: Consent | undefined,
  asked: { readonly redirect: string; readonly redirects: string; readonly scopes: readonly string[]; readonly sinceMs: number },
): boolean {
  if (!earlier || isNativeRedirect(asked.redirect)) return false
  if (earlier.grantedAtSeconds * 1000 < asked.sinceMs) return false
  return earlier.redirects === asked.redirects && asked.scopes.every(scope => earlier.scopes.includes(scope))
}
