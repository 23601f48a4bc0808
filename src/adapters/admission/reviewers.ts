// Who may admit servers, as the configuration names them: a key, or an identity that certificates of a Sigstore instance are issued to.

import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ReviewerSettings } from '../../config/schema.ts'
import { readPublicKey, readTrustPolicies, type SignerPolicy } from '../../trust/signer-policy.ts'
import { readTrustedRoot } from '../../trust/trusted-root.ts'
import type { SignatureVerifier } from '../../trust/verification.ts'
import { ThreadedVerifier } from '../sigstore/verifier.ts'

/** `unreadable`: its key, root or identity cannot be read, so it verifies nothing. */
export type Reviewer =
  | { readonly kind: 'key'; readonly hint: string; readonly key: KeyObject; readonly isEvaluation: boolean }
  | { readonly kind: 'keyless'; readonly policy: SignerPolicy; readonly verifier: SignatureVerifier }
  | 'unreadable'

export type Reviewers = {
  readonly byName: ReadonlyMap<string, Reviewer>
  /** equal ids are equal keys and identities under equal names */
  readonly id: string
  /** ends the threads that verify certificates */
  close(): Promise<void>
}

/** Reads keys (PEM) and trusted roots; absent where the configuration names nobody, and then statements need no signature. */
export function readReviewers(settings: ReadonlyMap<string, ReviewerSettings>): Reviewers | undefined {
  if (settings.size === 0) return undefined
  const id = createHash('sha256')
  /** one thread for each trusted root; it starts with the first bundle */
  const threads = new Map<string, ThreadedVerifier>()
  const read = (name: string, of: ReviewerSettings): Reviewer => {
    try {
      const reviewer = of.kind === 'key' ? keyed(of) : keyless(of, threads)
      const what = reviewer.kind === 'key' ? [reviewer.hint, reviewer.isEvaluation] : [reviewer.policy.digest, reviewer.verifier.rootDigest]
      id.update(`${JSON.stringify([name, ...what])}\n`)
      return reviewer
    } catch {
      // Said where a statement of this reviewer is refused.
      id.update(`${JSON.stringify([name])}\n`)
      return 'unreadable'
    }
  }
  const byName = new Map([...settings].map(([name, of]) => [name, read(name, of)] as const))
  return {
    byName,
    id: id.digest('hex'),
    async close() {
      await Promise.all([...threads.values()].map(thread => thread.close()))
    },
  }
}

function keyed({ publicKey, isEvaluation }: Extract<ReviewerSettings, { kind: 'key' }>): Exclude<Reviewer, 'unreadable'> {
  const pem = readFileSync(publicKey, 'utf8')
  return { kind: 'key', hint: readPublicKey(pem).hint, key: createPublicKey(pem), isEvaluation }
}

/** The identity is read as a policy is, so that the same rules hold for it: exact issuer, exact name or anchored pattern. */
function keyless(
  { issuer, san, sanPattern, root: file }: Extract<ReviewerSettings, { kind: 'keyless' }>,
  threads: Map<string, ThreadedVerifier>,
): Exclude<Reviewer, 'unreadable'> {
  const signer = { mode: 'keyless', identities: [{ issuer, ...(san === undefined ? { sanPattern } : { san }) }] }
  const document = { version: 1, namespaces: {}, reviewers: [{ verifier: 'https://reviewer.invalid', signer }] }
  const [reviewer] = readTrustPolicies(Buffer.from(JSON.stringify(document))).reviewers
  if (!reviewer) throw new TypeError('no reviewer was read')
  const root = readTrustedRoot(readFileSync(file))
  const verifier = threads.get(root.digest) ?? new ThreadedVerifier(root, {})
  threads.set(root.digest, verifier)
  return { kind: 'keyless', policy: reviewer.signer, verifier }
}
