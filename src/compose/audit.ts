// The audit log of this process: opened and mended first of all, with what writes its rows.

import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { openFlatLog, type FlatLogOptions } from '../adapters/audit/open-flat-log.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import { RefusalTable } from '../audit/aggregate.ts'
import { createContacts, type Contacts } from '../audit/contacts.ts'
import { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'

type Parts = {
  readonly dataDir: string
  readonly logger: Pick<Logger, 'warn'>
  readonly onGroup: NonNullable<FlatLogOptions['onGroup']>
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly monotonic: () => number
}

type AuditHouse = {
  readonly log: AuditLog
  readonly encoder: EventEncoder
  /** strangers' refusals, counted */
  readonly refusals: RefusalTable
  /** what the gateway asks of upstreams by itself */
  readonly contacts: Contacts
}

/** Rejects with the Faults of openFlatLog. */
export async function openAudit({ dataDir, logger, onGroup, now, monotonic }: Parts): Promise<AuditHouse> {
  const encoder = new EventEncoder(now, randomFillSync)
  const { log, recovery } = await openFlatLog({ dir: join(dataDir, 'audit'), encoder, now, onGroup })
  if (recovery.cutBytes > 0 || recovery.closedIntents + recovery.closedContacts > 0)
    logger.warn('the audit log was recovered', { ...recovery })
  return { log, encoder, refusals: new RefusalTable({ log, encoder, now }), contacts: createContacts(log, encoder, monotonic) }
}
