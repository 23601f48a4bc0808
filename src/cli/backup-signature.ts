// A backup's manifest, signed with the key of the audit log: whoever edits it, or brings another gateway's, is found out where that log's keys are known.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadAuditKeys } from '../adapters/audit/audit-key.ts'
import type { Floor } from '../adapters/audit/floor.ts'
import { noteOf, readNote, readVkey, signatureLine, verifyNote } from '../audit/note.ts'
import { readIfThere } from './files.ts'

const NAME = 'manifest.sig'
const MAX_BYTES = 64 * 1024
const textOf = (sha256: string): string => `gatehouse backup\n${sha256}\n`

export const signaturePath = (folder: string): string => join(folder, NAME)

/** A C2SP signed note over the manifest's SHA-256 (hexadecimal), or undefined where the log was never signed. */
export function signManifest(dataDir: string, { last }: Floor, sha256: string): string | undefined {
  if (!last || !existsSync(join(dataDir, 'keys', 'audit.key'))) return undefined
  const text = textOf(sha256)
  return noteOf(text, [signatureLine(text, { name: last.origin, privateKey: loadAuditKeys(dataDir).current })])
}

/**
 * `own`: this gateway's log signed it. `unknown`: it is unsigned, or nothing here tells whether that is so (a new machine, a log that ended). `wrong`: signed by
 * nobody that this log knows, or for another manifest.
 */
export async function whoseManifest(folder: string, sha256: string, { last, ended }: Floor): Promise<'own' | 'unknown' | 'wrong'> {
  const file = await readIfThere(signaturePath(folder), MAX_BYTES)
  if (!file || !last) return 'unknown'
  const note = readNote(file.bytes.toString('utf8'))
  if (typeof note === 'string' || note.text !== textOf(sha256)) return 'wrong'
  if (note.lines.some(({ name }) => name !== last.origin && ended.some(({ origin }) => origin === name))) return 'unknown'
  const keys = last.vkeys.map(readVkey).filter(key => typeof key !== 'string')
  return typeof verifyNote(note, keys) === 'string' ? 'wrong' : 'own'
}
