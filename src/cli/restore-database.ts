// The database of a backup on its way to its place: checked, joined with what was ended since, and only then under its name.

import { existsSync } from 'node:fs'
import { link, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { copyDatabase, inspectDatabase } from '../adapters/sqlite/copy.ts'
import { proposedIn, restoreState, type Restored } from '../adapters/sqlite/restored-state.ts'
import { openStateDb } from '../adapters/sqlite/state-db.ts'
import { syncDirectory } from '../adapters/sync-directory.ts'
import type { Ended, ProposedChange } from '../audit/ended-acts.ts'
import type { Snapshot } from '../config/schema.ts'
import type { CommandArgs } from './command.ts'
import { asideOf } from './set-aside.ts'

export type Placed = {
  /** the database that was here, under another name; where only its write-ahead log was left, that */
  readonly aside: string | undefined
  readonly restored: Restored
}
type From = { readonly log: { readonly ended: Ended; readonly isWhole: boolean }; readonly keepConnections: boolean }

/** Clocks, and the official form of proofs by a domain, for which no life is configured. */
const PROOF_SLACK_SECONDS = 120

const pathsIn = (dataDir: string): { readonly target: string; readonly fresh: string; readonly seen: string } => ({
  target: join(dataDir, 'state.db'),
  fresh: join(dataDir, 'state.db.restoring'),
  seen: join(dataDir, 'state.db.present'),
})

/**
 * Copies the database of a backup to where `placeDatabase` takes it from, and checks it whole: integrity, schema of this build. Nothing else is touched, so what
 * cannot be restored ends nothing. Answers with the changes that were proposed in it. `discardDatabase` takes the copy away.
 */
export async function prepareDatabase(dataDir: string, folder: string): Promise<readonly ProposedChange[]> {
  const { fresh, seen } = pathsIn(dataDir)
  const made = await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (made !== undefined) await syncDirectory(dirname(made))
  await removed(fresh, seen)
  await copyDatabase(join(folder, 'state.db'), fresh)
  inspectDatabase(fresh)
  await brought(fresh)
  return proposedIn(fresh)
}

export const discardDatabase = async (dataDir: string): Promise<void> => {
  const { fresh, seen } = pathsIn(dataDir)
  await removed(fresh, seen)
}

/**
 * The copy that was prepared is made to hold nothing that was ended since, before it takes the name. On disk after a crash: the present database under its name until
 * the rename, and from its link on also beside it; then the restored one. INVARIANT: no write-ahead log lies beside the name when it is taken, whether there was a
 * database or not: SQLite would read it into the restored one.
 */
export async function placeDatabase({ io }: CommandArgs, { dataDir, flow, registry }: Snapshot, from: From): Promise<Placed> {
  const { target, fresh, seen } = pathsIn(dataDir)
  // a damaged one is what restores are for: then the log alone says what was ended
  const hasPresent = existsSync(target) && (await copied(target, seen))
  const restored = restoreState({
    file: fresh,
    present: hasPresent ? seen : undefined,
    ended: from.log.ended,
    isLogWhole: from.log.isWhole,
    keepConnections: from.keepConnections,
    nowSeconds: Math.floor(io.now() / 1000),
    decayMs: flow.decayMs,
    proofSeconds: Math.max(0, ...registry.proofs.map(({ maxTokenSeconds }) => maxTokenSeconds)) + PROOF_SLACK_SECONDS,
  })
  const aside = await setAside(target, io.now())
  await rename(fresh, target)
  await syncDirectory(dataDir)
  return { aside, restored }
}

async function copied(target: string, seen: string): Promise<boolean> {
  try {
    await copyDatabase(target, seen)
    inspectDatabase(seen)
    await brought(seen)
    return true
  } catch {
    await removed(seen)
    return false
  }
}

/** To this build's schema. */
const brought = async (file: string): Promise<void> => (await openStateDb(file)).close()

/** Durable when it resolves: what was moved does not come back beside the restored database. */
async function setAside(target: string, nowMs: number): Promise<string | undefined> {
  const aside = asideOf(target, 'before-restore', nowMs)
  const isThere = existsSync(target)
  if (isThere) {
    await openStateDb(target).then(
      db => db.close(),
      () => undefined,
    )
    await link(target, aside)
  }
  const names = await readdir(dirname(target))
  const left = ['-wal', '-shm'].filter(end => names.includes(`state.db${end}`))
  for (const end of left) await rename(target + end, aside + end)
  await syncDirectory(dirname(target))
  return isThere ? aside : left[0] && aside + left[0]
}

async function removed(...files: readonly string[]): Promise<void> {
  for (const file of files) for (const end of ['', '-wal', '-shm']) await rm(file + end, { force: true })
}
