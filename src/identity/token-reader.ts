// One token against the rules of its issuer: a JWT by its signature, an opaque one by what its issuer says, either asked about again where that is configured.

import type { Stop } from '../kernel/errors.ts'
import type { JsonDoc } from '../mcp/json.ts'
import { invalid, issuerOf, judgeClaims, type IssuerRules, type Judged, type Occasion } from './claims.ts'
import { readJws } from './jws.ts'

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

/** What an issuer's introspection endpoint says (RFC 7662 section 2.2); `claims` is the whole answer, a JSON object. */
export type Introspected = { readonly claims: JsonDoc } | 'inactive' | { readonly unavailableSeconds: number }
/** The port to it. The token goes to its own issuer and nowhere else. Must not reject (a rejection refuses the token). */
export type Introspect = (issuer: string, token: string) => Promise<Introspected>

/** A token as far as it can be judged without asking anybody; an opaque one says nothing by itself. */
export type Reading = { readonly rules: IssuerRules; readonly token: string; readonly signed?: SignedToken; readonly judged?: Judged }

type TokenReader = {
  /** everything that needs no waiting: form, issuer, claims, time */
  read(token: string, occasion: Occasion): Reading | Stop
  /** signature and introspection. Never rejects. */
  confirm(reading: Reading, occasion: Occasion): Promise<Judged | Stop>
}

type ReaderDeps = { readonly issuers: readonly IssuerRules[]; readonly verifier: TokenVerifier; readonly introspect?: Introspect }

export function createTokenReader({ issuers: all, verifier, introspect }: ReaderDeps): TokenReader {
  const issuers = new Map(all.map(rules => [rules.issuer, rules]))
  // The configuration names one at most: a token that does not say whose it is must not be shown to several issuers.
  const opaque = all.find(rules => rules.introspection?.isOpaque)

  async function asked({ rules, token, judged }: Reading, occasion: Occasion): Promise<Judged | Stop> {
    const said = introspect ? await introspect(rules.issuer, token) : 'inactive'
    if (said === 'inactive') return invalid('token is not active', 'request a new token')
    if (!('claims' in said)) return unavailable('the token issuer cannot be asked about the token', said.unavailableSeconds)
    if (judged) return judged
    const issuer = issuerOf(said.claims)
    if (issuer !== undefined && issuer !== rules.issuer) return invalid('token was issued by somebody else')
    return judgeClaims(said.claims, rules, { ...occasion, isIntrospected: true })
  }

  return {
    read(token, occasion) {
      const jws = readJws(token)
      if ('fault' in jws) return opaque && isOpaque(token) ? { rules: opaque, token } : forged(jws.fault)
      const issuer = issuerOf(jws.claims)
      // attacker-controlled: compared as a literal, never as a pattern or URL (N014)
      const rules = issuer === undefined ? undefined : issuers.get(issuer)
      if (!rules) return invalid('token issuer is not configured')
      if (!rules.algorithms.includes(jws.algorithm) || isForbidden(jws.algorithm))
        return invalid('token algorithm is not accepted from this issuer')
      if (!rules.types.includes(jws.type)) return invalid('token `typ` is not that of an access token')
      const judged = judgeClaims(jws.claims, rules, occasion)
      if ('stop' in judged) return judged
      return { rules, token, judged, signed: { issuer: rules.issuer, algorithm: jws.algorithm, keyId: jws.keyId, token } }
    },

    async confirm(reading, occasion) {
      try {
        const { signed, judged, rules } = reading
        const said = signed ? await verifier.verify(signed) : 'valid'
        if (said !== 'valid') return refusal(said)
        return rules.introspection || !judged ? await asked(reading, occasion) : judged
      } catch {
        return invalid('token could not be verified') // fail closed: N016
      }
    },
  }
}

// RFC 6750 section 2.1 b64token. Whatever looks like a JWT is one, and was refused as one; a token of this gateway's registry is shown to nobody.
const isOpaque = (token: string): boolean => /^[A-Za-z0-9\-._~+/]{8,2048}=*$/.test(token) && !/^(?:eyJ|ghreg_)/.test(token)

// The schema refuses them already; a second lock, because this one would let everybody in.
const isForbidden = (algorithm: string): boolean => /^(none|hs)/i.test(algorithm)

const unavailable = (detail: string, retryAfterSeconds: number): Stop => ({ stop: 'issuer-unavailable', detail, retryAfterSeconds })

function refusal(said: Exclude<SignatureVerdict, 'valid'>): Stop {
  switch (said) {
    case 'bad-signature':
      return forged('token signature does not match')
    case 'unknown-key':
      return forged('token was signed with a key the issuer does not publish')
    case 'unsuitable-key':
      return invalid('token was signed with a key that is too weak or of another kind')
    default:
      return unavailable('keys of the token issuer cannot be fetched', said.unavailableSeconds)
  }
}

const forged = (detail: string): Stop => ({ ...invalid(detail), isForged: true })
