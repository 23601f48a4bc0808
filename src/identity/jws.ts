// A compact JWS (RFC 7515) taken apart strictly: base64url, JSON without duplicate members, header members that could steer us refused.

import { isJsonFault, member, readJson, textOf, type JsonDoc } from '../mcp/json.ts'

/** Largest token looked at, in characters; longer ones are refused before any work. */
export const MAX_TOKEN_CHARACTERS = 16_384
const MAX_KEY_ID_CHARACTERS = 256

/** Token headers that name or carry keys, change what is signed, or nest; a token that has one is refused (RFC 8725 section 3). */
const REFUSED_HEADERS = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c', 'cty', 'enc', 'zip'] as const

export type Jws = {
  readonly algorithm: string
  readonly keyId: string
  /** lower case, without `application/` (RFC 7515 section 4.1.9); '' when absent */
  readonly type: string
  /** the claims set, a JSON object */
  readonly claims: JsonDoc
}
/** What is wrong with it; never holds bytes of the token. */
export type JwsFault = { readonly fault: string }

// attacker-controlled; one pass without backtracking, three parts that are not empty: `alg: none` has no third part, JWE has five, JWS JSON starts with {
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

/** Header and payload of a compact JWS, canonical and strict, nothing judged. Never throws. */
export function readCompact(text: string): { readonly header: JsonDoc; readonly claims: JsonDoc } | JwsFault {
  if (text.length > MAX_TOKEN_CHARACTERS) return { fault: `token is longer than ${MAX_TOKEN_CHARACTERS} characters` }
  const parts = COMPACT.exec(text)
  if (!parts) return { fault: 'token is not a signed JWT in compact form' }
  const header = readPart(parts[1], 'header')
  if ('fault' in header) return header
  const claims = readPart(parts[2], 'payload')
  if ('fault' in claims) return claims
  return isCanonical(parts[3]) ? { header, claims } : { fault: 'token signature is not canonical base64url' }
}

/** Reads a compact JWS without judging it: whether algorithm, type and claims are acceptable is the issuer's rules' affair. Never throws. */
export function readJws(token: string): Jws | JwsFault {
  const read = readCompact(token)
  if ('fault' in read) return read
  const { header, claims } = read
  for (const name of REFUSED_HEADERS) if (member(header.root, name)) return { fault: `token header \`${name}\` is not accepted` }
  const algorithm = textMember(header, 'alg')
  const keyId = textMember(header, 'kid')
  if (!algorithm) return { fault: 'token header `alg` is missing' }
  if (!keyId || keyId.length > MAX_KEY_ID_CHARACTERS) return { fault: 'token header `kid` is missing or too long' }
  return { algorithm, keyId, type: typeOf(header), claims }
}

/** `typ` in lower case, without `application/`; '' when absent. */
export function typeOf(header: JsonDoc): string {
  const type = (textMember(header, 'typ') ?? '').toLowerCase()
  return type.startsWith('application/') ? type.slice('application/'.length) : type
}

function readPart(part: string | undefined, name: string): JsonDoc | JwsFault {
  if (!isCanonical(part)) return { fault: `token ${name} is not canonical base64url` }
  const doc = readJson(Buffer.from(part, 'base64url'), { maxDepth: 16, indexDepth: 2 })
  if (isJsonFault(doc)) return { fault: `token ${name} is not strict JSON (${doc.fault})` }
  return doc.root.kind === 'object' ? doc : { fault: `token ${name} is not a JSON object` }
}

// Trailing bits that are not zero would give one token several spellings.
const isCanonical = (part: string | undefined): part is string =>
  part !== undefined && Buffer.from(part, 'base64url').toString('base64url') === part

/** A member that is a string, or undefined. */
export function textMember(doc: JsonDoc, name: string): string | undefined {
  const node = member(doc.root, name)
  return node?.kind === 'string' ? textOf(doc, node) : undefined
}
