// The advisories this gateway goes by: what is known against a version, and word to whoever runs versions when that changes.

import type { Stop } from '../../kernel/errors.ts'
import type { PrincipalKey } from '../../kernel/principal.ts'
import type { SchemaFault } from '../json-schema.ts'
import type { Entry } from '../store.ts'
import type { DocumentStore } from '../documents.ts'
import { nameKey } from './ecosystems.ts'
import { lockedPackages, type LockedPackage, type LockText } from './locked.ts'
import { isAffected, packagesOf, type NamedPackage } from './matching.ts'
import { MAX_ADVISORY_BYTES, readAdvisory, type Advisory, type Affected } from './osv.ts'
import type { AdvisoryDocument, AdvisoryStore, PackageName, VersionMark } from './store.ts'

/** An advisory that concerns a version. `about`: which of its packages, in words. */
export type Advised = {
  readonly id: string
  readonly isMalware: boolean
  /** of what its lock file pins alone: its packages need it, and it is none of them */
  readonly isIndirect: boolean
  readonly about: string
  readonly summary?: string
}
/** As much of a version as is judged. `serverJson`: its text. `locks`: lock files that come with it; absent = those that are kept of it. */
export type AdvisedVersion = Pick<Entry, 'name' | 'version' | 'serverJson'> & { readonly locks?: readonly LockText[] }

/**
 * For whoever has versions running. Ask `advisoriesAgainst` when one comes into force, and again for each that runs whenever `onChange` calls: keep the answer
 * beside the version, so that a call looks at a field. One answer costs a read of the database. Where any of it `isMalware` the version stops as if it were
 * revoked; others are warned of. A rejection means that nobody knows: a version that is not running yet stays so.
 */
export interface AdvisoryWatch {
  advisoriesAgainst(version: AdvisedVersion): Promise<readonly Advised[]>
  /** `listener`: called after what is known has changed; it never throws. Answers how to end it. */
  onChange(listener: () => void): () => void
}

export type AdvisoryBookParts = {
  readonly store: AdvisoryStore
  readonly documents: Pick<DocumentStore, 'documents' | 'document'>
  readonly nowMs: () => number
}
/** A version here that an advisory concerns. */
export type Concerned = Pick<Entry, 'name' | 'version' | 'standing'>
/** What a document came to: versions here that it concerns, malware's withdrawn. */
export type Recorded = { readonly document: Omit<AdvisoryDocument, 'affected'>; readonly concerned: readonly Concerned[] }

/** Versions that one document names, and how many are judged at once. */
const MAX_CONCERNED = 100_000
const AT_ONCE = 200

export class AdvisoryBook implements AdvisoryWatch {
  readonly #parts: AdvisoryBookParts
  readonly #listeners = new Set<() => void>()
  constructor(parts: AdvisoryBookParts) {
    this.#parts = parts
  }

  async advisoriesAgainst({ name, version, serverJson, locks }: AdvisedVersion): Promise<readonly Advised[]> {
    const direct = packagesOf(name, version, JSON.parse(serverJson))
    const indirect = (locks ?? (await this.#locksOf(name, version))).flatMap(lockedPackages).map(lockedOf)
    const known = await this.#parts.store.about([...direct, ...indirect])
    return known.flatMap(({ id, isMalware, summary, affected }) => {
      const isMeant = (named: NamedPackage): boolean => isSame(named, affected) && isAffected(named, affected)
      const own = direct.find(isMeant)
      const found = own ?? indirect.find(isMeant)
      const said = summary === undefined ? {} : { summary }
      return found ? [{ id, isMalware, isIndirect: own === undefined, about: wordsOf(found), ...said }] : []
    })
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Takes a document (JSON text). A later one of the same id takes its place, one with `withdrawn` ends it. The same one again changes nothing, and is no refusal. */
  async record(document: string, by: PrincipalKey): Promise<Recorded | Stop> {
    if (Buffer.byteLength(document) > MAX_ADVISORY_BYTES)
      return invalid([{ at: '', problem: `expected at most ${MAX_ADVISORY_BYTES} bytes` }])
    const read = readAdvisory(JSON.parse(document))
    if (!('id' in read)) return invalid(read)
    return this.#keep(read, document, by)
  }

  /** Writes the newer document itself. */
  async withdraw(id: string, by: PrincipalKey): Promise<Recorded | Stop> {
    const known = await this.#parts.store.find(id)
    if (!known) return UNKNOWN
    if (known.isWithdrawn) return { stop: 'params-invalid', detail: 'it is withdrawn already' }
    // Later than what it replaces also where that was dated in the future.
    const now = new Date(Math.max(this.#parts.nowMs(), known.modifiedMs + 1)).toISOString()
    const newer = { ...(JSON.parse(known.document) as object), modified: now, withdrawn: now }
    return this.record(JSON.stringify(newer), by)
  }

  find(id: string): ReturnType<AdvisoryStore['find']> {
    return this.#parts.store.find(id)
  }
  page(after: string, limit: number): ReturnType<AdvisoryStore['page']> {
    return this.#parts.store.page(after, limit)
  }

  async #keep(advisory: Advisory, document: string, by: PrincipalKey): Promise<Recorded | Stop> {
    const { store, nowMs } = this.#parts
    const { id, modifiedMs, isWithdrawn, isMalware, summary } = advisory
    const affected = isWithdrawn ? [] : merged(advisory.affected)
    const plain = { id, modifiedMs, isWithdrawn, isMalware, ...(summary !== undefined && { summary }), document, by, atMs: nowMs() }
    const isKept = await store.record({ ...plain, affected })
    const known = isKept ? plain : await store.find(id)
    if (!known || (!isKept && known.document !== document)) return OLDER
    if (isKept) for (const listener of this.#listeners) listener()
    return { document: known, concerned: await this.#concerned(affected) }
  }

  /** Versions here that it concerns, whatever they stand at. */
  async #concerned(affected: readonly Affected[]): Promise<readonly Concerned[]> {
    const concerned: Concerned[] = []
    if (affected.length === 0) return concerned
    let after: VersionMark | undefined
    do {
      const page = await this.#parts.store.made(affected, after, AT_ONCE)
      for (const entry of page) {
        if (await this.#isConcerned(entry, affected)) concerned.push({ name: entry.name, version: entry.version, standing: entry.standing })
      }
      const last = page.at(-1)
      after = last && page.length === AT_ONCE ? { server: last.name, sequence: last.sequence } : undefined
    } while (after && concerned.length < MAX_CONCERNED)
    return concerned
  }

  async #isConcerned({ name, version, serverJson }: Entry, affected: readonly Affected[]): Promise<boolean> {
    const isMeant = (named: NamedPackage): boolean => affected.some(about => isSame(named, about) && isAffected(named, about))
    if (packagesOf(name, version, JSON.parse(serverJson)).some(isMeant)) return true
    const locks = await this.#locksOf(name, version)
    return locks.flatMap(lockedPackages).map(lockedOf).some(isMeant)
  }

  async #locksOf(name: string, version: string): Promise<readonly LockText[]> {
    const { documents } = this.#parts
    const locks: LockText[] = []
    for (const { kind, sha256 } of await documents.documents(name, version)) {
      const found = kind.startsWith('lock:') ? await documents.document(name, version, sha256) : undefined
      if (found) locks.push({ kind, text: found.content.toString('utf8') })
    }
    return locks
  }
}

const UNKNOWN: Stop = { stop: 'registry-unknown', detail: 'there is no such advisory', fix: 'look at `gatehouse registry advisories`' }
const OLDER: Stop = {
  stop: 'advisory-invalid',
  detail: 'a document of this id that was modified as late, or later, counts already',
  fix: 'give it a later `modified`',
}
const invalid = (faults: readonly SchemaFault[]): Stop => ({
  stop: 'advisory-invalid',
  detail: faults.map(({ at, problem }) => (at === '' ? problem : `${at}: ${problem}`)).join('; '),
  data: { faults },
})

const lockedOf = ({ ecosystem, name, version }: LockedPackage): NamedPackage => ({ ecosystem, name, versions: [version] })
const isSame = (a: PackageName, b: PackageName): boolean =>
  a.ecosystem === b.ecosystem && nameKey(a.ecosystem, a.name) === nameKey(b.ecosystem, b.name)
const wordsOf = ({ ecosystem, name, versions }: NamedPackage): string => `${ecosystem} ${name} ${versions.join(' ')}`.trimEnd()

/** A document may speak of one package in several places. */
function merged(all: readonly Affected[]): readonly Affected[] {
  const byPackage = new Map<string, Affected>()
  for (const affected of all) {
    const key = `${affected.ecosystem} ${nameKey(affected.ecosystem, affected.name)}`
    const known = byPackage.get(key)
    byPackage.set(
      key,
      known ? { ...known, versions: [...known.versions, ...affected.versions], ranges: [...known.ranges, ...affected.ranges] } : affected,
    )
  }
  return [...byPackage.values()]
}
