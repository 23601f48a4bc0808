// The audit log and a restore: whether it goes on, what it says was ended since the backup was made, and its end where it cannot go on.

import { join } from 'node:path'
import { readFloor, type EndedLog } from '../adapters/audit/floor.ts'
import { leadsThrough, readThrough, type LogMark } from '../adapters/audit/log-mark.ts'
import { endLog, judgeLog } from '../adapters/audit/log-standing.ts'
import { EndedActs, type Ended } from '../audit/ended-acts.ts'
import { Fault } from '../kernel/errors.ts'
import type { Backup } from './backup-folder.ts'
import { whoseManifest } from './backup-signature.ts'
import { discardDatabase, prepareDatabase } from './restore-database.ts'
import { asideOf, logsAside } from './set-aside.ts'

export type SinceBackup = {
  readonly ended: Ended
  /** it was signed, goes through the backup, and this gateway signed that: nothing that it does not name was ended since */
  readonly isWhole: boolean
  /** why it cannot go on: a new one begins */
  readonly lost: string | undefined
}

/**
 * Checks the database of the backup and leaves it for `placeDatabase`, then reads the whole log, and those that ended before it: a second or so for each million
 * events. Changes nothing else. Throws Fault `backup-invalid` for a backup that was changed, or of another gateway, `audit-locked` while a gateway runs, and what
 * `prepareDatabase` throws; then no copy is left.
 */
export async function sinceBackup(dataDir: string, folder: string, { manifest, sha256 }: Backup): Promise<SinceBackup> {
  const whose = await whoseManifest(folder, sha256, readFloor(dataDir))
  if (whose === 'wrong')
    throw new Fault(
      'backup-invalid',
      `\`${folder}\` was changed after it was made, or is a backup of another gateway; restore that one where it was made, or into a data directory of its own`,
    )
  return judgeLog(dataDir, async standing => {
    try {
      const proposed = await prepareDatabase(dataDir, folder)
      const acts = new EndedActs()
      const isThere = await readLogs(dataDir, manifest.log, acts)
      const isSigned = standing.is === 'good' && manifest.signed !== undefined && standing.goesThrough(manifest.signed)
      // Signed once, and nothing here knows of it: another machine, or somebody took all of it away.
      const gone = standing.is === 'unsigned' && manifest.signed ? 'audit-missing' : undefined
      const lost = standing.is === 'lost' ? standing.why : gone
      return { ended: acts.end(proposed), isWhole: isThere && isSigned && whose === 'own', lost }
    } catch (error) {
      await discardDatabase(dataDir)
      throw error
    }
  })
}

/**
 * Also what a log says that ended: a restore that put it aside may not have come to its end, and the database that learnt from it may be gone. Answers whether the
 * present one goes through the mark. The first that does says which acts the backup knows; every act behind it counts, and every act where none does.
 */
async function readLogs(dataDir: string, mark: LogMark | undefined, acts: EndedActs): Promise<boolean> {
  const present = join(dataDir, 'audit')
  const dirs = [...(await logsAside(dataDir)), present]
  let first = 0
  while (first < dirs.length && !(await leadsThrough(dirs[first] ?? present, mark))) first += 1
  for (const [i, dir] of dirs.entries()) {
    const isOlder = i < first && first < dirs.length
    await readThrough(dir, i === first ? mark : undefined, (line, isBehind) => acts.note(line, isBehind && !isOlder))
  }
  return leadsThrough(present, mark)
}

/** Where the old one is now, and what the new one goes on from. */
export async function beginAnew(
  dataDir: string,
  { manifest }: Backup,
  nowMs: number,
): Promise<{ readonly aside: string | undefined; readonly before: EndedLog | undefined }> {
  const aside = asideOf(join(dataDir, 'audit'), 'before-restore', nowMs)
  const moved = await endLog(dataDir, { known: manifest.signed, aside })
  return { aside: moved, before: readFloor(dataDir).ended.at(-1) }
}
