// The servers behind this gateway: upstreams as configured, versions of the registry as they are in force, and the trust that decides which.

import { join } from 'node:path'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import { FloorFile } from '../adapters/tuf/floor-file.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Admitting } from '../pipeline/admitting.ts'
import type { ContentStore } from '../trust/content.ts'
import type { Over } from './endings.ts'
import { followTrust } from './follow-trust.ts'
import { openServed, type ServedHouse } from './served.ts'
import type { TrustPlane } from './trust.ts'
import { houseUpstreams, type HouseParts, type UpstreamHouse } from './upstream-house.ts'

type Parts = Omit<HouseParts, 'serving' | 'held' | 'encoder'> &
  Pick<Parameters<typeof openServed>[0], 'encoder'> & {
    readonly current: () => Snapshot
    readonly state: StateDb
    /** as `outbound` allows */
    readonly fetch: SafeFetch
    /** default: as `registry.artifacts` says */
    readonly content?: ContentStore | undefined
    /** wall clock, milliseconds */
    readonly now: () => number
    readonly admitting: () => Admitting
    /** running and parked calls that are over end with this reason */
    readonly end: (over: Over, stop: Stop) => unknown
  }

type ServerHouse = UpstreamHouse & { readonly trust: TrustPlane | undefined; readonly served: ServedHouse }

/** Rejects as followTrust, and with Fault `floors-invalid`. */
export async function houseServers(snapshot: Snapshot, parts: Parts): Promise<ServerHouse> {
  const { current, admitting, end } = parts
  const floors = new FloorFile(join(snapshot.dataDir, 'trust'))
  const trust = await followTrust({ ...parts, snapshot, floors })
  const served = openServed({
    ...parts,
    ...{ trust, floors },
    changed(alias, stop) {
      // Whoever listens is told first: what is asked next finds the server that is there by then.
      admitting().decided(alias)
      if (stop) end({ kind: 'version', alias }, stop)
      house.upstreams.resolveAnew(alias, stop ? 0 : current().limits.drainMs)
    },
    decided: alias => admitting().decided(alias),
  })
  const house = houseUpstreams(snapshot, { ...parts, serving: served.serving, held: entry => admitting().held(entry) })
  return { ...house, trust, served }
}
