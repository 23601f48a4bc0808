// Seeds as this process takes them at its start: one after the other, and what was not taken is said.

import { readSeedFolder } from '../adapters/seed-folder.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import { Fault } from '../kernel/errors.ts'
import { takeSeed, type SeedFate, type SeedParts } from '../registry/seeds.ts'

type Parts = SeedParts & {
  readonly folders: readonly string[]
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Pick<Logger, 'warn'>
}
const MAX_NAMED = 50

/** Never keeps a start from going on: a folder that cannot be read brings nothing. Rejects with the Fault of the log or the database alone. */
export async function takeSeeds({ folders, log, encoder, logger, ...parts }: Parts): Promise<void> {
  for (const folder of folders) {
    const fates: SeedFate[] = []
    try {
      for (const seed of await readSeedFolder(folder)) fates.push(await takeSeed(parts, seed))
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'seeds-unreadable')) throw error
      logger.warn('seeds could not be read', { folder, detail: error.message })
    }
    const refused = fates.flatMap(fate => (fate.kind === 'refused' ? [{ at: fate.at, why: fate.why }] : []))
    for (const { at, why } of refused) logger.warn('a seed was not taken', { seed: at, detail: why })
    const come = fates.filter(({ kind }) => kind === 'admitted' || kind === 'waiting').map(({ at, kind }) => ({ at, standing: kind }))
    // What was there already is nothing to record.
    if (come.length + refused.length > 0)
      await log.append(encoder.lifecycle('seeds-taken', { folder, come: come.slice(0, MAX_NAMED), refused: refused.slice(0, MAX_NAMED) }))
  }
}
