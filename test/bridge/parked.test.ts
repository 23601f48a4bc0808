// Parked calls of legacy upstreams: bounded, for their own principal, expiring, answer-idempotent.

import { describe, expect, it, vi } from 'vitest'
import { ParkedCall, ParkedCalls } from '../../src/bridge/parked.ts'
import type { RunningCall, ServerRequest, UpstreamAnswer } from '../../src/bridge/upstream.ts'
import { keyOf } from '../../src/kernel/principal.ts'

const alice = keyOf('https://i', 'alice')
const bob = keyOf('https://i', 'bob')
const now = () => Promise.resolve()
const answer = (text: string): ReadonlyMap<string, Buffer> => new Map([['request-1', Buffer.from(text)]])

function running() {
  let settle: (a: UpstreamAnswer) => void = () => {}
  const done = new Promise<UpstreamAnswer>(resolve => (settle = resolve))
  const call = { done, cancel: vi.fn<RunningCall['cancel']>() } satisfies RunningCall
  return { call, finish: () => settle({ kind: 'stop', stop: 'upstream-lost', detail: 'end' }) }
}
function question(method = 'elicitation/create') {
  const request = { method, answer: vi.fn(), refuse: vi.fn() }
  return request satisfies ServerRequest
}
const parked = (id = 'p', principal = alice) => {
  const { call, finish } = running()
  return { call: new ParkedCall(id, { principal }, call), running: call, finish }
}

describe('a parked call', () => {
  it('asks what arrived together in one round', async () => {
    const p = parked()
    p.call.push(question())
    p.call.push(question('roots/list'))
    const round = await p.call.next(now)
    expect(round.kind === 'ask' && round.requests.map(r => r.key)).toEqual(['request-1', 'request-2'])
  })

  it('a retry whose response was lost gets the same result again, and the upstream gets the answer once', async () => {
    const p = parked()
    const q = question()
    p.call.push(q)
    await p.call.next(now)
    const first = p.call.resume(1, 'digest', answer('{"action":"accept"}'), now)
    const again = p.call.resume(1, 'digest', answer('{"action":"accept"}'), now)
    p.finish()
    expect(await again).toBe(await first)
    expect(await first).toMatchObject({ kind: 'final' })
    expect(q.answer).toHaveBeenCalledOnce()
  })

  it('N110: another answer to a round that was already continued opens nothing', async () => {
    const p = parked()
    p.call.push(question())
    await p.call.next(now)
    void p.call.resume(1, 'accept', answer('{"action":"accept"}'), now)
    expect(p.call.resume(1, 'decline', answer('{"action":"decline"}'), now)).toBeUndefined()
    expect(p.call.resume(7, 'accept', answer('{}'), now)).toBeUndefined()
  })

  it('asks again for what was left unanswered', async () => {
    const p = parked()
    p.call.push(question())
    await p.call.next(now)
    const round = await p.call.resume(1, 'd', new Map(), now)
    expect(round).toMatchObject({ kind: 'ask', round: 2 })
  })

  it('when nobody answers, elicitations are cancelled, other questions fail, and the call is cancelled upstream', async () => {
    const p = parked()
    const [ask, sample] = [question(), question('sampling/createMessage')]
    p.call.push(ask)
    p.call.push(sample)
    await p.call.next(now)
    p.call.abandon('too late')
    expect(ask.answer.mock.calls[0]?.[0]?.toString()).toBe('{"action":"cancel"}')
    expect(sample.refuse).toHaveBeenCalledOnce()
    expect(p.running.cancel).toHaveBeenCalledWith('too late')
  })
})

describe('the table of parked calls', () => {
  const table = () => new ParkedCalls(() => ({ total: 3, perPrincipal: 2 }))

  it('N110: another principal does not find a call, not even with its id', () => {
    const calls = table()
    const p = parked('id-1')
    calls.add(p.call, 100)
    expect(calls.find('id-1', bob)).toBeUndefined()
    expect(calls.find('id-1', alice)).toBe(p.call)
  })
  it('is bounded per principal and in all', () => {
    const calls = table()
    expect(calls.add(parked('1').call, 1)).toBe(true)
    expect(calls.add(parked('2').call, 1)).toBe(true)
    expect(calls.add(parked('3').call, 1)).toBe(false)
    expect(calls.add(parked('4', bob).call, 1)).toBe(true)
    expect(calls.add(parked('5', keyOf('https://i', 'carol')).call, 1)).toBe(false)
  })
  it('answered calls give way to new ones', async () => {
    const calls = table()
    const old = parked('1')
    calls.add(old.call, 1)
    calls.add(parked('2').call, 1)
    old.finish()
    await old.running.done
    await Promise.resolve()
    expect(calls.add(parked('3').call, 1)).toBe(true)
    expect(calls.find('1', alice)).toBeUndefined()
  })
  it('abandons exactly what expired', () => {
    const calls = table()
    const [early, late] = [parked('1'), parked('2')]
    calls.add(early.call, 50)
    calls.add(late.call, 150)
    calls.sweep(100)
    expect(early.running.cancel).toHaveBeenCalledOnce()
    expect(late.running.cancel).not.toHaveBeenCalled()
    expect(calls.size).toBe(1)
  })
})
