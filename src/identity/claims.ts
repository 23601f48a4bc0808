// The claims of an access token (RFC 9068) judged against one issuer's rules: who asks, for which resource, from when until when.

import type { Stop } from '../kernel/errors.ts'
import { keyOf, type Authentication, type Principal } from '../kernel/principal.ts'
import { grantedTo, type ScopeGrant } from './scope-grants.ts'
import { member, textOf, valueOf, type JsonDoc } from '../mcp/json.ts'

/** What an issuer may assert; the configuration's `identity.issuers` adds where its keys are. */
export type IssuerRules = {
  /** compared as a literal with `iss`: no trailing slash, case or port is forgiven */
  readonly issuer: string
  /** default RS256, PS256, ES256, EdDSA; the configuration refuses `none` and HS* */
  readonly algorithms: readonly string[]
  /** accepted `typ` header values, lower case; default `at+jwt` */
  readonly types: readonly string[]
  /** the claim that says who somebody is, or several joined by `+` (Entra ID: `tid+oid`) */
  readonly subjectClaim: string
  readonly groupsClaim: string
  /** scopes given to what this issuer asserts */
  readonly grant: readonly ScopeGrant[]
  /** longest exp - iat accepted; default 3600 */
  readonly maxTokenSeconds: number
  /** clock difference forgiven at exp, nbf and iat; default 30, more than 60 counts as 60 */
  readonly clockSkewSeconds: number
  /** `workload`: every subject is a program; default: whoever is its own client (`sub` = `client_id`), as client credentials make it */
  readonly kind?: 'person' | 'workload'
  /** when given, only these subjects count: exact, or with a trailing `*` */
  readonly subjects?: readonly string[]
  /**
   * The gateway's own authorization server: tokens name somebody of one of these identity providers in `idp_iss` and `idp_sub`, and the principal is the
   * same as when that provider's own token comes. No other issuer's token is read like this.
   */
  readonly identityProviders?: readonly string[]
  /** its tokens are asked about at its introspection endpoint (RFC 7662); `isOpaque`: those that are no JWT are its own, too */
  readonly introspection?: { readonly isOpaque: boolean }
  /** tokens bound to a key (RFC 9449): `required`, accepted with their proof (default), or refused */
  readonly dpop?: 'required' | 'accepted' | 'refused'
}
/** For which endpoint's resource identifier a token has to be, when it is, and a digest of it. */
export type Occasion = {
  readonly resource: string
  readonly nowSeconds: number
  readonly digest: string
  /** the claims are an answer of the issuer, who need not say when the token was issued (RFC 7662 section 2.2) */
  readonly isIntrospected?: boolean
}

/** A caller and when the token that names it begins and ceases to count, skew included: notBefore <= now < expires. */
export type Judged = {
  readonly principal: Principal
  readonly notBeforeSeconds: number
  readonly expiresSeconds: number
  /** thumbprint of the key the token is bound to */
  readonly jkt?: string
}

/** When the person was asked, in tokens of the gateway's own authorization server. */
export const CONSENTED_AT = 'consented_at'

const MAX_SKEW_SECONDS = 60
const MAX_SUBJECT_CHARACTERS = 255
const MAX_GROUPS = 1024
const MAX_SCOPES = 256
const MAX_NAME_CHARACTERS = 256
const MAX_CLIENT_CHARACTERS = 2048

/** A refusal of a token. `detail` names the claim, never its value. */
export const invalid = (detail: string, fix?: string): Stop =>
  fix ? { stop: 'token-invalid', detail, fix } : { stop: 'token-invalid', detail }

/** The value of `iss`, or undefined. */
export const issuerOf = (claims: JsonDoc): string | undefined => text(claims, 'iss')

/** Judges every claim; the signature is not this file's affair, and nothing may be believed before it holds. */
export function judgeClaims(claims: JsonDoc, rules: IssuerRules, occasion: Occasion): Judged | Stop {
  const { resource, digest } = occasion
  if (occasion.isIntrospected && !isAccessToken(claims)) return invalid('token is not an access token')
  const bound = bindingOf(claims, rules)
  if ('stop' in bound) return bound
  if (!isFor(claims, resource)) return invalid('token audience is not this endpoint', `request a token with resource ${resource}`)
  const time = judgeTime(claims, rules, occasion)
  if ('stop' in time) return time
  const who = whoIs(claims, rules)
  if ('stop' in who) return who
  const groups = groupsOf(claims, rules.groupsClaim)
  if (!groups) return invalid(`token claim \`${rules.groupsClaim}\` is not a list of group names`)
  const scopes = scopesOf(claims)
  if (!scopes) return invalid('token claims `scope` and `scp` are malformed or disagree')
  const client = clientOf(claims)
  if (client === null) return invalid('token claim `client_id` is not a usable name')
  const { issuer, subject } = who
  const { own, ...held } = grantedTo(rules.grant, { subject, groups, scopes, ...(client === undefined ? undefined : { client }) })
  const sessionId = text(claims, 'sid')
  const tokenId = text(claims, 'jti')
  const principal: Principal = Object.freeze({
    key: keyOf(issuer, subject),
    issuer,
    subject,
    authentication: verifiedBy(bound, occasion, who, rules),
    kind: rules.kind ?? (client !== undefined && text(claims, 'sub') === client ? 'workload' : 'person'),
    ...(client === undefined ? undefined : { client }),
    groups: Object.freeze(groups),
    ...held,
    expiresAtSeconds: time.exp,
    tokenId: isName(tokenId, MAX_NAME_CHARACTERS) ? tokenId : digest,
    ...(isName(sessionId, MAX_NAME_CHARACTERS) ? { sessionId } : undefined),
    ...(rules.identityProviders
      ? { family: sessionId ?? '', consent: { scopes: own, atSeconds: numericDate(claims, CONSENTED_AT) ?? 0 } }
      : undefined),
    issuedAtSeconds: time.iat,
  })
  return { principal, notBeforeSeconds: time.from, expiresSeconds: time.until, ...bound }
}

const verifiedBy = (
  { jkt }: { readonly jkt?: string },
  { isIntrospected }: Occasion,
  who: { readonly issuer: string },
  { issuer }: IssuerRules,
): Authentication => ({
  kind: jkt !== undefined ? 'dpop-token' : isIntrospected ? 'introspected-token' : 'access-token',
  ...(issuer !== who.issuer && { issuer }),
})

/** Issuers say `active` of refresh and ID tokens, too. What they say of the kind, in `token_type` (RFC 7662 section 2.2) or `typ`, has to be that of an access token. */
const isAccessToken = (claims: JsonDoc): boolean =>
  ['token_type', 'typ'].every(
    name => !member(claims.root, name) || /^(?:bearer|dpop|access_token|at\+jwt|jwt)$/i.test(text(claims, name) ?? ''),
  )

/**
 * RFC 9449 section 6.1, RFC 8705: what a token is bound to. Only a lone `jkt` can be checked here; a token with any other confirmation would count as a bearer
 * token that it is not, and is refused (N019).
 */
function bindingOf(claims: JsonDoc, { dpop = 'accepted' }: IssuerRules): { readonly jkt?: string } | Stop {
  const cnf = member(claims.root, 'cnf')
  if (!cnf)
    return dpop === 'required'
      ? invalid('token is not bound to a key, which its issuer is configured for', 'request a DPoP-bound token')
      : {}
  const confirmed = valueOf(claims, cnf)
  const jkt: unknown =
    typeof confirmed === 'object' && confirmed !== null && Object.keys(confirmed).join() === 'jkt' ? Object.values(confirmed)[0] : undefined
  return dpop !== 'refused' && typeof jkt === 'string' && /^[A-Za-z0-9_-]{43}$/.test(jkt)
    ? { jkt }
    : invalid('token is bound to a key (`cnf`), which is not supported', 'request a bearer token')
}

/**
 * The subject that a claim, or several joined by `+`, name; the same wherever an issuer names somebody (access tokens, ID tokens). `unusable`: the claim
 * that is missing, too long or no name.
 */
export function subjectOf(subjectClaim: string, read: (claim: string) => unknown): string | { readonly unusable: string } {
  const names = subjectClaim.split('+')
  const parts: string[] = []
  for (const name of names) {
    const part = read(name)
    if (!isName(part, MAX_SUBJECT_CHARACTERS)) return { unusable: name }
    // Several parts are kept apart whatever stands in them.
    parts.push(names.length === 1 ? part : part.replace(/[%/]/g, encodeURIComponent))
  }
  const subject = parts.join('/')
  return isName(subject, MAX_SUBJECT_CHARACTERS) ? subject : { unusable: subjectClaim }
}

/** Whom the token means. Keys are the same whichever way somebody comes, so a claim that is missing is no other name for them. */
function whoIs(claims: JsonDoc, rules: IssuerRules): { readonly issuer: string; readonly subject: string } | Stop {
  if (rules.identityProviders) {
    const [issuer, subject] = [text(claims, 'idp_iss'), text(claims, 'idp_sub')]
    if (issuer === undefined || !rules.identityProviders.includes(issuer))
      return invalid('token claim `idp_iss` names no identity provider')
    return isName(subject, MAX_SUBJECT_CHARACTERS)
      ? { issuer, subject }
      : invalid('token claim `idp_sub` is missing or not a usable subject')
  }
  const subject = subjectOf(rules.subjectClaim, name => text(claims, name))
  if (typeof subject !== 'string') return invalid(`token claim \`${subject.unusable}\` is missing or not a usable subject`)
  if (rules.subjects && !rules.subjects.some(allowed => isMeant(allowed, subject)))
    return invalid('token subject is none of those the configuration accepts from this issuer')
  return { issuer: rules.issuer, subject }
}

// Attacker-controlled subject: compared as a literal; the pattern is the configuration's.
const isMeant = (allowed: string, subject: string): boolean =>
  allowed.endsWith('*') ? subject.startsWith(allowed.slice(0, -1)) : subject === allowed

/** RFC 8707, RFC 9068 section 4, negative test N004: exact strings; an array counts only when this resource is its single value. */
export function isFor(claims: JsonDoc, resource: string): boolean {
  const node = member(claims.root, 'aud')
  if (node?.kind === 'string') return textOf(claims, node) === resource
  if (node?.kind !== 'array') return false
  const values = valueOf(claims, node) as unknown[]
  return values.length === 1 && values[0] === resource
}

function judgeTime(
  claims: JsonDoc,
  rules: IssuerRules,
  { nowSeconds: now, isIntrospected = false }: Occasion,
): { iat: number; exp: number; from: number; until: number } | Stop {
  const skew = Math.min(Math.max(rules.clockSkewSeconds, 0), MAX_SKEW_SECONDS)
  const exp = numericDate(claims, 'exp')
  const iat = isIntrospected && !member(claims.root, 'iat') ? now : numericDate(claims, 'iat')
  const nbf = member(claims.root, 'nbf') ? numericDate(claims, 'nbf') : iat
  if (exp === undefined || iat === undefined || nbf === undefined) return invalid('token claims `exp`, `iat`, `nbf` must be whole seconds')
  if (now >= exp + skew) return invalid('token has expired', 'request a new token')
  if (now < nbf - skew) return invalid('token is not valid yet')
  if (now < iat - skew) return invalid('token was issued in the future')
  if (exp <= iat || exp - iat > rules.maxTokenSeconds) return invalid(`token lifetime exceeds ${rules.maxTokenSeconds} seconds`)
  return { iat, exp, from: Math.max(nbf, iat) - skew, until: exp + skew }
}

/** Whole seconds, or undefined. Judged as written: no fraction, exponent or sign, which readers disagree about (N012). */
export function numericDate(claims: JsonDoc, name: string): number | undefined {
  const node = member(claims.root, name)
  if (node?.kind !== 'number' || node.end - node.start > 12) return undefined
  const digits = claims.bytes.toString('latin1', node.start, node.end)
  return /^\d+$/.test(digits) ? Number(digits) : undefined
}

function groupsOf(claims: JsonDoc, name: string): string[] | undefined {
  const node = member(claims.root, name)
  if (!node) return []
  const value = valueOf(claims, node)
  const groups: unknown[] = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [undefined]
  if (groups.length > MAX_GROUPS) return undefined
  return groups.every(group => isName(group, MAX_NAME_CHARACTERS)) ? [...new Set(groups)] : undefined
}

// null: there is one, but none that rules about clients could name safely. Client identifiers may be URLs (client metadata documents).
function clientOf(claims: JsonDoc): string | null | undefined {
  const name = member(claims.root, 'client_id') ? 'client_id' : 'azp'
  if (!member(claims.root, name)) return undefined
  const client = text(claims, name)
  return isName(client, MAX_CLIENT_CHARACTERS) ? client : null
}

/** Scopes of `scope` or `scp`, string or list; both present must name the same ones (N023: never the union). Undefined = malformed. */
function scopesOf(claims: JsonDoc): string[] | undefined {
  const scope = scopeList(claims, 'scope')
  const scp = scopeList(claims, 'scp')
  if (!scope || !scp) return undefined
  const isTwice = member(claims.root, 'scope') !== undefined && member(claims.root, 'scp') !== undefined
  if (isTwice && !(scope.length === scp.length && scope.every(item => scp.includes(item)))) return undefined
  return scope.length > 0 ? scope : scp
}

// RFC 6749 section 3.3. Words outside the grammar grant nothing (N022): they are dropped, never trimmed into something else.
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/
function scopeList(claims: JsonDoc, name: string): string[] | undefined {
  const node = member(claims.root, name)
  if (!node) return []
  const value = valueOf(claims, node)
  const words: unknown[] = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [undefined]
  if (words.length > MAX_SCOPES || !words.every(word => typeof word === 'string')) return undefined
  return [...new Set(words.filter(word => SCOPE_TOKEN.test(word) && word.length <= MAX_NAME_CHARACTERS))]
}

function text(claims: JsonDoc, name: string): string | undefined {
  const node = member(claims.root, name)
  return node?.kind === 'string' ? textOf(claims, node) : undefined
}

const isName = (value: unknown, max: number): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= max && !/[\x00-\x1f\x7f]/.test(value)
