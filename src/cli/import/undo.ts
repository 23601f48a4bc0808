// Puts back what the last import changed.

import { rm } from 'node:fs/promises'
import { backUp, readIfThere, writeAtomic } from '../files.ts'
import { digestOf, latestJournal, rewriteJournal } from './journal.ts'
import type { Journal, JournalFile } from './journal.ts'

type Found = {
  readonly entry: JournalFile
  readonly now: Buffer | undefined
  readonly backup: Buffer
  readonly state: 'ours' | 'restored' | 'changed'
}

export type Undone =
  | { readonly kind: 'nothing' }
  /** nothing was changed; `now` is undefined where the file is gone */
  | {
      readonly kind: 'refused'
      readonly reason: 'changed' | 'backup'
      readonly files: readonly { readonly path: string; readonly now: Buffer | undefined; readonly backup: Buffer | undefined }[]
    }
  | {
      readonly kind: 'undone'
      readonly at: string
      readonly restored: readonly string[]
      readonly left: readonly string[]
      readonly backups: readonly string[]
    }

/**
 * Hosts' files must be as the import left them, or `force` is set: then their present state is kept as a backup. A gatehouse.yaml that was changed since stays
 * as it is, with the imported servers in it, because rules written since are worth more than a tidy file; `force` puts it back, too.
 */
export async function undoImport(dataDir: string, options: { readonly force: boolean; readonly now: number }): Promise<Undone> {
  const latest = await latestJournal(dataDir)
  if (!latest) return { kind: 'nothing' }
  const { journal } = latest
  const found: Found[] = []
  for (const entry of journal.files) {
    const one = await look(entry)
    if (!one) return { kind: 'refused', reason: 'backup', files: [{ path: entry.backup, now: undefined, backup: undefined }] }
    found.push(one)
  }
  const changed = found.filter(f => f.state === 'changed' && f.entry.kind === 'host')
  if (changed.length > 0 && !options.force) {
    return { kind: 'refused', reason: 'changed', files: changed.map(f => ({ path: f.entry.path, now: f.now, backup: f.backup })) }
  }
  const left = found.filter(f => f.state === 'changed' && f.entry.kind === 'config' && !options.force)
  const restored: string[] = []
  const backups: string[] = []
  for (const { entry, now, backup, state } of found) {
    if (state === 'restored' || left.some(f => f.entry === entry)) continue
    if (state === 'changed' && now) backups.push(await backUp(entry.path, now, options.now))
    await writeAtomic(entry.path, backup)
    restored.push(entry.path)
  }
  if (left.length === 0) await removeSecrets(journal)
  // Last: cut short before this, undoing again ends the same way.
  await rewriteJournal(latest.file, { ...journal, state: 'undone' })
  return { kind: 'undone', at: journal.at, restored, left: left.map(f => f.entry.path), backups }
}

/** The file against the journal; undefined when the backup is not what was backed up. */
async function look(entry: JournalFile): Promise<Found | undefined> {
  const backup = (await readIfThere(entry.backup))?.bytes
  if (!backup || digestOf(backup) !== entry.before) return undefined
  const now = (await readIfThere(entry.path))?.bytes
  const digest = now && digestOf(now)
  return { entry, now, backup, state: digest === entry.after ? 'ours' : digest === entry.before ? 'restored' : 'changed' }
}

/** Secrets that the import wrote and nobody changed since. The hosts' restored files hold them again. */
async function removeSecrets(journal: Journal): Promise<void> {
  for (const { path, digest } of journal.secrets) {
    const bytes = (await readIfThere(path))?.bytes
    if (bytes && digestOf(bytes) === digest) await rm(path, { force: true })
  }
}
