// Files of a repository of trust that nobody needs any more: each change leaves a snapshot, a part of the index and their metadata behind, for good.

import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Metadata, MetadataKind, type Targets } from '@tufjs/models'
import { OFFLINE_ROLES } from './ceremony.ts'
import { documentFile } from './folder-changes.ts'
import { isRoot, parseJson, parseMetadata } from './metadata.ts'
import type { TrustFolder } from './trust-folder.ts'

/** A day: no timestamp that names an older snapshot counts for as long, and mirrors have had their time. */
const KEPT_MS = 24 * 3_600_000
const SNAPSHOT = /^([1-9]\d{0,8})\.snapshot\.json$/
/** Roots are kept for good: a new gateway walks through all of them. */
const PRUNED = /^[1-9]\d{0,8}\.(?:snapshot|targets|namespaces|index|revocations)\.json$/
const DOCUMENT = /^[0-9a-f]{64}\.[a-z0-9_]+\.json$/

/** Removes what neither the newest snapshot, nor one that was the newest within the last day, nor anything staged names. How many files went. */
export async function prune(folder: TrustFolder, nowMs: number): Promise<number> {
  const metadata = join(folder.path, 'metadata')
  const names = await readdir(metadata)
  const needed = new Set<string>()
  const newest = folder.published().snapshot?.signed.version
  if (newest === undefined) return 0
  for (const version of await recentSnapshots(metadata, names, { newest, nowMs })) {
    needed.add(`metadata/${version}.snapshot.json`)
    const { meta } = Metadata.fromJSON(MetadataKind.Snapshot, parseJson(await readFile(join(metadata, `${version}.snapshot.json`)))).signed
    for (const [file, { version: of }] of Object.entries(meta)) {
      const name = `${of}.${file}`
      needed.add(`metadata/${name}`)
      // Without this one the snapshot is of no use to anybody any more; what the newest needs is never taken.
      if (names.includes(name)) addDocuments(needed, parseMetadata(await readFile(join(metadata, name))) as Metadata<Targets>)
    }
  }
  for (const role of OFFLINE_ROLES) {
    const staged = folder.staged(role)
    if (staged && !isRoot(staged)) addDocuments(needed, staged)
  }
  const found = [...names.filter(name => PRUNED.test(name)).map(name => `metadata/${name}`), ...(await documentsIn(folder.path))]
  const gone = found.filter(file => !needed.has(file))
  for (const file of gone) await rm(join(folder.path, file), { force: true })
  return gone.length
}

type Newest = { readonly newest: number; readonly nowMs: number }

/** The newest, those before it that were written within the last day, and one more, which counted until the first of them. Above it is what an interruption left. */
async function recentSnapshots(metadata: string, names: readonly string[], { newest, nowMs }: Newest): Promise<readonly number[]> {
  const versions = names.flatMap(name => Number(SNAPSHOT.exec(name)?.[1] ?? 0) || []).sort((a, b) => b - a)
  const recent: number[] = []
  for (const version of versions) {
    recent.push(version)
    if (version > newest) continue
    if (nowMs - (await stat(join(metadata, `${version}.snapshot.json`))).mtimeMs > KEPT_MS) break
  }
  return recent
}

function addDocuments(needed: Set<string>, { signed }: Metadata<Targets>): void {
  for (const [path, { hashes }] of Object.entries(signed.targets)) needed.add(documentFile(path, hashes['sha256'] ?? ''))
}

async function documentsIn(path: string): Promise<readonly string[]> {
  const found: string[] = []
  for (const below of ['', 'namespaces/', 'index/', 'revocations/']) {
    const names = await readdir(join(path, 'targets', below)).catch(() => [])
    found.push(...names.filter(name => DOCUMENT.test(name)).map(name => `targets/${below}${name}`))
  }
  return found
}
