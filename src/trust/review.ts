// A review: the SLSA verification summary by which a reviewer admits one server version, over its server.json, artifacts, lock file and surface.

import { hash } from 'node:crypto'
import { canonicalJson } from '../kernel/canonical-json.ts'
import { Fault } from '../kernel/errors.ts'
import { deny, type Denial } from './denial.ts'
import { instantAt, integerAt, listAt, reading, recordAt, SHA256, textAt, VISIBLE, wrong, type TextRule } from './shape.ts'
import { readStatement, SERVER_NAME, SERVER_VERSION, writeStatement, type SignedSurface, type Subject } from './statement.ts'

/** SLSA, Verification Summary Attestation v1. */
const REVIEW_PREDICATE = 'https://slsa.dev/verification_summary/v1'
/** What a reviewer of this project has looked at: definitions as the console shows them, and where the artifact comes from. */
const REVIEW_LEVEL = 'GATEHOUSE_REVIEWED'
/** The subject that binds the surface a reviewer saw. */
export const SURFACE_SUBJECT = 'surface'

export type ReviewStatement = {
  readonly subjects: readonly Subject[]
  readonly server: { readonly name: string; readonly version: string }
  /** whose review it is; the policy pairs it with a signer */
  readonly verifierId: string
  /** RFC 3339, UTC; the reviewer's own clock */
  readonly timeVerified: string
  /** by which rules; `digest`: SHA-256 of their text */
  readonly policy: { readonly uri: string; readonly digest: string }
  /** SHA-256 of each bundle that was looked at; none for servers nobody signed */
  readonly inputs: readonly string[]
  /** which version of the server it is, as a publisher's statement says it; for versions that no publisher signed */
  readonly sequence?: number
  /** a deliberate downgrade: this version counts as if it had that number, because of `why` */
  readonly downgrade?: { readonly sequence: number; readonly why: string }
}

/** Members of ours in the summary, by names nobody else has. */
const SEQUENCE = 'urn:gatehouse:sequence'
const DOWNGRADE = 'urn:gatehouse:downgrade'
const WHY: TextRule = { pattern: /^[^\u0000-\u001f\u007f]{1,500}$/, what: 'a reason of at most 500 characters' }

const HTTPS: TextRule = { pattern: /^https:\/\/[!-~]{1,2040}$/, what: 'an https URL' }

/** SHA-256 of a surface's canonical JSON. */
export function surfaceDigest(surface: SignedSurface): string {
  const text = canonicalJson(surface)
  if (text === undefined) throw new Fault('surface-invalid', 'expected names without lone surrogates in a surface')
  return hash('sha256', text)
}

/** A package URL of the server itself: what a summary is about (`resourceUri`). */
const resourceOf = ({ name, version }: ReviewStatement['server']): string => `pkg:mcp/${name}@${encodeURIComponent(version)}`

/** Payload of a review that passed. Throws Fault `statement-invalid` for what `readReview` would refuse. */
export function writeReview({ subjects, server, verifierId, timeVerified, policy, inputs, sequence, downgrade }: ReviewStatement): Buffer {
  const payload = writeStatement(subjects, REVIEW_PREDICATE, {
    verifier: { id: verifierId },
    timeVerified,
    resourceUri: resourceOf(server),
    policy: { uri: policy.uri, digest: { sha256: policy.digest } },
    inputAttestations: inputs.map(sha256 => ({ digest: { sha256 } })),
    verificationResult: 'PASSED',
    verifiedLevels: [REVIEW_LEVEL],
    slsaVersion: '1.1',
    ...(sequence !== undefined && { [SEQUENCE]: sequence }),
    ...(downgrade && { [DOWNGRADE]: downgrade }),
  })
  const read = readReview(payload)
  if ('denied' in read) throw new Fault('statement-invalid', read.detail)
  return payload
}

/** A review from a payload whose signature was verified. One that did not pass, or is about part of a version, admits nothing. */
export function readReview(payload: Buffer): ReviewStatement | Denial {
  const statement = readStatement(payload, REVIEW_PREDICATE)
  if ('denied' in statement) return statement
  const { subjects } = statement
  for (const name of ['server.json', SURFACE_SUBJECT])
    if (subjects.find(subject => subject.name === name)?.digest.sha256 === undefined)
      return deny('subject-absent', `expected a subject \`${name}\``)
  return reading(
    () => summary(subjects, statement.predicate),
    detail => deny('statement-shape', detail),
  )
}

function summary(subjects: readonly Subject[], value: unknown): ReviewStatement | Denial {
  const predicate = recordAt(
    value,
    'predicate',
    ['verifier', 'timeVerified', 'resourceUri', 'policy', 'inputAttestations', 'verificationResult', 'verifiedLevels'],
    ['slsaVersion', SEQUENCE, DOWNGRADE],
  )
  if (predicate.verificationResult !== 'PASSED') return deny('review-not-passed', 'expected a verificationResult of PASSED')
  if (!listAt(predicate.verifiedLevels, 'verifiedLevels', 16).includes(REVIEW_LEVEL))
    return deny('review-not-passed', `expected the level ${REVIEW_LEVEL}`)
  instantAt(predicate.timeVerified, 'timeVerified')
  const verifier = recordAt(predicate.verifier, 'verifier', ['id'])
  const policy = recordAt(predicate.policy, 'policy', ['uri', 'digest'])
  return {
    subjects,
    server: serverAt(predicate.resourceUri),
    verifierId: textAt(verifier.id, 'verifier.id', HTTPS),
    timeVerified: predicate.timeVerified as string,
    policy: { uri: textAt(policy.uri, 'policy.uri', VISIBLE), digest: sha256At(policy.digest, 'policy.digest') },
    inputs: listAt(predicate.inputAttestations, 'inputAttestations', 16).map((each, i) => {
      const path = `inputAttestations[${i}]`
      return sha256At(recordAt(each, path, ['digest']).digest, path)
    }),
    ...(predicate[SEQUENCE] !== undefined && { sequence: integerAt(predicate[SEQUENCE], SEQUENCE, 1) }),
    ...(predicate[DOWNGRADE] !== undefined && { downgrade: downgradeAt(predicate[DOWNGRADE]) }),
  }
}

function downgradeAt(value: unknown): NonNullable<ReviewStatement['downgrade']> {
  const { sequence, why } = recordAt(value, DOWNGRADE, ['sequence', 'why'])
  return { sequence: integerAt(sequence, `${DOWNGRADE}.sequence`, 1), why: textAt(why, `${DOWNGRADE}.why`, WHY) }
}

const sha256At = (value: unknown, path: string): string => textAt(recordAt(value, path, ['sha256']).sha256, path, SHA256)

/** Canonical: what is read prints back the same. */
function serverAt(value: unknown): ReviewStatement['server'] {
  const what = 'the package URL of a server, `pkg:mcp/<name>@<version>`'
  if (typeof value !== 'string') throw wrong('resourceUri', what)
  const at = value.lastIndexOf('@')
  const name = textAt(value.slice('pkg:mcp/'.length, at), 'resourceUri', SERVER_NAME)
  const version = textAt(decoded(value.slice(at + 1)), 'resourceUri', SERVER_VERSION)
  if (resourceOf({ name, version }) !== value) throw wrong('resourceUri', what)
  return { name, version }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return '' // a broken escape names no version
  }
}
