// Events that were kept long enough, as this process removes them: said in the log first, removed once that is signed.

import type { PruneAnswer, PruneAsk } from '../adapters/audit/retention.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Snapshot } from '../config/schema.ts'
import type { DeadLetters } from '../delivery/ledger.ts'
import type { Level } from '../delivery/route.ts'

type Parts = {
  readonly current: () => Pick<Snapshot, 'audit'>
  readonly prune: (ask: PruneAsk) => Promise<PruneAnswer>
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly delivery: { readonly levels: () => readonly Level[]; readonly letters: Pick<DeadLetters, 'list'> }
  readonly logger: Pick<Logger, 'warn'>
  /** wall clock, milliseconds */
  readonly now: () => number
}

/** `look`: once a minute. Never rejects: what could not be removed is removed another time. */
export function createRetention({ current, prune, log, encoder, delivery, logger, now }: Parts): { look(): Promise<void> } {
  return {
    async look() {
      try {
        const { retentionSeconds, sinks } = current().audit
        // Without a retention time nothing new goes; what was said before, and a crash left, still does.
        const cutoffMs = retentionSeconds === undefined ? 0 : now() - retentionSeconds * 1000
        const names = sinks.map(({ name }) => name)
        const { announce } = await prune({ what: 'prune', cutoffMs, delivered: await deliveredTo(names, delivery) })
        if (announce) await log.append(encoder.lifecycle('audit-pruned', announce))
      } catch (error) {
        logger.warn('old events of the audit log could not be removed; it is tried again', {
          error: error instanceof Error ? error.message : 'unknown error',
        })
      }
    },
  }
}

/** Before which seq every sink has everything. Of one that was not heard of yet nothing is known, and a dead letter is not delivered. */
async function deliveredTo(sinks: readonly string[], { levels, letters }: Parts['delivery']): Promise<number> {
  let most = Number.MAX_SAFE_INTEGER
  for (const sink of sinks) {
    const level = levels().find(({ name }) => name === sink)
    const [dead] = level && level.dead > 0 ? await letters.list(sink, 1) : []
    most = Math.min(most, level?.cursor ?? 0, dead?.seq ?? Infinity)
  }
  return most
}
