// From bytes to a verified statement: preflight, signatures, signer, content. Every step can only refuse. Verdicts are remembered; what depends on time is asked anew.

import { hash } from 'node:crypto'
import { deny, isDenial, type Denial } from './denial.ts'
import { npmKeyId, readProvenance, type Provenance } from './npm-provenance.ts'
import { preflight, type BundleClaims } from './preflight.ts'
import { readReview, type ReviewStatement } from './review.ts'
import { namespaceOf, type Reviewer, type SignerPolicy, type SigningKey, type TrustPolicies } from './signer-policy.ts'
import { whyNotNow, whyNotSigner, type Signer, type TrustedTime } from './signer.ts'
import { IN_TOTO, readServerStatement, statementDigest, type ServerStatement } from './statement.ts'
import { Verdicts } from './verdicts.ts'

/** One bundle that passed the preflight, and what it has to bring. */
export type SignatureJob = {
  readonly bundle: Buffer
  /** keys by the hints bundles name them with; empty = certificates only */
  readonly keys: readonly { readonly hint: string; readonly spki: Buffer }[]
  /** for a bundle over a file: its bytes */
  readonly file?: Buffer
}

/** What is certain once all signatures verified. `payload` is absent for a bundle over a file. */
export type VerifiedSignature = {
  readonly signer: Signer
  readonly time?: TrustedTime
  readonly payloadType?: string
  readonly payload?: Buffer
}

/**
 * Verifies signatures against one pinned trusted root, off the event loop and within a deadline. A certificate needs a certificate transparency timestamp, a log
 * entry and a trusted time; a key needs neither, and whatever there is must verify. Says nothing of who may sign. Never rejects; calls may run at once.
 */
export interface SignatureVerifier {
  /** SHA-256 of the trusted root */
  readonly rootDigest: string
  verify(job: SignatureJob): Promise<VerifiedSignature | Denial>
}

export type Verified<T> = {
  readonly statement: T
  readonly signer: Signer
  /** when it was signed, where somebody trusted says so */
  readonly time?: TrustedTime
  readonly bundleDigest: string
  /** what the next version names as `previous` */
  readonly payloadDigest: string
}

type Asked<T> = {
  readonly kind: string
  readonly policy: SignerPolicy
  readonly allowEarlier?: boolean
  readonly read: (payload: Buffer) => T | Denial
}

/** Times are milliseconds since the epoch. `entries`: verdicts remembered; default 4096. */
export class Verification {
  readonly #verifier: SignatureVerifier
  readonly #verdicts: Verdicts

  constructor(verifier: SignatureVerifier, options: { readonly entries?: number } = {}) {
    this.#verifier = verifier
    this.#verdicts = new Verdicts(options.entries ?? 4096)
  }

  /** A publisher's bundle for one server, by the policy of its namespace. */
  async server(
    bundle: Buffer | undefined,
    asked: { readonly name: string; readonly policies: TrustPolicies; readonly nowMs: number },
  ): Promise<Verified<ServerStatement> | Denial> {
    if (bundle === undefined) return deny('bundle-absent', 'there is no bundle')
    const policy = asked.policies.namespaces.get(namespaceOf(asked.name))
    if (!policy) return deny('policy-absent', `the namespace \`${namespaceOf(asked.name)}\` has no signer policy`)
    const verified = await this.#statement(bundle, { kind: 'server', policy, read: readServerStatement })
    if (isDenial(verified)) return verified
    // Signed by the owner of this namespace, and so good for no other.
    if (namespaceOf(verified.statement.server.name) !== namespaceOf(asked.name))
      return deny('server-mismatch', 'it is about a server of another namespace')
    return this.#now(verified, policy, asked)
  }

  /** A reviewer's bundle. The verifier id it names and its signer have to be a pair of the policy. */
  async review(
    bundle: Buffer | undefined,
    asked: { readonly policies: TrustPolicies; readonly nowMs: number },
  ): Promise<Verified<ReviewStatement> | Denial> {
    if (bundle === undefined) return deny('bundle-absent', 'there is no bundle')
    const claims = preflight(bundle)
    if (isDenial(claims)) return claims
    let refusal = deny('verifier-unknown', 'no reviewer signs like this')
    for (const { verifierId, signer: policy } of candidates(asked.policies.reviewers, claims)) {
      const verified = await this.#statement(bundle, { kind: 'review', policy, read: readReview })
      if (isDenial(verified)) refusal = verified
      else if (verified.statement.verifierId !== verifierId)
        refusal = deny('verifier-mismatch', 'its verifier id is not that of its signer')
      else return this.#now(verified, policy, asked)
    }
    return refusal
  }

  /** npm's own attestations of a package, where it has any: provenance, or the registry's statement that it was published. */
  async npm(
    bundle: Buffer,
    asked: {
      readonly policy: SignerPolicy
      readonly policies: Pick<TrustPolicies, 'revocations'>
      readonly package: { readonly purl: string; readonly sha512: string }
      readonly nowMs: number
    },
  ): Promise<Verified<Provenance> | Denial> {
    const { policy, package: expected } = asked
    const read = (payload: Buffer): Provenance | Denial => readProvenance(payload, expected)
    const kind = `npm ${expected.purl} ${expected.sha512}`
    const verified = await this.#statement(bundle, { kind, policy, read, allowEarlier: true })
    return isDenial(verified) ? verified : this.#now(verified, policy, asked)
  }

  #now<T>(
    verified: Verified<T>,
    policy: SignerPolicy,
    asked: { readonly policies: Pick<TrustPolicies, 'revocations'>; readonly nowMs: number },
  ): Verified<T> | Denial {
    const { revocations } = asked.policies
    return whyNotNow(verified.signer, verified.time, { policy, revocations, nowMs: asked.nowMs }) ?? verified
  }

  async #statement<T>(bundle: Buffer, asked: Asked<T>): Promise<Verified<T> | Denial> {
    const bundleDigest = hash('sha256', bundle)
    const key = `${asked.kind} ${bundleDigest} ${asked.policy.digest} ${this.#verifier.rootDigest}`
    const known = this.#verdicts.get(key)
    if (known) return known as Verified<T> | Denial
    const verdict = await this.#verify(bundle, bundleDigest, asked)
    // What could not be verified now says nothing about later.
    if (!isDenial(verdict) || verdict.denied !== 'verification-unavailable') this.#verdicts.set(key, verdict)
    return verdict
  }

  async #verify<T>(bundle: Buffer, bundleDigest: string, asked: Asked<T>): Promise<Verified<T> | Denial> {
    const { policy } = asked
    const claims = preflight(bundle, { allowEarlier: asked.allowEarlier === true })
    if (isDenial(claims)) return claims
    if (claims.content !== 'statement') return deny('payload-type', 'expected a statement, got a signature over a file')
    if ((claims.signedBy.kind === 'key') !== (policy.mode === 'key'))
      return deny(
        'signer-mode',
        policy.mode === 'key' ? 'expected a signature by a key, got a keyless one' : 'expected a keyless signature, got one by a key',
      )
    const named = asked.allowEarlier ? (key: SigningKey) => npmKeyId(key.spki) : (key: SigningKey) => key.hint
    const keys = policy.mode === 'key' ? policy.keys.map(key => ({ hint: named(key) ?? '', spki: key.spki })) : []
    const { signedBy } = claims
    if (signedBy.kind === 'key' && !keys.some(key => key.hint === signedBy.hint))
      return deny('key-unknown', 'the key it names is not in the policy')
    // npm's own clients go by the keyid: one that was dropped is a bundle they would refuse
    if (asked.allowEarlier && signedBy.kind === 'key' && claims.keyid !== signedBy.hint)
      return deny('bundle-shape', 'expected a keyid, as npm writes it')
    const verified = await this.#verifier.verify({ bundle, keys })
    if (isDenial(verified)) return verified
    const refusal = whyNotSigner(verified.signer, policy)
    if (refusal) return refusal
    if (verified.payloadType !== IN_TOTO || !verified.payload) return deny('payload-type', `expected \`${IN_TOTO}\``)
    const statement = asked.read(verified.payload)
    if (isDenial(statement as object)) return statement as Denial
    const { signer, time } = verified
    return { statement: statement as T, signer, bundleDigest, payloadDigest: statementDigest(verified.payload), ...(time && { time }) }
  }
}

/** Reviewers whose signer could have made this bundle. What it claims only chooses; each candidate is verified. */
function candidates(reviewers: readonly Reviewer[], { signedBy }: BundleClaims): readonly Reviewer[] {
  return reviewers.filter(({ signer }) =>
    signedBy.kind === 'key' ? signer.mode === 'key' && signer.keys.some(key => key.hint === signedBy.hint) : signer.mode === 'keyless',
  )
}
