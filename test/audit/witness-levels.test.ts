// What a gateway says of the witnesses of its log, from what it hears.

import { describe, expect, it } from 'vitest'
import type { KeptCheckpoint } from '../../src/audit/reading.ts'
import { isDisputed, WitnessLevels } from '../../src/audit/witness-levels.ts'

const MINUTE = 60_000
const signed = (size: number): { checkpoint: KeptCheckpoint } => ({ checkpoint: { size, root: '', time: '', note: '' } })
const state = (size: number, ...witnesses: [name: string, size: number][]) => ({
  ...signed(size),
  witnesses: witnesses.map(([name, of]) => ({ name, size: of, time: '2026-07-28T00:00:00.000Z' })),
})

describe('levels of witnesses', () => {
  it('say how much a witness did not sign, and for how long there has been such', () => {
    const levels = new WitnessLevels(['a', 'b'])
    expect(levels.levels(0)).toEqual([
      { name: 'a', lagEvents: 0, lagSeconds: 0 },
      { name: 'b', lagEvents: 0, lagSeconds: 0 },
    ])
    levels.take(state(100, ['a', 100], ['elsewhere', 7]), 0)
    levels.take(state(130, ['a', 100]), MINUTE)
    expect(levels.levels(2 * MINUTE)).toEqual([
      { name: 'a', lagEvents: 30, lagSeconds: 60 },
      { name: 'b', lagEvents: 130, lagSeconds: 120 },
    ])
    levels.take(state(130, ['a', 130], ['b', 130]), 3 * MINUTE)
    for (const { lagEvents, lagSeconds } of levels.levels(4 * MINUTE)) expect([lagEvents, lagSeconds]).toEqual([0, 0])
  })

  it('count no silence of a log in which nothing happened', () => {
    const levels = new WitnessLevels(['a'])
    levels.take(state(100, ['a', 100]), 0)
    levels.take(state(101, ['a', 100]), 600 * MINUTE)
    expect(levels.levels(600 * MINUTE)[0]).toMatchObject({ lagEvents: 1, lagSeconds: 0 })
  })

  it('of a busy log count from the look before the witness signed last', () => {
    const levels = new WitnessLevels(['a'])
    levels.take(state(100, ['a', 90]), 0)
    levels.take(state(200, ['a', 190]), MINUTE)
    levels.take(state(300, ['a', 290]), 2 * MINUTE)
    expect(levels.levels(2 * MINUTE)[0]).toMatchObject({ lagEvents: 10, lagSeconds: 60 })
  })

  it('attack: a dispute stands until the witness signs again, however the lag is', () => {
    const levels = new WitnessLevels(['a'])
    levels.hear('a', { is: 'ahead', why: 'heard before anything was looked at' })
    levels.take(state(100, ['a', 100]), 0)
    expect(levels.levels(0).map(isDisputed)).toEqual([true])
    for (const is of ['ahead', 'contradicted'] as const) {
      levels.hear('a', { is, why: 'x' })
      levels.take(state(100, ['a', 100]), MINUTE)
      expect(levels.levels(MINUTE).map(isDisputed)).toEqual([true])
    }
    levels.hear('stranger', { is: 'ahead', why: 'x' })
    levels.take(state(120, ['a', 120]), 2 * MINUTE)
    expect(levels.levels(2 * MINUTE).map(isDisputed)).toEqual([false])
    levels.hear('a', { is: 'away', why: 'x' })
    expect(levels.levels(2 * MINUTE).map(isDisputed)).toEqual([false])
    levels.hear('a', undefined)
    expect(levels.levels(2 * MINUTE)).toEqual([{ name: 'a', lagEvents: 0, lagSeconds: 0 }])
  })
})
