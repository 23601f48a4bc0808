// `gatehouse key rotate-offline`: a new generation of a key of a gateway that is stopped.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { rotateAuditKey } from '../adapters/audit/audit-key.ts'
import { readFloor } from '../adapters/audit/floor.ts'
import { rotateSealingKeys, rotateVaultKeys } from '../adapters/keys.ts'
import { openStateDb } from '../adapters/sqlite/state-db.ts'
import { VaultKeeper, type Resealed } from '../adapters/vault-keeper.ts'
import type { Snapshot } from '../config/schema.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { configurationOf, whileStopped } from './stopped-gateway.ts'

const KEYS = ['vault', 'sealing', 'audit'] as const

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const key = KEYS.find(name => name === args.positionals[0])
  if (key === undefined) {
    io.err(`gatehouse key rotate-offline: expected ${KEYS.join(' or ')}\n`)
    return EXIT.usage
  }
  const snapshot = await configurationOf(args)
  if (!snapshot) return EXIT.configInvalid
  if (key === 'vault' && snapshot.keys.vault) {
    io.err(
      'gatehouse key rotate-offline: `keys.vault` is kept elsewhere: put a new line in front of the old one there; the next start or reload seals everything anew\n',
    )
    return EXIT.conflict
  }
  return whileStopped(args, snapshot, {
    instead: `an operator rotates its key with \`gatehouse key rotate ${key}\`; or stop it first`,
    work: async record => {
      await record('key-rotate', { key })
      const result = key === 'vault' ? await rotateVault(args, snapshot) : rotateFile(key, snapshot.dataDir)
      await record('key-rotated', { key, ...result })
      report(args, key, result)
      return result.unreadable === 0 ? EXIT.ok : EXIT.failed
    },
  })
}

function rotateFile(key: 'sealing' | 'audit', dataDir: string): Resealed {
  if (key === 'sealing') rotateSealingKeys(dataDir)
  else rotateAuditKey(dataDir, readFloor(dataDir))
  return { resealed: 0, unreadable: 0 }
}

async function rotateVault({ io }: CommandArgs, { dataDir }: Snapshot): Promise<Resealed> {
  const file = join(dataDir, 'state.db')
  if (!existsSync(file)) {
    rotateVaultKeys(dataDir)
    return { resealed: 0, unreadable: 0 }
  }
  const state = await openStateDb(file)
  try {
    const deps = { dataDir, state, environment: io.env, now: () => io.now(), monotonic: () => performance.now() }
    return await new VaultKeeper({ ...deps, unreadable: () => {}, resealed: () => {} }, undefined).rotate()
  } finally {
    await state.close()
  }
}

function report({ io, json }: CommandArgs, key: string, { resealed, unreadable }: Resealed): void {
  if (json) {
    io.out(`${JSON.stringify({ key, resealed, unreadable })}\n`)
    return
  }
  io.out(`the ${key} key has a new generation${key === 'vault' ? `; ${resealed} grants were sealed anew` : ''}\n`)
  if (unreadable > 0)
    io.err(`${unreadable} grants open with no key that is here; they stay as they are, and their owners must connect anew\n`)
}
