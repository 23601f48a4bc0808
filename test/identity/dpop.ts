// A host with a key of its own: makes DPoP proofs (RFC 9449) the way a test wants them.

import { createHash } from 'node:crypto'
import { encode, TestKey } from './issuer.ts'

export const thumbprintOf = ({ jwk }: TestKey): string => {
  const { kty, crv, x, y, n, e } = jwk
  const members = kty === 'RSA' ? { e, kty, n } : kty === 'OKP' ? { crv, kty, x } : { crv, kty, x, y }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}
/** The public key as a proof carries it: without the name and use of a key set. */
export const publicJwkOf = ({ jwk }: TestKey): object =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => name !== 'kid' && name !== 'use'))
const athOf = (token: string): string => createHash('sha256').update(token).digest('base64url')

export type ProofParts = { readonly header?: object; readonly claims?: object }

/** A good proof for this request, less what `parts` change. Undefined members fall away. */
export function proofOf(
  key: TestKey,
  of: { token: string; method: string; url: string; nowSeconds: number; jti: string },
  parts: ProofParts = {},
): string {
  const jwk = publicJwkOf(key)
  const header = { typ: 'dpop+jwt', alg: key.alg, jwk, ...parts.header }
  const claims = { htm: of.method, htu: of.url, iat: of.nowSeconds, jti: of.jti, ath: athOf(of.token), ...parts.claims }
  const data = `${encode(header)}.${encode(claims)}`
  return `${data}.${key.signature(data)}`
}
