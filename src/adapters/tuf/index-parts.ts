// The parts of the signed index as a gateway keeps them: `<dataDir>/trust/index/<SHA-256>.json`, fetched where their digest is a new one. Which of them are in
// force says `tuf.json`; a file that is not what its name says counts as lost.

import { hash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Metadata, MetadataKind, type TargetFile, type Targets } from '@tufjs/models'
import type { Updater } from 'tuf-js'
import { Fault } from '../../kernel/errors.ts'
import { readIndex, type TrustIndex } from '../../trust/index-document.ts'
import { syncDirectory } from '../sync-directory.ts'
import { parseJson } from './metadata.ts'
import { MAX_REPOSITORY_FILE_BYTES } from './served-files.ts'

/** Two hexadecimal digits: which servers a part names (trust/index-document.ts). */
export const INDEX_PARTS: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))
export const indexPath = (part: string): string => `index/${part}.json`
const PATH = /^index\/([0-9a-f]{2})\.json$/
/** Of all parts together, in bytes: some 230,000 versions. */
const MAX_INDEX_BYTES = 32 * 1024 * 1024

/** Parts that are fetched at once: a new gateway needs them all. */
const AT_ONCE = 8

/** SHA-256 by part. */
export type PartDigests = Readonly<Record<string, string>>
type Part = { readonly digest: string; readonly index: TrustIndex }

export class IndexParts {
  readonly #folder: string
  #parts = new Map<string, Part>()

  constructor(trustFolder: string) {
    this.#folder = join(trustFolder, 'index')
  }

  /** Those in force, from the disk; false where one is lost, and nothing is in force until it was fetched again. */
  load(digests: PartDigests): boolean {
    for (const [part, digest] of Object.entries(digests)) {
      try {
        const bytes = readFileSync(join(this.#folder, `${digest}.json`))
        if (hash('sha256', bytes) !== digest) return false
        this.#parts.set(part, { digest, index: readIndex(bytes, part) })
      } catch {
        return false
      }
    }
    return true
  }

  /** All of it as one; the same parts need no other. */
  whole(digests: PartDigests): TrustIndex {
    const inForce = [...this.#parts].filter(([part, { digest }]) => digests[part] === digest)
    return new Map(inForce.flatMap(([, { index }]) => [...index]))
  }

  /** What the verified metadata names, fetched where it is not here, on disk when it resolves. Throws for what is not believed or not understood. */
  async fetch(updater: Updater, folder: string): Promise<PartDigests> {
    const named = await namedParts(updater, folder)
    const next = new Map<string, Part>()
    const wanted: (readonly [string, TargetFile])[] = []
    for (const [part, target] of named) {
      const known = this.#parts.get(part)
      if (known && known.digest === target.hashes['sha256']) next.set(part, known)
      else wanted.push([part, target])
    }
    const isNew = wanted.length > 0
    if (isNew) await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const fetchNext = async (): Promise<void> => {
      try {
        for (let each = wanted.pop(); each; each = wanted.pop()) next.set(each[0], await this.#fetchPart(updater, folder, each))
      } catch (error) {
        wanted.length = 0 // what the others have begun they finish, and no more
        throw error
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, wanted.length) }, fetchNext))
    if (isNew) await syncDirectory(this.#folder)
    this.#parts = next
    return Object.fromEntries([...next].map(([part, { digest }]) => [part, digest]))
  }

  /** What an earlier refresh got before it was cut off need not come again. */
  async #fetchPart(updater: Updater, folder: string, [part, target]: readonly [string, TargetFile]): Promise<Part> {
    const digest = target.hashes['sha256'] ?? ''
    const kept = await readFile(join(this.#folder, `${digest}.json`)).catch(() => undefined)
    if (kept && hash('sha256', kept) === digest) return { digest, index: readIndex(kept, part) }
    const bytes = await readFile(await updater.downloadTarget(target, join(folder, `target-index-${part}`)))
    const fetched = { digest: hash('sha256', bytes), index: readIndex(bytes, part) }
    await this.#keep(fetched.digest, bytes)
    return fetched
  }

  async #keep(digest: string, bytes: Buffer): Promise<void> {
    const file = join(this.#folder, `${digest}.json`)
    const handle = await open(`${file}.new`, 'w', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await rename(`${file}.new`, file)
  }

  /** Removes what is not in force any more. To be called when what is in force is on disk. */
  async forget(digests: PartDigests): Promise<void> {
    const kept = new Set(Object.values(digests).map(digest => `${digest}.json`))
    const names = await readdir(this.#folder).catch(() => [])
    for (const name of names) if (!kept.has(name)) await rm(join(this.#folder, name), { force: true })
  }
}

/** By part. The library verifies a role for each path it is asked about; here it is asked once, and by the same rules the other paths are that role's too. */
async function namedParts(updater: Updater, folder: string): Promise<Map<string, TargetFile>> {
  const { delegations } = await metadataIn(folder, 'targets')
  const isOfIndex = (path: string): boolean => {
    const [first] = delegations?.rolesForTarget(path) ?? []
    return first?.role === 'index'
  }
  if (!isOfIndex(indexPath('00'))) return new Map()
  await updater.getTargetInfo(indexPath('00'))
  const named = new Map<string, TargetFile>()
  let bytes = 0
  for (const [path, target] of Object.entries((await metadataIn(folder, 'index')).targets)) {
    const [, part] = PATH.exec(path) ?? []
    // A part under another name would be one that nobody reads, and its versions would be in no index.
    if (part === undefined || !isOfIndex(path)) throw new Fault('index-invalid', 'the index has a part that is none')
    bytes += target.length
    if (target.length > MAX_REPOSITORY_FILE_BYTES || bytes > MAX_INDEX_BYTES) throw new Fault('fetch-too-large', 'the index is too large')
    named.set(part, target)
  }
  return named
}

/** What the library verified in this refresh. */
const metadataIn = async (folder: string, role: string): Promise<Targets> =>
  Metadata.fromJSON(MetadataKind.Targets, parseJson(await readFile(join(folder, `${role}.json`)))).signed
