// What imports wrote, so that they can be undone: one file per import under <dataDir>/import.

import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { makePrivateFolder, readIfThere, writeAtomic } from '../files.ts'
import { isRecord } from './entry.ts'

export type JournalFile = {
  readonly kind: 'host' | 'config'
  readonly path: string
  readonly backup: string
  /** SHA-256 (hex) of the bytes before and after */
  readonly before: string
  readonly after: string
}
export type Journal = {
  readonly version: 1
  /** RFC 3339 */
  readonly at: string
  readonly state: 'applied' | 'undone'
  readonly files: readonly JournalFile[]
  readonly secrets: readonly { readonly path: string; readonly digest: string }[]
}

export const digestOf = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

const folderOf = (dataDir: string): string => join(dataDir, 'import')

/** Durable before the first host's file changes: an import cut short can be undone as well. Answers the journal's path. */
export async function writeJournal(dataDir: string, journal: Journal): Promise<string> {
  const folder = folderOf(dataDir)
  await makePrivateFolder(folder)
  const taken = new Set(await readdir(folder))
  for (let count = 1; ; count++) {
    const name = `${journal.at.replaceAll(/[-:]|\.\d+/g, '')}-${String(count).padStart(3, '0')}.json`
    if (taken.has(name)) continue
    await rewriteJournal(join(folder, name), journal)
    return join(folder, name)
  }
}

export async function rewriteJournal(file: string, journal: Journal): Promise<void> {
  await writeAtomic(file, `${JSON.stringify(journal, undefined, 2)}\n`)
}

/** The latest import that has not been undone, or undefined. Throws when one cannot be read: then the latest is not known. */
export async function latestJournal(dataDir: string): Promise<{ readonly file: string; readonly journal: Journal } | undefined> {
  const names = (await readdir(folderOf(dataDir)).catch(() => [])).filter(name => name.endsWith('.json')).sort()
  for (const name of names.reverse()) {
    const file = join(folderOf(dataDir), name)
    const journal = parseJournal((await readIfThere(file))?.bytes.toString('utf8') ?? '')
    if (!journal) throw new Error(`\`${file}\` is not a journal of an import`)
    if (journal.state === 'applied') return { file, journal }
  }
  return undefined
}

function parseJournal(text: string): Journal | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const isText = (...values: unknown[]): boolean => values.every(item => typeof item === 'string')
  const isFile = (f: unknown): boolean =>
    isRecord(f) && (f['kind'] === 'host' || f['kind'] === 'config') && isText(f['path'], f['backup'], f['before'], f['after'])
  const isSecret = (s: unknown): boolean => isRecord(s) && isText(s['path'], s['digest'])
  if (!isRecord(value) || value['version'] !== 1 || !isText(value['at'], value['state'])) return undefined
  const { files, secrets } = value
  if (!Array.isArray(files) || !files.every(isFile) || !Array.isArray(secrets) || !secrets.every(isSecret)) return undefined
  return value as Journal
}
