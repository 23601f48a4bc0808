import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createWallClock } from '../../src/compose/wall-clock.ts'

const START = 1_800_000_000_000
function world() {
  const told: number[] = []
  const at = { wall: START, monotonic: 5_000 }
  const clock = createWallClock({ read: () => at.wall, monotonic: () => at.monotonic, setBack: ms => told.push(ms) })
  const pass = (ms: number, wallMs = ms): number => {
    at.monotonic += ms
    at.wall += wallMs
    return clock.now()
  }
  return { at, clock, told, pass }
}

describe('the wall clock', () => {
  it('that is set back a day revives nothing: time goes on from where it was', () => {
    const { at, clock, told, pass } = world()
    expect(pass(10_000)).toBe(START + 10_000)
    at.wall -= 86_400_000
    expect(clock.now()).toBe(START + 10_000)
    expect(pass(60_000)).toBe(START + 70_000)
    expect(clock.behindMs()).toBe(86_400_000)
    expect(told).toEqual([86_400_000])
  })

  it('that is put right again is followed again, and the next time is told again', () => {
    const { at, clock, told, pass } = world()
    at.wall -= 60_000
    pass(1_000)
    at.wall += 60_000
    expect(pass(1_000)).toBe(START + 2_000)
    expect(clock.behindMs()).toBe(0)
    at.wall -= 5_000
    pass(1_000)
    expect(told).toEqual([60_000, 5_000])
  })

  it('that a time service slews, that jumps ahead, or whose machine slept, is followed', () => {
    const { told, pass } = world()
    for (let hour = 1; hour <= 24; hour += 1) pass(3_600_000, 3_600_000 - 1_800)
    expect(pass(0)).toBe(START + 24 * (3_600_000 - 1_800))
    expect(pass(1_000, 3_600_000)).toBe(START + 24 * (3_600_000 - 1_800) + 3_600_000)
    expect(told).toEqual([])
  })

  it('never runs backwards and never stands still for longer than the slack, whatever the machine says', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: -10_000_000, max: 10_000_000 })), {
      maxLength: 50,
    })
    fc.assert(
      fc.property(steps, all => {
        const { pass } = world()
        let before = pass(0)
        for (const [ms, wallMs] of all) {
          const after = pass(ms, wallMs)
          expect(after).toBeGreaterThanOrEqual(before)
          expect(after - before).toBeGreaterThanOrEqual(ms - 1_000 - ms * 0.001 - 1)
          before = after
        }
      }),
    )
  })
})
