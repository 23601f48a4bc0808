// Whether a reviewer signed a statement: a key named in the configuration, whose private half the gateway does not hold, over exactly the bytes that are read.

import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { MAX_STATEMENT_BYTES } from '../../admission/statement.ts'
import { isJsonFault, readJson, valueOf } from '../../mcp/json.ts'
import { isDenial } from '../../trust/denial.ts'
import { preflight } from '../../trust/preflight.ts'
import { readPublicKey } from '../../trust/signer-policy.ts'
import { IN_TOTO } from '../../trust/statement.ts'

/** Reviewers by name. A key that cannot be read verifies nothing. */
export type ReviewerKeys = {
  readonly keys: ReadonlyMap<string, { readonly hint: string; readonly key: KeyObject } | 'unreadable'>
  /** equal ids are equal keys under equal names */
  readonly id: string
}

/** A bundle holds the whole statement in base64; larger ones are not read. */
export const MAX_SIGNATURE_BYTES = 2 * MAX_STATEMENT_BYTES

/** Reads the public keys (PEM files) that the configuration names; absent where it names none, and then statements need no signature. */
export function readReviewerKeys(files: ReadonlyMap<string, string>): ReviewerKeys | undefined {
  if (files.size === 0) return undefined
  const keys = new Map([...files].map(([name, file]) => [name, readKey(file)] as const))
  const id = createHash('sha256')
  for (const [name, key] of keys) id.update(`${JSON.stringify([name, key === 'unreadable' ? key : key.hint])}\n`)
  return { keys, id: id.digest('hex') }
}

function readKey(file: string): { readonly hint: string; readonly key: KeyObject } | 'unreadable' {
  try {
    const pem = readFileSync(file, 'utf8')
    return { hint: readPublicKey(pem).hint, key: createPublicKey(pem) }
  } catch {
    // Said where a statement of this reviewer is refused.
    return 'unreadable'
  }
}

/** Why `bundle` does not show that `reviewer` signed `statement`; undefined where it does. attacker-controlled. */
export function whyNotSigned(
  { keys }: ReviewerKeys,
  { reviewer, statement, bundle }: { readonly reviewer: string; readonly statement: Buffer; readonly bundle: Buffer | undefined },
): string | undefined {
  const known = keys.get(reviewer)
  if (known === undefined) return 'is by somebody whom `reviewers` does not name'
  if (known === 'unreadable') return 'cannot be verified: the key of its reviewer cannot be read'
  if (bundle === undefined) return 'is not signed'
  const claims = preflight(bundle, { maxBytes: MAX_SIGNATURE_BYTES })
  if (isDenial(claims)) return `has a signature that is no bundle: ${claims.detail}`
  if (claims.content !== 'statement' || claims.signedBy.kind !== 'key' || claims.signedBy.hint !== known.hint)
    return 'is signed by another key than its reviewer’s'
  const signed = envelopeOf(bundle)
  if (signed?.payloadType !== IN_TOTO || !signed.payload.equals(statement)) return 'is not what was signed'
  return isVerified(known.key, signed) ? undefined : 'has a signature that its reviewer’s key did not make'
}

type Envelope = { readonly payload: Buffer; readonly payloadType: string; readonly signature: Buffer }

/** INVARIANT: the preflight passed, so the members are there and in base64. */
function envelopeOf(bundle: Buffer): Envelope | undefined {
  const doc = readJson(bundle, { maxDepth: 16, indexDepth: 0 })
  if (isJsonFault(doc)) return undefined
  const { dsseEnvelope } = valueOf(doc, doc.root) as {
    readonly dsseEnvelope: {
      readonly payload: string
      readonly payloadType: string
      readonly signatures: readonly { readonly sig: string }[]
    }
  }
  const { payload, payloadType, signatures } = dsseEnvelope
  return { payload: Buffer.from(payload, 'base64'), payloadType, signature: Buffer.from(signatures[0]?.sig ?? '', 'base64') }
}

/** DSSE v1, protocol: the signature is over PAE(type, payload). ECDSA over SHA-256, as bundles have it; Ed25519 has a digest of its own. */
function isVerified(key: KeyObject, { payload, payloadType, signature }: Envelope): boolean {
  const head = Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `)
  try {
    return verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', Buffer.concat([head, payload]), key, signature)
  } catch {
    // a signature of another form is none
    return false
  }
}
