// Who may sign for a namespace, and which reviewers there are. Keyless (a certificate's identity) xor with keys: nobody chooses the weaker one.

import { createPublicKey, hash } from 'node:crypto'
import { canonicalJson } from '../kernel/canonical-json.ts'
import { Fault } from '../kernel/errors.ts'
import { instantAt, jsonAt, listAt, objectAt, reading, recordAt, textAt, VISIBLE, wrong, type TextRule } from './shape.ts'

/** Claims of Fulcio certificates by their number below 1.3.6.1.4.1.57264.1 (fulcio, docs/oid-info.md). */
export const CLAIM_OIDS = {
  buildSigner: 9,
  runner: 11,
  repository: 12,
  ref: 14,
  repositoryId: 15,
  ownerUri: 16,
  ownerId: 17,
  buildConfig: 18,
  trigger: 20,
  visibility: 22,
} as const
export type ClaimName = keyof typeof CLAIM_OIDS

/** One identity that may sign. `san`: exact; `sanPattern`: literal but for `*`, which stands for letters, digits, `.`, `_` and `-`. */
export type KeylessIdentity = {
  readonly issuer: string
  readonly san?: string
  readonly sanPattern?: string
  readonly claims: Readonly<Partial<Record<ClaimName, string>>>
}
/** A key that may sign. `hint`: base64 of the SHA-256 of its SPKI, as bundles name it. Times in milliseconds; no end = until it is taken away. */
export type SigningKey = { readonly hint: string; readonly spki: Buffer; readonly validFromMs: number; readonly validUntilMs?: number }

export type SignerPolicy =
  | { readonly mode: 'keyless'; readonly identities: readonly KeylessIdentity[]; readonly digest: string }
  /** `timestamps: required`: where keys are rotated, only a timestamp says that one signed while it was valid */
  | { readonly mode: 'key'; readonly keys: readonly SigningKey[]; readonly timestamps: 'required' | 'optional'; readonly digest: string }

/** Somebody whose signature admits a version: a verifier id and its signer belong together, for good. */
export type Reviewer = { readonly verifierId: string; readonly signer: SignerPolicy }

/** From this moment a signer is not believed; what a trusted time puts before it still counts. */
export type Revocation = { readonly notBeforeMs: number } & (
  { readonly hint: string } | Pick<KeylessIdentity, 'issuer' | 'san' | 'sanPattern'>
)

export type TrustPolicies = {
  readonly namespaces: ReadonlyMap<string, SignerPolicy>
  readonly reviewers: readonly Reviewer[]
  readonly revocations: readonly Revocation[]
}

/** Largest policy file, in bytes. */
export const MAX_POLICY_BYTES = 1024 * 1024
const NAMESPACE: TextRule = { pattern: /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,98}[a-zA-Z0-9])?$/, what: 'a namespace such as `io.github.acme`' }
const ISSUER: TextRule = { pattern: /^https:\/\/[!-~]{1,500}$/, what: 'the https URL of an issuer' }
const NUMERIC: TextRule = { pattern: /^[1-9]\d{0,19}$/, what: 'a numeric id, which no rename changes' }
/** Origin and first segment are literal, so no star can stand for whose they are. */
const SAN_PATTERN: TextRule = {
  pattern: /^https:\/\/[a-z0-9.-]+(?::\d{1,5})?\/[^*/?#\s]+\/[!-~]{1,1000}$/,
  what: 'an https URL whose host and first path segment have no star',
}
const MAX_STARS = 4
const GITHUB = /^io\.github\./i

/** The namespace of a server name, in the one form namespaces are compared in. */
export const namespaceOf = (serverName: string): string => (serverName.split('/')[0] ?? '').toLowerCase()

/**
 * Reads a policy file. Throws Fault `policy-invalid`, which says what and where: the file is an administrator's, and a part of it that cannot be read
 * must not count as absent.
 */
export function readTrustPolicies(bytes: Buffer): TrustPolicies {
  const refuse = (detail: string): never => {
    throw new Fault('policy-invalid', `signer policy: ${detail}`)
  }
  if (bytes.length > MAX_POLICY_BYTES) return refuse(`expected at most ${MAX_POLICY_BYTES} bytes`)
  return reading(() => {
    const file = recordAt(jsonAt(bytes, 'file'), 'file', ['version', 'namespaces'], ['reviewers', 'revocations'])
    if (file.version !== 1) throw wrong('version', '1')
    const namespaces = new Map<string, SignerPolicy>()
    for (const [name, policy] of Object.entries(objectAt(file.namespaces, 'namespaces'))) {
      const namespace = textAt(name, 'namespaces', NAMESPACE).toLowerCase()
      // Names are compared without case: two spellings of one would be two policies for it.
      if (namespaces.has(namespace)) throw wrong(`namespaces.${name}`, 'each namespace once, whatever its case')
      namespaces.set(namespace, signerAt(policy, `namespaces.${name}`, GITHUB.test(name)))
    }
    return {
      namespaces,
      reviewers: reviewersAt(file.reviewers ?? []),
      revocations: listAt(file.revocations ?? [], 'revocations', 10_000).map((each, i) => revocationAt(each, `revocations[${i}]`)),
    }
  }, refuse)
}

function reviewersAt(value: unknown): readonly Reviewer[] {
  const reviewers = listAt(value, 'reviewers', 1000).map((each, i): Reviewer => {
    const path = `reviewers[${i}]`
    const { verifier, signer } = recordAt(each, path, ['verifier', 'signer'])
    return { verifierId: textAt(verifier, `${path}.verifier`, ISSUER), signer: signerAt(signer, `${path}.signer`, false) }
  })
  if (new Set(reviewers.map(reviewer => reviewer.verifierId)).size !== reviewers.length) throw wrong('reviewers', 'each verifier once')
  return reviewers
}

function signerAt(value: unknown, path: string, needsIds: boolean): SignerPolicy {
  const digest = hash('sha256', canonicalJson(value) ?? '')
  if (objectAt(value, path)['mode'] === 'key') {
    const { keys, timestamps = 'optional' } = recordAt(value, path, ['mode', 'keys'], ['timestamps'])
    if (timestamps !== 'required' && timestamps !== 'optional') throw wrong(`${path}.timestamps`, 'required or optional')
    const read = listAt(keys, `${path}.keys`, 16).map((key, i) => keyAt(key, `${path}.keys[${i}]`))
    if (read.length === 0 || new Set(read.map(key => key.hint)).size !== read.length)
      throw wrong(`${path}.keys`, 'at least one key, each once')
    return { mode: 'key', keys: read, timestamps, digest }
  }
  const { mode, identities } = recordAt(value, path, ['mode', 'identities'])
  if (mode !== 'keyless') throw wrong(`${path}.mode`, 'keyless or key')
  const read = listAt(identities, `${path}.identities`, 64).map((each, i) => identityAt(each, `${path}.identities[${i}]`, needsIds))
  if (read.length === 0) throw wrong(`${path}.identities`, 'at least one')
  return { mode, identities: read, digest }
}

function identityAt(value: unknown, path: string, needsIds: boolean): KeylessIdentity {
  const { issuer, san, sanPattern, claims: given = {} } = recordAt(value, path, ['issuer'], ['san', 'sanPattern', 'claims'])
  const claims = recordAt(given, `${path}.claims`, [], Object.keys(CLAIM_OIDS) as ClaimName[])
  for (const [name, claim] of Object.entries(claims)) textAt(claim, `${path}.claims.${name}`, name.endsWith('Id') ? NUMERIC : VISIBLE)
  // Logins and repositories are renamed and taken over; their numbers are not (research: namespace takeover).
  if (needsIds && !(claims.ownerId && claims.repositoryId))
    throw wrong(`${path}.claims`, 'ownerId and repositoryId, which io.github namespaces need')
  return {
    issuer: textAt(issuer, `${path}.issuer`, ISSUER),
    claims: claims as KeylessIdentity['claims'],
    ...namedAt(san, sanPattern, path),
  }
}

function namedAt(san: unknown, sanPattern: unknown, path: string): Pick<KeylessIdentity, 'san' | 'sanPattern'> {
  if ((san === undefined) === (sanPattern === undefined)) throw wrong(path, 'exactly one of san, sanPattern')
  if (san !== undefined) return { san: textAt(san, `${path}.san`, VISIBLE) }
  return { sanPattern: patternAt(sanPattern, `${path}.sanPattern`) }
}

function patternAt(value: unknown, path: string): string {
  const pattern = textAt(value, path, SAN_PATTERN)
  const stars = pattern.split('*').length - 1
  if (stars < 1 || stars > MAX_STARS) throw wrong(path, `one to ${MAX_STARS} stars; without one it is a san`)
  return pattern
}

function keyAt(value: unknown, path: string): SigningKey {
  const { publicKey, validFor } = recordAt(value, path, ['publicKey', 'validFor'])
  const { start, end } = recordAt(validFor, `${path}.validFor`, ['start'], ['end'])
  const validFromMs = instantAt(start, `${path}.validFor.start`)
  const validUntilMs = end === undefined ? undefined : instantAt(end, `${path}.validFor.end`)
  if (validUntilMs !== undefined && validUntilMs <= validFromMs) throw wrong(`${path}.validFor`, 'an end after its start')
  return { ...publicKeyAt(publicKey, `${path}.publicKey`), validFromMs, ...(validUntilMs !== undefined && { validUntilMs }) }
}

/** A public key in PEM. Throws Fault `policy-invalid`. */
export const readPublicKey = (pem: string): Pick<SigningKey, 'hint' | 'spki'> =>
  reading(
    () => publicKeyAt(pem, 'public key'),
    detail => {
      throw new Fault('policy-invalid', detail)
    },
  )

/** ECDSA on P-256 and P-384, and Ed25519: nothing that was ever weak has to be told apart. */
function publicKeyAt(value: unknown, path: string): { readonly hint: string; readonly spki: Buffer } {
  const what = 'a public key in PEM: P-256, P-384 or Ed25519'
  if (typeof value !== 'string' || value.length > 4096 || !value.startsWith('-----BEGIN PUBLIC KEY-----')) throw wrong(path, what)
  let spki: Buffer
  try {
    const key = createPublicKey(value)
    const curve = key.asymmetricKeyDetails?.namedCurve
    if (key.asymmetricKeyType !== 'ed25519' && curve !== 'prime256v1' && curve !== 'secp384r1') throw wrong(path, what)
    spki = key.export({ type: 'spki', format: 'der' })
  } catch {
    throw wrong(path, what) // what the library says may quote the key
  }
  return { hint: hintOf(spki), spki }
}

/** How bundles name a key: base64 of the SHA-256 of its SPKI. */
export const hintOf = (spki: Buffer): string => hash('sha256', spki, 'base64')

/** One member of `revocations`, here and in the revocations that a repository of trust delivers. */
export function revocationAt(value: unknown, path: string): Revocation {
  const { notBefore, hint, issuer, san, sanPattern } = recordAt(value, path, ['notBefore'], ['hint', 'issuer', 'san', 'sanPattern'])
  const notBeforeMs = instantAt(notBefore, `${path}.notBefore`)
  if (hint !== undefined && issuer === undefined && san === undefined && sanPattern === undefined)
    return { notBeforeMs, hint: textAt(hint, `${path}.hint`, { pattern: /^[A-Za-z0-9+/]{43}=$/, what: 'the hint of a key' }) }
  if (hint !== undefined) throw wrong(path, 'a hint, or an issuer and a san')
  return { notBeforeMs, issuer: textAt(issuer, `${path}.issuer`, ISSUER), ...namedAt(san, sanPattern, path) }
}
