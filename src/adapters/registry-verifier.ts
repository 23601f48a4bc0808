// Verifies what comes with a publication: the trust room's verification, by the policies and the trusted root that the configuration names now.

import { canonicalJson } from '../kernel/canonical-json.ts'
import { Fault, type Stop } from '../kernel/errors.ts'
import type { Vouched, VouchedFor, VerifyBundle } from '../registry/vouching.ts'
import type { Revocation as Revoked } from '../registry/store.ts'
import { whyNotCurrent, whyNotSigned } from '../trust/binding.ts'
import { claimedPredicate } from '../trust/claimed.ts'
import { deny, isDenial, type Denial } from '../trust/denial.ts'
import { SURFACE_SUBJECT, surfaceDigest } from '../trust/review.ts'
import { readServerJson, type ServerDocument } from '../trust/server-json.ts'
import type { Revocation, TrustPolicies } from '../trust/signer-policy.ts'
import type { Signer } from '../trust/signer.ts'
import { SERVER_PREDICATE, type SignedSurface, type Subject } from '../trust/statement.ts'
import type { TrustedRootFile } from '../trust/trusted-root.ts'
import type { Verification } from '../trust/verification.ts'
import type { RootedVerification } from './sigstore/rooted-verification.ts'
import { readTrustFiles, type TrustFiles } from './trust-files.ts'

type FollowedTrust = { readonly policies: TrustPolicies; readonly root: TrustedRootFile; readonly floor: number }
export type RegistryVerifierParts = {
  readonly trust: () => TrustFiles | undefined
  /** from a repository of trust, which takes the place of files: what counts for this version now, or why nothing does; undefined = none is followed */
  readonly followed?: (about: VouchedFor) => FollowedTrust | Denial | undefined
  /** what statements have to be signed for: publicUrl */
  readonly registry: () => string
  readonly nowMs: () => number
  /** keys and identities the registry revoked, besides those of the policies */
  readonly revoked: () => Promise<readonly Pick<Revoked, 'kind' | 'target' | 'notBeforeSeconds'>[]>
  /** shared with whoever verifies by the same root */
  readonly rooted: Pick<RootedVerification, 'of'>
}

export function createRegistryVerifier(parts: RegistryVerifierParts): VerifyBundle {
  return async (text, about) => {
    const followed = parts.followed?.(about)
    if (followed && isDenial(followed)) return stopOf(followed)
    const files = parts.trust()
    const trust = followed ?? (files && readTrustFiles(files))
    if (!trust) return unavailable('this gateway has no policies to verify by', 'set `registry.trust` or `registry.repository`')
    let verification: Verification
    let policies: TrustPolicies
    try {
      const { policies: read, root } = await trust
      policies = { ...read, revocations: [...read.revocations, ...(await parts.revoked()).map(revocationOf)] }
      verification = await parts.rooted.of(root)
    } catch (cause) {
      return unavailable(
        cause instanceof Fault ? cause.message : 'policies or trusted root cannot be read',
        'mend the files of `registry.trust`',
      )
    }
    const floor = followed?.floor ?? 0
    const asked = { name: about.name, policies, nowMs: parts.nowMs() }
    const bundle = Buffer.from(text)
    // What it says it is only chooses how it is judged.
    const vouched = claimedPredicate(bundle) === SERVER_PREDICATE ? await published(bundle) : await reviewed(bundle)
    return isDenial(vouched) ? stopOf(vouched) : vouched

    async function published(bytes: Buffer): Promise<Vouched | Denial> {
      const verified = await verification.server(bytes, asked)
      if (isDenial(verified)) return verified
      const { statement, signer } = verified
      const document = readServerJson(Buffer.from(about.serverJson))
      if (isDenial(document)) return document
      // The artifacts are not here: whoever launches them compares their bytes. Here each has to be named by the statement.
      const here = signedOf(document, statement.subjects)
      const refusal =
        whyOtherSurface(surfaceDigest(statement.surface), about) ??
        whyNotSigned(statement, { serverJson: Buffer.from(about.serverJson), ...here }, parts.registry()) ??
        whyNotCurrent(statement, { nowMs: asked.nowMs, floor })
      return (
        refusal ?? {
          kind: 'publisher',
          signer: nameOf(signer),
          sequence: statement.server.sequence,
          artifacts: artifactsOf(document, statement.subjects),
          surface: surfaceOf(statement.surface),
          locks: here.locks,
        }
      )
    }
    async function reviewed(bytes: Buffer): Promise<Vouched | Denial> {
      const verified = await verification.review(bytes, asked)
      if (isDenial(verified)) return verified
      const { statement, signer } = verified
      const refusal = whyNotAbout(statement, about) ?? whyOtherSurface(digestIn(statement.subjects, SURFACE_SUBJECT, 'sha256'), about)
      if (refusal) return refusal
      const document = readServerJson(Buffer.from(about.serverJson))
      if (isDenial(document)) return document
      const missing = document.artifacts.find(({ purl, algorithm }) => digestIn(statement.subjects, purl, algorithm) === undefined)
      if (missing) return deny('subject-absent', `expected a subject \`${missing.purl}\``)
      return {
        kind: 'review',
        signer: `${statement.verifierId} (${nameOf(signer)})`,
        artifacts: artifactsOf(document, statement.subjects),
        surface: { digest: digestIn(statement.subjects, SURFACE_SUBJECT, 'sha256') ?? '' },
        locks: signedOf(document, statement.subjects).locks,
      }
    }
  }
}

function whyNotAbout(
  statement: { readonly server: { readonly name: string; readonly version: string }; readonly subjects: readonly Subject[] },
  about: VouchedFor,
): Denial | undefined {
  const { name, version } = statement.server
  if (name !== about.name || version !== about.version) return deny('server-mismatch', 'it is about another server or version')
  return digestIn(statement.subjects, 'server.json', 'sha256') === about.digest
    ? undefined
    : deny('server-json-mismatch', 'server.json is not the one that was reviewed')
}

const whyOtherSurface = (signed: string | undefined, { surfaceDigest: shown }: VouchedFor): Denial | undefined =>
  shown === undefined || shown === signed
    ? undefined
    : deny('surface-mismatch', 'the surface that came along is not the one that was signed')

function signedOf(
  { artifacts }: ServerDocument,
  subjects: readonly Subject[],
): { artifacts: Map<string, string>; locks: Map<string, string> } {
  const found = { artifacts: new Map<string, string>(), locks: new Map<string, string>() }
  for (const { purl, algorithm, lock } of artifacts) {
    const digest = digestIn(subjects, purl, algorithm)
    const locked = lock === undefined ? undefined : digestIn(subjects, lock, 'sha256')
    if (digest !== undefined) found.artifacts.set(purl, digest)
    if (lock !== undefined && locked !== undefined) found.locks.set(lock, locked)
  }
  return found
}
const surfaceOf = (surface: SignedSurface): Vouched['surface'] => ({ digest: surfaceDigest(surface), text: canonicalJson(surface) ?? '' })
const artifactsOf = ({ artifacts }: ServerDocument, subjects: readonly Subject[]): Vouched['artifacts'] =>
  artifacts.map(({ purl, algorithm }) => ({ identifier: purl, algorithm, digest: digestIn(subjects, purl, algorithm) ?? '' }))
const digestIn = (subjects: readonly Subject[], name: string, algorithm: 'sha256' | 'sha512'): string | undefined =>
  subjects.find(subject => subject.name === name)?.digest[algorithm]

/** Without a date a signer was never to be believed. */
function revocationOf({ kind, target, notBeforeSeconds = 0 }: Pick<Revoked, 'kind' | 'target' | 'notBeforeSeconds'>): Revocation {
  const notBeforeMs = notBeforeSeconds * 1000
  const space = target.indexOf(' ')
  return kind === 'key' ? { notBeforeMs, hint: target } : { notBeforeMs, issuer: target.slice(0, space), san: target.slice(space + 1) }
}

const nameOf = (signer: Signer): string => (signer.kind === 'key' ? `key ${signer.hint}` : `${signer.san} of ${signer.issuer}`)

const unavailable = (detail: string, fix: string): Stop => ({ stop: 'verifier-unavailable', detail, fix })
const stopOf = ({ denied, rule, detail, fix }: Denial): Stop =>
  denied === 'verification-unavailable' || denied === 'trust-stale'
    ? unavailable(detail, fix)
    : { stop: 'attestation-invalid', detail: `${rule}: ${detail}`, fix, data: { trust: { reason: denied, rule } } }
