// Connections on their way: links that one principal may use, authorizations that were started, and which applications may use an account.

import type { PrincipalKey } from '../kernel/principal.ts'

/** What somebody was sent to connect. Bound to its principal: nobody else can use the link (N053). */
export type PendingConnection = {
  readonly principal: PrincipalKey
  readonly alias: string
  /** see EntryCredential.account: a reassigned alias makes the link useless */
  readonly account: string
  /** OAuth client id of the application that asked; '' where its token named none or the person began by himself */
  readonly client: string
  /** scopes it needs besides those the upstream asks for by itself */
  readonly scopes: readonly string[]
  readonly expiresAtSeconds: number
}

/** An authorization under way: its consent was given, its state went out with the browser. */
export type StartedConnection = PendingConnection & {
  /** digest of the browser session that agreed: the answer has to come back to it (N041) */
  readonly session: string
  /** sealed: verifier, issuer and all else the answer is checked against */
  readonly flow: string
}

/**
 * Links and states by their digests; the values themselves are never kept. Every write is durable when it resolves and atomic; calls may run at once.
 * What has expired is never found. Methods reject with the store's Fault.
 */
export interface PendingConnections {
  /** keeps the newest `most` of this principal */
  open(linkDigest: string, pending: PendingConnection, most: number): Promise<void>
  find(linkDigest: string, nowSeconds: number): Promise<PendingConnection | undefined>
  /** consent was given: only now is there a state (R119). A state that was given out for the same link before is void */
  start(linkDigest: string, stateDigest: string, started: StartedConnection): Promise<void>
  /** finds and takes away at once: of all who bring the same state, at most one gets it */
  spend(stateDigest: string, nowSeconds: number): Promise<StartedConnection | undefined>
  /** the link has served, or its account is gone */
  close(principal: PrincipalKey, account: string): Promise<void>
}

/** Which applications a person lets use a connected account (R119). Same promises. */
export interface ConnectionConsents {
  list(principal: PrincipalKey, account: string): Promise<readonly string[]>
  give(principal: PrincipalKey, account: string, client: string, nowSeconds: number): Promise<void>
  forget(principal: PrincipalKey, account: string): Promise<void>
  /** whatever accounts it could use of this principal */
  forgetClient(principal: PrincipalKey, client: string): Promise<void>
}
