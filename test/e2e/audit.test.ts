// What the audit log says of each quadrant's calls, and what the gate withholds where no rule permits a question.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALLOW_ALL } from '../support/gateway.ts'
import { failureOf, REVISIONS, textOf, type Host } from './support/hosts.ts'
import { ALONE, quadrant, type Quadrant } from './support/quadrants.ts'
import { KINDS, startWorld, type UpstreamSpec, type World } from './support/world.ts'

const QUIET = { ...ALLOW_ALL, serverRequests: [] }
const gated = (kind: string): string => `${kind}-gated`
const SPECS: Record<string, UpstreamSpec> = Object.fromEntries(
  KINDS.flatMap(kind => [
    [kind, { kind }],
    [gated(kind), { kind, settings: { allow: [QUIET] } }],
  ]),
)
let world: World
beforeAll(async () => {
  world = await startWorld(SPECS)
})
afterAll(() => world.stop())

/** Events of the exchanges about one tool, since then. */
const eventsOf = (server: string, name: string, since: number): Record<string, any>[] =>
  world
    .events()
    .slice(since)
    .filter(e => e['subject']?.server === server && e['subject'].name === name)

describe.each(ALONE)('host $revision, upstream $kind', q => {
  let host: Host
  beforeAll(async () => {
    host = await q.connect(world)
  })
  afterAll(() => host.close())

  it('records intent before outcome, under one call, with digests and no values', async () => {
    const since = world.events().length
    await host.call('echo', { text: 'a secret thing' })
    const [intent, outcome, ...more] = eventsOf(q.kind, 'echo', since)
    expect(more).toEqual([])
    expect(intent).toMatchObject({
      type: 'intent',
      rules: [`${q.kind}/allow/1`],
      round: 0,
      principal: {
        ...{ subject: 'alice', client: 'test', kind: 'person', scopes: ['*'], tokenId: expect.any(String) },
        authentication: { kind: 'access-token' },
      },
      upstream: { admitted: 'configuration' },
      subject: { endpoint: q.path, era: q.hostEra, method: 'tools/call', paramsDigest: expect.any(String) },
    })
    expect(outcome).toMatchObject({ type: 'outcome', outcome: 'ok', resultDigest: expect.any(String), call: intent!['call'] })
    const { decide, intent: durable, upstream } = outcome!['timings'] as Record<'decide' | 'intent' | 'upstream', number>
    expect(Math.min(decide, durable, upstream)).toBeGreaterThan(0)
    expect(decide + durable + upstream).toBeLessThanOrEqual(outcome!['ms'])
    expect([outcome!['request'], outcome!['trace']]).toEqual([intent!['request'], intent!['trace']])
    expect(JSON.stringify(world.events())).not.toContain('a secret thing')
  })

  it('records every question before the host is asked, and all rounds under one call', async () => {
    const since = world.events().length
    const recordedWhenAsked: number[] = []
    const { person } = host
    host.person = (method, params) => {
      recordedWhenAsked.push(eventsOf(q.kind, 'ask-twice', since).filter(e => e['type'] === 'server-request').length)
      return person(method, params)
    }
    expect(textOf(await host.call('ask-twice'))).toBe('Ada and Bob')
    expect(recordedWhenAsked).toEqual([1, 2])
    const events = eventsOf(q.kind, 'ask-twice', since)
    expect(new Set(events.map(e => e['call'])).size).toBe(1)
    expect(events.filter(e => e['type'] === 'server-request')).toMatchObject(
      [1, 2].map(() => ({
        requestMethod: 'elicitation/create',
        decision: 'allowed',
        rules: [`${q.kind}/allow/1`],
        requestDigest: expect.any(String),
      })),
    )
    expect(events.map(e => [e['type'], e['outcome']].filter(Boolean).join(' '))).toEqual(sequenceOf(q))
  })

  it('records a refusal, without an intent', async () => {
    const since = world.events().length
    await failureOf(host.call('nope'))
    // `*` permits every tool, so that one is the upstream's to refuse; an unknown prompt reference is not.
    expect(eventsOf(q.kind, 'nope', since).map(e => e['type'])).toEqual(['intent', 'outcome'])
    await failureOf(host.request('unknown/method'))
    expect(world.events().at(-1)).toMatchObject({ type: 'refusal', reason: 'method-unknown' })
  })
})

/** A legacy host waits in one exchange; a modern one comes back for every round. */
function sequenceOf(q: Quadrant): string[] {
  if (q.hostEra === 'modern')
    return ['intent', 'server-request', 'outcome input', 'intent', 'server-request', 'outcome input', 'intent', 'outcome ok']
  if (q.upstreamEra === 'modern') return ['intent', 'server-request', 'intent', 'server-request', 'intent', 'outcome ok']
  return ['intent', 'server-request', 'server-request', 'outcome ok']
}

describe.each(REVISIONS.flatMap(revision => KINDS.map(kind => quadrant(revision, kind, 'alone', gated(kind)))))(
  'no rule permits questions: host $revision, upstream $kind',
  q => {
    let host: Host
    beforeAll(async () => {
      host = await q.connect(world)
    })
    afterAll(() => host.close())

    it.each([
      ['ask-twice', 'elicitation/create'],
      ['visit', 'elicitation/create'],
      ['sample', 'sampling/createMessage'],
      ['roots', 'roots/list'],
    ])('%s: the host is not asked, and the log says what was refused', async (name, method) => {
      const since = world.events().length
      const call = host.call(name)
      if (q.upstreamEra === 'legacy' && method === 'elicitation/create') {
        // R99: what the policy withholds looks like a person's no.
        expect(textOf(await call)).toContain('decline')
      } else if (q.upstreamEra === 'legacy' || q.hostEra === 'legacy') expect(await call).toMatchObject({ isError: true })
      else
        expect(await failureOf(call)).toMatchObject({
          code: -31403,
          data: { reason: 'gated', fix: expect.stringContaining('serverRequests') },
        })
      expect(host.asked.all).toEqual([])
      const refused = eventsOf(gated(q.kind), name, since).filter(e => e['type'] === 'server-request')
      expect(refused).toMatchObject([{ requestMethod: method, decision: 'refused', reason: 'gated', rules: [] }])
    })
  },
)
