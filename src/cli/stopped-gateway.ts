// For commands that touch the files of a gateway: it must not run meanwhile, and what was done stands in its audit log.

import { randomBytes, randomFillSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readFloor } from '../adapters/audit/floor.ts'
import { NotaryThread } from '../adapters/audit/notary-thread.ts'
import { openFlatLog } from '../adapters/audit/open-flat-log.ts'
import { loadVaultKeys } from '../adapters/keys.ts'
import { EventEncoder } from '../audit/encode.ts'
import { loadConfig } from '../config/load.ts'
import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import { createSealer } from '../kernel/seal.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { faultText, shortName } from './config-check.ts'

/** Appends to the audit log; durable when it resolves. `detail` holds no secret. */
export type RecordAct = (what: string, detail: Readonly<Record<string, unknown>>) => Promise<void>

/** The configuration, or undefined after saying what is wrong with it. */
export async function configurationOf({ io, configFile }: Pick<CommandArgs, 'io' | 'configFile'>): Promise<Snapshot | undefined> {
  const loaded = await loadConfig(configFile, { env: io.env })
  if (loaded.ok) return loaded.snapshot
  io.err(faultText(loaded, shortName(configFile, io.cwd)))
  return undefined
}

/**
 * Does `work` while holding the writer's lock of the audit log, which a running gateway holds: neither runs beside the other, and none can start meanwhile.
 * `EXIT.conflict` when one runs; `instead` says what to do then.
 */
export async function whileStopped(
  args: CommandArgs,
  { dataDir }: Snapshot,
  { instead, work }: { readonly instead: string; readonly work: (record: RecordAct) => Promise<number> },
): Promise<number> {
  const now = (): number => args.io.now()
  const encoder = new EventEncoder(now, randomFillSync)
  const dir = join(dataDir, 'audit')
  const follower = notaryOf(args, dataDir, dir)
  const opened = await openFlatLog({ dir, encoder, now, ...(follower && { follower }) }).catch(async (error: unknown) => {
    await follower?.close()
    if (error instanceof Fault && error.code === 'audit-locked') return undefined
    throw error
  })
  if (!opened) {
    args.io.err(`gatehouse: the gateway is running; ${instead}\n`)
    return EXIT.conflict
  }
  try {
    return await work((what, detail) => opened.log.append(encoder.lifecycle(what, { ...detail, user: args.io.userName })))
  } finally {
    await opened.log.close()
  }
}

/**
 * A log that was signed before is signed again once the command is through: what a start finds behind the last checkpoint then came from nobody here. One that was
 * never signed begins at the next start, which says so.
 */
const notaryOf = ({ io }: CommandArgs, dataDir: string, dir: string): NotaryThread | undefined =>
  readFloor(dataDir).last === undefined
    ? undefined
    : new NotaryThread({
        settings: { dataDir, dir, host: 'gatehouse' },
        now: () => performance.now(),
        onTrouble: message => io.err(`gatehouse: ${message}\n`),
      })

/** Ids of the vault keys that are in force, current first; none where no key was made yet. */
export async function vaultKeyIds(
  { dataDir, keys: { vault: source } }: Snapshot,
  environment: CommandArgs['io']['env'],
): Promise<readonly string[]> {
  if (!source && !existsSync(join(dataDir, 'keys', 'vault.key'))) return []
  const keys = await loadVaultKeys({ dataDir, source, environment })
  return [keys.current, keys.previous].flatMap(key => (key ? [createSealer({ current: key }, randomBytes).keyId] : []))
}
