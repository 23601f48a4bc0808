// The one timer, when the gateway stops.

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { startClock } from '../../src/compose/clock.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

it('attack: the repository of trust answers slowly, so that what it said is written into a folder that was given up', async () => {
  const nothing = { look: () => Promise.resolve(), flush: () => Promise.resolve(), sweep: () => {}, tick: () => {} }
  const answer = Promise.withResolvers<undefined>()
  let asked = 0
  const clock = startClock({
    ...{ sessions: nothing, parked: nothing, catalogue: nothing, refusals: nothing, report: nothing, localActs: nothing },
    ...{
      namespaceLooks: nothing,
      mirrors: nothing,
      served: nothing,
      admissions: nothing,
      policies: nothing,
      retention: nothing,
      witnesses: nothing,
    },
    streams: { tick: () => {}, recheck: () => Promise.resolve() },
    approvals: { tick: () => Promise.resolve() },
    endpoint: { running: 0, requests: 0 },
    marks: { renew: () => Promise.resolve(), sweep: () => Promise.resolve() },
    trust: {
      async tick() {
        asked += 1
        await answer.promise
      },
    },
    now: () => 0,
    monotonic: () => 0,
  })
  await vi.advanceTimersByTimeAsync(1000)
  let isOver = false
  const stopped = clock.stop().then(() => (isOver = true))
  await vi.advanceTimersByTimeAsync(5000)
  expect([asked, isOver]).toEqual([1, false])
  answer.resolve(undefined)
  await stopped
})
