// Who waits because too many of its requests were refused.

import { expect, it } from 'vitest'
import { LeaseBook } from '../../src/limits/lease-book.ts'
import { MemoryCounter } from '../../src/adapters/memory-counter.ts'
import { Penalties } from '../../src/limits/penalties.ts'

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function penaltiesOf(perMinute: () => number, maxAddresses?: number) {
  let ms = 0
  const monotonic = (): number => ms
  const book = new LeaseBook({ counterOf: window => new MemoryCounter(window, monotonic), monotonic, seed: 'seed' })
  const penalties = new Penalties(book, perMinute, maxAddresses)
  return {
    penalties,
    book,
    pass: (seconds: number) => void (ms += seconds * 1000),
    async refuse(address: string, times: number, isForged = false): Promise<void> {
      for (let i = 0; i < times; i++) {
        penalties.penalise(address, isForged)
        await settled()
      }
    },
  }
}

it('makes an address wait for the rest of the minute, and no longer', async () => {
  const { penalties, refuse, pass } = penaltiesOf(() => 3)
  await refuse('192.0.2.1', 3)
  expect(penalties.blockedSeconds('192.0.2.1')).toBeUndefined()
  pass(20)
  await refuse('192.0.2.1', 1)
  expect(penalties.blockedSeconds('192.0.2.1')).toBe(40)
  expect(penalties.blockedSeconds('192.0.2.2')).toBeUndefined()
  pass(40)
  expect(penalties.blockedSeconds('192.0.2.1')).toBeUndefined()
})

it('attack: a table full of addresses that never come back ends nobody’s wait, and the next address waits as well', async () => {
  const { penalties, book, refuse } = penaltiesOf(() => 1, 3)
  await refuse('192.0.2.1', 2)
  for (let n = 0; n < 100; n++) await refuse(`198.51.100.${n}`, 2)
  expect(penalties.blockedSeconds('192.0.2.1')).toBeGreaterThan(0)
  await refuse('203.0.113.1', 2)
  expect(penalties.blockedSeconds('203.0.113.1')).toBeGreaterThan(0)
  expect(book.size).toBeLessThan(3 + 101)
})

it('attack: another address of the same IPv6 /64 each time is one address', async () => {
  const { penalties, refuse } = penaltiesOf(() => 10)
  for (let n = 0; n < 11; n++) await refuse(`2001:db8:1:2::${n.toString(16)}`, 1)
  expect(penalties.blockedSeconds('2001:db8:1:2:ffff::1')).toBeGreaterThan(0)
  expect(penalties.blockedSeconds('2001:db8:1:3::1')).toBeUndefined()
})

it('attack: guessing tokens costs more than failing otherwise', async () => {
  const { penalties, refuse } = penaltiesOf(() => 100)
  await refuse('192.0.2.1', 21, true)
  expect(penalties.blockedSeconds('192.0.2.1')).toBeGreaterThan(0)
  await refuse('192.0.2.2', 21)
  expect(penalties.blockedSeconds('192.0.2.2')).toBeUndefined()
})

it('counts against the limit of the configuration in force', async () => {
  let perMinute = 3
  const { penalties, refuse } = penaltiesOf(() => perMinute)
  await refuse('192.0.2.1', 3)
  expect(penalties.blockedSeconds('192.0.2.1')).toBeUndefined()
  perMinute = 1
  await refuse('192.0.2.1', 2)
  expect(penalties.blockedSeconds('192.0.2.1')).toBeGreaterThan(0)
})
