// JWK Sets (RFC 7517) read strictly, and which key may verify which algorithm: weak, private, symmetric and mismatched keys are not used.

import { isJsonFault, member, readJson, textOf, valueOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'

/** The public members of one published key. Never its private ones, even where an issuer publishes them by mistake. */
export type PublicJwk =
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'EC'; readonly crv: string; readonly x: string; readonly y: string }
  | { readonly kty: 'OKP'; readonly crv: string; readonly x: string }

export type PublishedKey = {
  readonly keyId: string
  readonly jwk: PublicJwk
  /** algorithms this key may verify; empty when it is too weak or not for signatures */
  readonly algorithms: readonly string[]
}
export type KeySetFault = { readonly fault: string }

/** Largest key set read, in bytes; and most keys in one. */
export const MAX_KEY_SET_BYTES = 256 * 1024
const MAX_KEYS = 100

const PRIVATE = ['d', 'p', 'q', 'k'] as const
const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const CURVE_ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  Ed25519: ['EdDSA', 'Ed25519'],
}

/** Reads a JWK Set. Keys without `kid`, of unknown or symmetric kinds are left out. Never throws. */
export function readKeySet(bytes: Buffer): readonly PublishedKey[] | KeySetFault {
  if (bytes.length > MAX_KEY_SET_BYTES) return { fault: `key set is larger than ${MAX_KEY_SET_BYTES} bytes` }
  const doc = readJson(bytes, { maxDepth: 16, indexDepth: 3 })
  if (isJsonFault(doc)) return { fault: `key set is not strict JSON (${doc.fault})` }
  const keys = member(doc.root, 'keys')?.items
  if (!keys) return { fault: 'key set has no `keys`' }
  if (keys.length > MAX_KEYS) return { fault: `key set has more than ${MAX_KEYS} keys` }
  return keys.flatMap(node => readKey(doc, node) ?? [])
}

function readKey(doc: JsonDoc, node: JsonNode): PublishedKey | undefined {
  const text = (name: string): string => {
    const value = member(node, name)
    return value?.kind === 'string' ? textOf(doc, value) : ''
  }
  const keyId = text('kid')
  const jwk = publicJwk(text)
  if (!keyId || keyId.length > 256 || !jwk) return undefined
  const named = text('alg')
  const isPublic = PRIVATE.every(name => !member(node, name))
  const isForSignatures = ['', 'sig'].includes(text('use')) && mayVerify(doc, member(node, 'key_ops'))
  const algorithms = isPublic && isForSignatures ? strongAlgorithms(jwk).filter(algorithm => named === '' || named === algorithm) : []
  return { keyId, jwk, algorithms }
}

function publicJwk(text: (name: string) => string): PublicJwk | undefined {
  switch (text('kty')) {
    case 'RSA':
      return { kty: 'RSA', n: text('n'), e: text('e') }
    case 'EC':
      return { kty: 'EC', crv: text('crv'), x: text('x'), y: text('y') }
    case 'OKP':
      return { kty: 'OKP', crv: text('crv'), x: text('x') }
    default:
      return undefined
  }
}

/** The public key a proof carries about itself (`jwk`), and the algorithms it may verify; undefined when it is private, weak or of another kind. */
export function readCarriedKey(doc: JsonDoc, node: JsonNode | undefined): Pick<PublishedKey, 'jwk' | 'algorithms'> | undefined {
  if (node?.kind !== 'object' || PRIVATE.some(name => member(node, name))) return undefined
  const jwk = publicJwk(name => {
    const value = member(node, name)
    return value?.kind === 'string' ? textOf(doc, value) : ''
  })
  const algorithms = jwk ? strongAlgorithms(jwk) : []
  return jwk && algorithms.length > 0 ? { jwk, algorithms } : undefined
}

const mayVerify = (doc: JsonDoc, node: JsonNode | undefined): boolean => {
  const operations: unknown = node ? valueOf(doc, node) : ['verify']
  return Array.isArray(operations) && operations.includes('verify')
}

function strongAlgorithms(jwk: PublicJwk): readonly string[] {
  if (jwk.kty === 'RSA') return isStrongRsa(jwk.n, jwk.e) ? RSA_ALGORITHMS : []
  if (jwk.kty === 'OKP' && isSmallOrder(jwk.x)) return []
  return CURVE_ALGORITHMS[jwk.crv] ?? []
}

// NIST SP 800-131A: at least 2048 bits. SP 800-56B: an odd exponent of at least 65537; e = 1 would make every signature its own proof. The upper
// bounds keep one verification from costing milliseconds.
function isStrongRsa(n: string, e: string): boolean {
  const bits = bitLength(Buffer.from(n, 'base64url'))
  const exponent = Buffer.from(e, 'base64url')
  const value = exponent.length > 0 && exponent.length <= 6 ? exponent.readUIntBE(0, exponent.length) : 0
  return bits >= 2048 && bits <= 8192 && value >= 65_537 && value <= 0xffff_ffff && value % 2 === 1
}

function bitLength(number: Buffer): number {
  const start = number.findIndex(byte => byte !== 0)
  return start < 0 ? 0 : (number.length - start) * 8 - Math.clz32(number[start] ?? 0) + 24
}

// The points of order 1, 2, 4 and 8 on edwards25519 and their non-canonical spellings, without the sign bit: a "key" among them accepts forged
// signatures (Chalkias, Garillot, Nikolaenko: Taming the many EdDSAs, 2020).
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])
function isSmallOrder(x: string): boolean {
  const point = Buffer.from(x, 'base64url')
  if (point.length !== 32) return true
  point[31] = (point[31] ?? 0) & 0x7f
  return SMALL_ORDER.has(point.toString('hex'))
}
