import { describe, expect, it } from 'vitest'
import { SWEEP_MS, Ticker } from '../../../src/adapters/upstream/ticker.ts'
import { HandClock } from '../../support/upstreams/hand-clock.ts'

describe('ticker', () => {
  it('wakes each alarm once, in time, and none that was cancelled', () => {
    const clock = new HandClock()
    const ticker = new Ticker(clock)
    const rang: string[] = []
    ticker.after(250, () => rang.push('early'))
    ticker.after(60, () => rang.push('first'))
    ticker.after(90, () => rang.push('never')).cancel()
    clock.advance(240)
    expect(rang).toEqual(['first'])
    clock.advance(1000)
    expect(rang).toEqual(['first', 'early'])
    expect(clock.sleeping).toBe(0)
  })

  it('sweeps while there is something to sweep, on one timer for all', () => {
    const clock = new HandClock()
    const ticker = new Ticker(clock)
    let left = 3
    const sweep = (): boolean => --left > 0
    ticker.sweep(sweep)
    ticker.sweep(sweep)
    ticker.sweep(() => left > 0)
    expect(clock.sleeping).toBe(1)
    clock.advance(SWEEP_MS)
    expect(left).toBe(2)
    clock.advance(10 * SWEEP_MS)
    expect(left).toBe(0)
    expect(clock.sleeping).toBe(0)
  })
})
