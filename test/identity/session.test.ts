import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SessionTable, type Session, type SessionEnd, type SessionLimits } from '../../src/identity/session.ts'
import { isStop } from '../../src/kernel/errors.ts'
import { keyOf, type PrincipalKey } from '../../src/kernel/principal.ts'
import { ENDPOINTS } from './issuer.ts'

const A = keyOf('https://idp.example', 'alice')
const B = keyOf('https://idp.example', 'bob')
const MCP = ENDPOINTS[0]!

function table(limits: Partial<SessionLimits> = {}) {
  const clock = { ms: 0 }
  const ended: [string, SessionEnd][] = []
  const sessions = new SessionTable<string>({
    limits: { total: 100, perPrincipal: 10, idleSeconds: 60, ...limits },
    now: () => clock.ms,
    randomBytes,
    onEnd: (session, end) => ended.push([session.value, end]),
  })
  const open = (principal: PrincipalKey, value = 'x', endpoint = MCP): Session<string> => {
    const session = sessions.open(principal, endpoint, () => value)
    if (isStop(session)) throw new Error(session.stop)
    return session
  }
  return { clock, ended, sessions, open }
}

describe('hijacking', () => {
  it('N100 a stolen session id is unknown to another principal, and its owner notices nothing', () => {
    const { sessions, open } = table()
    const mine = open(A)
    expect(sessions.find(mine.id, B, MCP)).toBeUndefined()
    expect(sessions.find(mine.id, keyOf('https://other.example', 'alice'), MCP)).toBeUndefined()
    expect(sessions.find(mine.id, A, MCP)).toBe(mine)
  })
  it('N100 nor does it work at another endpoint', () => {
    const { sessions, open } = table()
    for (const endpoint of ENDPOINTS) {
      const { id } = open(A, 'x', endpoint)
      expect(ENDPOINTS.filter(other => sessions.find(id, A, other))).toEqual([endpoint])
    }
  })
  it('N102 a foreign find keeps nothing alive and ends nothing', () => {
    const { sessions, open, clock, ended } = table()
    const { id } = open(A)
    clock.ms = 59_000
    sessions.find(id, B, MCP)
    expect(ended).toEqual([])
    clock.ms = 60_000
    sessions.sweep()
    expect(ended).toEqual([['x', 'idle']])
  })
  it('N101 ids are 192 random bits in visible ASCII, never chosen by the client, never used twice', () => {
    const { sessions, open } = table({ total: 5000, perPrincipal: 5000 })
    const ids = Array.from({ length: 2000 }, () => open(A).id)
    expect(new Set(ids).size).toBe(2000)
    for (const id of ids) expect(id).toMatch(/^[\x21-\x7e]{32}$/)
    expect(new Set(ids.flatMap(id => Buffer.from(id, 'base64url').subarray(0, 2).toString('hex'))).size).toBeGreaterThan(1900)
    for (const id of ['', 'x', ids[0]!.toLowerCase(), ids[0]!.slice(1), `${ids[0]!} `, '__proto__', 'a'.repeat(100_000)])
      expect(sessions.find(id, A, MCP)).toBeUndefined()
  })
  it('N101 records hold a digest, not the id', () => {
    const session = table().open(A)
    expect(session.digest).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(session.digest).not.toContain(session.id)
  })
})

describe('life', () => {
  it('ends when idle, to the second, and tells so once', () => {
    const { sessions, open, clock, ended } = table()
    const { id } = open(A)
    clock.ms = 59_999
    expect(sessions.find(id, A, MCP)).toBeDefined()
    clock.ms = 59_999 + 60_000
    expect(sessions.find(id, A, MCP)).toBeUndefined()
    sessions.sweep()
    expect(ended).toEqual([['x', 'idle']])
    expect(sessions.size).toBe(0)
  })
  it('lives while it is held, however often, and is idle only afterwards', () => {
    const { sessions, open, clock, ended } = table()
    const held = open(A, 'held')
    sessions.hold(held)
    sessions.hold(held)
    for (let i = 1; i < 5; i++) {
      clock.ms += 60_000
      sessions.sweep()
    }
    sessions.release(held)
    clock.ms += 60_000
    sessions.sweep()
    expect(ended).toEqual([])
    sessions.release(held)
    sessions.release(held) // one too many changes nothing
    clock.ms += 59_999
    sessions.sweep()
    expect(ended).toEqual([])
    clock.ms += 1
    sessions.sweep()
    expect(ended).toEqual([['held', 'idle']])
  })
  it('ends once on request, and all of a principal at once', () => {
    const { sessions, open, ended } = table()
    const one = open(A, 'a1')
    open(A, 'a2')
    open(B, 'b1')
    expect([sessions.end(one), sessions.end(one)]).toEqual([true, false])
    sessions.hold(one)
    sessions.release(one)
    expect(sessions.endWhere(s => s.principal === A)).toBe(1)
    expect(sessions.endWhere(s => s.principal === A)).toBe(0)
    expect(ended).toEqual([
      ['a1', 'closed'],
      ['a2', 'closed'],
    ])
    expect(sessions.size).toBe(1)
  })
})

describe('bounds', () => {
  it('a principal at its limit loses its own least recently used session, nobody else does', () => {
    const { sessions, open, clock, ended } = table({ perPrincipal: 3 })
    open(B, 'b1')
    const mine = ['a1', 'a2', 'a3'].map(name => (clock.ms++, open(A, name)))
    clock.ms++
    sessions.find(mine[0]!.id, A, MCP)
    open(A, 'a4')
    expect(ended).toEqual([['a2', 'replaced']])
  })
  it('a principal whose sessions are all in use is refused', () => {
    const { sessions, open } = table({ perPrincipal: 2 })
    for (const session of [open(A), open(A)]) sessions.hold(session)
    expect(sessions.open(A, MCP, () => 'x')).toMatchObject({ stop: 'session-limit', retryAfterSeconds: 60 })
    expect(isStop(sessions.open(B, MCP, () => 'x'))).toBe(false)
  })
  it('a full table never ends a live session for a stranger, only one that has long been silent', () => {
    const { sessions, open, clock, ended } = table({ total: 3, idleSeconds: 3600 })
    const held = open(keyOf('https://idp.example', 'held'), 'held')
    sessions.hold(held)
    clock.ms = 1
    open(B, 'b1')
    open(B, 'b2')
    clock.ms = 300_000
    expect(sessions.open(A, MCP, () => 'x')).toMatchObject({ stop: 'session-limit' })
    clock.ms = 300_001
    open(A, 'a1')
    expect(ended).toEqual([['b1', 'replaced']])
    // full again: whoever has sessions makes room among them
    open(A, 'a2')
    expect(ended.at(-1)).toEqual(['a1', 'replaced'])
  })
  it('a principal at its limit takes nobody else’s place, however silent', () => {
    const { sessions, open, clock, ended } = table({ perPrincipal: 1, idleSeconds: 36_000 })
    open(B)
    sessions.hold(open(A))
    clock.ms = 3_600_000
    expect(sessions.open(A, MCP, () => 'x')).toMatchObject({ stop: 'session-limit' })
    expect(ended).toEqual([])
  })
  it('held sessions are never replaced, however many of them are the oldest', () => {
    const { sessions, open, clock, ended } = table({ total: 40, idleSeconds: 36_000 })
    for (let i = 0; i < 40; i++) sessions.hold(open(keyOf('https://idp.example', `p${i}`)))
    clock.ms = 3_600_000
    for (let i = 0; i < 4; i++) expect(sessions.open(A, MCP, () => 'x')).toMatchObject({ stop: 'session-limit' })
    expect(ended).toEqual([])
  })
  it('whatever happens, the counts hold, every session ends at most once, and no id works for anybody else', () => {
    const step = fc.record({ act: fc.nat(5), who: fc.nat(3), which: fc.nat(30), wait: fc.nat(40_000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), steps => {
        const { sessions, clock, ended } = table({ total: 8, perPrincipal: 4, reclaimSeconds: 30 })
        const principals = [0, 1, 2, 3].map(n => keyOf('https://idp.example', `p${n}`))
        const opened: Session<string>[] = []
        for (const { act, who, which, wait } of steps) {
          clock.ms += wait
          const known = opened[which % Math.max(1, opened.length)]
          if (act === 0 || !known) {
            const session = sessions.open(principals[who]!, MCP, id => id)
            if (!isStop(session)) opened.push(session)
          } else if (act === 1) expect([undefined, known]).toContain(sessions.find(known.id, known.principal, MCP))
          else if (act === 2) sessions.hold(known)
          else if (act === 3) sessions.release(known)
          else if (act === 4) sessions.end(known)
          else sessions.sweep()
          for (const principal of principals)
            if (known && principal !== known.principal) expect(sessions.find(known.id, principal, MCP)).toBeUndefined()
          expect(sessions.size).toBeLessThanOrEqual(8)
        }
        expect(new Set(ended.map(([id]) => id)).size).toBe(ended.length)
        expect(sessions.size).toBe(opened.length - ended.length)
        for (const principal of principals) expect(sessions.endWhere(s => s.principal === principal)).toBeLessThanOrEqual(4)
        expect(sessions.size).toBe(0)
      }),
    )
  })
})
