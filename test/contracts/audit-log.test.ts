// The contract of src/audit/log.ts against each of its implementations.

import { randomFillSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readEvents } from '../../src/adapters/audit/lines.ts'
import { openFlatLog } from '../../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../src/audit/encode.ts'
import type { AuditLog } from '../../src/audit/log.ts'
import { FaultyDisk } from '../support/faulty-disk.ts'
import { MemoryAuditLog } from '../support/memory-audit-log.ts'
import { auditLogContract, BACKLOG_ROWS } from './audit-log.ts'

auditLogContract('the memory log', async () => {
  const rows: string[] = []
  let log = new MemoryAuditLog(rows, BACKLOG_ROWS)
  return {
    open: async () => (log = new MemoryAuditLog(rows, BACKLOG_ROWS)),
    stored: async () => [...rows],
    failNext: when => log.failNext(when),
    hold: () => log.hold(),
    dispose: async () => {},
  }
})

for (const segmentBytes of [1 << 20, 300]) {
  auditLogContract(`the flat log with segments of ${segmentBytes} bytes`, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'audit-'))
    const disk = new FaultyDisk()
    const logs: AuditLog[] = []
    const encoder = new EventEncoder(() => 0, randomFillSync)
    return {
      open: async () => {
        const { log } = await openFlatLog({ dir, encoder, now: () => 0, disk, limits: { backlogRows: BACKLOG_ROWS, segmentBytes } })
        logs.push(log)
        return log
      },
      stored: async () => {
        const events: string[] = []
        await readEvents(dir, event => events.push(event))
        return events
      },
      failNext: when => disk.fail(when === 'before' ? 'write' : 'sync', when),
      hold: () => disk.hold(),
      dispose: async () => {
        await Promise.all(logs.map(log => log.close()))
        await rm(dir, { recursive: true })
      },
    }
  })
}
