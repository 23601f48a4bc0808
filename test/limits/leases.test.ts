// Points in hand: exact over any interleaving, bounded whatever is invented, closed when nothing counts.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryCounter } from '../../src/adapters/memory-counter.ts'
import type { Counter } from '../../src/limits/counter.ts'
import { Leases } from '../../src/limits/leases.ts'

function open(count: number, seconds: number, { maxKeys, counter }: { maxKeys?: number; counter?: Counter } = {}) {
  let ms = 0
  let asked = 0
  const monotonic = (): number => ms
  const memory = new MemoryCounter({ count, seconds }, monotonic)
  const counting: Counter = {
    take(key, points) {
      asked += 1
      return (counter ?? memory).take(key, points)
    },
  }
  return {
    leases: new Leases({ count, seconds }, { counter: counting, monotonic, seed: 'seed', ...(maxKeys !== undefined && { maxKeys }) }),
    memory,
    asked: () => asked,
    pass: (by: number) => void (ms += by),
  }
}
/** How many of so many requests at once get through. */
const through = async (leases: Leases, key: string, times: number, group?: string): Promise<number> =>
  (await Promise.all(Array.from({ length: times }, async () => leases.take(key, 1, group)))).filter(refused => refused === undefined).length

it('law: in each window a key gets exactly the count, however requests come and what is given back', async () => {
  const step = fc.oneof(
    fc.record({ is: fc.constant('ask' as const), times: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ is: fc.constant('undo' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 100 }), fc.array(step, { maxLength: 30 }), async (count, steps) => {
      const { leases } = open(count, 10)
      let used = 0
      for (const each of steps) {
        if (each.is === 'ask') {
          const passed = await through(leases, 'a', each.times)
          expect(passed).toBe(Math.min(each.times, count - used))
          used += passed
        } else if (used > 0) {
          leases.giveBack('a')
          used -= 1
        }
      }
    }),
  )
})

it('asks the counter for a few at a time: at once and without a promise where a lease is in hand, and where nothing is left', async () => {
  const { leases, asked, pass } = open(1000, 2)
  let promises = 0
  const take = async (): Promise<boolean> => {
    const taken = leases.take('a')
    if (taken instanceof Promise) promises += 1
    return (await taken) === undefined
  }
  for (let n = 0; n < 1000; n++) expect(await take()).toBe(true)
  expect([promises, asked()]).toEqual([20, 20])
  expect(await take()).toBe(false)
  expect(asked()).toBe(21)
  for (let n = 0; n < 1000; n++) expect(leases.take('a')).toEqual({ seconds: 2 })
  expect(asked()).toBe(21)
  pass(2000)
  expect(await take()).toBe(true)
})

it('a retry storm is refused with the seconds that are left, never with more', async () => {
  const { leases, pass } = open(1, 60)
  expect(await leases.take('a')).toBeUndefined()
  expect(await leases.take('a')).toEqual({ seconds: 60 })
  for (let n = 1; n < 60; n++) {
    pass(1000)
    expect(leases.take('a')).toEqual({ seconds: 60 - n })
  }
  pass(1000)
  expect(await leases.take('a')).toBeUndefined()
})

describe('attack: keys are invented', () => {
  it('memory stays within the bound, in the table and in the counter', async () => {
    const { leases, memory } = open(5, 60, { maxKeys: 100 })
    for (let n = 0; n < 20_000; n++) await leases.take(`invented-${n}`)
    expect(leases.size).toBeLessThanOrEqual(100 + 1024)
    expect(memory.size).toBeLessThanOrEqual(100 + 1024)
  })
  it('nobody’s count goes for it: who had nothing left has nothing left', async () => {
    const { leases } = open(5, 60, { maxKeys: 100 })
    expect(await through(leases, 'attacker', 10)).toBe(5)
    for (let n = 0; n < 5000; n++) await leases.take(`invented-${n}`, 1, 'attacker')
    expect(await through(leases, 'attacker', 10)).toBe(0)
  })
  it('inventing makes no budget: beyond the table all names of one group share one', async () => {
    const { leases } = open(5, 60, { maxKeys: 100 })
    let passed = 0
    for (let n = 0; n < 5000; n++) passed += await through(leases, `invented-${n}`, 1, 'attacker')
    expect(passed).toBe(100 + 5)
  })
  it('whoever comes later is served all the same, from another share', async () => {
    const { leases } = open(5, 60, { maxKeys: 100 })
    for (let n = 0; n < 5000; n++) await leases.take(`invented-${n}`, 1, 'attacker')
    expect(await through(leases, 'newcomer', 10)).toBe(5)
  })
  it('what was invented is forgotten when its window is over', async () => {
    const { leases, pass } = open(5, 60, { maxKeys: 100 })
    for (let n = 0; n < 100; n++) await leases.take(`invented-${n}`)
    pass(60_000)
    for (let n = 0; n < 100; n++) await leases.take(`later-${n}`)
    expect(leases.size).toBeLessThanOrEqual(100)
  })
})

describe('what is charged afterwards', () => {
  it('may leave the key owing, and it waits as many windows as that takes', async () => {
    const { leases, pass } = open(100, 60)
    expect(await leases.take('a')).toBeUndefined()
    leases.charge('a', 250)
    for (const minute of [0, 1]) {
      expect(await leases.take('a'), `minute ${minute}`).toEqual({ seconds: 60 })
      pass(60_000)
    }
    expect(await leases.take('a')).toBeUndefined()
  })
  it('law: over many windows no more is let through than their counts and the last charge', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 60 }), async charges => {
        const { leases, pass } = open(100, 1)
        let sum = 0
        let last = 0
        for (const [at, bytes] of charges.entries()) {
          if ((await leases.take('a')) === undefined) {
            leases.charge('a', bytes)
            sum += last
            last = bytes + 1
          }
          const windows = Math.floor((at * 250) / 1000) + 1
          expect(sum).toBeLessThanOrEqual(windows * 100 + 100)
          pass(250)
        }
      }),
    )
  })
})

it('attack: the counter is gone, or goes; nobody passes uncounted, and all do once it is back', async () => {
  let isAway = true
  const inner = new MemoryCounter({ count: 10, seconds: 60 }, () => 0)
  const counter: Counter = { take: (...asked) => (isAway ? Promise.reject(new Error('connection refused')) : inner.take(...asked)) }
  const { leases } = open(10, 60, { counter })
  expect(await Promise.all(['a', 'a', 'b'].map(async key => leases.take(key)))).toEqual(['unavailable', 'unavailable', 'unavailable'])
  isAway = false
  expect(await through(leases, 'a', 20)).toBe(10)
})
