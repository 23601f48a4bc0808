// An admission as a statement: in-toto Statement v1 with a SLSA verification summary (VSA v1) over the surface a reviewer saw and how the server is started. Ready to be signed as it is.

import { canonicalJson } from '../kernel/canonical-json.ts'
import { isJsonFault, member, readJson, textOf, valueOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { digestOfLaunch, type LaunchSpecification } from './launch.ts'
import { digestOfSurface, readSurface, surfaceJson, type PinnedSurface } from './pinned-surface.ts'
import type { Digest } from './primitive.ts'

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const SUMMARY_TYPE = 'https://slsa.dev/verification_summary/v1'
const POLICY = 'urn:gatehouse:surface-review:v1'
const SURFACE_SUBJECT = 'surface'
const LAUNCH_SUBJECT = 'launch'
const LAUNCH = 'urn:gatehouse:launch'
const SERVER = 'urn:gatehouse:server:'
const REVIEWER = 'urn:gatehouse:reviewer:'

/** Largest statement that is read: 10,000 definitions fit. */
export const MAX_STATEMENT_BYTES = 4 * 1024 * 1024
/** Longest name of a reviewer and longest reason, in characters. */
export const MAX_REVIEWER = 128
export const MAX_WHY = 1000

/** `passed`: the surface is admitted. `failed`: somebody looked and said no; nothing of the server passes. */
type Verdict = 'passed' | 'failed'

export type Admission = {
  /** the upstream it is about */
  readonly alias: string
  readonly verdict: Verdict
  readonly surface: PinnedSurface
  /** over the canonical JSON of the surface: what was reviewed */
  readonly surfaceDigest: Digest
  /** how it was configured to be started or reached, whole */
  readonly launch: LaunchSpecification
  readonly launchDigest: Digest
  /** who says so; proven by a signature only */
  readonly reviewer: string
  /** RFC 3339 UTC */
  readonly reviewedAt: string
  readonly why?: string
}

/** What a reviewer decides. */
export type Review = Omit<Admission, 'surfaceDigest' | 'launchDigest'>

/** The statement as JSON text, canonical but for a line break at its end: these bytes are what is signed. */
export function statementOf({ alias, verdict, surface, launch, reviewer, reviewedAt, why }: Review): string {
  const text = canonicalJson({
    _type: STATEMENT_TYPE,
    subject: [
      { name: SURFACE_SUBJECT, digest: { sha256: digestOfSurface(surface) } },
      { name: LAUNCH_SUBJECT, digest: { sha256: digestOfLaunch(launch) } },
    ],
    predicateType: SUMMARY_TYPE,
    predicate: {
      verifier: { id: `${REVIEWER}${encodeURIComponent(reviewer)}` },
      timeVerified: reviewedAt,
      resourceUri: `${SERVER}${alias}`,
      policy: { uri: POLICY },
      inputAttestations: [],
      verificationResult: verdict === 'passed' ? 'PASSED' : 'FAILED',
      verifiedLevels: [],
      'urn:gatehouse:surface': surfaceJson(surface),
      [LAUNCH]: launch,
      ...(why !== undefined && { 'urn:gatehouse:why': why }),
    },
  })
  if (text === undefined) throw new TypeError('a review holds text that is not well-formed')
  return `${text}\n`
}

/**
 * Reads the statement about `alias`; a text says why it is none. Strict, and canonical: what it says printed again is the text itself, so no two readers
 * see two statements. attacker-controlled as far as somebody else may write into the folder.
 */
export function readStatement(bytes: Buffer, alias: string): Admission | string {
  if (bytes.length > MAX_STATEMENT_BYTES) return `is larger than ${MAX_STATEMENT_BYTES} bytes`
  const doc = readJson(bytes, { indexDepth: 6 })
  if (isJsonFault(doc)) return `is no strict JSON: ${doc.fault} at byte ${doc.at}`
  const predicate = member(doc.root, 'predicate')
  const text = textAt(doc)
  if (text(doc.root, '_type') !== STATEMENT_TYPE) return `expected \`_type\` to be \`${STATEMENT_TYPE}\``
  if (text(doc.root, 'predicateType') !== SUMMARY_TYPE) return `expected \`predicateType\` to be \`${SUMMARY_TYPE}\``
  if (text(predicate, 'resourceUri') !== `${SERVER}${alias}`) return `is about another server than \`${alias}\``
  if (text(member(predicate, 'policy'), 'uri') !== POLICY) return `expected \`predicate.policy.uri\` to be \`${POLICY}\``
  const verdict = VERDICTS.get(text(predicate, 'verificationResult') ?? '')
  if (verdict === undefined) return 'expected `predicate.verificationResult` to be `PASSED` or `FAILED`'
  const reviewer = reviewerIn(text(member(predicate, 'verifier'), 'id'))
  if (reviewer === undefined) return 'expected `predicate.verifier.id` to name a reviewer'
  const reviewedAt = text(predicate, 'timeVerified')
  if (reviewedAt === undefined || !isInstant(reviewedAt)) return 'expected an RFC 3339 time in UTC in `predicate.timeVerified`'
  const surface = readSurface(doc, member(predicate, 'urn:gatehouse:surface'))
  if (typeof surface === 'string') return surface
  const started = member(predicate, LAUNCH)
  if (started?.kind !== 'object') return 'says nothing of how it starts: it is of before that was reviewed'
  const launch = valueOf(doc, started) as LaunchSpecification
  const why = text(predicate, 'urn:gatehouse:why')
  const review: Review = { alias, verdict, surface, launch, reviewer, reviewedAt, ...(why !== undefined && { why }) }
  if (statementOf(review) !== bytes.toString())
    return 'says more, or says it otherwise, than a review does; its subjects may not be its surface and how it starts'
  return { ...review, surfaceDigest: digestOfSurface(surface), launchDigest: digestOfLaunch(launch) }
}

const VERDICTS: ReadonlyMap<string, Verdict> = new Map([
  ['PASSED', 'passed'],
  ['FAILED', 'failed'],
])
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/
/** RFC 3339 UTC, a time that there is. */
export const isInstant = (text: string): boolean => TIME.test(text) && !Number.isNaN(Date.parse(text))

const textAt =
  (doc: JsonDoc) =>
  (node: JsonNode | undefined, key: string): string | undefined => {
    const found = member(node, key)
    return found?.kind === 'string' ? textOf(doc, found) : undefined
  }

function reviewerIn(id: string | undefined): string | undefined {
  if (!id?.startsWith(REVIEWER)) return undefined
  try {
    const name = decodeURIComponent(id.slice(REVIEWER.length))
    return name !== '' && name.length <= MAX_REVIEWER ? name : undefined
  } catch {
    // a broken escape names nobody
    return undefined
  }
}
