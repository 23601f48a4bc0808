// What every AuditLog must do (src/audit/log.ts), run against the flat log and the memory log.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditLog } from '../../src/audit/log.ts'

export const BACKLOG_ROWS = 8

export type LogHarness = {
  /** opens what earlier logs of this harness left; at most BACKLOG_ROWS rows may wait */
  open(): Promise<AuditLog>
  /** what a reader finds, in order */
  stored(): Promise<string[]>
  failNext(when: 'before' | 'after'): void
  /** nothing becomes durable until the returned function is called */
  hold(): () => void
  dispose(): Promise<void>
}

export const row = (n: number | string): string =>
  JSON.stringify({ v: 1, type: 'lifecycle', id: String(n), time: '2026-07-28T12:00:00.000Z', what: 'test' })
export const idsOf = (rows: readonly string[]): string[] => rows.map(text => (JSON.parse(text) as { id: string }).id)

export function auditLogContract(name: string, makeHarness: () => Promise<LogHarness>): void {
  describe(`${name} as an AuditLog`, () => {
    let harness: LogHarness
    let log: AuditLog
    beforeEach(async () => {
      harness = await makeHarness()
      log = await harness.open()
    })
    afterEach(() => harness.dispose())

    it('keeps an acknowledged event byte by byte, beyond its own life', async () => {
      const event = `{"v":1,"type":"lifecycle","id":"\\u00e4","time":"t","what":"${'ä€😀'.repeat(300)}"}`
      await log.append(event)
      expect(await harness.stored()).toEqual([event])
      await log.close()
      await (await harness.open()).append(row(2))
      expect(await harness.stored()).toEqual([event, row(2)])
    })

    it('keeps events in the order of the calls, whoever waits for them', async () => {
      const done: number[] = []
      const burst = async (from: number) =>
        Promise.all(Array.from({ length: BACKLOG_ROWS }, (_, i) => log.append(row(from + i)).then(() => done.push(from + i))))
      for (let from = 0; from < 10 * BACKLOG_ROWS; from += BACKLOG_ROWS) await burst(from)
      const expected = Array.from({ length: 10 * BACKLOG_ROWS }, (_, i) => i)
      expect(idsOf(await harness.stored())).toEqual(expected.map(String))
      expect(done).toEqual(expected)
    })

    it('acknowledges nothing before it is durable, and says how much waits', async () => {
      const release = harness.hold()
      let acknowledged = 0
      const appends = [1, 2, 3].map(n => log.append(row(n)).then(() => (acknowledged += 1)))
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
      expect({ acknowledged, backlog: log.backlog, stored: await harness.stored() }).toEqual({ acknowledged: 0, backlog: 3, stored: [] })
      release()
      await Promise.all(appends)
      expect({ acknowledged, backlog: log.backlog, isHealthy: log.isHealthy }).toEqual({ acknowledged: 3, backlog: 0, isHealthy: true })
    })

    it('refuses what exceeds the backlog instead of growing, and goes on when there is room', async () => {
      const release = harness.hold()
      const kept = Array.from({ length: BACKLOG_ROWS }, (_, i) => log.append(row(i)))
      await expect(log.append(row('late'))).rejects.toMatchObject({ code: 'audit-unavailable' })
      expect(log.backlog).toBe(BACKLOG_ROWS)
      expect(log.isHealthy).toBe(true)
      release()
      await Promise.all(kept)
      await log.append(row('room'))
      expect(idsOf(await harness.stored())).toEqual([...kept.map((_, i) => String(i)), 'room'])
    })

    it.each(['before', 'after'] as const)(
      'N146: disk full %s it persisted: rejects everything pending and later, until reopened',
      async when => {
        await log.append(row('kept'))
        const release = harness.hold()
        harness.failNext(when)
        const pending = [log.append(row(1)), log.append(row(2))]
        const verdicts = Promise.allSettled(pending)
        release()
        for (const verdict of await verdicts) expect(verdict).toMatchObject({ status: 'rejected', reason: { code: 'audit-unavailable' } })
        expect({ isHealthy: log.isHealthy, backlog: log.backlog }).toEqual({ isHealthy: false, backlog: 0 })
        await expect(log.append(row(3))).rejects.toMatchObject({ code: 'audit-unavailable' })
        await log.close()

        const reopened = await harness.open()
        await reopened.append(row('next'))
        const ids = idsOf(await harness.stored()).filter(id => ['kept', 'next', '1', '2', '3'].includes(id))
        // Rejected means unknown: the rows may be there or not, but whole, in order, and never the refused one.
        expect([
          ['kept', 'next'],
          ['kept', '1', 'next'],
          ['kept', '1', '2', 'next'],
        ]).toContainEqual(ids)
      },
    )

    it('close waits for what is pending, answers twice, and refuses what comes later', async () => {
      const release = harness.hold()
      const pending = log.append(row(1))
      const closing = Promise.all([log.close(), log.close()])
      await expect(log.append(row(2))).rejects.toMatchObject({ code: 'audit-unavailable' })
      release()
      await closing
      await pending
      expect(log.isHealthy).toBe(false)
      expect(idsOf(await harness.stored())).toEqual(['1'])
    })

    it.each([
      ['two lines in one event', `${row(1)}\n${row(2)}`],
      ['nothing', ''],
      ['something else than an object', '"text"'],
    ])('refuses %s: one event cannot forge another', async (_, event) => {
      await expect(log.append(event)).rejects.toMatchObject({ code: 'audit-unavailable' })
      await log.append(row(3))
      expect(idsOf(await harness.stored())).toEqual(['3'])
    })
  })
}
