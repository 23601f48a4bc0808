// When a gateway that has become idle gives memory back.

import { beforeEach, expect, it, vi } from 'vitest'
import { engineCollection, QuietCollection } from '../../src/compose/quiet-collection.ts'

const collect = vi.fn()
let quiet = new QuietCollection(collect)
beforeEach(() => {
  collect.mockReset()
  quiet = new QuietCollection(collect)
})
/** One tick a second from `from` to `to`. */
const ticks = (from: number, to: number, state: (second: number) => { requests: number; running: number }): void => {
  for (let second = from; second <= to; second += 1) quiet.tick(second * 1000, state(second))
}

it('collects once when a busy time is over, not again while nothing happens', () => {
  ticks(0, 10, second => ({ requests: second * 1000, running: 1 }))
  expect(collect).not.toHaveBeenCalled()
  ticks(11, 14, () => ({ requests: 10_000, running: 0 }))
  expect(collect).not.toHaveBeenCalled()
  ticks(15, 1000, () => ({ requests: 10_000, running: 0 }))
  expect(collect).toHaveBeenCalledTimes(1)
})

it('never pauses a call that is running, however long it takes', () => {
  ticks(0, 1000, () => ({ requests: 10_000, running: 1 }))
  expect(collect).not.toHaveBeenCalled()
})

it('does not collect for a few requests', () => {
  ticks(0, 1000, () => ({ requests: 999, running: 0 }))
  expect(collect).not.toHaveBeenCalled()
})

it('attack: short pauses between bursts buy no more than one collection in ten minutes', () => {
  ticks(0, 3599, second => ({ requests: Math.floor(second / 10) * 5000, running: 0 }))
  expect(collect.mock.calls.length).toBeGreaterThan(2)
  expect(collect.mock.calls.length).toBeLessThanOrEqual(6)
})

it('asks the engine for the kind that returns memory, where it offers one', () => {
  vi.stubGlobal('gc', undefined)
  expect(engineCollection()).toBeUndefined()
  const gc = vi.fn()
  vi.stubGlobal('gc', gc)
  engineCollection()?.()
  expect(gc).toHaveBeenCalledExactlyOnceWith({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  vi.unstubAllGlobals()
})
