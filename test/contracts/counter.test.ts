// Counters of limits against their contract.

import { afterEach, expect, it, vi } from 'vitest'
import { MemoryCounter } from '../../src/adapters/memory-counter.ts'
import { counterContract } from './counter.ts'

const open = (window: { count: number; seconds: number }) => {
  let ms = 0
  return { counter: new MemoryCounter(window, () => ms), pass: (by: number) => void (ms += by) }
}
counterContract('memory', open)

afterEach(() => void vi.useRealTimers())

it('attack: a wall clock that is set forward or back opens no window early, and closes none for longer', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
  const { counter, pass } = open({ count: 1, seconds: 60 })
  await counter.take('a', 1)
  for (const to of [1_900_000_000_000, 1_000_000_000_000]) {
    vi.setSystemTime(to)
    expect((await counter.take('a', 1)).granted).toBe(0)
  }
  pass(60_000)
  expect((await counter.take('a', 1)).granted).toBe(1)
})

it('keeps no key whose window is over, without a timer for any', async () => {
  vi.useFakeTimers()
  const { counter, pass } = open({ count: 1, seconds: 1 })
  for (let n = 0; n < 10_000; n++) {
    await counter.take(`key-${n}`, 1)
    pass(1)
  }
  expect(counter.size).toBeLessThanOrEqual(1001)
  expect(vi.getTimerCount()).toBe(0)
})
