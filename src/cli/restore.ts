// `gatehouse restore`: puts a backup of state.db in place of what is there. Keys only where asked for; floors and pins in trust/ never.

import { existsSync } from 'node:fs'
import { link, mkdir, rename, rm } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { copyDatabase, inspectDatabase } from '../adapters/sqlite/copy.ts'
import { openStateDb } from '../adapters/sqlite/state-db.ts'
import { syncDirectory } from '../adapters/sync-directory.ts'
import type { Snapshot } from '../config/schema.ts'
import { MAX_KEY_FILE, readBackup, type Manifest } from './backup-folder.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { backUp, readIfThere, writeAtomic } from './files.ts'
import { configurationOf, vaultKeyIds, whileStopped } from './stopped-gateway.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const [given] = args.positionals
  if (given === undefined) {
    io.err('gatehouse restore: expected the folder of a backup\n')
    return EXIT.usage
  }
  const snapshot = await configurationOf(args)
  if (!snapshot) return EXIT.configInvalid
  const folder = resolve(io.cwd, given)
  const manifest = await readBackup(folder)
  return whileStopped(args, snapshot, {
    instead: 'stop it first',
    work: async record => {
      const problem = await refusal(args, snapshot, { folder, manifest })
      if (problem !== undefined) {
        io.err(`gatehouse restore: ${problem}\nnothing was changed\n`)
        return EXIT.conflict
      }
      const { createdAt, files } = manifest
      await record('restore', { createdAt, database: files['state.db']?.sha256 })
      const aside = await placeDatabase(args, snapshot.dataDir, folder)
      const keys = args.flag('with-keys') ? await placeKeys(args, snapshot.dataDir, { folder, manifest }) : []
      const lost = await unreadable(args, snapshot, manifest)
      await record('restored', { createdAt, keys: keys.length, unreadable: lost })
      report(args, { createdAt, keys, aside, unreadable: lost })
      return lost === 0 ? EXIT.ok : EXIT.failed
    },
  })
}

type Source = { readonly folder: string; readonly manifest: Manifest }
const keyNames = (manifest: Manifest): readonly string[] => Object.keys(manifest.files).filter(name => name.startsWith('keys/'))

/** Why it must not be done as asked; `--force` overrules all but missing keys files. */
async function refusal(args: CommandArgs, snapshot: Snapshot, { folder, manifest }: Source): Promise<string | undefined> {
  const withKeys = args.flag('with-keys')
  if (withKeys && keyNames(manifest).length === 0) return 'this backup holds no keys; leave --with-keys out'
  if (args.flag('force')) return undefined
  if (existsSync(join(snapshot.dataDir, 'state.db')))
    return 'there is a state.db already: what changed since the backup would be undone (people would have to connect anew, what was revoked or blocked since would count again); --force does it, and keeps the present one beside it'
  if (withKeys && (await changedKeys(snapshot.dataDir, { folder, manifest })).length > 0)
    return 'other keys are here already; --force replaces them, and keeps the present ones beside them'
  if (!withKeys && (await unreadable(args, snapshot, manifest)) > 0)
    return 'the key that sealed its grants is not here: put `keys/vault.key` back first, or add --with-keys if the backup has it; --force restores all the same, and everybody must connect anew'
  return undefined
}

/** Keys of the grants that are neither of the two generations in force. */
async function unreadable({ io }: CommandArgs, snapshot: Snapshot, { sealedBy }: Manifest): Promise<number> {
  const known = await vaultKeyIds(snapshot, io.env)
  return sealedBy.filter(id => !known.includes(id)).length
}

async function changedKeys(dataDir: string, { folder, manifest }: Source): Promise<readonly string[]> {
  const changed: string[] = []
  for (const name of keyNames(manifest)) {
    const [mine, theirs] = [await readIfThere(join(dataDir, name), MAX_KEY_FILE), await readIfThere(join(folder, name), MAX_KEY_FILE)]
    if (mine && theirs?.bytes.equals(mine.bytes) !== true) changed.push(name)
  }
  return changed
}

/** Approvals that were used since the backup would let a call through once more, and standing grants that were revoked since would hold again. */
async function forgetApprovals(file: string): Promise<void> {
  const db = await openStateDb(file)
  try {
    await db.write([{ sql: 'DELETE FROM approvals' }, { sql: 'DELETE FROM standing_grants' }])
  } finally {
    await db.close()
  }
}

/**
 * The copy is checked, and brought to this build's schema, before it takes the name. On disk after a crash: the present database under its name until
 * the rename, and from its link on also beside it; then the restored one. The write-ahead log of the present one was folded in before, so none is left
 * that could be taken for the restored one's.
 */
async function placeDatabase({ io }: CommandArgs, dataDir: string, folder: string): Promise<string | undefined> {
  const [target, fresh] = [join(dataDir, 'state.db'), join(dataDir, 'state.db.restoring')]
  for (const end of ['', '-wal', '-shm']) await rm(fresh + end, { force: true })
  await copyDatabase(join(folder, 'state.db'), fresh)
  inspectDatabase(fresh)
  await forgetApprovals(fresh)
  let aside: string | undefined
  if (existsSync(target)) {
    // a damaged one is what restores are for: its log, if it cannot be folded in, goes aside with it
    await openStateDb(target).then(
      db => db.close(),
      () => undefined,
    )
    aside = `${target}.before-restore-${new Date(io.now()).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`
    await link(target, aside)
    for (const end of ['-wal', '-shm']) if (existsSync(target + end)) await rename(target + end, aside + end)
  }
  await rename(fresh, target)
  await syncDirectory(dataDir)
  return aside
}

async function placeKeys({ io }: CommandArgs, dataDir: string, source: Source): Promise<readonly string[]> {
  await mkdir(join(dataDir, 'keys'), { recursive: true, mode: 0o700 })
  for (const name of await changedKeys(dataDir, source)) {
    const old = await readIfThere(join(dataDir, name), MAX_KEY_FILE)
    if (old) await backUp(join(dataDir, name), old.bytes, io.now())
  }
  const names = keyNames(source.manifest)
  for (const name of names) {
    const file = await readIfThere(join(source.folder, name), MAX_KEY_FILE)
    if (file) await writeAtomic(join(dataDir, name), file.bytes)
  }
  return names
}

type Done = {
  readonly createdAt: string
  readonly keys: readonly string[]
  readonly aside: string | undefined
  readonly unreadable: number
}

function report({ io, json }: CommandArgs, done: Done): void {
  if (json) io.out(`${JSON.stringify(done)}\n`)
  else {
    io.out(`state.db is that of ${done.createdAt}${done.keys.length > 0 ? `, and ${done.keys.length} keys with it` : ''}\n`)
    if (done.aside !== undefined) io.out(`the one before is ${basename(done.aside)}\n`)
    io.out('what was revoked or blocked after that moment must be revoked or blocked again; trust/ was not touched\n')
  }
  if (done.unreadable > 0) io.err('grants in it are sealed with a key that is not here; their owners must connect anew\n')
}
