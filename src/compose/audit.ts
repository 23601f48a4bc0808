// The audit log of this process: opened and mended first of all, with what writes its rows.

import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { NotaryThread } from '../adapters/audit/notary-thread.ts'
import { isRecovered, openFlatLog, type FlatLogOptions } from '../adapters/audit/open-flat-log.ts'
import { SqliteValueStore } from '../adapters/sqlite/value-store.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import { RefusalTable } from '../audit/aggregate.ts'
import { createContacts, type Contacts } from '../audit/contacts.ts'
import { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Snapshot } from '../config/schema.ts'
import type { AuditReader } from '../audit/reading.ts'
import { watchWitnesses, type WitnessWatch } from './witnesses.ts'

type Parts = {
  readonly dataDir: string
  /** name of the log, where the configuration gives one */
  readonly origin?: string | undefined
  readonly witnesses?: Snapshot['audit']['witnesses']
  readonly outbound?: Snapshot['outbound']
  /** as others reach the gateway: the first part of the name of a log that was given none */
  readonly publicUrl?: string | undefined
  readonly logger: Pick<Logger, 'warn'>
  readonly onGroup: NonNullable<FlatLogOptions['onGroup']>
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly monotonic: () => number
}

type AuditHouse = {
  readonly log: AuditLog
  readonly reader: AuditReader
  readonly encoder: EventEncoder
  /** contents that rules ask to record; to be closed before the process ends */
  readonly values: SqliteValueStore
  /** strangers' refusals, counted */
  readonly refusals: RefusalTable
  /** what the gateway asks of upstreams by itself */
  readonly contacts: Contacts
  /** removes what was kept long enough */
  readonly prune: NotaryThread['prune']
  /** others that sign the log */
  readonly witnesses: WitnessWatch
  /** new keys: for checkpoints, and for what rules record */
  readonly rotateAudit: Readonly<Record<'audit' | 'audit-values', () => Promise<object>>>
}

/** Rejects with the Faults of openFlatLog and NotaryThread.begin. The log is closed by closing it alone: its notary signs what is there first. */
export async function openAudit({
  dataDir,
  origin,
  witnesses = [],
  outbound,
  publicUrl,
  logger,
  onGroup,
  now,
  monotonic,
}: Parts): Promise<AuditHouse> {
  const encoder = new EventEncoder(now, randomFillSync)
  const dir = join(dataDir, 'audit')
  const host = publicUrl === undefined ? 'gatehouse' : new URL(publicUrl).host
  const notary = new NotaryThread({
    settings: {
      dataDir,
      dir,
      host,
      ...(origin !== undefined && { origin }),
      witnesses,
      outbound: { hosts: outbound?.hosts ?? [], networks: outbound?.networks ?? [] },
    },
    now: monotonic,
    onTrouble: (message, fields) => {
      watch.hear(fields)
      logger.warn(message, fields)
    },
  })
  const watch = watchWitnesses(witnesses, { reader: notary.reader, monotonic })
  const { log, recovery } = await openFlatLog({ dir, encoder, now, onGroup, follower: notary }).catch(async (error: unknown) => {
    await notary.close()
    throw error
  })
  if (isRecovered(recovery)) logger.warn('the audit log was recovered', { ...recovery })
  // Under the first checkpoint of a new log stands which log it goes on from, where there was one.
  const begun = notary.started
  if (begun?.isNew === true) {
    const before = begun.ended.at(-1)
    await log.append(encoder.lifecycle('audit-log-begun', { origin: begun.origin, vkey: begun.vkey, ...(before && { before }) }))
  }
  if (begun?.unsaidKey) await log.append(encoder.lifecycle('audit-key', begun.unsaidKey))
  const values = new SqliteValueStore(dataDir)
  const rotate = async (): Promise<object> => {
    const next = await notary.rotateKey()
    // A crash before this: the next start says it.
    await log.append(encoder.lifecycle('audit-key', next))
    return { rotated: 'audit', ...next }
  }
  return {
    log,
    reader: notary.reader,
    encoder,
    values,
    refusals: new RefusalTable({ log, encoder, now }),
    contacts: createContacts(log, encoder, monotonic),
    prune: ask => notary.prune(ask),
    witnesses: watch,
    rotateAudit: { audit: rotate, 'audit-values': () => values.rotate() },
  }
}
