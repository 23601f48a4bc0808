// What comes into the registry: server.json with what vouches for it. And the one place that statements, standings and revocations of versions go through.

import { hash } from 'node:crypto'
import { canonicalJsonOf } from '../kernel/canonical-json.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { Actor } from './actor.ts'
import { attest, type Attesting, type AttestParts } from './attest.ts'
import { documentsOf, type Offered, type StoredDocument } from './documents.ts'
import type { SchemaFault } from './json-schema.ts'
import { skeletonOf } from '../kernel/look-alikes.ts'
import { lookalikeOf, parseServerName, type ServerName } from './names.ts'
import { carryStatus, mirroredLookalike, whyNotAdmitted, type AdmitMirroredParts } from './mirrors/admit.ts'
import type { MirroredVersion } from './mirrors/store.ts'
import { whyNoRoom } from './quota.ts'
import { revoke, type RevokeParts } from './revoke.ts'
import { MAX_SERVER_JSON_BYTES, readServerJson, type ServerJson } from './server-json.ts'
import { setStatus, type StatusChange, type StatusChanged, type StatusParts } from './statuses.ts'
import type { Artifact, Entry, Revocation } from './store.ts'
import { verifyAll, whyContradicted, whyRevoked, type Verified, type VouchedFor } from './vouching.ts'
import { whyVulnerable } from './vulnerable.ts'

export type PublisherParts = AttestParts &
  RevokeParts &
  StatusParts &
  AdmitMirroredParts & { readonly checkSchema: (value: unknown) => readonly SchemaFault[] }

/** `bundles` absent: it comes without any, and waits for one. Documents are kept where the statements name them. */
export type Submission = Offered & { readonly serverJson: string; readonly bundles?: readonly string[] }

/** Where a version comes from that no member of its namespace publishes. */
export type Origin = {
  readonly whyNot: (name: ServerName) => Promise<Stop | undefined>
  readonly looksLike: (name: ServerName) => Promise<string | undefined>
  /** it does not wait for a reviewer: without one it is not kept */
  readonly isReviewed?: true
}

/** Faults of one server.json that are told. */
const MAX_TOLD = 10

export class Publisher {
  readonly #parts: PublisherParts
  #last: Promise<unknown> = Promise.resolve()
  constructor(parts: PublisherParts) {
    this.#parts = parts
  }

  /** One transaction, after everything was verified. What a reviewer vouches for is admitted, unless its name is held; the rest waits in quarantine. */
  publish(submission: Submission, by: Actor): Promise<Entry | Stop> {
    return this.take(submission, by, this.#membersOf(by))
  }

  /** The same from elsewhere. */
  async take({ serverJson, bundles, ...offered }: Submission, by: Actor, origin: Origin): Promise<Entry | Stop> {
    const judged = this.#judge(serverJson)
    if (isStop(judged)) return judged
    const { document, digest } = judged
    const { name, version } = document
    const refused = (await origin.whyNot(name)) ?? (await this.#whyOtherSpelling(name))
    if (refused) return refused
    const vouched = await this.#vouched(bundles, offered, { name: name.text, version, serverJson, digest })
    if (isStop(vouched)) return vouched
    if (origin.isReviewed && !vouched.isReviewed) return REVIEW_REQUIRED
    return this.alone(() => this.#keep(judged, vouched, { by, origin }))
  }

  /** A further bundle for a version that is there (attest.ts), or the first for one that waits at a mirror. */
  async attest(attesting: Attesting, by: Actor): Promise<Entry | Stop> {
    const waiting = by.isOperator ? await this.#mirrored(attesting) : undefined
    if (waiting) return this.#admitMirrored(waiting, attesting, by)
    return attest({ ...this.#parts, alone: work => this.alone(work) }, attesting, by)
  }
  /** By a status of the official API (statuses.ts). */
  setStatus(change: StatusChange, by: Actor): Promise<StatusChanged | Stop> {
    return setStatus(this.#parts, change, by)
  }
  /** By an operator (revoke.ts). After what is being kept, so that nothing is kept that was compared before it. */
  revoke(revocation: Omit<Revocation, 'sequence' | 'by' | 'atSeconds'>, by: Actor): Promise<Revocation | Stop> {
    return this.alone(() => revoke(this.#parts, revocation, by))
  }
  /** A reviewer says that a held name is no imitation. Undefined = nothing was held. */
  async clear(name: string): Promise<{ readonly cleared: string } | undefined> {
    return (await this.#parts.standings.clear(name, 'operator')) ? { cleared: name } : undefined
  }

  /** What is compared with what is there and what is written are one step: of two names that look alike, or two spellings, sent at once one is the second. */
  async #keep(
    { serverJson, document, digest }: Judged,
    vouched: Together,
    { by, origin }: { readonly by: Actor; readonly origin: Origin },
  ): Promise<Entry | Stop> {
    const { versions, nowSeconds } = this.#parts
    const { name, version } = document
    const { artifacts, attestations, documents, sequence, isReviewed } = vouched
    const about = { name: name.text, version, serverJson, digest }
    const refused =
      (await this.#whyNotNow(name, vouched, about, origin)) ??
      (await whyVulnerable(this.#parts, about, documents)) ??
      (await whyNoRoom(this.#parts, about, {
        texts: [serverJson, ...attestations.map(({ attestation }) => attestation.bundle)],
        documents,
      }))
    if (refused) return refused
    const looksLike = await this.#lookalike(name, origin)
    const kept = await versions.publish({
      ...about,
      namespace: name.namespace,
      search: searchText(document),
      ...(looksLike !== undefined && { looksLike }),
      publishedBy: by.key,
      atSeconds: nowSeconds(),
      ...(sequence !== undefined && { sequence }),
      artifacts,
      attestations: attestations.map(({ attestation }) => attestation),
      documents,
      standing: isReviewed && looksLike === undefined ? 'admitted' : 'quarantined',
    })
    return typeof kept === 'string' ? NOT_KEPT[kept] : kept
  }

  /** Verifying takes its time; what was frozen, taken away or revoked meanwhile counts. */
  async #whyNotNow(name: ServerName, { attestations }: Together, about: VouchedFor, origin: Origin): Promise<Stop | undefined> {
    const refused = (await origin.whyNot(name)) ?? (await this.#whyOtherSpelling(name))
    if (refused) return refused
    for (const { attestation, vouch } of attestations) {
      const revoked = await whyRevoked(this.#parts, attestation, { ...about, artifacts: vouch.artifacts })
      if (revoked) return revoked
    }
    return undefined
  }

  /** What all bundles together say; they may not contradict each other, or one reader would believe the first and another the last. */
  async #vouched(bundles: readonly string[] | undefined, offered: Offered, about: VouchedFor): Promise<Together | Stop> {
    if (!bundles) return { artifacts: [], attestations: [], documents: [], isReviewed: false }
    const attestations = await verifyAll(this.#parts, bundles, { ...about, surface: offered.surface })
    if (isStop(attestations)) return attestations
    const vouches = attestations.map(({ vouch }) => vouch)
    const [sequence, ...others] = new Set(vouches.flatMap(vouch => vouch.sequence ?? []))
    if (others.length > 0) return NOT_KEPT.sequence
    const artifacts = vouches.flatMap(vouch => vouch.artifacts)
    const refused = whyContradicted(artifacts, artifacts)
    if (refused) return refused
    const documents = await documentsOf(offered, vouches, this.#parts.readers)
    if (isStop(documents)) return documents
    return {
      artifacts: artifacts.filter(isFirst),
      attestations,
      documents,
      isReviewed: vouches.some(({ kind }) => kind === 'review'),
      ...(sequence !== undefined && { sequence }),
    }
  }

  /** One after the other, so that what was compared still holds when it is written; this process alone writes state.db. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {}) // whoever asked for it hears of it
    return done
  }

  #judge(serverJson: string): Judged | Stop {
    if (Buffer.byteLength(serverJson) > MAX_SERVER_JSON_BYTES)
      return invalid([{ at: '', problem: `expected at most ${MAX_SERVER_JSON_BYTES} bytes` }])
    const document = readServerJson(JSON.parse(serverJson), this.#parts.checkSchema)
    if (!('name' in document)) return invalid(document)
    const canonical = canonicalJsonOf(serverJson)
    if (canonical === undefined)
      return invalid([{ at: '', problem: 'has no canonical form: a number in it is not exact, or text is not well-formed' }])
    return { serverJson, document, digest: hash('sha256', canonical) }
  }

  #membersOf(by: Actor): Origin {
    return {
      whyNot: ({ namespace }) => this.#parts.namespaces.whyNotPublisher(namespace, by.key, by.grant),
      looksLike: () => Promise.resolve(undefined),
    }
  }

  /** What a mirror showed, and is no version here yet. */
  async #mirrored({ name, version }: Attesting): Promise<MirroredVersion | undefined> {
    const { versions, mirrored } = this.#parts
    return (await versions.find(name, version)) ? undefined : mirrored.find(name, version)
  }
  async #admitMirrored(waiting: MirroredVersion, { bundle, surface, definitions, locks }: Attesting, by: Actor): Promise<Entry | Stop> {
    const offered: Offered = {
      ...(surface !== undefined && { surface }),
      ...(definitions !== undefined && { definitions }),
      ...(locks && { locks }),
    }
    const kept = await this.take({ ...offered, serverJson: waiting.serverJson, bundles: [bundle] }, by, {
      whyNot: name => whyNotAdmitted(this.#parts, name, waiting),
      looksLike: name => mirroredLookalike(this.#parts, name),
      isReviewed: true,
    })
    if (isStop(kept)) return kept
    if (kept.standing !== 'quarantined') {
      await carryStatus(this.#parts, [waiting])
      return (await this.#parts.versions.find(kept.name, kept.version)) ?? kept
    }
    const held = (await this.#parts.standings.server(kept.name))?.looksLike
    return { stop: 'lookalike-held', detail: `it looks like \`${held ?? 'another one'}\``, fix: 'an operator can clear it' }
  }

  /** A server keeps the spelling it began with: signatures cover it, and two spellings would be two servers to whoever compares bytes. */
  async #whyOtherSpelling({ text, key }: ServerName): Promise<Stop | undefined> {
    const known = await this.#parts.standings.server(key)
    return known && known.name !== text ? invalid([{ at: 'name', problem: 'it is spelled otherwise in the versions before' }]) : undefined
  }

  /** Servers of other namespaces by one edit, of its own by skeleton: what one publisher calls his servers is his, as long as they can be told apart. */
  async #lookalike(name: ServerName, origin: Origin): Promise<string | undefined> {
    const { standings } = this.#parts
    const known = await standings.server(name.key)
    if (known) return known.looksLike
    const skeleton = skeletonOf(name.text)
    const near = await standings.servers(skeleton.length)
    const isOwn = (other: string): boolean => parseServerName(other)?.namespace.toLowerCase() === name.namespace.toLowerCase()
    const servers = near.filter(other => !isOwn(other) || skeletonOf(other) === skeleton)
    return lookalikeOf(name.text, servers) ?? origin.looksLike(name)
  }
}

type Judged = { readonly serverJson: string; readonly document: ServerJson; readonly digest: string }
type Together = {
  readonly artifacts: readonly Artifact[]
  readonly attestations: readonly Verified[]
  readonly documents: readonly StoredDocument[]
  readonly isReviewed: boolean
  readonly sequence?: number
}

const NOT_KEPT: Readonly<Record<'exists' | 'sequence' | 'full', Stop>> = {
  exists: { stop: 'version-exists', detail: 'a version never changes', fix: 'publish another version' },
  full: { stop: 'version-exists', detail: 'the server has as many versions as one may have' },
  sequence: {
    stop: 'attestation-invalid',
    detail: 'its sequence number is not the next one',
    fix: 'sign it with the next sequence number',
  },
}

const REVIEW_REQUIRED: Stop = {
  stop: 'attestation-required',
  detail: 'what another registry offers comes in by a reviewer’s statement alone',
  fix: 'review it: `gatehouse sign review`',
}

const invalid = (faults: readonly SchemaFault[]): Stop => ({
  stop: 'server-json-invalid',
  detail: faults
    .slice(0, MAX_TOLD)
    .map(({ at, problem }) => (at === '' ? problem : `${at}: ${problem}`))
    .join('; '),
  data: { faults: faults.slice(0, MAX_TOLD) },
})

const isFirst = (artifact: Artifact, at: number, all: readonly Artifact[]): boolean =>
  all.findIndex(({ identifier, digest }) => identifier === artifact.identifier && digest === artifact.digest) === at

const searchText = ({ name, value }: ServerJson): string =>
  [name.text, value['title'], value['description']]
    .filter(part => typeof part === 'string')
    .join('\n')
    .toLowerCase()
