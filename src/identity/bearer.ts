// Access token -> principal: every request proves again who asks; a token already verified for the resource is recognised without waiting.

import { hash } from 'node:crypto'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import { invalid, type IssuerRules, type Judged, type Occasion } from './claims.ts'
import { ProofChecker, type Proof } from './dpop.ts'
import { MAX_TOKEN_CHARACTERS } from './jws.ts'
import { createTokenReader, type Introspect, type Reading, type TokenVerifier } from './token-reader.ts'
import { VerdictCache } from './verdict-cache.ts'

export type AuthenticatorDeps = {
  readonly issuers: readonly IssuerRules[]
  readonly verifier: TokenVerifier
  /** told of each token that has just been verified; a stop refuses the token */
  readonly judge?: (principal: Principal, resource: string) => Stop | undefined
  /** needed where an issuer's rules name introspection; without it such tokens are refused */
  readonly introspect?: Introspect
  /** outlives authenticators, so that a reload makes no used proof good again */
  readonly proofs?: ProofChecker
  /** verdicts kept; default 10,000 */
  readonly cacheEntries?: number
  /** a verdict is verified again after this many seconds; default 300, and 15 where the issuer is asked about its tokens */
  readonly recheckSeconds?: number
  /** verifications at one time; default 512, further callers are told to come again */
  readonly concurrency?: number
}

export type Authenticator = {
  /**
   * Judges one Authorization header value for one endpoint's resource identifier. Synchronous when the token's signature was verified already (its
   * time is judged anew) or when it fails before the signature matters. Stops: token-missing, token-invalid, issuer-unavailable, and principal-limited for
   * somebody who sends more proofs than can be remembered. Never throws or rejects.
   * @param possession what proves that the caller holds the key of a bound token
   */
  authenticate(
    authorization: string | undefined,
    resource: string,
    nowSeconds: number,
    possession?: Possession,
  ): Principal | Stop | Promise<Principal | Stop>
  /**
   * For what outlives its request: asks whether the token still counts, its issuer at most every 15 s. Undefined where its issuer is not asked about tokens:
   * then it counts until it ends.
   */
  watch(authorization: string | undefined, resource: string, principal: Principal): ((nowSeconds: number) => Promise<boolean>) | undefined
  /** Forgets every verdict, e.g. because a principal or client was blocked. */
  forget(): void
}

type Verdict = Judged & { readonly resource: string; readonly recheckAtSeconds: number; readonly epoch: number }
/** `url`: of the request, where it is not the resource itself but below it */
type Possession = { readonly proof: Proof | undefined; readonly method: string; readonly url?: string }
type Held = { readonly possession: Possession | undefined; readonly nowSeconds: number }
/** `digest`: SHA-256 of the token, base64url, which RFC 9449 calls `ath`; `isBound`: sent under the DPoP scheme */
type Presented = { readonly token: string; readonly digest: string; readonly isBound: boolean }

const MISSING: Stop = { stop: 'token-missing', detail: 'authorization header is missing', fix: 'send a bearer token' }
const OTHER_SCHEME: Stop = { stop: 'token-missing', detail: 'authorization scheme is not bearer', fix: 'send a bearer token' }
const CROWDED: Stop = { stop: 'issuer-unavailable', detail: 'too many tokens are being verified', retryAfterSeconds: 1 }
const NOT_BOUND: Stop = { stop: 'token-invalid', detail: 'token is not bound to a key', fix: 'send it as a bearer token', scheme: 'DPoP' }
const NOT_AS_BEARER: Stop = {
  stop: 'token-invalid',
  detail: 'token is bound to a key (`cnf`)',
  fix: 'send it under the scheme DPoP, with a proof',
  scheme: 'DPoP',
}
/** Streams are looked at as often: within twice this time a token that was taken back is without effect. */
const INTROSPECTED_SECONDS = 15

/** One authenticator per configuration snapshot: a reload that changes an issuer's rules starts with no verdicts. */
export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const { verifier, recheckSeconds = 300, concurrency = 512 } = deps
  const reader = createTokenReader(deps)
  const introspected = new Set(deps.issuers.flatMap(rules => (rules.introspection ? [rules.issuer] : [])))
  const verdicts = new VerdictCache<Verdict>(deps.cacheEntries ?? 10_000)
  const pending = new Map<string, Promise<Verdict | Stop>>()
  const proofs = deps.proofs ?? new ProofChecker()
  let forgotten = 0

  async function confirm(reading: Reading, occasion: Occasion, key: string): Promise<Verdict | Stop> {
    const { resource, nowSeconds, digest } = occasion
    const [before, epoch] = [forgotten, verifier.epoch]
    const judged = await reader.confirm(reading, occasion)
    pending.delete(key)
    if (isStop(judged)) return judged
    const stop = deps.judge?.(judged.principal, resource)
    if (stop) return stop
    const life = reading.rules.introspection ? Math.min(recheckSeconds, INTROSPECTED_SECONDS) : recheckSeconds
    const verdict = { ...judged, resource, recheckAtSeconds: nowSeconds + life, epoch }
    // INVARIANT: only verified tokens enter the cache, under the epoch read before the verification began.
    if (before === forgotten) verdicts.set(digest, verdict)
    return verdict
  }

  function examine(token: string, occasion: Occasion): Stop | Promise<Verdict | Stop> {
    const reading = reader.read(token, occasion)
    if ('stop' in reading) return reading
    // Callers with the same new token share one verification. What an opaque one is for is known only then: each resource asks for itself.
    const key = reading.judged ? occasion.digest : `${occasion.digest} ${occasion.resource}`
    const running = pending.get(key)
    if (running) return running
    if (pending.size >= concurrency) return CROWDED
    const started = confirm(reading, occasion, key)
    pending.set(key, started)
    return started
  }

  function verdictOf(token: string, digest: string, resource: string, now: number): Verdict | Stop | Promise<Verdict | Stop> {
    const verdict = verdicts.get(digest)
    return verdict?.resource === resource &&
      now < verdict.expiresSeconds &&
      now >= verdict.notBeforeSeconds &&
      now < verdict.recheckAtSeconds &&
      verdict.epoch === verifier.epoch
      ? verdict
      : examine(token, { resource, nowSeconds: now, digest })
  }

  /** RFC 9449 section 7.1: a bound token counts with its proof and under its own scheme alone. */
  function possessed(found: Verdict | Stop, presented: Presented, held: Held): Principal | Stop {
    if (isStop(found)) return found
    const { jkt, principal, resource } = found
    if (jkt === undefined) return presented.isBound ? NOT_BOUND : principal
    if (!presented.isBound) return NOT_AS_BEARER
    const { proof, method = '', url = resource } = held.possession ?? {}
    const ath = presented.digest
    return proofs.check(proof, { jkt, ath, method, url, principal: principal.key, nowSeconds: held.nowSeconds }) ?? principal
  }

  return {
    authenticate(authorization, resource, nowSeconds, possession) {
      const presented = presentedBy(authorization)
      if ('stop' in presented) return presented
      const found = verdictOf(presented.token, presented.digest, resource, nowSeconds)
      if (found instanceof Promise) return found.then(verdict => possessed(verdict, presented, { possession, nowSeconds }))
      // The way of nearly every request.
      return !isStop(found) && found.jkt === undefined && !presented.isBound
        ? found.principal
        : possessed(found, presented, { possession, nowSeconds })
    },
    watch(authorization, resource, principal) {
      const presented = introspected.has(principal.issuer) ? presentedBy(authorization) : MISSING
      if ('stop' in presented) return undefined
      const { token, digest } = presented
      return async nowSeconds => !isStop(await verdictOf(token, digest, resource, nowSeconds))
    },
    forget() {
      forgotten++
      verdicts.clear()
    },
  }
}

function presentedBy(authorization: string | undefined): Presented | Stop {
  if (!authorization) return MISSING
  const isBound = isScheme(authorization, 'DPoP')
  if (!isBound && !isScheme(authorization, 'Bearer')) return OTHER_SCHEME
  const token = authorization.slice(isBound ? 5 : 7)
  if (token.length > MAX_TOKEN_CHARACTERS) return invalid(`token is longer than ${MAX_TOKEN_CHARACTERS} characters`)
  return { token, digest: hash('sha256', token, 'base64url'), isBound }
}

// RFC 9110 section 11.1: schemes ignore case. Exactly one space; whatever else follows fails as a token (N017).
function isScheme(authorization: string, scheme: string): boolean {
  if (authorization.charCodeAt(scheme.length) !== 0x20) return false
  const given = authorization.slice(0, scheme.length)
  return given === scheme || given.toLowerCase() === scheme.toLowerCase()
}
