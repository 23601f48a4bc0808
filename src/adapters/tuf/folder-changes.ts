// Files of a repository of trust that are written, in an order that leaves a whole repository wherever it is interrupted.

import { hash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { replaceSyncedFile, replaceSyncedFileBeside } from '../synced-file.ts'
import type { Documents, OfflineRole } from './ceremony.ts'

const KIND = 'trust-repository'
const PUBLIC = 0o644

/** A file that is written whole, or goes where it has no bytes. `file`: below the repository. */
export type FolderChange = { readonly file: string; readonly bytes?: Buffer }

export const metadataChange = (name: string, bytes: Buffer): FolderChange => ({ file: `metadata/${name}`, bytes })
export const documentFile = (path: string, digest: string): string =>
  posix.join('targets', posix.dirname(path), `${digest}.${posix.basename(path)}`)
/** Documents under the digest in their name: unsigned they mean nothing, and no later version replaces them. */
export const documentChanges = (documents: Documents): readonly FolderChange[] =>
  [...documents].map(([path, bytes]) => ({ file: documentFile(path, hash('sha256', bytes)), bytes }))
export const stagedName = (role: OfflineRole): string => `staged/${role}.json`

/** Throws Fault `trust-repository-unwritable`; what stands before the one that failed is done. */
export function perform(folder: string, changes: readonly FolderChange[]): void {
  for (const { file, bytes } of changes) {
    const path = join(folder, file)
    if (!bytes) rmSync(path, { force: true })
    else if (!hasBytes(path, bytes)) replaceSyncedFile(path, KIND, bytes, PUBLIC)
  }
}

/** The same, while this process does other things. */
export async function performBeside(folder: string, changes: readonly FolderChange[]): Promise<void> {
  for (const { file, bytes } of changes) {
    const path = join(folder, file)
    if (!bytes) await rm(path, { force: true })
    else if (!hasBytes(path, bytes)) await replaceSyncedFileBeside(path, KIND, bytes, PUBLIC)
  }
}

const hasBytes = (path: string, bytes: Buffer): boolean => existsSync(path) && readFileSync(path).equals(bytes)
