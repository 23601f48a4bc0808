// Places of calls: taken right before the intent, given back exactly once however a call ends.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ParkedCalls } from '../../src/bridge/parked.ts'
import { Cancellation } from '../../src/kernel/cancellation.ts'
import { Fault, isStop, type Stop } from '../../src/kernel/errors.ts'
import type { Measure } from '../../src/kernel/measure.ts'
import type { Limits } from '../../src/limits/limits.ts'
import { Places } from '../../src/limits/places.ts'
import { Path, walk, type Answer, type Answered, type Limited, type Received, type Recorder, type Stage } from '../../src/pipeline/path.ts'
import { limitStage } from '../../src/pipeline/stages/limit.ts'
import { NO_OBLIGATIONS, type Obligations } from '../../src/policy/obligations.ts'
import { limitsOf, principal, type Narrow } from '../support/limits.ts'

const OK: Answer = { kind: 'result', result: Buffer.from('{}'), outcome: 'ok' }
const NO_MEASURE: Measure = { stage() {}, call() {}, upstream() {}, refusal() {}, auditGroup() {} }
const NO_PARKED = new ParkedCalls(() => ({ total: 0, perPrincipal: 0 }))

/** How a call can end, and what can break around it. */
const ENDS = [
  'answer',
  'error',
  'stop',
  'throw',
  'reject',
  'ended before',
  'ended while it runs',
  'no intent',
  'no outcome',
  'parked and answered',
  'parked and lost',
  'parked and thrown',
] as const
type End = (typeof ENDS)[number]

/** One walk of the table's last two stages. `release` lets its upstream come to an end. */
function begin(limits: Limits, who: string, end: End, obligations: Obligations) {
  const upstream = Promise.withResolvers<undefined>()
  const parked = Promise.withResolvers<undefined>()
  parked.promise.catch(() => {})
  const x: any = {
    requestId: 'r',
    receivedMs: 0,
    endpoint: { kind: 'all', path: '/mcp', resource: 'http://g/mcp', aliases: [] },
    headers: {},
    address: '192.0.2.1',
    method: 'tools/call',
    isRequest: true,
    host: { cancellation: new Cancellation(), notify: () => true },
    relayed: { count: 0, bytes: 0, digest: '' },
    principal: principal(who, 'client'),
    route: { entry: { alias: 'up' }, kind: 'tool', name: 'echo' },
    permit: { rules: [], obligations },
  }
  let isRunning = false
  const effect: Stage<Limited, Answered> = {
    name: 'call-upstream',
    effect: true,
    run(held) {
      isRunning = true
      if (end === 'throw') throw new Error('a bug')
      if (end.startsWith('parked')) held.place.until(parked.promise)
      if (end === 'parked and thrown') throw new Error('a bug after parking')
      return upstream.promise.then((): Answered | Stop => {
        if (end === 'reject') throw new Error('the connection broke')
        if (end === 'stop') return { stop: 'upstream-timeout' }
        if (end === 'ended while it runs') x.ended = { stop: 'principal-blocked' }
        return { answer: end === 'error' ? { kind: 'error', error: Buffer.from('{}'), code: -1 } : OK }
      })
    },
  }
  const unwritable = (): Promise<void> => Promise.reject(new Fault('audit-unavailable', 'disk full'))
  const done = (): Promise<void> => Promise.resolve()
  const recorder: Recorder = {
    intent: () => (end === 'no intent' ? unwritable() : done()),
    outcome: () => (end === 'no outcome' ? unwritable() : done()),
    refusal: done,
    decision: done,
    count() {},
    traced: () => ({ method: 'tools/call' }),
    fault() {},
  }
  const limit: Stage<Received, Limited> = limitStage({ reserve: (...call) => limits.reserve(...call), parked: NO_PARKED }) as never
  const over: Stage<Received & Limited, object> = {
    name: 'between',
    run(at) {
      if (end === 'ended before') at.ended = { stop: 'token-revoked' }
      return {}
    },
  }
  const walked = walk(Path.start().step(limit).step(over).step(effect), x as Received, recorder, NO_MEASURE)
  return {
    walked,
    isRunning: () => isRunning,
    async release(): Promise<Answer | Stop> {
      upstream.resolve(undefined)
      const last = await walked
      if (end === 'parked and lost') parked.reject(new Error('lost'))
      else parked.resolve(undefined)
      await Promise.allSettled([parked.promise])
      return last
    },
  }
}
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

it('law: over any mixture of calls, ends and faults no more run at once than the limits say, and at the end every place is free', async () => {
  const call = fc.record({ who: fc.constantFrom('alice', 'bob'), end: fc.constantFrom(...ENDS), releaseFirst: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), async (calls, most) => {
      const { limits } = limitsOf({ concurrency: { principal: most, server: most + 1 } })
      const obligations: Obligations = { ...NO_OBLIGATIONS, concurrency: [{ count: most, per: ['client', 'tool'] }] }
      const open: ReturnType<typeof begin>[] = []
      for (const { who, end, releaseFirst } of calls) {
        if (releaseFirst) await open.shift()?.release()
        open.push(begin(limits, who, end, obligations))
        await settled()
        expect(limits.callsAtOnce).toBeLessThanOrEqual(most)
      }
      for (const each of open) await each.release()
      await settled()
      expect(limits.callsAtOnce).toBe(0)
      // Nothing is left of them: all places can be taken once more, and no more than those.
      const again = Array.from({ length: most + 2 }, () => begin(limits, 'alice', 'answer', obligations))
      await settled()
      expect(again.filter(each => each.isRunning())).toHaveLength(most)
      await Promise.all(again.map(each => each.release()))
    }),
    { numRuns: 150 },
  )
})

describe.each(ENDS)('a call that ends by: %s', end => {
  it('gives its place back once', async () => {
    const { limits } = limitsOf()
    const call = begin(limits, 'alice', end, NO_OBLIGATIONS)
    const other = begin(limits, 'alice', 'answer', NO_OBLIGATIONS)
    await call.release()
    await settled()
    expect(limits.callsAtOnce).toBe(1)
    await other.release()
    expect(limits.callsAtOnce).toBe(0)
  })
})

it('a parked call keeps its place after the walk, until its upstream has ended', async () => {
  const { limits } = limitsOf({ concurrency: { principal: 1 } })
  const upstream = Promise.withResolvers<undefined>()
  const spender = { principal: principal('alice'), address: '192.0.2.1', alias: 'up', tool: 'tool echo' }
  const place = await limits.reserve(spender, undefined, false)
  if (isStop(place)) throw new Error(place.detail)
  place.until(upstream.promise)
  place.release()
  expect(await limits.reserve(spender, undefined, false)).toMatchObject({ stop: 'concurrency-limited', retryAfterSeconds: 1 })
  // The host's answer goes to the call that holds it.
  expect(await limits.reserve(spender, undefined, true)).not.toHaveProperty('stop')
  upstream.resolve(undefined)
  await settled()
  expect(await limits.reserve(spender, undefined, false)).not.toHaveProperty('stop')
})

it('a place given back twice is given back once', () => {
  const places = new Places()
  const wanted = [{ key: 'a', most: 2, what: 'of a' }]
  const [one] = [places.take(wanted), places.take(wanted)] as any[]
  one.release()
  one.release()
  expect(places.size).toBe(1)
  expect(places.keys).toBe(1)
})

describe('all or nothing', () => {
  const spender = { principal: principal('alice', 'client'), address: '192.0.2.1', alias: 'up', tool: 'tool echo' }
  const rate = (count: number): { count: number; seconds: number } => ({ count, seconds: 3600 })
  const hourly = (count: number): Obligations => ({ ...NO_OBLIGATIONS, rates: [{ count, seconds: 3600, per: ['principal'] }] })
  const passes = async (limits: Limits, times: number, demands: Obligations | undefined, tool = spender.tool): Promise<number> => {
    let passed = 0
    for (let n = 0; n < times; n++) {
      const place = await limits.reserve({ ...spender, tool }, demands, false)
      if (isStop(place)) continue
      passed += 1
      place.release()
    }
    return passed
  }
  it.each<[string, Narrow, Obligations | undefined, string]>([
    ['the tool', { rates: { server: rate(10), tool: rate(2) } }, undefined, 'tool other'],
    ['a rule', { rates: { server: rate(10), tool: rate(8) } }, hourly(2), 'tool echo'],
  ])('what %s refuses has spent nothing of the limits before it', async (_, narrow, demands, next) => {
    const { limits } = limitsOf(narrow)
    expect(await passes(limits, 50, demands)).toBe(2)
    expect(await passes(limits, 50, undefined, next)).toBe(next === 'tool other' ? 2 : 6)
  })
  it('a call that finds no place has spent nothing', async () => {
    const { limits } = limitsOf({ rates: { server: rate(3) }, concurrency: { principal: 1 } })
    const place = await limits.reserve(spender, undefined, false)
    for (let n = 0; n < 50; n++) expect(await limits.reserve(spender, undefined, false)).toMatchObject({ stop: 'concurrency-limited' })
    ;(place as any).release()
    expect(await passes(limits, 50, undefined)).toBe(2)
  })
  it('a request that its client’s limit refuses has spent nothing of its principal’s', async () => {
    const { limits } = limitsOf({ rates: { principal: rate(10), client: rate(3) } })
    const admitted = async (client: string): Promise<number> => {
      let passed = 0
      for (let n = 0; n < 30; n++) if ((await limits.admit(principal('alice', client))) === undefined) passed += 1
      return passed
    }
    expect([await admitted('one'), await admitted('two'), await admitted('three'), await admitted('four')]).toEqual([3, 3, 3, 1])
  })
})
