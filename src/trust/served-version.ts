// Whether a pinned version may be used now, and what exactly that is: from what a registry has of it, by signatures, floors and documents of trust alone.

import { hash } from 'node:crypto'
import { whyNotCurrent, whyNotReviewed, whyNotSigned, type Presented } from './binding.ts'
import type { Blocked } from './blocked.ts'
import { claimedPredicate } from './claimed.ts'
import { deny, isDenial, shown, type Denial } from './denial.ts'
import { launchOf, type Launch, type LaunchChoice } from './launch.ts'
import { SURFACE_SUBJECT, surfaceDigest, type ReviewStatement } from './review.ts'
import { readServerJson, type ServerDocument } from './server-json.ts'
import { namespaceOf, type SignerPolicy, type TrustPolicies } from './signer-policy.ts'
import { readSurface, SERVER_PREDICATE, type ServerStatement, type SignedSurface, type Subject } from './statement.ts'
import type { Verification, Verified } from './verification.ts'
import type { FoundVersion, VersionSource } from './version-source.ts'

/** What the configuration says of it. */
export type Pin = { readonly name: string; readonly version: string; readonly launch: LaunchChoice }

/** By what it is judged. */
export type Trusted = {
  /** with the signers that anybody revoked */
  readonly policies: TrustPolicies
  readonly verification: Pick<Verification, 'server' | 'review'>
  readonly blocked: Blocked
  /** lowest number that may be used */
  readonly floor: number
  /** what statements have to be signed for */
  readonly registry: string
  /** why the signed index of the registry speaks against it, where there is one */
  readonly whyNotIndexed?: (version: Pick<Served, 'name' | 'version' | 'digest' | 'sequence'>) => Denial | undefined
  readonly nowMs: number
}

/** A version that may be used, and all that was signed of it. */
export type Served = {
  readonly name: string
  readonly version: string
  readonly serverJson: Buffer
  /** SHA-256 of the canonical server.json */
  readonly digest: string
  /** its own number, and the one it counts as: higher where a reviewer signed a downgrade */
  readonly sequence: number
  readonly countsAs: number
  readonly publisher?: Verified<ServerStatement>
  readonly review: Verified<ReviewStatement>
  readonly surface: SignedSurface
  readonly surfaceDigest: string
  /** by package URL, as signed */
  readonly artifacts: ReadonlyMap<string, string>
  readonly lock?: { readonly sha256: string; readonly bytes: Buffer }
  readonly launch: Launch
  /** of the remote it is reached at: digests of public keys that its publisher signed; absent = any that the certificate's issuer vouches for */
  readonly spkiSha256?: readonly string[]
  /** from then on what was signed no longer counts, whatever else stays as it is; milliseconds, Infinity = never */
  readonly untilMs: number
}

const MAX_BUNDLES = 64

/**
 * Freshness of the documents is asked before (freshness.ts). Nothing is taken from the registry but texts: who signed them, for whom and when decide. Never rejects for anything that the
 * registry says; rejects with the Fault of a source that cannot be asked.
 */
export async function judgeVersion(pin: Pin, source: VersionSource, trusted: Trusted): Promise<Served | Denial> {
  const { name, version } = pin
  const found = await source.find(name, version)
  const named = shown(`${name}@${version}`)
  if (!found) return deny('version-absent', `there is no ${named} in the registry`)
  const document = readServerJson(found.serverJson)
  if (isDenial(document)) return document
  // attacker-controlled: a database can answer with any other server's texts.
  if (document.name !== name || document.version !== version)
    return deny('server-mismatch', `expected ${named}, got ${shown(`${document.name}@${document.version}`)}`)
  const refusal = whyWithdrawn(pin, found, trusted.blocked)
  if (refusal) return refusal
  const launch = launchOf(found.serverJson, pin.launch)
  const bundles = await verified(found.bundles, pin, trusted)
  if (isDenial(bundles)) return bundles
  let first: Denial | undefined
  // The highest number a reviewer signed, then the latest: whoever holds the database can hide one, and the floor tells of it.
  for (const review of bundles.reviews) {
    const served = await servedBy({ pin, found, document, launch, source, trusted }, review, bundles.publishers)
    if (!isDenial(served)) return served
    first ??= served
  }
  return first ?? REVIEW_ABSENT
}

function whyWithdrawn({ name, version }: Pin, found: FoundVersion, blocked: Blocked): Denial | undefined {
  if (found.isRevoked || blocked.version(name, version)) return deny('version-revoked', `${shown(`${name}@${version}`)} was revoked`)
  return blocked.namespace(name) ? deny('namespace-revoked', `the namespace ${shown(namespaceOf(name))} was revoked`) : undefined
}

type Bundles = {
  readonly reviews: readonly Verified<ReviewStatement>[]
  readonly publishers: readonly (Verified<ServerStatement> | undefined)[]
}

/** What of the bundles verifies, reviews in the order they are tried. What does not verify counts for nothing, and says why where nothing else does. */
async function verified(bundles: readonly Buffer[], { name, version }: Pin, trusted: Trusted): Promise<Bundles | Denial> {
  const { policies, verification, blocked, nowMs } = trusted
  const asked = { name, policies, nowMs }
  const isRequired = policies.namespaces.has(namespaceOf(name))
  const reviews: Verified<ReviewStatement>[] = []
  const publishers: Verified<ServerStatement>[] = []
  const gone = new Set<string>()
  let [noReview, noPublisher] = [REVIEW_ABSENT, PUBLISHER_ABSENT]
  for (const bundle of bundles.slice(0, MAX_BUNDLES)) {
    const isPublisher = claimedPredicate(bundle) === SERVER_PREDICATE
    if (isPublisher && !isRequired) continue // nobody says who may sign for it, so nobody's signature counts
    const found = isPublisher ? await verification.server(bundle, asked) : await verification.review(bundle, asked)
    if (isDenial(found)) [noReview, noPublisher] = isPublisher ? [noReview, found] : [found, noPublisher]
    else {
      // The same statement in other bytes is the same statement.
      if (blocked.bundle(bundle, found.payloadDigest)) gone.add(found.payloadDigest)
      if (!('verifierId' in found.statement)) publishers.push(found as Verified<ServerStatement>)
      else if (found.statement.server.name === name && found.statement.server.version === version)
        reviews.push(found as Verified<ReviewStatement>)
      else noReview = OTHER_REVIEW
    }
  }
  const isGood = ({ payloadDigest }: { readonly payloadDigest: string }): boolean => !gone.has(payloadDigest)
  const [good, signed] = [reviews.filter(isGood), publishers.filter(isGood)]
  if (good.length === 0) return reviews.length > 0 ? REVOKED : noReview
  if (isRequired && signed.length === 0) return publishers.length > 0 ? REVOKED : noPublisher
  return { reviews: good.sort(byNumber), publishers: isRequired ? signed : [undefined] }
}

const REVIEW_ABSENT = deny('review-absent', 'no reviewer admitted it')
const OTHER_REVIEW = deny('server-mismatch', 'the review is about another server or version')
const PUBLISHER_ABSENT = deny('publisher-absent', 'its publisher’s bundle is missing')
const REVOKED = deny('bundle-revoked', 'the statement that it needs was revoked')
const countOf = ({ statement }: Verified<ReviewStatement>): number => statement.downgrade?.sequence ?? statement.sequence ?? 0
const byNumber = (a: Verified<ReviewStatement>, b: Verified<ReviewStatement>): number =>
  countOf(b) - countOf(a) || Date.parse(b.statement.timeVerified) - Date.parse(a.statement.timeVerified)

type Judging = {
  readonly pin: Pin
  readonly found: FoundVersion
  readonly document: ServerDocument
  /** a Denial is told once it is certain that the server.json is the one that was signed */
  readonly launch: Launch | Denial
  readonly source: VersionSource
  readonly trusted: Trusted
}

/** By one review, and the first of the publisher's statements that agrees with it. */
async function servedBy(judging: Judging, review: Verified<ReviewStatement>, publishers: Bundles['publishers']): Promise<Served | Denial> {
  const { found, document, launch, trusted } = judging
  const { subjects } = review.statement
  const surface = await surfaceOf(judging, review, publishers)
  if (isDenial(surface)) return surface
  const lock = await lockOf(judging, subjects)
  const presented: Presented = { serverJson: found.serverJson, ...signedParts(document, subjects, !lock && launch) }
  const refusal = whyNotReviewed(review.statement, { ...presented, surface }) ?? whyArtifact(trusted.blocked, presented)
  if (refusal) return refusal
  let first: Denial | undefined
  for (const publisher of publishers) {
    const numbers = numbersBy(judging, { review: review.statement, publisher: publisher?.statement, presented })
    if (!isDenial(numbers))
      return isDenial(launch) ? launch : whole(judging, launch, { review, publisher, surface, lock, presented, numbers })
    first ??= numbers
  }
  return first ?? PUBLISHER_ABSENT
}

/** Digests as the reviewer signed them. What is started (`unlocked`) needs its lock file here; of what is not started the statements have to agree, and that is all. */
function signedParts(
  { artifacts }: ServerDocument,
  subjects: readonly Subject[],
  unlocked: Launch | Denial | false,
): Pick<Presented, 'artifacts' | 'locks'> {
  const signed = (name: string, algorithm: 'sha256' | 'sha512'): string => digestIn(subjects, name, algorithm) ?? ''
  const locks = new Map(artifacts.flatMap(({ lock }) => (lock === undefined ? [] : [[lock, signed(lock, 'sha256')] as const])))
  if (unlocked && 'packageIndex' in unlocked && unlocked.artifact.lock !== undefined) locks.delete(unlocked.artifact.lock)
  return { artifacts: new Map(artifacts.map(({ purl, algorithm }) => [purl, signed(purl, algorithm)] as const)), locks }
}

type Numbers = Pick<Served, 'sequence' | 'countsAs'>
type Agreeing = { readonly review: ReviewStatement; readonly publisher: ServerStatement | undefined; readonly presented: Presented }

function numbersBy({ pin: { name, version }, document: { digest }, trusted }: Judging, agreeing: Agreeing): Numbers | Denial {
  const { review, publisher, presented } = agreeing
  const refusal = whyNotPublished(publisher, presented, trusted)
  if (refusal) return refusal
  const numbers = numbersOf(review, publisher, trusted.floor)
  if (isDenial(numbers)) return numbers
  return trusted.whyNotIndexed?.({ name, version, digest, sequence: numbers.sequence }) ?? numbers
}

type Parts = {
  readonly review: Verified<ReviewStatement>
  readonly publisher: Verified<ServerStatement> | undefined
  readonly surface: SignedSurface
  readonly lock: Served['lock']
  readonly presented: Presented
  readonly numbers: Numbers
}

function whole({ pin, found, document, trusted }: Judging, launch: Launch, parts: Parts): Served {
  const { review, publisher, surface, lock, presented, numbers } = parts
  const pins = publisher?.statement.remotes.find(({ url }) => 'url' in launch && url === launch.url)?.spkiSha256
  const ends = [publisher, review].map(each => windowOf(each, trusted.policies))
  return {
    name: pin.name,
    version: pin.version,
    serverJson: found.serverJson,
    digest: document.digest,
    ...numbers,
    ...(publisher && { publisher }),
    review,
    surface,
    surfaceDigest: surfaceDigest(surface),
    artifacts: presented.artifacts,
    ...(lock && { lock }),
    launch,
    ...(pins && { spkiSha256: pins }),
    untilMs: Math.min(publisher ? Date.parse(publisher.statement.notAfter) : Infinity, ...ends),
  }
}

/** The surface is not compared: it is what the reviewer saw, which may be less than its publisher signed. */
const whyNotPublished = (statement: ServerStatement | undefined, presented: Presented, { registry, nowMs }: Trusted): Denial | undefined =>
  statement && (whyNotSigned(statement, presented, registry) ?? whyNotCurrent(statement, { nowMs, floor: 0 }))

/** Its own number is signed by somebody, once; a downgrade is a reviewer's word, with its reason. What it counts as is held against the floor. */
function numbersOf({ sequence, downgrade }: ReviewStatement, publisher: ServerStatement | undefined, floor: number): Numbers | Denial {
  const own = publisher?.server.sequence ?? sequence
  if (own === undefined) return deny('sequence-absent', 'neither its publisher nor its reviewer signed a number')
  if (sequence !== undefined && sequence !== own)
    return deny('sequence-mismatch', `its publisher signed number ${own}, its reviewer ${sequence}`)
  const countsAs = Math.max(own, downgrade?.sequence ?? 0)
  return countsAs < floor ? deny('below-floor', `expected number ${floor} or above, got ${countsAs}`) : { sequence: own, countsAs }
}

function whyArtifact(blocked: Blocked, { artifacts, locks }: Presented): Denial | undefined {
  const found = [...artifacts.values(), ...locks.values()].find(digest => blocked.artifact(digest))
  return found === undefined ? undefined : deny('artifact-revoked', `the artifact ${shown(found)} was revoked`)
}

/** The surface that the review is about: the registry has it, or the publisher signed the very same. */
async function surfaceOf(
  { pin, source }: Judging,
  { statement }: Verified<ReviewStatement>,
  publishers: Bundles['publishers'],
): Promise<SignedSurface | Denial> {
  const sha256 = digestIn(statement.subjects, SURFACE_SUBJECT, 'sha256') ?? ''
  const same = publishers.find(publisher => publisher && surfaceDigest(publisher.statement.surface) === sha256)
  if (same) return same.statement.surface
  const bytes = await source.document(pin.name, pin.version, { kind: 'surface', sha256 })
  const read = bytes && readAs(bytes)
  return read && surfaceDigest(read) === sha256 ? read : deny('surface-absent', 'the surface that was reviewed is not here')
}

function readAs(bytes: Buffer): SignedSurface | undefined {
  try {
    return readSurface(bytes)
  } catch {
    return undefined // no surface: the one that was reviewed is not here
  }
}

async function lockOf({ pin, launch, source }: Judging, subjects: readonly Subject[]): Promise<Served['lock']> {
  const sha256 =
    'packageIndex' in launch && launch.artifact.lock !== undefined ? digestIn(subjects, launch.artifact.lock, 'sha256') : undefined
  if (sha256 === undefined) return undefined
  const bytes = await source.document(pin.name, pin.version, { kind: 'lock', sha256 })
  return bytes && hash('sha256', bytes) === sha256 ? { sha256, bytes } : undefined
}

/** Until when a signature without a trusted time counts: its key has to be valid at the moment it is asked. */
function windowOf(found: Verified<ServerStatement | ReviewStatement> | undefined, policies: TrustPolicies): number {
  if (!found || found.time || found.signer.kind !== 'key') return Infinity
  const { hint } = found.signer
  const signers: readonly (SignerPolicy | undefined)[] =
    'verifierId' in found.statement
      ? policies.reviewers
          .filter(({ verifierId }) => verifierId === (found.statement as ReviewStatement).verifierId)
          .map(({ signer }) => signer)
      : [policies.namespaces.get(namespaceOf(found.statement.server.name))]
  const keys = signers.flatMap(signer => (signer?.mode === 'key' ? signer.keys : []))
  return keys.find(key => key.hint === hint)?.validUntilMs ?? Infinity
}

const digestIn = (subjects: readonly Subject[], name: string, algorithm: 'sha256' | 'sha512'): string | undefined =>
  subjects.find(subject => subject.name === name)?.digest[algorithm]
