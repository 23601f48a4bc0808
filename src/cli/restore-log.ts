// The audit log and a restore: whether it goes on, what it says was ended since the backup was made, and its end where it cannot go on.

import { join } from 'node:path'
import { readFloor, type EndedLog } from '../adapters/audit/floor.ts'
import { readThrough } from '../adapters/audit/log-mark.ts'
import { endLog, judgeLog } from '../adapters/audit/log-standing.ts'
import { EndedActs, type Ended } from '../audit/ended-acts.ts'
import { Fault } from '../kernel/errors.ts'
import type { Backup } from './backup-folder.ts'
import { whoseManifest } from './backup-signature.ts'

export type SinceBackup = {
  readonly ended: Ended
  /** it was signed, goes through the backup, and this gateway signed that: nothing that it does not name was ended since */
  readonly isWhole: boolean
  /** why it cannot go on: a new one begins */
  readonly lost: string | undefined
}

/**
 * Reads the whole log: a second or so for each million events. Throws Fault `backup-invalid` for a backup that was changed, or of another gateway, and `audit-locked`
 * while a gateway runs.
 */
export async function sinceBackup(dataDir: string, folder: string, { manifest, sha256 }: Backup): Promise<SinceBackup> {
  const whose = await whoseManifest(folder, sha256, readFloor(dataDir))
  if (whose === 'wrong')
    throw new Fault(
      'backup-invalid',
      `\`${folder}\` was changed after it was made, or is a backup of another gateway; restore that one where it was made, or into a data directory of its own`,
    )
  return judgeLog(dataDir, async standing => {
    const acts = new EndedActs()
    const isThere = await readThrough(join(dataDir, 'audit'), manifest.log, (line, isBehind) => acts.note(line, isBehind))
    const isSigned = standing.is === 'good' && manifest.signed !== undefined && standing.goesThrough(manifest.signed)
    // Signed once, and nothing here knows of it: another machine, or somebody took all of it away.
    const gone = standing.is === 'unsigned' && manifest.signed ? 'audit-missing' : undefined
    return { ended: acts.end(), isWhole: isThere && isSigned && whose === 'own', lost: standing.is === 'lost' ? standing.why : gone }
  })
}

/** Where the old one is now, and what the new one goes on from. */
export async function beginAnew(
  dataDir: string,
  { manifest }: Backup,
  nowMs: number,
): Promise<{ readonly aside: string | undefined; readonly before: EndedLog | undefined }> {
  const aside = join(dataDir, `audit.before-restore-${new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`)
  const moved = await endLog(dataDir, { known: manifest.signed, aside })
  return { aside: moved, before: readFloor(dataDir).ended.at(-1) }
}
