// OpenID Connect Back-Channel Logout 1.0, section 2.6: what an identity provider says when somebody has signed out, judged before anything ends.

import { keyOf, type PrincipalKey } from '../kernel/principal.ts'
import { member } from '../mcp/json.ts'
import type { TokenVerifier } from './token-reader.ts'
import { subjectOf, type IssuerRules } from './claims.ts'
import { readJws, textMember, type Jws } from './jws.ts'

/** An issuer whose logout tokens are taken; `logoutAudience` is the client id they are for. One issuer may stand here for several clients. */
export type LogoutIssuer = Pick<IssuerRules, 'issuer' | 'algorithms' | 'subjectClaim' | 'clockSkewSeconds'> & {
  readonly logoutAudience?: string
}

/** Who signed out: a principal everywhere, or one sign-in (`sid`), or one sign-in of a principal. At least one of both. */
export type SignedOut = { readonly issuer: string; readonly key?: PrincipalKey; readonly sessionId?: string }

/**
 * Logout tokens that were used. Durability: what resolved survives a crash. Atomicity: of two callers with the same token one gets true. Errors: a
 * rejection means that it may or may not count as used.
 */
export interface LogoutTokenStore {
  /** true the first time; may forget what expired before `nowSeconds` */
  use(issuer: string, jti: string, expiresSeconds: number, nowSeconds: number): Promise<boolean>
}

export type LogoutFault = { readonly fault: string }

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** Section 2.4 recommends two minutes at most; no token is taken that is older, or lives longer. */
const MAX_AGE_SECONDS = 120
const MAX_NAME_CHARACTERS = 255

/**
 * Judges one logout token: issuer, audience, algorithm, type, times, event, no nonce, somebody named, signature, and that it comes for the first time.
 * The fault names the claim, never its value. Rejects with the store's Fault.
 */
export async function verifyLogoutToken(
  token: string,
  issuers: readonly LogoutIssuer[],
  ports: { readonly verifier: TokenVerifier; readonly store: LogoutTokenStore; readonly nowSeconds: number },
): Promise<SignedOut | LogoutFault> {
  const jws = readJws(token)
  if ('fault' in jws) return jws
  // attacker-controlled: compared as a literal
  const known = issuers.filter(({ issuer, logoutAudience }) => logoutAudience !== undefined && issuer === textMember(jws.claims, 'iss'))
  if (known.length === 0) return { fault: 'no such issuer, or its logout tokens are not taken' }
  const rules = known.find(each => isFor(jws, each))
  if (!rules) return { fault: 'token audience is not this client' }
  const { nowSeconds } = ports
  const judged = judge(jws, rules, nowSeconds)
  if ('fault' in judged) return judged
  const said = await ports.verifier
    .verify({ issuer: rules.issuer, algorithm: jws.algorithm, keyId: jws.keyId, token })
    .catch(() => 'bad-signature')
  if (said !== 'valid') return { fault: 'token signature could not be verified' }
  const { jti, expiresSeconds, ...signedOut } = judged
  return (await ports.store.use(rules.issuer, jti, expiresSeconds, nowSeconds)) ? signedOut : { fault: 'token was used before (`jti`)' }
}

function judge(jws: Jws, rules: LogoutIssuer, now: number): (SignedOut & { jti: string; expiresSeconds: number }) | LogoutFault {
  const { claims } = jws
  if (!rules.algorithms.includes(jws.algorithm) || /^(none|hs)/i.test(jws.algorithm)) return { fault: 'token algorithm is not accepted' }
  // Another kind of token must never be taken for one of these: an access or ID token has another type, no event, or a nonce.
  if (!['logout+jwt', 'jwt', ''].includes(jws.type)) return { fault: 'token `typ` is not that of a logout token' }
  const [iat, exp] = [seconds(jws, 'iat'), seconds(jws, 'exp')]
  if (iat === undefined || exp === undefined) return { fault: 'token claims `iat` and `exp` must be whole seconds' }
  const skew = Math.min(rules.clockSkewSeconds, 60)
  if (iat > now + skew || now >= exp + skew || now - iat > MAX_AGE_SECONDS + skew) return { fault: 'token is too old, or from the future' }
  if (member(claims.root, 'nonce')) return { fault: 'token has a `nonce`' }
  if (member(member(claims.root, 'events'), EVENT)?.kind !== 'object') return { fault: 'token claim `events` names no back-channel logout' }
  const [jti, subject, sid] = [name(jws, 'jti'), subjectOf(rules.subjectClaim, claim => name(jws, claim)), name(jws, 'sid')]
  if (jti === undefined) return { fault: 'token claim `jti` is missing' }
  const isNamed = typeof subject === 'string'
  if (!isNamed && sid === undefined) return { fault: `token names neither \`${rules.subjectClaim}\` nor \`sid\`` }
  return {
    issuer: rules.issuer,
    ...(isNamed && { key: keyOf(rules.issuer, subject) }),
    ...(sid !== undefined && { sessionId: sid }),
    jti,
    // Kept until no clock would take it any more.
    expiresSeconds: now + MAX_AGE_SECONDS + 2 * skew + 60,
  }
}

/** An array counts only when this client is its single value (as for access tokens). */
function isFor({ claims }: Jws, { logoutAudience }: LogoutIssuer): boolean {
  const node = member(claims.root, 'aud')
  if (node?.kind === 'string') return textMember(claims, 'aud') === logoutAudience
  if (node?.kind !== 'array') return false
  return claims.bytes.toString('utf8', node.start, node.end).replace(/\s/g, '') === JSON.stringify([logoutAudience])
}

function seconds({ claims }: Jws, claim: string): number | undefined {
  const node = member(claims.root, claim)
  const digits = node?.kind === 'number' && node.end - node.start <= 12 ? claims.bytes.toString('latin1', node.start, node.end) : ''
  return /^\d+$/.test(digits) ? Number(digits) : undefined
}

function name({ claims }: Jws, claim: string): string | undefined {
  const value = textMember(claims, claim)
  return value !== undefined && value !== '' && value.length <= MAX_NAME_CHARACTERS && !/[\x00-\x1f\x7f]/.test(value) ? value : undefined
}
