import { describe, expect, it } from 'vitest'
import { History, quantileOf } from '../../../src/adapters/telemetry/history.ts'
import { Distribution } from '../../../src/adapters/telemetry/series.ts'

const MINUTE = 60_000

describe('History', () => {
  const setUp = () => {
    const clock = { now: 5 * MINUTE + 1 }
    return { clock, history: new History([0.01, 0.1, 1], () => clock.now) }
  }

  it('counts by minute what passed, what was refused and why, and forgets what is older than an hour', () => {
    const { clock, history } = setUp()
    history.call('ok', 0.05)
    history.call('stopped', 0.5)
    history.refusal('response-blocked')
    history.call('refused', 9)
    history.refusal('unknown')
    clock.now += MINUTE
    history.call('error', 0.02)
    const wall = Date.parse('2026-11-27T20:00:00Z')
    const { minutes } = history.activity(wall)
    expect(minutes).toHaveLength(60)
    expect(minutes.at(-2)).toMatchObject({ at: '2026-11-27T20:05:00.000Z', passed: 1, refused: { 'response-blocked': 1, unknown: 1 } })
    expect(minutes.at(-1)).toMatchObject({ at: '2026-11-27T20:06:00.000Z', passed: 1, refused: {} })
    expect(minutes[0]).toEqual({ at: '2026-11-27T19:07:00.000Z', passed: 0, refused: {}, latency: [] })
    clock.now += 59 * MINUTE
    expect(history.activity(wall).minutes[0]).toMatchObject({ passed: 1 })
    clock.now += MINUTE
    expect(history.activity(wall).minutes.every(({ passed }) => passed === 0)).toBe(true)
  })

  it('attack: a million refusals of made-up reasons and three days keep 60 minutes of a bounded number of words', () => {
    const { clock, history } = setUp()
    for (let i = 0; i < 100_000; i += 1) history.refusal(`x${i.toString(36).replaceAll(/\d/g, 'y')}`)
    expect(Object.keys(history.activity(0).minutes.at(-1)!.refused).length).toBeLessThanOrEqual(201)
    for (let i = 0; i < 3 * 24 * 60; i += 1) {
      clock.now += MINUTE
      history.call('ok', 0.01)
    }
    const { minutes } = history.activity(0)
    expect(minutes.map(({ passed }) => passed)).toEqual(Array(60).fill(1))
  })
})

describe('quantileOf', () => {
  const of = (...values: number[]): Distribution => {
    const all = new Distribution([1, 2, 4])
    for (const value of values) all.observe(value)
    return all
  }
  it('goes straight through the bucket it falls into', () => {
    expect(quantileOf(of(0.5, 0.5, 0.5, 0.5), 0.5)).toBe(0.5)
    expect(quantileOf(of(1.5, 1.5, 3, 3), 0.5)).toBe(2)
    expect(quantileOf(of(1.5, 1.5, 3, 3), 0.75)).toBe(3)
  })
  it('says no more than the last bound of what lies beyond it, and nothing of nothing', () => {
    expect(quantileOf(of(100), 0.99)).toBe(4)
    expect(quantileOf(of(), 0.5)).toBeUndefined()
  })
})
