// One call at a time may be asked something; the others wait for their turn.

import { describe, expect, it } from 'vitest'
import { CallLine } from '../../../src/adapters/upstream/call-line.ts'
import type { Exchange } from '../../../src/adapters/upstream/exchange.ts'

const call = (id = 0, isDone = false): Exchange => ({ id, isDone }) as unknown as Exchange

describe('a line of calls', () => {
  it('lets one in, and the next when that has ended, past those who gave up', () => {
    const line = new CallLine()
    const [first, gone, done, last] = [call(1), call(), call(0, true), call()]
    expect([line.enter(first), line.enter(gone), line.enter(done), line.enter(last)]).toEqual([true, false, false, false])
    expect([line.current, line.isEmpty]).toEqual([first, false])
    expect(line.leave(gone)).toBeUndefined()
    expect(line.leave(first)).toBe(last)
    expect([line.current, line.isEmpty]).toEqual([last, true])
    expect(line.leave(last)).toBeUndefined()
    expect(line.current).toBeUndefined()
  })
  it('is held while its call has a question that nobody answered; an answer that comes too late is not the next one’s', () => {
    const line = new CallLine()
    const [first, second] = [call(1), call(2)]
    line.enter(first)
    line.enter(second)
    const late = line.asked(first)
    expect(line.isHeld).toBe(true)
    line.leave(first)
    expect(line.isHeld).toBe(false)
    const own = line.asked(second)
    late()
    expect(line.isHeld).toBe(true)
    own()
    expect(line.isHeld).toBe(false)
  })
  it('orders calls by when they came to be held, across lines', () => {
    const [one, other] = [new CallLine(), new CallLine()]
    const [a, b] = [call(1), call(1)]
    one.enter(a)
    other.enter(b)
    other.asked(b)
    one.asked(a)
    expect(other.heldSince).toBeLessThan(one.heldSince)
  })
  it('that is cleared gives back those who waited', () => {
    const line = new CallLine()
    const [first, second] = [call(1), call()]
    line.enter(first)
    line.enter(second)
    expect(line.clear()).toEqual([second])
    expect([line.current, line.isEmpty]).toEqual([undefined, true])
  })
})
