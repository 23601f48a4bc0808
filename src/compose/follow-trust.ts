// The repository of trust, where the configuration names one: its libraries are loaded only then.

import { createRevocationLog } from '../adapters/sqlite/registry-store.ts'
import { createStandingFeed } from '../adapters/sqlite/standing-feed.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { TrustPlane, TrustParts } from './trust.ts'

type Parts = Omit<TrustParts, 'repository' | 'registry'> & { readonly state: StateDb }

/** Undefined where none is followed. Rejects as openTrust. */
export async function followTrust({ state, ...parts }: Parts): Promise<TrustPlane | undefined> {
  const { repository } = parts.snapshot.registry
  if (!repository) return undefined
  const { openTrust } = await import('./trust.ts')
  return openTrust({ ...parts, repository, registry: { standings: createStandingFeed(state), revocations: createRevocationLog(state) } })
}
