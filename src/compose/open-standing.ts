// Standing on the state database, as the last run left it.

import { sqliteBlocks, sqliteRevocations } from '../adapters/sqlite/block-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import { Standing, type StandingParts } from './standing.ts'

/** Rejects where the store cannot be read: a gateway that cannot know what is blocked does not start. */
export async function openStanding({
  state,
  ...parts
}: Omit<StandingParts, 'blocks' | 'revocations'> & { readonly state: StateDb }): Promise<Standing> {
  const standing = new Standing({ ...parts, blocks: sqliteBlocks(state), revocations: sqliteRevocations(state) })
  await standing.load()
  return standing
}
