// Whether a reviewer signed a statement: the key or the identity that the configuration names, whose private half the gateway does not hold, over exactly the
// bytes that are read.

import { verify, type KeyObject } from 'node:crypto'
import { MAX_STATEMENT_BYTES } from '../../admission/statement.ts'
import { isJsonFault, readJson, valueOf } from '../../mcp/json.ts'
import { isDenial } from '../../trust/denial.ts'
import { preflight } from '../../trust/preflight.ts'
import { whyNotNow, whyNotSigner } from '../../trust/signer.ts'
import { IN_TOTO } from '../../trust/statement.ts'
import type { Reviewer, Reviewers } from './reviewers.ts'

/** A bundle holds the whole statement in base64; larger ones are not read. */
export const MAX_SIGNATURE_BYTES = 2 * MAX_STATEMENT_BYTES
/** How far a reviewer's clock may be ahead of the log that saw the signature. */
const MAX_AHEAD_MS = 10 * 60_000

/** What is to be believed. `reviewedAt`: as the statement has it. */
export type SignedReview = {
  readonly reviewer: string
  readonly reviewedAt: string
  readonly statement: Buffer
  readonly bundle: Buffer | undefined
}
/** `isForNow`: it could not be verified this time, which says nothing of the next. */
export type NotSigned = { readonly why: string; readonly isForNow?: true }

/** Why a bundle does not show that the reviewer it names signed a statement; undefined where it does. attacker-controlled. Never rejects. */
export async function whyNotSigned({ byName }: Reviewers, review: SignedReview): Promise<NotSigned | undefined> {
  const reviewer = byName.get(review.reviewer)
  if (reviewer === undefined) return { why: 'is by somebody whom `reviewers` does not name' }
  if (reviewer === 'unreadable') return { why: 'cannot be verified: the key or identity of its reviewer cannot be read' }
  const { bundle, statement } = review
  if (bundle === undefined) return { why: 'is not signed' }
  const claims = preflight(bundle, { maxBytes: MAX_SIGNATURE_BYTES })
  if (isDenial(claims)) return { why: `has a signature that is no bundle: ${claims.detail}` }
  // A key xor an identity: nobody chooses the weaker one.
  const isOwn =
    reviewer.kind === 'key'
      ? claims.signedBy.kind === 'key' && claims.signedBy.hint === reviewer.hint
      : claims.signedBy.kind === 'certificate'
  if (claims.content !== 'statement' || !isOwn)
    return { why: `is signed ${claims.signedBy.kind === 'key' ? 'by another key' : 'with a certificate'}, and not as its reviewer signs` }
  const signed = envelopeOf(bundle)
  if (signed?.payloadType !== IN_TOTO || !signed.payload.equals(statement)) return { why: 'is not what was signed' }
  if (reviewer.kind === 'keyless') return whyNotIdentity(reviewer, bundle, review)
  return isVerified(reviewer.key, signed) ? undefined : { why: 'has a signature that its reviewer’s key did not make' }
}

/** Certificate, log and time, in the verifying thread; then who signed, and that the statement claims no later time than the log saw. */
async function whyNotIdentity(
  { policy, verifier }: Extract<Reviewer, { kind: 'keyless' }>,
  bundle: Buffer,
  { statement, reviewedAt }: SignedReview,
): Promise<NotSigned | undefined> {
  const verified = await verifier.verify({ bundle, keys: [] })
  if (isDenial(verified))
    return {
      why: `has a signature that does not verify: ${verified.rule}: ${verified.detail}`,
      ...(verified.denied === 'verification-unavailable' && { isForNow: true }),
    }
  const { signer, time, payload } = verified
  if (!payload?.equals(statement)) return { why: 'is not what was signed' }
  const refusal =
    whyNotSigner(signer, policy) ?? whyNotNow(signer, time, { policy, revocations: [], nowMs: time?.latestMs ?? Number.POSITIVE_INFINITY })
  if (refusal) return { why: `is signed by somebody else than its reviewer: ${refusal.rule}: ${refusal.detail}` }
  if (time === undefined || Date.parse(reviewedAt) > time.latestMs + MAX_AHEAD_MS)
    return { why: 'says a later time than the log that saw its signature' }
  return undefined
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
