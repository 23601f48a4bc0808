// Delivery of audit events, as this process has it: the courier, who hears of it, and what administrators ask of it.

import { hostname } from 'node:os'
import { join } from 'node:path'
import { Courier, type KnownLevel } from '../adapters/delivery/courier.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { AuditReader } from '../audit/reading.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Dependency } from '../http/control-plane/app.ts'
import type { AdminDeps } from '../pipeline/administration.ts'

type Parts = {
  readonly reader: Pick<AuditReader, 'state' | 'read'>
  readonly logger: Pick<Logger, 'warn'>
  readonly version: string
}

export type Delivery = AdminDeps['delivery'] & {
  /** sinks of this snapshot, and no others, from here on */
  configure(snapshot: Snapshot): void
  /** for `/readyz`: none of them is needed to serve */
  dependencies(): readonly Dependency[]
  /** resolves once what was under way is over */
  close(): Promise<void>
}

/** A sink may be this much behind before it counts as unwell: a restart of it is no news. */
const LATE_SECONDS = 60
const CLOSE_MS = 5000

/** No thread runs while there are no sinks. */
export function openDelivery({ dataDir, audit }: Snapshot, { reader, logger, version }: Parts): Delivery {
  const courier = new Courier({
    ...{ file: join(dataDir, 'delivery.db'), version, hostname: hostname(), reader, random: Math.random },
    tell: (what, detail) => logger.warn(what, { ...detail }),
  })
  courier.configure(audit.sinks)
  return {
    configure: next => courier.configure(next.audit.sinks),
    levels: () => courier.levels,
    letters: courier,
    async eventOf({ seq, leaf, origin }) {
      const { origin: now } = await reader.state()
      const [found] = origin === now ? await reader.read(seq, 1) : []
      return found?.seq === seq && found.leaf === leaf ? found.event : undefined
    },
    dependencies: () => courier.levels.map(dependencyOf),
    close: () => courier.close(CLOSE_MS),
  }
}

function dependencyOf({ name: sink, isRunning, state, lagEvents, lagSeconds, why }: KnownLevel): Dependency {
  const name = `sink ${sink}`
  if (!isRunning) return { name, state: 'degraded', detail: 'it is being started' }
  const isWell = state !== 'held' && (state === 'ready' || lagSeconds < LATE_SECONDS)
  if (isWell) return { name, state: 'ready' }
  return {
    name,
    state: 'degraded',
    detail: `${lagEvents} events behind, the oldest ${Math.round(lagSeconds)} s old${why === undefined ? '' : `: ${why}`}`,
  }
}
