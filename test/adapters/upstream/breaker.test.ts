import { describe, expect, it } from 'vitest'
import { Breaker } from '../../../src/adapters/upstream/breaker.ts'

describe('circuit breaker', () => {
  const failing = (contact: 'unreached' | 'lost', owners: string[]): Breaker => {
    const breaker = new Breaker()
    for (const owner of owners) breaker.ended(contact, owner, 0)
    return breaker
  }

  it('opens after five failures to reach the upstream, and lets one probe through once the pause is over', () => {
    const breaker = failing('unreached', ['a', 'a', 'a', 'a'])
    expect(breaker.waitMs(0)).toBe(0)
    breaker.ended('unreached', 'a', 0)
    expect(breaker.waitMs(400)).toBe(600)
    expect(breaker.waitMs(1000)).toBe(0)
    expect(breaker.waitMs(1000)).toBeGreaterThan(0)
    breaker.ended('reached', 'a', 1001)
    expect(breaker.waitMs(1001)).toBe(0)
    expect(breaker.isOpen).toBe(false)
  })

  it('waits twice as long after a failed probe, half a minute at most', () => {
    const breaker = failing('unreached', ['a', 'a', 'a', 'a', 'a'])
    let now = 0
    let pause = 0
    for (let i = 0; i < 10; i++) {
      pause = breaker.waitMs(now)
      now += pause
      expect(breaker.waitMs(now)).toBe(0)
      breaker.ended('unreached', 'a', now)
    }
    expect(breaker.waitMs(now)).toBe(30_000)
  })

  it('lets another caller probe when the probe told nothing', () => {
    const breaker = failing('unreached', ['a', 'a', 'a', 'a', 'a'])
    expect(breaker.waitMs(1000)).toBe(0)
    breaker.ended('none', 'a', 1000)
    expect(breaker.waitMs(1000)).toBe(0)
  })

  it('cannot be opened for everybody by one caller whose calls break the connection', () => {
    expect(failing('lost', Array<string>(50).fill('mallory')).isOpen).toBe(false)
    expect(failing('lost', ['a', 'b', 'a', 'b', 'a']).isOpen).toBe(true)
  })

  it('counts only failures in a row, and no errors or slow calls', () => {
    const breaker = failing('unreached', ['a', 'a', 'a', 'a'])
    breaker.ended('reached', 'b', 0)
    breaker.ended('unreached', 'a', 0)
    for (let i = 0; i < 20; i++) breaker.ended('none', 'a', 0)
    expect(breaker.isOpen).toBe(false)
  })

  it('is not held open longer by calls that were under way when it opened', () => {
    const breaker = failing('unreached', Array<string>(40).fill('a'))
    expect(breaker.waitMs(0)).toBe(1000)
  })
})
