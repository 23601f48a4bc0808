// What the audit log on disk says was ended since a backup was made.

import { join } from 'node:path'
import { readThrough } from '../adapters/audit/log-mark.ts'
import { EndedActs, type Ended } from '../audit/ended-acts.ts'
import type { Manifest } from './backup-folder.ts'

/** `isWhole`: the log goes through the backup, so nothing that it does not name was ended since. */
export type SinceBackup = { readonly ended: Ended; readonly isWhole: boolean }

/** A second or so for each million events. */
export async function sinceBackup(dataDir: string, { log }: Manifest): Promise<SinceBackup> {
  const acts = new EndedActs()
  const isWhole = await readThrough(join(dataDir, 'audit'), log, (line, isBehind) => acts.note(line, isBehind))
  return { ended: acts.end(), isWhole }
}
