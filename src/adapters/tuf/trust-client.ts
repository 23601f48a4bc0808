// The gateway's side of a repository of trust (TUF 1.0.31, tuf-js). The library works in a folder of its own for each refresh, and what it verified becomes
// one file in one step: its own writes are neither atomic nor synced, and a torn timestamp would be a forgotten one.

import { Buffer } from 'node:buffer'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Updater } from 'tuf-js'
import { Fault } from '../../kernel/errors.ts'
import type { Floors } from '../../trust/floors.ts'
import type { RefusedPart, SeenTrust, TrustRepository } from '../../trust/freshness.ts'
import { NO_REVOCATIONS } from '../../trust/revocations.ts'
import { baseUrls, RepositoryFetcher, type RepositoryPlace } from './repository-fetcher.ts'
import { MAX_REPOSITORY_FILE_BYTES } from './served-files.ts'
import { IndexParts } from './index-parts.ts'
import { proven } from './proven-state.ts'
import { revocationKeys, RevokedFile } from './revoked-file.ts'
import { documentText, isUnchanged, rootsOf, verifiedIn, whyOf } from './trust-fetch.ts'
import { firstExpiry, isNews, isSameSaid, seenOf } from './trust-seen.ts'
import { DOCUMENTS, readDocuments, TrustStateFile, type DocumentName, type TrustState } from './trust-state.ts'

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

type Refreshed = Awaited<ReturnType<TrustRepository['refresh']>>

const NAMES = Object.keys(DOCUMENTS) as DocumentName[]
const DEADLINE_MS = 60_000
const CONFIG = {
  maxRootRotations: 256,
  maxDelegations: 8,
  targetsMaxLength: MAX_REPOSITORY_FILE_BYTES,
  snapshotMaxLength: MAX_REPOSITORY_FILE_BYTES,
}

export class TrustClient implements TrustRepository {
  readonly #deps: TrustClientDeps
  readonly #file: TrustStateFile
  readonly #index: IndexParts
  readonly #revoked: RevokedFile
  #state: TrustState
  #seen: SeenTrust
  /** what the file says */
  #kept: TrustState | undefined
  /** whether all that the metadata names is here */
  #isComplete = false

  /** whether what was kept is signed from the pinned root on; where not, it counts as not seen, but for what denies */
  readonly isProven: boolean

  /** Throws Fault `trust-state-invalid` or `revoked-invalid` for a state that cannot be read, `trust-metadata-invalid` for a pinned root that is none. */
  constructor(deps: TrustClientDeps) {
    this.#deps = deps
    this.#file = new TrustStateFile(deps.trustFolder)
    this.#index = new IndexParts(deps.trustFolder)
    this.#revoked = new RevokedFile(deps.trustFolder)
    const unseen = {
      lastSeenMs: 0,
      freshUntilMs: undefined,
      metadata: { root: deps.pinnedRoot.toString('utf8') },
      roots: {},
      documents: {},
      index: {},
    }
    this.#kept = this.#file.read()
    const { state, isProven } = proven(this.#kept ?? unseen, deps.pinnedRoot)
    this.isProven = isProven
    // Without its index nothing is fresh: a version that it does not have would pass.
    this.#state = this.#index.load(state.index) ? state : { ...state, freshUntilMs: undefined }
    this.#seen = seenOf(this.#state, this.#documentsOf(this.#state))
  }

  seen(): SeenTrust {
    return this.#seen
  }

  async refresh(): Promise<Refreshed> {
    const { place, trustFolder, now, deadlineMs = DEADLINE_MS } = this.#deps
    const fetcher = new RepositoryFetcher(place, AbortSignal.timeout(deadlineMs))
    const lastSeenMs = Math.max(this.#state.lastSeenMs, now())
    const isFresh = this.#isComplete && now() < (this.#state.freshUntilMs ?? 0)
    if (isFresh && (await isUnchanged(fetcher, baseUrls(place).metadata, this.#state.metadata)))
      return { seen: this.#keep({ ...this.#state, lastSeenMs }), refused: [] }
    const folder = join(trustFolder, 'refresh')
    await rm(folder, { recursive: true, force: true }) // a crash may have left one
    await mkdir(folder, { recursive: true, mode: 0o700 })
    try {
      return await this.#refreshIn(folder, fetcher, lastSeenMs)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async #refreshIn(folder: string, fetcher: RepositoryFetcher, lastSeenMs: number): Promise<Refreshed> {
    const { metadata: metadataBaseUrl, targets: targetBaseUrl } = baseUrls(this.#deps.place)
    const before = this.#state
    const wasComplete = this.#isComplete
    this.#isComplete = false
    for (const [role, text] of Object.entries(before.metadata)) await writeFile(join(folder, `${role}.json`), text, { mode: 0o600 })
    const fetched: Record<string, string> = {}
    const refused: RefusedPart[] = []
    let isSame = false
    let { index } = before
    try {
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
      if (!isSame) {
        try {
          index = await this.#index.fetch(updater, folder)
        } catch (error) {
          refused.push({ part: 'index', why: whyOf(error) })
        }
      }
    } catch (cause) {
      // What was verified before it failed counts: a key that a new root took away must not come back.
      const metadata = await verifiedIn(folder, before)
      this.#keep({ ...before, lastSeenMs, metadata, roots: rootsOf(metadata, before, fetcher) })
      throw new Fault('trust-refresh-failed', `the trust repository was not believed: ${whyOf(cause)}`, { cause })
    }
    const metadata = await verifiedIn(folder, before)
    const roots = rootsOf(metadata, before, fetcher)
    const documents = isSame ? before.documents : { ...(refused.length === 0 ? {} : before.documents), ...fetched }
    // INVARIANT: a refresh in pieces extends nothing. Whoever serves new timestamps and holds back the revocations gains no time.
    if (refused.length > 0) return { seen: this.#keep({ ...before, lastSeenMs, metadata, roots, documents, index }), refused }
    const done = this.#complete({ ...before, lastSeenMs, metadata, roots, documents, index })
    if (!isSame) await this.#index.forget(index)
    return done
  }

  #complete(state: TrustState): Refreshed {
    const seen = this.#keep({ ...state, freshUntilMs: firstExpiry(state.metadata) })
    this.#isComplete = true
    return { seen, refused: [] }
  }

  #documentsOf(state: TrustState): SeenTrust['documents'] {
    const documents = readDocuments(state.documents)
    const revocations = this.#revoked.with(revocationKeys(state.metadata['targets']), documents.revocations ?? NO_REVOCATIONS)
    return { ...documents, revocations, index: this.#index.whole(state.index) }
  }

  /** If we crash after floors and revocations: they say more than the state does, which denies and never admits. */
  #keep(state: TrustState): SeenTrust {
    // The same documents are one object: whoever is told of changes compares.
    const documents = isSameSaid(state, this.#state) ? this.#seen.documents : this.#documentsOf(state)
    const { lastSeenMs, freshUntilMs, metadata } = state
    const seen = metadata === this.#state.metadata ? { ...this.#seen, lastSeenMs, freshUntilMs, documents } : seenOf(state, documents)
    if (documents.floors) this.#deps.floors.raise(documents.floors)
    if (documents.revocations) this.#revoked.keep(revocationKeys(metadata['targets']), documents.revocations)
    if (!this.#kept || isNews(state, this.#kept)) {
      this.#file.write(state)
      this.#kept = state
    }
    this.#state = state
    this.#seen = seen
    return seen
  }
}
