// Back-channel logout as this process does it: judged, recorded, then everything of the sign-in ends.

import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Snapshot } from '../config/schema.ts'
import type { LogoutPort } from '../http/control-plane/backchannel-logout.ts'
import type { TokenVerifier } from '../identity/token-reader.ts'
import type { SignInFilter } from '../identity/sign-in.ts'
import { verifyLogoutToken, type LogoutIssuer, type LogoutTokenStore, type SignedOut } from '../identity/logout-token.ts'
import { principalOf } from '../kernel/principal.ts'
import type { Over } from './endings.ts'
import type { Standing } from './standing.ts'

export type LogoutParts = {
  readonly current: () => Snapshot
  readonly verifier: TokenVerifier
  readonly store: LogoutTokenStore
  readonly standing: Pick<Standing, 'signOut'>
  /** browser sessions, codes and refresh tokens of the gateway's own server; undefined where nobody signs in with a browser */
  readonly endSignIns: ((which: SignInFilter) => Promise<void>) | undefined
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  /** wall clock, milliseconds */
  readonly now: () => number
}

/** Who signed out is recorded before anything ends. A store that fails rejects, so that the identity provider tries again. */
export const backchannelLogout =
  ({ current, verifier, store, standing, endSignIns, log, encoder, now }: LogoutParts): LogoutPort =>
  async token => {
    const nowSeconds = Math.floor(now() / 1000)
    const found = await verifyLogoutToken(token, logoutIssuers(current()), { verifier, store, nowSeconds })
    if ('fault' in found) return found.fault
    await log.append(
      encoder.lifecycle('backchannel-logout', { issuer: found.issuer, principal: found.key, hasSession: found.sessionId !== undefined }),
    )
    await standing.signOut(overOf(found))
    await endSignIns?.(signInsOf(found))
    return undefined
  }

/** What an identity provider may sign logout tokens with that stands in `identity.login` alone; the defaults of `identity.issuers`. */
const LOGIN_RULES = { algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'], clockSkewSeconds: 30 }

/**
 * Whose logout tokens are taken: issuers that name an audience for theirs, and the provider people sign in at, for the client that this gateway is there.
 * Its other tokens count no more than before.
 */
function logoutIssuers({ issuers, login }: Snapshot): readonly LogoutIssuer[] {
  if (!login) return issuers
  const { issuer, subjectClaim, clientId } = login
  const rules = issuers.find(each => each.issuer === issuer) ?? LOGIN_RULES
  return [...issuers, { ...rules, issuer, subjectClaim, logoutAudience: clientId }]
}

function overOf({ issuer, key, sessionId }: SignedOut): Over & { readonly kind: 'principal' | 'sign-in' } {
  if (sessionId !== undefined) return { kind: 'sign-in', issuer, sessionId, ...(key !== undefined && { key }) }
  // INVARIANT: one of both is there (identity/logout-token.ts).
  return { kind: 'principal', key: key ?? '' }
}

function signInsOf({ issuer, key, sessionId }: SignedOut): SignInFilter {
  const subject = key === undefined ? undefined : principalOf(key).subject
  if (sessionId !== undefined) return { issuer, idpSession: sessionId, ...(subject !== undefined && { unnamedOf: subject }) }
  return { issuer, subject: subject ?? '' }
}
