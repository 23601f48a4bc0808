// A further statement about a version that is there. A reviewer's admits it, unless its name is held.

import { isStop, type Stop } from '../kernel/errors.ts'
import { ownVersion, UNKNOWN, whyNotNow, type Actor, type OwnParts } from './actor.ts'
import { documentsOf, type DocumentReaders, type Offered, type StoredDocument } from './documents.ts'
import { whyNoRoom, type QuotaParts } from './quota.ts'
import type { Entry, StandingStore } from './store.ts'
import { whyVulnerable, type VulnerableParts } from './vulnerable.ts'
import { verifyAll, whyContradicted, whyRevoked, type Verified, type VouchingParts } from './vouching.ts'

export type Attesting = Offered & { readonly name: string; readonly version: string; readonly bundle: string }
export type AttestParts = OwnParts &
  VouchingParts &
  QuotaParts &
  VulnerableParts & {
    readonly standings: StandingStore
    readonly readers: DocumentReaders
    readonly nowSeconds: () => number
  }
/** Runs one piece of work after the other. */
export type Alone = <T>(work: () => Promise<T>) => Promise<T>

/** Statements of one version: whoever reads them gets them all. */
export const MAX_ATTESTATIONS = 16

/** The version as it stands then. */
export async function attest(
  parts: AttestParts & { readonly alone: Alone },
  { name, version, bundle, ...offered }: Attesting,
  by: Actor,
): Promise<Entry | Stop> {
  const found = await ownVersion(parts, { name, version }, by)
  if (isStop(found)) return found
  const verified = await verifyAll(parts, [bundle], { ...found, surface: offered.surface })
  if (isStop(verified)) return verified
  const documents = await documentsOf(
    offered,
    verified.map(({ vouch }) => vouch),
    parts.readers,
  )
  if (isStop(documents)) return documents
  return parts.alone(async () => {
    for (const each of verified) {
      const refused = await keep(parts, { ...each, found, documents }, by)
      if (refused) return refused
    }
    return (await parts.versions.find(found.name, version)) ?? UNKNOWN
  })
}

type Further = Verified & { readonly found: Entry; readonly documents: readonly StoredDocument[] }

/** Compared with what is there and written in one step: of two that contradict each other, sent at once, one is the second. */
async function keep(parts: AttestParts, { vouch, attestation, found, documents }: Further, by: Actor): Promise<Stop | undefined> {
  const { versions, standings, nowSeconds } = parts
  const { name, version } = found
  if (vouch.sequence !== undefined && vouch.sequence !== found.sequence)
    return { stop: 'attestation-invalid', detail: 'it is about another sequence number' }
  const { artifacts, attestations } = await versions.evidence(name, version)
  const isKnown = attestations.some(({ digest }) => digest === attestation.digest)
  const refused =
    whyContradicted(vouch.artifacts, artifacts) ??
    (attestations.length >= MAX_ATTESTATIONS && !isKnown ? ATTESTED : undefined) ??
    (await whyNotNow(parts, name, by)) ??
    // Verifying takes its time; what was revoked meanwhile counts.
    (await whyRevoked(parts, attestation, { ...found, artifacts: vouch.artifacts })) ??
    (await whyNoRoom(parts, found, { texts: isKnown ? [] : [attestation.bundle], documents }))
  if (refused) return refused
  await versions.attest(name, version, { attestation, artifacts: vouch.artifacts, documents, atSeconds: nowSeconds() })
  if (vouch.kind !== 'review' || found.standing !== 'quarantined') return undefined
  const held = (await standings.server(name))?.looksLike
  if (held !== undefined) return { stop: 'lookalike-held', detail: `it looks like \`${held}\``, fix: 'an operator can clear it' }
  const vulnerable = await whyVulnerable(parts, found, documents)
  if (vulnerable) return vulnerable
  await standings.change({ name, version, to: 'admitted', by: by.key, byOperator: by.isOperator, atSeconds: nowSeconds() }, ['quarantined'])
  return undefined
}

const ATTESTED: Stop = {
  stop: 'attestation-invalid',
  detail: `the version has ${MAX_ATTESTATIONS} statements, as many as one may have`,
  fix: 'publish another version',
}
