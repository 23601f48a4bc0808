// What comes into the registry, and how it moves on: server.json with what vouches for it, further statements, changes of standing, revocations.

import { hash } from 'node:crypto'
import { canonicalJsonOf } from '../kernel/canonical-json.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import {
  documentsOf,
  MAX_VERSION_BYTES,
  type DocumentReaders,
  type DocumentStore,
  type Offered,
  type SaidOfDocuments,
  type StoredDocument,
} from './documents.ts'
import type { SchemaFault } from './json-schema.ts'
import { lookalikeOf, parseServerName, skeletonOf, type ServerName } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import { MAX_SERVER_JSON_BYTES, readServerJson, type ServerJson } from './server-json.ts'
import { STANDINGS, standingOf, transitionProblem, type Standing } from './standing.ts'
import type { Artifact, Attestation, Entry, Revocation, RevocationLog, StandingStore, VersionStore } from './store.ts'

/** What a verified bundle says. `sequence`: which version of the server it is, where the statement counts; `artifacts`: what is to be run. */
export type Vouched = {
  readonly kind: Attestation['kind']
  readonly signer: string
  readonly sequence?: number
  readonly artifacts: readonly Artifact[]
} & SaidOfDocuments
/** What a bundle has to be about. `digest`: SHA-256 over the canonical server.json; `surfaceDigest`: the same of the surface, where one is shown. */
export type VouchedFor = {
  readonly name: string
  readonly version: string
  readonly serverJson: string
  readonly digest: string
  readonly surfaceDigest?: string
}
/**
 * Verifies a bundle (JSON text) by the policy in force: signatures, signer, and that its statement is about exactly this server.json. A Stop says why it does
 * not count. Never rejects.
 */
export type VerifyBundle = (bundle: string, about: VouchedFor) => Promise<Vouched | Stop>

export type PublisherParts = {
  readonly checkSchema: (value: unknown) => readonly SchemaFault[]
  readonly versions: VersionStore
  readonly standings: StandingStore
  readonly revocations: RevocationLog
  readonly documents: DocumentStore
  readonly readers: DocumentReaders
  /** documents of all servers of one namespace */
  readonly maxNamespaceBytes: () => number
  readonly namespaces: Pick<Namespaces, 'whyNotPublisher' | 'setState' | 'find'>
  readonly verify: VerifyBundle
  readonly nowSeconds: () => number
}

/** Who acts; an operator need not be a member of the namespace, but never publishes in it. */
export type Actor = { readonly key: PrincipalKey; readonly isOperator: boolean }
/** `bundles` absent: it comes without any, and waits for one. Documents are kept where the statements name them. */
export type Submission = Offered & { readonly serverJson: string; readonly bundles?: readonly string[] }
export type Attesting = Offered & { readonly name: string; readonly version: string; readonly bundle: string }

export const MAX_BUNDLES = 4
const MAX_BUNDLE_BYTES = 262_144
/** Statements of one version: whoever reads them gets them all. */
export const MAX_ATTESTATIONS = 16
/** Faults of one server.json that are told. */
const MAX_TOLD = 10

export class Publisher {
  readonly #parts: PublisherParts
  #last: Promise<unknown> = Promise.resolve()
  constructor(parts: PublisherParts) {
    this.#parts = parts
  }

  /** One transaction, after everything was verified. What a reviewer vouches for is admitted, unless its name is held; the rest waits in quarantine. */
  async publish({ serverJson, bundles, ...offered }: Submission, by: Actor): Promise<Entry | Stop> {
    const judged = this.#judge(serverJson)
    if (isStop(judged)) return judged
    const { document, digest } = judged
    const { name, version } = document
    const refused = (await this.#parts.namespaces.whyNotPublisher(name.namespace, by.key)) ?? (await this.#whyOtherSpelling(name))
    if (refused) return refused
    const vouched = await this.#vouched(bundles, offered, { name: name.text, version, serverJson, digest })
    if (isStop(vouched)) return vouched
    return this.#alone(() => this.#keep(judged, vouched, by))
  }

  /** What is compared with what is there and what is written are one step: of two names that look alike, or two spellings, sent at once one is the second. */
  async #keep({ serverJson, document, digest }: Judged, vouched: Together, by: Actor): Promise<Entry | Stop> {
    const { versions, namespaces, nowSeconds } = this.#parts
    const { name, version } = document
    const { artifacts, attestations, documents, sequence, isReviewed } = vouched
    // Verifying takes its time; what was frozen or taken away meanwhile counts.
    const refused =
      (await namespaces.whyNotPublisher(name.namespace, by.key)) ??
      (await this.#whyOtherSpelling(name)) ??
      (await this.#whyFull(name.namespace, documents))
    if (refused) return refused
    const looksLike = await this.#lookalike(name)
    const kept = await versions.publish({
      name: name.text,
      namespace: name.namespace,
      version,
      serverJson,
      digest,
      search: searchText(document),
      ...(looksLike !== undefined && { looksLike }),
      publishedBy: by.key,
      atSeconds: nowSeconds(),
      ...(sequence !== undefined && { sequence }),
      artifacts,
      attestations,
      documents,
      standing: isReviewed && looksLike === undefined ? 'admitted' : 'quarantined',
    })
    return typeof kept === 'string' ? NOT_KEPT[kept] : kept
  }

  /** What all bundles together say; they may not contradict each other, or one reader would believe the first and another the last. */
  async #vouched(bundles: readonly string[] | undefined, offered: Offered, about: VouchedFor): Promise<Together | Stop> {
    if (!bundles) return { artifacts: [], attestations: [], documents: [], isReviewed: false }
    const all = await this.#verifyAll(bundles, about, offered)
    if (isStop(all)) return all
    const [sequence, ...others] = new Set(all.flatMap(({ vouch }) => vouch.sequence ?? []))
    if (others.length > 0) return NOT_KEPT.sequence
    const vouches = all.map(({ vouch }) => vouch)
    const artifacts = vouches.flatMap(vouch => vouch.artifacts)
    const refused = whyContradicted(artifacts, artifacts)
    if (refused) return refused
    const documents = await documentsOf(offered, vouches, this.#parts.readers)
    if (isStop(documents)) return documents
    return {
      artifacts: artifacts.filter(isFirst),
      attestations: all.map(({ attestation }) => attestation),
      documents,
      isReviewed: all.some(({ vouch }) => vouch.kind === 'review'),
      ...(sequence !== undefined && { sequence }),
    }
  }

  /** One after the other; this process alone writes state.db. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
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

  /** A further bundle for a version that is there. A reviewer's admits it, unless its name is held. */
  async attest({ name, version, bundle, ...offered }: Attesting, by: Actor): Promise<Entry | Stop> {
    const found = await this.#own(name, version, by)
    if (isStop(found)) return found
    const verified = await this.#verifyAll([bundle], found, offered)
    if (isStop(verified)) return verified
    const [first] = verified
    if (!first) return REQUIRED
    const documents = await documentsOf(offered, [first.vouch], this.#parts.readers)
    if (isStop(documents)) return documents
    return this.#alone(() => this.#keepFurther(found, { ...first, documents }, by))
  }

  /** Compared with what is there and written in one step: of two that contradict each other, sent at once, one is the second. */
  async #keepFurther(
    found: Entry,
    { vouch, attestation, documents }: Verified & { readonly documents: readonly StoredDocument[] },
    by: Actor,
  ): Promise<Entry | Stop> {
    const { versions, standings, nowSeconds } = this.#parts
    const { name, version } = found
    if (vouch.sequence !== undefined && vouch.sequence !== found.sequence)
      return { stop: 'attestation-invalid', detail: 'it is about another sequence number' }
    const { artifacts, attestations } = await versions.evidence(name, version)
    const isKnown = attestations.some(({ digest }) => digest === attestation.digest)
    const refused =
      whyContradicted(vouch.artifacts, artifacts) ??
      (attestations.length >= MAX_ATTESTATIONS && !isKnown ? ATTESTED : await this.#whyNotNow(name, by)) ??
      (await this.#whyFullFurther(found, documents))
    if (refused) return refused
    await versions.attest(name, version, { attestation, artifacts: vouch.artifacts, documents, atSeconds: nowSeconds() })
    if (vouch.kind === 'review' && found.standing === 'quarantined') {
      const held = (await standings.server(name))?.looksLike
      if (held !== undefined) return lookalike(held)
      await standings.change({ name, version, to: 'admitted', by: by.key, atSeconds: nowSeconds() }, ['quarantined'])
    }
    return (await versions.find(name, version)) ?? UNKNOWN
  }

  /** What a publisher fills the disk with ends here. */
  async #whyFull(namespace: string, documents: readonly StoredDocument[]): Promise<Stop | undefined> {
    const added = bytesOf(documents)
    if (added === 0) return undefined
    const most = this.#parts.maxNamespaceBytes()
    return added + (await this.#parts.documents.usedBytes(namespace)) > most ? fullNamespace(most) : undefined
  }
  async #whyFullFurther({ name, version }: Entry, documents: readonly StoredDocument[]): Promise<Stop | undefined> {
    const there = await this.#parts.documents.documents(name, version)
    const added = documents.filter(({ kind, signed }) => !there.some(other => other.kind === kind && other.signed === signed))
    if (there.reduce((sum, { bytes }) => sum + bytes, 0) + bytesOf(added) > MAX_VERSION_BYTES) return FULL_VERSION
    return this.#whyFull(parseServerName(name)?.namespace ?? '', added)
  }

  /** By a status of the official API: of one version, or of all that can change. Whatever is withdrawn is also revoked. */
  async setStatus(change: StatusChange, by: Actor): Promise<readonly Entry[] | Stop> {
    const { versions, standings, nowSeconds } = this.#parts
    const to = standingOf(change.status)
    if (!to) return { stop: 'params-invalid', detail: 'expected `status` as active, deprecated or deleted' }
    const found = await this.#own(change.name, change.version, by)
    if (isStop(found)) return found
    const all =
      change.version === undefined
        ? await versions.versions(found.name, { withRevoked: false, withQuarantined: to === 'revoked' })
        : [found]
    const problems = all.map(({ standing }) => transitionProblem(standing, to, change.message))
    const movable = all.filter((_, i) => problems[i] === undefined)
    if (movable.length === 0) return problems[0] ?? UNKNOWN
    if (to === 'revoked') for (const { name, version } of movable) await this.#revokeVersion(`${name}@${version}`, by)
    const { message } = change
    const which = change.version === undefined ? {} : { version: change.version }
    const said = message === undefined ? {} : { message }
    const from = STANDINGS.filter(standing => transitionProblem(standing, to, message) === undefined)
    const changed = await standings.change({ name: found.name, ...which, to, ...said, by: by.key, atSeconds: nowSeconds() }, from)
    if (changed === 0) return { stop: 'params-invalid', detail: 'it changed meanwhile', fix: 'look at it again' }
    const after = await Promise.all(movable.map(({ name, version }) => versions.find(name, version)))
    return after.filter(entry => entry !== undefined)
  }

  /** By an operator. A version that is here is withdrawn too. */
  async revoke(revocation: Omit<Revocation, 'sequence' | 'by' | 'atSeconds'>, by: Actor): Promise<Revocation | Stop> {
    const { versions, standings, revocations, namespaces, nowSeconds } = this.#parts
    // First what gateways go by: a crash in between leaves a version shown that no gateway runs.
    const kept = { ...revocation, by: by.key, atSeconds: nowSeconds() }
    if (revocation.kind === 'namespace' && revocation.action === 'block') {
      // A typing error would be taken for safety, and one that is claimed later would begin active.
      if (!(await namespaces.find(revocation.target))) return NAMESPACE_UNKNOWN
      await namespaces.setState(revocation.target, 'frozen')
    }
    if (revocation.kind !== 'version') return revocations.append(kept)
    const at = revocation.target.lastIndexOf('@')
    const wanted = revocation.target.slice(at + 1)
    const found = await versions.find(revocation.target.slice(0, at), wanted)
    if (found?.version !== wanted) return UNKNOWN // `latest` names no one version
    const appended = await revocations.append({ ...kept, target: `${found.name}@${found.version}` })
    if (revocation.action === 'block')
      await standings.change(
        { name: found.name, version: found.version, to: 'revoked', message: revocation.reason, by: by.key, atSeconds: nowSeconds() },
        BEFORE_REVOKED,
      )
    return appended
  }

  /** A reviewer says that a held name is no imitation. Undefined = nothing was held. */
  async clear(name: string): Promise<{ readonly cleared: string } | undefined> {
    return (await this.#parts.standings.clear(name, 'operator')) ? { cleared: name } : undefined
  }

  /** What was frozen while a statement was verified is frozen for operators too: thawing is another act. */
  async #whyNotNow(name: string, by: Actor): Promise<Stop | undefined> {
    const namespace = parseServerName(name)?.namespace ?? ''
    if (!by.isOperator) return this.#parts.namespaces.whyNotPublisher(namespace, by.key)
    return (await this.#parts.namespaces.find(namespace))?.state === 'frozen' ? FROZEN : undefined
  }

  #revokeVersion(target: string, by: Actor): Promise<Revocation> {
    const reason = by.isOperator ? 'policy' : 'publisher-request'
    return this.#parts.revocations.append({
      kind: 'version',
      target,
      reason,
      action: 'block',
      by: by.key,
      atSeconds: this.#parts.nowSeconds(),
    })
  }

  /** The version, or the newest of a server, for somebody who may change it. */
  async #own(name: string, version: string | undefined, by: Actor): Promise<Entry | Stop> {
    const { versions, namespaces } = this.#parts
    const parsed = parseServerName(name)
    if (!parsed) return UNKNOWN
    const refused = by.isOperator ? undefined : await namespaces.whyNotPublisher(parsed.namespace, by.key)
    if (refused) return refused
    if (version === 'latest') return { stop: 'params-invalid', detail: 'expected a version, not `latest`' }
    if (version !== undefined) return (await versions.find(parsed.key, version)) ?? UNKNOWN
    const [newest] = await versions.versions(parsed.key, { withRevoked: true, withQuarantined: true })
    return newest ?? UNKNOWN
  }

  async #verifyAll(bundles: readonly string[], on: VouchedFor, { surface }: Offered): Promise<readonly Verified[] | Stop> {
    const { verify } = this.#parts
    const shown = surface === undefined ? undefined : canonicalJsonOf(surface)
    if (surface !== undefined && shown === undefined) return { stop: 'params-invalid', detail: '`surface` has no canonical form' }
    const about = { ...on, ...(shown !== undefined && { surfaceDigest: hash('sha256', shown) }) }
    if (bundles.length === 0) return REQUIRED
    if (bundles.length > MAX_BUNDLES) return { stop: 'params-invalid', detail: `expected at most ${MAX_BUNDLES} bundles` }
    const verified: Verified[] = []
    for (const bundle of bundles) {
      if (Buffer.byteLength(bundle) > MAX_BUNDLE_BYTES)
        return { stop: 'attestation-invalid', detail: `expected a bundle of at most ${MAX_BUNDLE_BYTES} bytes` }
      const vouch = await verify(bundle, about)
      if (isStop(vouch)) return vouch
      const attestation = { digest: hash('sha256', bundle), kind: vouch.kind, bundle, signer: vouch.signer }
      const revoked = await this.#whyRevoked(attestation, about, vouch.artifacts)
      if (revoked) return revoked
      if (!verified.some(other => other.attestation.digest === attestation.digest)) verified.push({ vouch, attestation })
    }
    return verified
  }

  /** Signers are the verification's business; these are what was signed. */
  async #whyRevoked({ bundle }: Attestation, { name, version }: VouchedFor, artifacts: readonly Artifact[]): Promise<Stop | undefined> {
    const { versions, revocations } = this.#parts
    const blocked = new Set((await revocations.blocking('bundle')).map(({ target }) => target))
    const known = blocked.size === 0 ? [] : (await versions.evidence(name, version)).attestations
    // The same statement in other bytes (a blank, another order, a member nobody reads) is the same statement, and it is about this version alone.
    const alike = known.filter(other => statementOf(other.bundle) === statementOf(bundle)).flatMap(other => digestsOf(other.bundle))
    if ([...digestsOf(bundle), ...alike].some(digest => blocked.has(digest)))
      return { stop: 'attestation-invalid', detail: 'this bundle is revoked', fix: 'publish and sign another version' }
    const refused = new Set((await revocations.blocking('artifact')).map(({ target }) => target))
    const found = artifacts.find(({ digest }) => refused.has(digest))
    return found && { stop: 'attestation-invalid', detail: `the artifact \`${found.identifier}\` is revoked`, fix: 'publish another one' }
  }

  /** A server keeps the spelling it began with: signatures cover it, and two spellings would be two servers to whoever compares bytes. */
  async #whyOtherSpelling({ text, key }: ServerName): Promise<Stop | undefined> {
    const known = await this.#parts.standings.server(key)
    return known && known.name !== text ? invalid([{ at: 'name', problem: 'it is spelled otherwise in the versions before' }]) : undefined
  }

  /** Servers of other namespaces by one edit, of its own by skeleton: what one publisher calls his servers is his, as long as they can be told apart. */
  async #lookalike(name: ServerName): Promise<string | undefined> {
    const { standings } = this.#parts
    const known = await standings.server(name.key)
    if (known) return known.looksLike
    const skeleton = skeletonOf(name.text)
    const near = await standings.servers(skeleton.length)
    const isOwn = (other: string): boolean => parseServerName(other)?.namespace.toLowerCase() === name.namespace.toLowerCase()
    return lookalikeOf(
      name.text,
      near.filter(other => !isOwn(other) || skeletonOf(other) === skeleton),
    )
  }
}

type Judged = { readonly serverJson: string; readonly document: ServerJson; readonly digest: string }
type Together = {
  readonly artifacts: readonly Artifact[]
  readonly attestations: readonly Attestation[]
  readonly documents: readonly StoredDocument[]
  readonly isReviewed: boolean
  readonly sequence?: number
}
type Verified = { readonly vouch: Vouched; readonly attestation: Attestation }
export type StatusChange = { readonly name: string; readonly version?: string; readonly status: string; readonly message?: string }

const BEFORE_REVOKED: readonly Standing[] = STANDINGS.filter(standing => standing !== 'revoked')
const NAMESPACE_UNKNOWN: Stop = {
  stop: 'registry-unknown',
  detail: 'there is no such namespace',
  fix: 'look at `gatehouse namespace list`; one that nobody has needs no revocation',
}
const FROZEN: Stop = { stop: 'namespace-frozen', detail: 'nothing is admitted in it for now', fix: 'thaw it first' }
const ATTESTED: Stop = {
  stop: 'attestation-invalid',
  detail: `the version has ${MAX_ATTESTATIONS} statements, as many as one may have`,
  fix: 'publish another version',
}
const bytesOf = (documents: readonly StoredDocument[]): number => documents.reduce((sum, { content }) => sum + content.length, 0)
const FULL_VERSION: Stop = {
  stop: 'quota-exceeded',
  detail: `expected at most ${MAX_VERSION_BYTES} bytes of documents of one version`,
  fix: 'publish another version',
}
const fullNamespace = (most: number): Stop => ({
  stop: 'quota-exceeded',
  detail: `documents of the namespace would come to more than ${most} bytes`,
  fix: 'send fewer documents; an operator can raise `registry.documentsPerNamespace`',
})
const UNKNOWN: Stop = { stop: 'registry-unknown', detail: 'server not found' }
const REQUIRED: Stop = {
  stop: 'attestation-required',
  detail: 'there is no bundle',
  fix: 'sign it, or send it to `/v0.1/publish`, where it waits for one',
}
const lookalike = (other: string): Stop => ({
  stop: 'lookalike-held',
  detail: `it looks like \`${other}\``,
  fix: 'an operator can clear it',
})

const NOT_KEPT: Readonly<Record<'exists' | 'sequence' | 'full', Stop>> = {
  exists: { stop: 'version-exists', detail: 'a version never changes', fix: 'publish another version' },
  full: { stop: 'version-exists', detail: 'the server has as many versions as one may have' },
  sequence: {
    stop: 'attestation-invalid',
    detail: 'its sequence number is not the next one',
    fix: 'sign it with the next sequence number',
  },
}

const invalid = (faults: readonly SchemaFault[]): Stop => ({
  stop: 'server-json-invalid',
  detail: faults
    .slice(0, MAX_TOLD)
    .map(({ at, problem }) => (at === '' ? problem : `${at}: ${problem}`))
    .join('; '),
  data: { faults: faults.slice(0, MAX_TOLD) },
})
/** Mix and match: one statement's package with another's review. */
function whyContradicted(named: readonly Artifact[], others: readonly Artifact[]): Stop | undefined {
  const found = named.find(artifact => others.some(other => other.identifier === artifact.identifier && other.digest !== artifact.digest))
  return (
    found && {
      stop: 'attestation-invalid',
      detail: `statements name \`${found.identifier}\` by two digests`,
      fix: 'review and sign the same bytes',
    }
  )
}
/** Digest of what a bundle's signature is over; of the whole text where it has none such. */
function statementOf(bundle: string): string {
  const { dsseEnvelope } = JSON.parse(bundle) as { dsseEnvelope?: { payload?: unknown } }
  const payload = dsseEnvelope?.payload
  return hash('sha256', typeof payload === 'string' ? Buffer.from(payload, 'base64') : bundle)
}
/** What a bundle can be revoked by: its text, the file with that text and a line break, the statement in it. */
const digestsOf = (bundle: string): readonly string[] => [hash('sha256', bundle), hash('sha256', `${bundle}\n`), statementOf(bundle)]

const isFirst = (artifact: Artifact, at: number, all: readonly Artifact[]): boolean =>
  all.findIndex(({ identifier, digest }) => identifier === artifact.identifier && digest === artifact.digest) === at

const searchText = ({ name, value }: ServerJson): string =>
  [name.text, value['title'], value['description']]
    .filter(part => typeof part === 'string')
    .join('\n')
    .toLowerCase()
