// The registry as this process has it: its stores in state.db, its views from the snapshot in force.

import { randomBytes } from 'node:crypto'
import { createDomainKeys } from '../adapters/domain-keys.ts'
import { createChallengeStore, createNamespaceStore } from '../adapters/sqlite/namespace-store.ts'
import { createVersionStore } from '../adapters/sqlite/registry-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Sealer } from '../kernel/seal.ts'
import type { AdminDeps } from '../pipeline/administration.ts'
import { Namespaces } from '../registry/namespaces.ts'
import { createReader, type RegistryView } from '../registry/reader.ts'

type RegistryParts = {
  readonly current: () => Snapshot
  readonly state: StateDb
  readonly sealer: Sealer
  /** milliseconds since the epoch */
  readonly now: () => number
  readonly serverInfo: { readonly version: string }
}

export function createRegistry({ current, state, sealer, serverInfo, now }: RegistryParts): AdminDeps['registry'] {
  const reader = createReader({ versions: createVersionStore(state), sealer, version: serverInfo.version })
  return {
    namespaces: new Namespaces({
      store: createNamespaceStore(state),
      challenges: createChallengeStore(state),
      domainKeys: createDomainKeys(),
      origin: () => current().publicUrl,
      nowSeconds: () => Math.floor(now() / 1000),
      newNonce: () => randomBytes(24).toString('base64url'),
    }),
    read: async (name, target) => {
      const view = viewOf(current(), name)
      return view ? reader(view, target) : { stop: 'path-unknown' }
    },
  }
}

/** '' is the whole registry. */
function viewOf({ registry }: Snapshot, name: string): RegistryView | undefined {
  if (name === '') return { name }
  const set = registry.sets.get(name)
  return set && { name, only: set }
}

/** Without a token: the whole registry where nothing but this machine reaches the gateway, a set where it is said of it. */
export function accessOf({ registry }: Snapshot, name: string): 'anybody' | 'signed-in' | undefined {
  const set = registry.sets.get(name)
  if (name !== '' && !set) return undefined
  return !registry.isExposed || set?.anonymous === true ? 'anybody' : 'signed-in'
}
