// Keys that domains publish, in the form of the official registry (`v=MCPv1; k=…; p=…`), and signatures by them.

import { createPublicKey, ECDH, hash, verify, type KeyObject } from 'node:crypto'

const RECORD = /^v=MCPv1; ?k=(ed25519|ecdsap384); ?p=([A-Za-z0-9+/]{40,128}={0,2});?$/
/** SubjectPublicKeyInfo of an Ed25519 key, before its 32 bytes (RFC 8410 section 10.1). */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** SHA-256 of kind and key that a record publishes, hexadecimal; undefined where it is no record of a key. One key has one. */
export function keyIn(record: string): string | undefined {
  const [, kind, encoded = ''] = RECORD.exec(record.trim()) ?? []
  return kind !== undefined && Buffer.from(encoded, 'base64').toString('base64') === encoded
    ? hash('sha256', `${kind} ${encoded}`)
    : undefined
}

/** True where the signature (hexadecimal: 64 bytes of Ed25519, 96 of ECDSA on P-384 with SHA-384, r and s) over `text` is by the key of this record. Never throws. */
export function verifyProof(record: string, text: Buffer, signature: string): boolean {
  const [, kind, encoded = ''] = RECORD.exec(record.trim()) ?? []
  const bytes = Buffer.from(encoded, 'base64')
  // Canonical: one spelling of a key and of a signature.
  if (kind === undefined || bytes.toString('base64') !== encoded || !/^(?:[0-9a-f]{2}){64,96}$/.test(signature)) return false
  const signed = Buffer.from(signature, 'hex')
  try {
    if (kind === 'ed25519') return signed.length === 64 && bytes.length === 32 && verify(null, text, ed25519(bytes), signed)
    return signed.length === 96 && bytes.length === 49 && verify('sha384', text, { key: p384(bytes), dsaEncoding: 'ieee-p1363' }, signed)
  } catch {
    return false // no point of the curve, no key
  }
}

const ed25519 = (raw: Buffer): KeyObject => createPublicKey({ key: Buffer.concat([ED25519_SPKI, raw]), format: 'der', type: 'spki' })

function p384(compressed: Buffer): KeyObject {
  const point = ECDH.convertKey(compressed, 'secp384r1', undefined, undefined, 'uncompressed') as Buffer
  const coordinate = (from: number): string => point.subarray(from, from + 48).toString('base64url')
  return createPublicKey({ key: { kty: 'EC', crv: 'P-384', x: coordinate(1), y: coordinate(49) }, format: 'jwk' })
}
