// Access token -> principal: every request proves again who asks; a token already verified for the resource is recognised without waiting.

import { hash } from 'node:crypto'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import { invalid, issuerOf, judgeClaims, type IssuerRules, type Judged, type Occasion } from './claims.ts'
import { MAX_TOKEN_CHARACTERS, readJws } from './jws.ts'
import { VerdictCache } from './verdict-cache.ts'

/** What a key source says about a signature. `unavailableSeconds`: the key may exist but cannot be fetched; when to ask again. */
export type SignatureVerdict = 'valid' | 'bad-signature' | 'unknown-key' | 'unsuitable-key' | { readonly unavailableSeconds: number }

export type SignedToken = { readonly issuer: string; readonly algorithm: string; readonly keyId: string; readonly token: string }

/** The port to the issuers' keys. Keys are looked up by (issuer, key id) alone, never by anything else the token says. */
export interface TokenVerifier {
  /** grows whenever a key is withdrawn or changed; verdicts given before that are verified again */
  readonly epoch: number
  /** Concurrent calls are fine; must not reject (a rejection counts as a bad signature). */
  verify(signed: SignedToken): Promise<SignatureVerdict>
}

export type AuthenticatorDeps = {
  readonly issuers: readonly IssuerRules[]
  readonly verifier: TokenVerifier
  /** told of each token whose signature has just been verified; a stop refuses the token */
  readonly judge?: (principal: Principal, resource: string) => Stop | undefined
  /** verdicts kept; default 10,000 */
  readonly cacheEntries?: number
  /** a verdict is verified again after this many seconds; default 300 */
  readonly recheckSeconds?: number
  /** verifications at one time; default 512, further callers are told to come again */
  readonly concurrency?: number
}

export type Authenticator = {
  /**
   * Judges one Authorization header value for one endpoint's resource identifier. Synchronous when the token's signature was verified already (its
   * time is judged anew) or when it fails before the signature matters. Stops: token-missing, token-invalid, issuer-unavailable. Never throws or rejects.
   */
  authenticate(authorization: string | undefined, resource: string, nowSeconds: number): Principal | Stop | Promise<Principal | Stop>
  /** Forgets every verdict, e.g. because a principal or client was blocked. */
  forget(): void
}

type Verdict = Judged & { readonly resource: string; readonly recheckAtSeconds: number; readonly epoch: number }

const MISSING: Stop = { stop: 'token-missing', detail: 'authorization header is missing', fix: 'send a bearer token' }
const OTHER_SCHEME: Stop = { stop: 'token-missing', detail: 'authorization scheme is not bearer', fix: 'send a bearer token' }
const CROWDED: Stop = { stop: 'issuer-unavailable', detail: 'too many tokens are being verified', retryAfterSeconds: 1 }

/** One authenticator per configuration snapshot: a reload that changes an issuer's rules starts with no verdicts. */
export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const { verifier, recheckSeconds = 300, concurrency = 512 } = deps
  const issuers = new Map(deps.issuers.map(rules => [rules.issuer, rules]))
  const verdicts = new VerdictCache<Verdict>(deps.cacheEntries ?? 10_000)
  const pending = new Map<string, Promise<Principal | Stop>>()
  let forgotten = 0

  function judge(token: string, occasion: Occasion): { signed: SignedToken; judged: Judged } | Stop {
    const jws = readJws(token)
    if ('fault' in jws) return invalid(jws.fault)
    const issuer = issuerOf(jws.claims)
    // attacker-controlled: compared as a literal, never as a pattern or URL (N014)
    const rules = issuer === undefined ? undefined : issuers.get(issuer)
    if (!rules) return invalid('token issuer is not configured')
    if (!rules.algorithms.includes(jws.algorithm) || isForbidden(jws.algorithm))
      return invalid('token algorithm is not accepted from this issuer')
    if (!rules.types.includes(jws.type)) return invalid('token `typ` is not that of an access token')
    const judged = judgeClaims(jws.claims, rules, occasion)
    if ('stop' in judged) return judged
    return { signed: { issuer: rules.issuer, algorithm: jws.algorithm, keyId: jws.keyId, token }, judged }
  }

  async function verify(signed: SignedToken, verdict: Verdict, digest: string): Promise<Principal | Stop> {
    const before = forgotten
    try {
      const said = await verifier.verify(signed)
      if (said === 'valid') {
        const stop = deps.judge?.(verdict.principal, verdict.resource)
        if (stop) return stop
        // INVARIANT: only verified tokens enter the cache, under the epoch read before the verification began.
        if (before === forgotten) verdicts.set(digest, verdict)
        return verdict.principal
      }
      return refusal(said)
    } catch {
      return invalid('token could not be verified') // fail closed: N016
    } finally {
      pending.delete(digest)
    }
  }

  function examine(token: string, digest: string, resource: string, now: number): Stop | Promise<Principal | Stop> {
    const found = judge(token, { resource, nowSeconds: now, digest })
    if ('stop' in found) return found
    // Callers with the same new token share one verification; judge() has just held it against this caller's resource.
    const running = pending.get(digest)
    if (running) return running
    if (pending.size >= concurrency) return CROWDED
    const started = verify(
      found.signed,
      { ...found.judged, resource, recheckAtSeconds: now + recheckSeconds, epoch: verifier.epoch },
      digest,
    )
    pending.set(digest, started)
    return started
  }

  return {
    authenticate(authorization, resource, now) {
      if (!authorization) return MISSING
      const token = bearerToken(authorization)
      if (token === undefined) return OTHER_SCHEME
      if (token.length > MAX_TOKEN_CHARACTERS) return invalid(`token is longer than ${MAX_TOKEN_CHARACTERS} characters`)
      const digest = hash('sha256', token, 'base64')
      const verdict = verdicts.get(digest)
      return verdict?.resource === resource &&
        now < verdict.expiresSeconds &&
        now >= verdict.notBeforeSeconds &&
        now < verdict.recheckAtSeconds &&
        verdict.epoch === verifier.epoch
        ? verdict.principal
        : examine(token, digest, resource, now)
    },
    forget() {
      forgotten++
      verdicts.clear()
    },
  }
}

// RFC 9110 section 11.1: schemes ignore case. Exactly one space; whatever else follows fails as a token (N017).
function bearerToken(authorization: string): string | undefined {
  if (authorization.startsWith('Bearer ')) return authorization.slice(7)
  return authorization.charCodeAt(6) === 0x20 && authorization.slice(0, 6).toLowerCase() === 'bearer' ? authorization.slice(7) : undefined
}

// The schema refuses them already; a second lock, because this one would let everybody in.
const isForbidden = (algorithm: string): boolean => /^(none|hs)/i.test(algorithm)

function refusal(said: Exclude<SignatureVerdict, 'valid'>): Stop {
  switch (said) {
    case 'bad-signature':
      return invalid('token signature does not match')
    case 'unknown-key':
      return invalid('token was signed with a key the issuer does not publish')
    case 'unsuitable-key':
      return invalid('token was signed with a key that is too weak or of another kind')
    default:
      return {
        stop: 'issuer-unavailable',
        detail: 'keys of the token issuer cannot be fetched',
        retryAfterSeconds: said.unavailableSeconds,
      }
  }
}
