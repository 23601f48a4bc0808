// Proof of possession (RFC 9449): a token bound to a key counts only with a fresh proof by that key for this very request.

import { createPublicKey, hash, verify } from 'node:crypto'
import type { Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import { member, type JsonDoc } from '../mcp/json.ts'
import { numericDate } from './claims.ts'
import { readCompact, textMember, typeOf } from './jws.ts'
import { readCarriedKey, type PublicJwk } from './key-set.ts'
import { SpentProofs } from './spent-proofs.ts'

/** The DPoP header of one HTTP request. Elements of a batch share it, so it remembers that this request has spent it. */
export type Proof = { readonly text: string; isSpent: boolean }

/** What a proof has to be for. */
export type Possession = {
  /** thumbprint of the key the token is bound to (`cnf.jkt`) */
  readonly jkt: string
  /** base64url SHA-256 of the token */
  readonly ath: string
  readonly method: string
  /** where the request goes: the endpoint's resource identifier, which is its URL, or below it */
  readonly url: string
  readonly principal: PrincipalKey
  readonly nowSeconds: number
}

export const PROOF_ALGORITHMS: readonly string[] = ['ES256', 'ES384', 'PS256', 'RS256', 'EdDSA']
/** How old a proof may be, and how far ahead a host's clock. */
const MAX_AGE_SECONDS = 60
const MAX_AHEAD_SECONDS = 30
const MAX_PROOF_CHARACTERS = 4096
const MAX_JTI_CHARACTERS = 256

const refused = (detail: string): Stop => ({
  stop: 'token-invalid',
  detail,
  fix: 'send a fresh DPoP proof by the key of the token',
  scheme: 'DPoP',
})

export class ProofChecker {
  readonly #spent = new SpentProofs(MAX_AGE_SECONDS + MAX_AHEAD_SECONDS)

  /** RFC 9449 section 4.3, every point of it. Undefined = the proof holds, and is spent. Never throws. */
  check(proof: Proof | undefined, what: Possession): Stop | undefined {
    if (proof === undefined) return refused('the token is bound to a key, and no DPoP proof came with it')
    if (proof.text.length > MAX_PROOF_CHARACTERS) return refused('the DPoP proof is too long')
    const read = readCompact(proof.text)
    if ('fault' in read) return refused('the DPoP proof is not a signed JWT in compact form')
    const { header, claims } = read
    const fault = judge(claims, what) ?? checkKey(header, proof.text, what.jkt)
    if (fault !== undefined) return refused(fault)
    if (proof.isSpent) return undefined
    const jti = textMember(claims, 'jti') ?? ''
    const stop = this.#spent.spend(hash('sha256', `${what.jkt} ${jti}`, 'base64url'), what.principal, what.nowSeconds)
    if (!stop) proof.isSpent = true
    return stop
  }
}

function judge(claims: JsonDoc, { ath, method, url, nowSeconds }: Possession): string | undefined {
  const jti = textMember(claims, 'jti')
  if (jti === undefined || jti === '' || jti.length > MAX_JTI_CHARACTERS) return 'the DPoP proof has no usable `jti`'
  if (textMember(claims, 'htm') !== method) return 'the DPoP proof is for another method (`htm`)'
  if (!isSameUrl(textMember(claims, 'htu'), url)) return 'the DPoP proof is for another URL (`htu`)'
  if (textMember(claims, 'ath') !== ath) return 'the DPoP proof is for another token (`ath`)'
  const iat = numericDate(claims, 'iat')
  if (iat === undefined) return 'the DPoP proof has no usable `iat`'
  if (nowSeconds - iat > MAX_AGE_SECONDS) return 'the DPoP proof is too old'
  return iat - nowSeconds > MAX_AHEAD_SECONDS ? 'the DPoP proof was made in the future' : undefined
}

/** Section 4.3 point 9: without query and fragment; RFC 3986 normalisation of scheme, host and port. The path is compared as it is. */
function isSameUrl(htu: string | undefined, expected: string): boolean {
  if (htu === expected) return true
  const url = htu === undefined || htu.length > 2048 ? null : URL.parse(htu)
  return url !== null && url.username === '' && url.password === '' && `${url.origin}${url.pathname}` === expected
}

function checkKey(header: JsonDoc, proof: string, jkt: string): string | undefined {
  if (typeOf(header) !== 'dpop+jwt') return 'the DPoP proof has another `typ`'
  for (const name of ['crit', 'b64', 'jku', 'x5u', 'x5c', 'kid', 'cty', 'enc', 'zip'])
    if (member(header.root, name)) return `the DPoP proof header \`${name}\` is not accepted`
  const algorithm = textMember(header, 'alg') ?? ''
  const key = readCarriedKey(header, member(header.root, 'jwk'))
  // attacker-controlled: the algorithm is one of ours and one this kind of key is for, whatever the header says
  if (!PROOF_ALGORITHMS.includes(algorithm) || !key?.algorithms.includes(algorithm)) return 'the DPoP proof has no usable key and algorithm'
  if (thumbprint(key.jwk) !== jkt) return 'the DPoP proof is by another key than the token is bound to'
  return isSigned(proof, key.jwk, algorithm) ? undefined : 'the signature of the DPoP proof does not match'
}

/** RFC 7638: the required members in lexical order, nothing else. */
function thumbprint(jwk: PublicJwk): string {
  const { kty } = jwk
  const text =
    kty === 'RSA'
      ? JSON.stringify({ e: jwk.e, kty, n: jwk.n })
      : kty === 'EC'
        ? JSON.stringify({ crv: jwk.crv, kty, x: jwk.x, y: jwk.y })
        : JSON.stringify({ crv: jwk.crv, kty, x: jwk.x })
  return hash('sha256', text, 'base64url')
}

const HASHES: Readonly<Record<string, string | null>> = { ES256: 'sha256', ES384: 'sha384', PS256: 'sha256', RS256: 'sha256', EdDSA: null }
const PSS = { padding: 6, saltLength: 32 } // RSA_PKCS1_PSS_PADDING, RFC 7518 section 3.5

function isSigned(proof: string, jwk: PublicJwk, algorithm: string): boolean {
  const end = proof.lastIndexOf('.')
  const data = Buffer.from(proof.slice(0, end), 'latin1')
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    const options = { key, dsaEncoding: 'ieee-p1363' as const, ...(algorithm === 'PS256' ? PSS : undefined) }
    return verify(HASHES[algorithm] ?? null, data, options, Buffer.from(proof.slice(end + 1), 'base64url'))
  } catch {
    return false // a key that is no point of its curve, or whatever else the library dislikes: fail closed
  }
}
