// The definitions behind the surface that is in force, for commands: `<dataDir>/served/<alias>.json`. Nothing is decided by them; a reader compares digests.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_DEFINITIONS_BYTES } from '../registry/documents.ts'
import { readPrivate, replacePrivate } from './private-text.ts'

// INVARIANT: an alias has letters, digits and dashes alone (config/upstream-table.ts), so it names a file of this folder.
const folderOf = (dataDir: string): string => join(dataDir, 'served')
const fileOf = (dataDir: string, alias: string): string => join(folderOf(dataDir), `${alias}.json`)

/** As the registry keeps them; undefined where none came along. Rejects with the Fault of a file that others could have written. */
export const readAdmittedDefinitions = (dataDir: string, alias: string): Promise<string | undefined> =>
  readPrivate(fileOf(dataDir, alias), MAX_DEFINITIONS_BYTES)

export async function keepAdmittedDefinitions(dataDir: string, alias: string, text: string): Promise<void> {
  await mkdir(folderOf(dataDir), { recursive: true, mode: 0o700 })
  await replacePrivate(fileOf(dataDir, alias), text)
}
