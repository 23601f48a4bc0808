// Where served versions come from: this gateway's own registry, or the one that `registry.from` names. What was withdrawn counts from both.

import { join } from 'node:path'
import { RemoteRegistry } from '../adapters/remote-registry.ts'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import { createDocumentStore } from '../adapters/sqlite/document-store.ts'
import { createRevocationLog, createVersionStore } from '../adapters/sqlite/registry-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Withdrawal } from '../trust/blocked.ts'
import type { VersionSource } from '../trust/version-source.ts'
import { definitionsIn, registrySource, withdrawnIn } from './registry-source.ts'

export type ServedSourceParts = {
  readonly current: () => Snapshot
  readonly state: StateDb
  /** as `outbound` allows */
  readonly fetch: SafeFetch
  readonly logger: Pick<Logger, 'fault'>
  /** wall clock, milliseconds */
  readonly now: () => number
}

export type ServedSource = {
  readonly versions: VersionSource
  /** all that blocks; the same list until there is more, or `forget` was called */
  readonly withdrawn: () => Promise<readonly Withdrawal[]>
  /** something was withdrawn here, or may have been */
  readonly forget: () => void
  readonly definitionsOf: (name: string, version: string) => Promise<Buffer | undefined>
  /** what statements have to be signed for */
  readonly registry: () => string
}

/** Which of the two is decided once: another one takes a start. */
export function servedSource({ current, state, fetch, logger, now }: ServedSourceParts): ServedSource {
  const { dataDir, registry } = current()
  const { from } = registry
  const revocations = createRevocationLog(state)
  let own: ReturnType<typeof withdrawnIn> | undefined
  const ownWithdrawn = (): ReturnType<typeof withdrawnIn> =>
    (own ??= withdrawnIn(revocations).catch((cause: unknown) => {
      own = undefined
      throw cause
    }))
  const forget = (): void => void (own = undefined)
  const documents = createDocumentStore(state)
  if (!from) {
    const versions = registrySource(createVersionStore(state), documents)
    return { versions, withdrawn: ownWithdrawn, forget, definitionsOf: definitionsIn(documents), registry: () => current().publicUrl }
  }
  const unkept = (cause: unknown): void => logger.fault('what the other registry says could not be kept for a start without it', cause)
  const remote = new RemoteRegistry({ ...from, fetch, folder: join(dataDir, 'registry-from'), unkept, now })
  const together = joined()
  return {
    versions: remote,
    withdrawn: async () => together(await ownWithdrawn(), remote.withdrawn()),
    forget,
    definitionsOf: (name, version) => remote.definitions(name, version),
    registry: () => from.url,
  }
}

/** Of two lists one, the same until one of them is another. */
function joined(): (...lists: readonly (readonly Withdrawal[])[]) => readonly Withdrawal[] {
  let before: readonly (readonly Withdrawal[])[] = []
  let all: readonly Withdrawal[] = []
  return (...lists) => {
    if (lists.some((list, i) => list !== before[i])) all = lists.flat()
    before = lists
    return all
  }
}
