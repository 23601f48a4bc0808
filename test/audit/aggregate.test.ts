import { randomFillSync } from 'node:crypto'
import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { prefixOf, RefusalTable } from '../../src/audit/aggregate.ts'
import { EventEncoder } from '../../src/audit/encode.ts'
import type { Reason } from '../../src/kernel/errors.ts'
import { MemoryAuditLog } from '../support/memory-audit-log.ts'

const START = Date.UTC(2026, 6, 28, 12)
function setUp(maxEntries?: number) {
  const clock = { now: START }
  const now = () => clock.now
  let log = new MemoryAuditLog()
  const table = new RefusalTable({
    log: { append: event => log.append(event) },
    encoder: new EventEncoder(now, randomFillSync),
    now,
    ...(maxEntries !== undefined && { maxEntries }),
  })
  return {
    clock,
    table,
    log: () => log,
    /** the log after it was reopened: it has kept what it kept */
    reopen: () => (log = new MemoryAuditLog(log.rows)),
    /** counts by reason and prefix as a reader adds them up: by event id */
    counts: () => {
      const byId = new Map(log.events.map(event => [event['id'] as string, event]))
      const sums: Record<string, number> = {}
      for (const event of byId.values()) {
        const key = `${event['reason']} ${event['prefix']}`
        sums[key] = (sums[key] ?? 0) + (event['count'] as number)
      }
      return sums
    },
  }
}

describe('RefusalTable', () => {
  it('writes one event per reason and prefix with the exact count and the interval', async () => {
    const { table, clock, log } = setUp()
    for (let i = 0; i < 250; i += 1) table.count('token-invalid', `203.0.113.${i}`)
    table.count('token-missing', '203.0.113.1')
    table.count('token-invalid', '2001:db8:1:2::3')
    clock.now += 60_000
    await table.flush()
    const interval = { v: 1, type: 'aggregate', from: '2026-07-28T12:00:00.000Z', to: '2026-07-28T12:01:00.000Z' }
    expect(log().events).toMatchObject([
      { ...interval, reason: 'token-invalid', prefix: '203.0.113.0/24', count: 250 },
      { ...interval, reason: 'token-missing', prefix: '203.0.113.0/24', count: 1 },
      { ...interval, reason: 'token-invalid', prefix: '2001:db8:1::/48', count: 1 },
    ])
    clock.now += 60_000
    await table.flush()
    expect(log().events).toHaveLength(3)
    table.count('token-missing', '203.0.113.1')
    await table.flush()
    expect(log().events.at(-1)).toMatchObject({ count: 1, from: '2026-07-28T12:02:00.000Z' })
  })

  it('a flood from a million addresses takes a bounded table and loses no count', async () => {
    const { table, counts } = setUp(100)
    for (let i = 0; i < 1_000_000; i += 1) table.count('token-invalid', `10.${(i >> 8) & 255}.${i & 255}.1`)
    for (let i = 0; i < 500; i += 1) table.count('origin-forbidden', `11.0.${i & 255}.1`)
    expect(table.size).toBeLessThanOrEqual(102)
    await table.flush()
    const sums = counts()
    expect(Object.values(sums).reduce((a, b) => a + b)).toBe(1_000_500)
    expect(sums['origin-forbidden other']).toBe(500)
  })

  it.each(['before', 'after'] as const)('a log that fails %s it keeps a row loses no count and doubles none', async when => {
    const { table, log, reopen, counts } = setUp()
    for (let i = 0; i < 5; i += 1) table.count('token-invalid', '192.0.2.1')
    table.count('header-invalid', '198.51.100.1')
    log().failNext(when)
    await expect(table.flush()).rejects.toMatchObject({ code: 'audit-unavailable' })
    for (let i = 0; i < 7; i += 1) table.count('token-invalid', '192.0.2.9')
    await expect(table.flush()).rejects.toMatchObject({ code: 'audit-unavailable' })
    expect(table.size).toBe(1)
    reopen()
    await table.flush()
    expect(counts()).toEqual({ 'token-invalid 192.0.2.0/24': 12, 'header-invalid 198.51.100.0/24': 1 })
  })

  it('under any mix of counts, failures and flushes the sums are exact in the end', async () => {
    const reason = fc.constantFrom<Reason>('token-invalid', 'token-missing', 'address-limited')
    const act = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(reason, fc.integer({ min: 0, max: 5 })) },
      fc.constantFrom('flush' as const, 'before' as const, 'after' as const, 'reopen' as const),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 60 }), async acts => {
        const { table, log, reopen, counts } = setUp(4)
        const expected: Record<string, number> = {}
        for (const one of acts) {
          if (one === 'flush') await table.flush().catch(() => {})
          else if (one === 'reopen') reopen()
          else if (typeof one === 'string') log().failNext(one)
          else {
            table.count(one[0], `10.0.${one[1]}.1`)
            expected[one[0]] = (expected[one[0]] ?? 0) + 1
          }
        }
        reopen()
        await table.flush()
        const byReason: Record<string, number> = {}
        for (const [key, count] of Object.entries(counts())) byReason[key.split(' ')[0]!] = (byReason[key.split(' ')[0]!] ?? 0) + count
        expect(byReason).toEqual(expected)
      }),
    )
  })

  it('two flushes at once write each count once', async () => {
    const { table, log, counts } = setUp()
    const release = log().hold()
    table.count('token-invalid', '192.0.2.1')
    const both = [table.flush(), table.flush()]
    table.count('token-invalid', '192.0.2.1')
    release()
    await Promise.all(both)
    await table.flush()
    expect(counts()).toEqual({ 'token-invalid 192.0.2.0/24': 2 })
  })
})

describe('prefixOf', () => {
  it.each([
    ['203.0.113.77', '203.0.113.0/24'],
    ['::ffff:203.0.113.77', '203.0.113.0/24'],
    ['::FFFF:cb00:714d', '203.0.113.0/24'],
    ['0:0:0:0:0:ffff:203.0.113.77', '203.0.113.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:0DB8:0001::', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8::/48'],
    ['fe80::1%eth0', 'fe80::/48'],
    ['::1', '::/48'],
    ['::1.2.3.4', '::/48'],
    ['64:ff9b::1.2.3.4', '64:ff9b::/48'],
    ['', 'other'],
    ['unknown', 'other'],
    ['256.1.1.1', 'other'],
    ['1.2.3.4.5', 'other'],
    ['01.2.3.4', 'other'],
    [':::', 'other'],
    ['1::2::3', 'other'],
    ['1:2:3:4:5:6:7', 'other'],
    ['1:2:3:4:5:6:7:8:9', 'other'],
    ['1.2.3.4::', 'other'],
    ['::1.2.3.4:5', 'other'],
    ['fe80::1\n{"v":1}', 'other'],
  ])('%j -> %s', (address, prefix) => expect(prefixOf(address)).toBe(prefix))

  it('takes exactly the addresses that the platform takes', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ unit: fc.constantFrom('0', '1', 'f', ':', '.', '25'), maxLength: 20 })),
        address => {
          expect(prefixOf(address) === 'other').toBe(isIP(address) === 0)
        },
      ),
      { numRuns: 2000 },
    )
  })
  it('a long address costs nothing', () => {
    expect(prefixOf('1:'.repeat(1_000_000))).toBe('other')
    expect(prefixOf(`fe80::1%${'x'.repeat(1_000_000)}`)).toBe('fe80::/48')
  })
})
