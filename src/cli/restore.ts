// `gatehouse restore`: puts a backup of state.db in place of what is there, without bringing back what was ended since. Keys only where asked for; floors and
// pins in trust/ never.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inspectDatabase } from '../adapters/sqlite/copy.ts'
import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import { readBackup, type Backup, type Manifest } from './backup-folder.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { discardDatabase, placeDatabase } from './restore-database.ts'
import { isVaultKeyOther, keyNames, placeKeys } from './restore-keys.ts'
import { report } from './restore-report.ts'
import { beginAnew, sinceBackup, type SinceBackup } from './restore-log.ts'
import { configurationOf, vaultKeyIds, whileStopped, type RecordAct } from './stopped-gateway.ts'

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
  const backup = await readBackup(folder)
  const problem = await refusal(args, snapshot, { folder, manifest: backup.manifest })
  const log = problem === undefined ? await readLog(snapshot.dataDir, folder, backup) : undefined
  if (log === 'running') {
    io.err('gatehouse: the gateway is running; stop it first\n')
    return EXIT.conflict
  }
  if (!log) {
    io.err(`gatehouse restore: ${problem ?? ''}\nnothing was changed\n`)
    return EXIT.conflict
  }
  try {
    // By now it is known that the backup can be restored: a log is ended for no less.
    const begun = log.lost === undefined ? undefined : await beginAnew(snapshot.dataDir, backup, io.now())
    return await whileStopped(args, snapshot, {
      instead: 'stop it first',
      work: record => restore(args, snapshot, { folder, backup, log, begun, record }),
    })
  } finally {
    await discardDatabase(snapshot.dataDir)
  }
}

type Restoring = {
  readonly folder: string
  readonly backup: Backup
  readonly log: SinceBackup
  /** the log could not go on */
  readonly begun: Awaited<ReturnType<typeof beginAnew>> | undefined
  readonly record: RecordAct
}

async function restore(args: CommandArgs, snapshot: Snapshot, { folder, backup, log, begun, record }: Restoring): Promise<number> {
  const { io } = args
  const { manifest } = backup
  const { createdAt, files } = manifest
  const { dataDir } = snapshot
  const keepConnections = args.flag('keep-connections')
  const lostLog = log.lost === undefined ? {} : { lost: log.lost, ...(begun?.before && { before: begun.before }) }
  await record('restore', { createdAt, database: files['state.db']?.sha256, isLogWhole: log.isWhole, keepConnections, ...lostLog })
  const placed = await placeDatabase(args, snapshot, { log, keepConnections })
  const keys = args.flag('with-keys') ? await placeKeys(args, dataDir, { folder, manifest, rotated: log.ended.rotatedKeys }) : NO_KEYS
  const unreadable = lostGrants(inspectDatabase(join(dataDir, 'state.db')), await vaultKeyIds(snapshot, io.env))
  const { connections, blocked, revoked, frozen } = placed.restored
  await record('restored', { createdAt, keys: keys.placed.length, unreadable, connections, blocked, revoked, frozen })
  report(args, {
    ...{ createdAt, keys, unreadable, ...placed },
    isLogWhole: log.isWhole,
    ...(log.lost !== undefined && { newLog: { why: log.lost, aside: begun?.aside, before: begun?.before } }),
    unreadableActs: log.ended.unreadable,
    advisories: placed.restored.isSuccessor ? [] : log.ended.advisories,
  })
  return unreadable === 0 ? EXIT.ok : EXIT.failed
}

const readLog = (dataDir: string, folder: string, backup: Backup): Promise<SinceBackup | 'running'> =>
  sinceBackup(dataDir, folder, backup).catch((error: unknown) => {
    if (error instanceof Fault && error.code === 'audit-locked') return 'running'
    throw error
  })

const NO_KEYS = { placed: [], left: [] }
type Source = { readonly folder: string; readonly manifest: Manifest }

/** Why it must not be done as asked; `--force` overrules all but missing keys files. */
async function refusal(args: CommandArgs, snapshot: Snapshot, { folder, manifest }: Source): Promise<string | undefined> {
  const withKeys = args.flag('with-keys')
  if (withKeys && keyNames(manifest).length === 0) return 'this backup holds no keys; leave --with-keys out'
  if (args.flag('force')) return undefined
  if (existsSync(join(snapshot.dataDir, 'state.db')))
    return 'there is a state.db already: what was connected, registered and published since the backup would be gone, and everybody would sign in anew; --force does it, and keeps the present one beside it'
  if (withKeys && (await isVaultKeyOther(snapshot.dataDir, { folder, manifest })))
    return 'another vault key is here already; --force replaces it, and keeps the present one beside it'
  const known = await vaultKeyIds(snapshot, args.io.env)
  if (!withKeys && manifest.sealedBy.some(id => !known.includes(id)))
    return 'the key that sealed its grants is not here: put `keys/vault.key` back first, or add --with-keys if the backup has it; --force restores all the same, and everybody must connect anew'
  return undefined
}

/** Grants that neither of the two generations in force opens. */
const lostGrants = (sealedBy: ReadonlyMap<string, number>, known: readonly string[]): number =>
  [...sealedBy].reduce((sum, [id, grants]) => (known.includes(id) ? sum : sum + grants), 0)
