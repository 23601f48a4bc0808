// The gateway's side of a repository of trust (TUF 1.0.31, tuf-js). The library works in a folder of its own for each refresh, and what it verified becomes
// one file in one step: its own writes are neither atomic nor synced, and a torn timestamp would be a forgotten one.

import { Buffer } from 'node:buffer'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Metadata, MetadataKind } from '@tufjs/models'
import { Updater } from 'tuf-js'
import { Fault } from '../../kernel/errors.ts'
import type { Floors } from '../../trust/floors.ts'
import type { RefusedPart, SeenTrust, TrustDocuments, TrustRepository } from '../../trust/freshness.ts'
import { baseUrls, RepositoryFetcher, type RepositoryPlace } from './repository-fetcher.ts'
import { MAX_REPOSITORY_FILE_BYTES } from './served-files.ts'
import { isEvaluationSigned, isRoot, parseJson, parseMetadata } from './metadata.ts'
import { DOCUMENTS, readDocument, readDocuments, TrustStateFile, type DocumentName, type TrustState } from './trust-state.ts'

export type TrustClientDeps = {
  readonly place: RepositoryPlace
  /** `<dataDir>/trust` */
  readonly trustFolder: string
  /** the root metadata that the operator pinned: believed once, when nothing was seen yet */
  readonly pinnedRoot: Buffer
  readonly floors: Floors
  readonly now: () => number
  /** longest time for one refresh; default 60 s */
  readonly deadlineMs?: number
}

const NAMES = Object.keys(DOCUMENTS) as DocumentName[]
/** The time it was asked last is kept with anything else, and by itself this often: each is a synced write. */
const KEEP_TIME_MS = 5 * 60_000
const DEADLINE_MS = 60_000
const TOP_ROLES = ['root', 'timestamp', 'snapshot']
const CONFIG = {
  maxRootRotations: 256,
  maxDelegations: 8,
  targetsMaxLength: MAX_REPOSITORY_FILE_BYTES,
  snapshotMaxLength: MAX_REPOSITORY_FILE_BYTES,
}

export class TrustClient implements TrustRepository {
  readonly #deps: TrustClientDeps
  readonly #file: TrustStateFile
  #state: TrustState
  #seen: SeenTrust
  /** what the file says */
  #kept: TrustState | undefined
  /** whether all that the metadata names is here */
  #isComplete = false

  /** Throws Fault `trust-state-invalid` for a state that cannot be read, `trust-metadata-invalid` for a pinned root that is none. */
  constructor(deps: TrustClientDeps) {
    this.#deps = deps
    this.#file = new TrustStateFile(deps.trustFolder)
    const unseen = { lastSeenMs: 0, freshUntilMs: undefined, metadata: { root: deps.pinnedRoot.toString('utf8') }, documents: {} }
    this.#kept = this.#file.read()
    this.#state = this.#kept ?? unseen
    this.#seen = seenOf(this.#state)
  }

  seen(): SeenTrust {
    return this.#seen
  }

  async refresh(): Promise<{ readonly seen: SeenTrust; readonly refused: readonly RefusedPart[] }> {
    const folder = join(this.#deps.trustFolder, 'refresh')
    await rm(folder, { recursive: true, force: true }) // a crash may have left one
    await mkdir(folder, { recursive: true, mode: 0o700 })
    try {
      return await this.#refreshIn(folder)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async #refreshIn(folder: string): Promise<{ readonly seen: SeenTrust; readonly refused: readonly RefusedPart[] }> {
    const { place, now } = this.#deps
    const before = this.#state
    const wasComplete = this.#isComplete
    this.#isComplete = false
    for (const [role, text] of Object.entries(before.metadata)) await writeFile(join(folder, `${role}.json`), text, { mode: 0o600 })
    const lastSeenMs = Math.max(before.lastSeenMs, now())
    const { metadata: metadataBaseUrl, targets: targetBaseUrl } = baseUrls(place)
    const fetched: Record<string, string> = {}
    const refused: RefusedPart[] = []
    let isSame = false
    try {
      const fetcher = new RepositoryFetcher(place, AbortSignal.timeout(this.#deps.deadlineMs ?? DEADLINE_MS))
      const updater = new Updater({ metadataDir: folder, metadataBaseUrl, targetBaseUrl, fetcher, config: CONFIG })
      await updater.refresh()
      const snapshot = await readFile(join(folder, 'snapshot.json'), 'utf8')
      // What a snapshot names is signed with it: the same one has the same documents.
      isSame = wasComplete && snapshot === before.metadata['snapshot']
      for (const name of isSame ? [] : NAMES) {
        try {
          const text = await documentText(updater, name, join(folder, `target-${name}`))
          if (text !== undefined) fetched[DOCUMENTS[name].path] = text
        } catch (error) {
          refused.push({ part: DOCUMENTS[name].path, why: whyOf(error) })
        }
      }
    } catch (cause) {
      // What was verified before it failed counts: a key that a new root took away must not come back.
      this.#keep({ ...before, lastSeenMs, metadata: await verifiedIn(folder, before) })
      throw new Fault('trust-refresh-failed', `the trust repository was not believed: ${whyOf(cause)}`, { cause })
    }
    const metadata = await verifiedIn(folder, before)
    const documents = isSame ? before.documents : { ...(refused.length === 0 ? {} : before.documents), ...fetched }
    // INVARIANT: a refresh in pieces extends nothing. Whoever serves new timestamps and holds back the revocations gains no time.
    if (refused.length > 0) return { seen: this.#keep({ ...before, lastSeenMs, metadata, documents }), refused }
    return this.#complete({ ...before, lastSeenMs, metadata, documents })
  }

  #complete(state: TrustState): { readonly seen: SeenTrust; readonly refused: readonly RefusedPart[] } {
    const seen = this.#keep({ ...state, freshUntilMs: firstExpiry(state.metadata) })
    this.#isComplete = true
    return { seen, refused: [] }
  }

  /** If we crash after the floors: they are higher than the state says, which denies and never admits. */
  #keep(state: TrustState): SeenTrust {
    const isAlike = sameTexts(state.documents, this.#state.documents)
    const seen = seenOf(state, isAlike ? this.#seen.documents : undefined)
    if (seen.documents.floors) this.#deps.floors.raise(seen.documents.floors)
    if (!this.#kept || isNews(state, this.#kept)) {
      this.#file.write(state)
      this.#kept = state
    }
    this.#state = state
    this.#seen = seen
    return seen
  }
}

/** The verified text of a document; undefined where the repository has none. Throws for what is not believed or not understood. */
async function documentText(updater: Updater, name: DocumentName, file: string): Promise<string | undefined> {
  const target = await updater.getTargetInfo(DOCUMENTS[name].path)
  if (!target) return undefined
  if (target.length > MAX_REPOSITORY_FILE_BYTES) throw new Fault('fetch-too-large', 'the document is too large')
  await updater.downloadTarget(target, file)
  const bytes = await readFile(file)
  readDocument(name, bytes)
  return bytes.toString('utf8')
}

/** What the library left verified: what it took anew, and what was seen before where it took nothing. Roles that are gone go. */
async function verifiedIn(folder: string, before: TrustState): Promise<Record<string, string>> {
  const texts = new Map(Object.entries(before.metadata))
  for (const name of await readdir(folder))
    if (name.endsWith('.json')) texts.set(name.slice(0, -5), await readFile(join(folder, name), 'utf8'))
  const snapshot = texts.get('snapshot')
  if (snapshot === undefined) return Object.fromEntries(texts)
  const { meta } = Metadata.fromJSON(MetadataKind.Snapshot, parseJson(snapshot)).signed
  return Object.fromEntries([...texts].filter(([role]) => TOP_ROLES.includes(role) || Object.hasOwn(meta, `${role}.json`)))
}

const isNews = (state: TrustState, kept: TrustState): boolean =>
  state.freshUntilMs !== kept.freshUntilMs ||
  state.lastSeenMs - kept.lastSeenMs >= KEEP_TIME_MS ||
  !sameTexts(state.metadata, kept.metadata) ||
  !sameTexts(state.documents, kept.documents)

function sameTexts(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => a[name] === b[name])
}

/** The first moment at which some of the metadata no longer counts. */
const firstExpiry = (metadata: TrustState['metadata']): number => Math.min(...Object.values(metadata).map(expiryOf))

function expiryOf(text: string): number {
  const { signed } = parseJson(text) as { readonly signed: { readonly expires: string } }
  return Date.parse(signed.expires)
}

/** `documents`: those of this state, where they were read already. */
function seenOf(state: TrustState, documents?: TrustDocuments): SeenTrust {
  const root = parseMetadata(state.metadata['root'] ?? '')
  if (!isRoot(root)) throw new Fault('trust-metadata-invalid', 'expected root metadata to trust in')
  const targets = state.metadata['targets']
  return {
    lastSeenMs: state.lastSeenMs,
    freshUntilMs: state.freshUntilMs,
    expiresMs: new Map(Object.entries(state.metadata).map(([role, text]) => [role, expiryOf(text)])),
    isEvaluation: isEvaluationSigned(root, targets === undefined ? undefined : Metadata.fromJSON(MetadataKind.Targets, parseJson(targets))),
    documents: documents ?? readDocuments(state.documents),
  }
}

/** The library's messages name roles, versions and counts of keys; none quotes a document. */
const whyOf = (error: unknown): string => (error instanceof Error ? `${error.constructor.name}: ${error.message.slice(0, 300)}` : 'unknown')
