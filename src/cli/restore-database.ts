// The database of a backup on its way to its place: checked, joined with what was ended since, and only then under its name.

import { existsSync } from 'node:fs'
import { link, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { copyDatabase, inspectDatabase } from '../adapters/sqlite/copy.ts'
import { restoreState, type Restored } from '../adapters/sqlite/restored-state.ts'
import { openStateDb } from '../adapters/sqlite/state-db.ts'
import { syncDirectory } from '../adapters/sync-directory.ts'
import type { Snapshot } from '../config/schema.ts'
import type { CommandArgs } from './command.ts'
import type { SinceBackup } from './restore-log.ts'

export type Placed = {
  /** the database that was here, under another name */
  readonly aside: string | undefined
  readonly restored: Restored
}
type From = { readonly folder: string; readonly log: SinceBackup; readonly keepConnections: boolean }

/** Clocks, and the official form of proofs by a domain, for which no life is configured. */
const PROOF_SLACK_SECONDS = 120

/**
 * The copy is checked, brought to this build's schema, and made to hold nothing that was ended since, before it takes the name. On disk after a crash: the present
 * database under its name until the rename, and from its link on also beside it; then the restored one. The write-ahead log of the present one was folded in
 * before, so none is left that could be taken for the restored one's.
 */
export async function placeDatabase({ io }: CommandArgs, { dataDir, flow, registry }: Snapshot, from: From): Promise<Placed> {
  const [target, fresh, seen] = ['state.db', 'state.db.restoring', 'state.db.present'].map(name => join(dataDir, name)) as [
    string,
    string,
    string,
  ]
  await removed(fresh, seen)
  try {
    await copyDatabase(join(from.folder, 'state.db'), fresh)
    inspectDatabase(fresh)
    await brought(fresh)
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
    const aside = existsSync(target) ? await setAside(target, io.now()) : undefined
    await rename(fresh, target)
    await syncDirectory(dataDir)
    return { aside, restored }
  } finally {
    await removed(fresh, seen)
  }
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

async function setAside(target: string, nowMs: number): Promise<string> {
  await openStateDb(target).then(
    db => db.close(),
    () => undefined,
  )
  const aside = `${target}.before-restore-${new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`
  await link(target, aside)
  for (const end of ['-wal', '-shm']) if (existsSync(target + end)) await rename(target + end, aside + end)
  return aside
}

async function removed(...files: readonly string[]): Promise<void> {
  for (const file of files) for (const end of ['', '-wal', '-shm']) await rm(file + end, { force: true })
}
