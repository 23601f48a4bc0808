// Rules that change while a question is out: what was permitted when it was asked is judged again before its answer travels on, and each later
// question by the principal that came last (DESIGN section 6, 1 and 7).

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ALLOW_ALL } from '../support/gateway.ts'
import { FULL, textOf } from './support/hosts.ts'
import { quadrant } from './support/quadrants.ts'
import { postModern } from './support/raw.ts'
import { startWorld, type Kind, type World } from './support/world.ts'

const QUIET = { ...ALLOW_ALL, serverRequests: [] }
let world: World
beforeEach(async () => {
  world = await startWorld({ 'v1-http': { kind: 'v1-http' }, 'v2-http': { kind: 'v2-http' } })
})
afterEach(() => world.stop())

const allow = async (kind: Kind, rules: object[]): Promise<void> => {
  const upstreams = { ...structuredClone(world.upstreams), [kind]: { ...structuredClone(world.upstreams[kind]), allow: rules } }
  expect(await world.reload({ upstreams })).toBeUndefined()
}
const refusals = (): Record<string, any>[] => world.events().filter(e => e['type'] === 'server-request' && e['decision'] === 'refused')
const ask = { name: 'ask-twice', arguments: { tag: 'rules' } }
/** All tokens are of one second: of two with other groups, a newer one ends what the older one opened (N032). */
const ISSUED = Math.floor(Date.now() / 1000) - 10
const post = async (kind: Kind, params: object, groups: string[] = [], iat = ISSUED): Promise<any> => {
  const request = { method: 'tools/call', params: params as Record<string, any>, capabilities: FULL, claims: { groups, iat } }
  return (await postModern(world, `/servers/${kind}/mcp`, request)).last
}
const accept = (keys: object): object =>
  Object.fromEntries(Object.keys(keys).map(key => [key, { action: 'accept', content: { name: 'Ada' } }]))

describe('a rule that permitted a question is taken away before the answer comes', () => {
  it('a 2026 host, a 2025 upstream: the waiting server hears a no, and the answer stays here', async () => {
    const { result } = await post('v1-http', ask)
    await allow('v1-http', [QUIET])
    const mark = world.upstream('v1-http').events.mark
    const last = await post('v1-http', { ...ask, requestState: result.requestState, inputResponses: accept(result.inputRequests) })
    expect(last.result.content[0].text).toBe('first: decline')
    const told = world
      .upstream('v1-http')
      .events.since(mark)
      .filter(e => e.kind === 'answered')
    expect(told.map(e => e['answer'])).toEqual([{ action: 'decline' }])
    expect(refusals()).toMatchObject([{ reason: 'gated' }])
  })

  it('a 2026 host, a 2026 upstream: it asks again, and that is refused', async () => {
    const { result } = await post('v2-http', ask)
    await allow('v2-http', [QUIET])
    const mark = world.upstream('v2-http').events.mark
    const last = await post('v2-http', { ...ask, requestState: result.requestState, inputResponses: accept(result.inputRequests) })
    expect(last.error.data).toMatchObject({ reason: 'gated' })
    expect(JSON.stringify(world.upstream('v2-http').received('tools/call', mark))).not.toContain('Ada')
    expect(refusals()).toMatchObject([{ reason: 'gated' }])
  })

  it('a 2025 host, a 2025 upstream: the server hears a no while its call runs', async () => {
    const person = async (): Promise<object> => {
      await allow('v1-http', [QUIET])
      return { action: 'accept', content: { name: 'Ada' } }
    }
    const host = await quadrant('2025-11-25', 'v1-http').connect(world, { person })
    expect(textOf(await host.call('ask-twice'))).toBe('first: decline')
    expect(refusals()).toMatchObject([{ reason: 'gated' }])
    await host.close()
  })

  it('a 2025 host, a 2026 upstream: the call is not made again', async () => {
    const mark = world.upstream('v2-http').events.mark
    const person = async (): Promise<object> => {
      await allow('v2-http', [QUIET])
      return { action: 'accept', content: { name: 'Ada' } }
    }
    const host = await quadrant('2025-11-25', 'v2-http').connect(world, { person })
    const result = await host.call('ask-twice')
    expect([result.isError, textOf(result)]).toEqual([true, expect.stringContaining('no allow rule of `v2-http` permits elicitation.form')])
    expect(world.upstream('v2-http').received('tools/call', mark)).toHaveLength(1)
    await host.close()
  })
})

describe('a server that is blocked or gone asks nothing more', () => {
  it('the answer of a 2025 host to a server that a reload took away stays here', async () => {
    const person = async (): Promise<object> => {
      expect(await world.reload({ upstreams: { 'v2-http': structuredClone(world.upstreams['v2-http']) } })).toBeUndefined()
      return { action: 'accept', content: { name: 'Ada' } }
    }
    // on its own endpoint the host's answer would find nobody
    const q = quadrant('2025-11-25', 'v1-http', 'together')
    const host = await q.connect(world, { person })
    expect(textOf(await host.call(q.tool('ask-twice')))).toBe('first: decline')
    const told = world.upstream('v1-http').events.all.filter(e => e.kind === 'answered')
    expect(told.map(e => e['answer'])).toEqual([{ action: 'decline' }])
    await host.close()
  })
})

describe('a token that permits less than the one the call began with', () => {
  it('questions of the rounds after it are judged by it', async () => {
    const everybody = { ...QUIET, serverRequests: [] }
    const staff = { ...ALLOW_ALL, subjects: [], groups: ['staff'] }
    await allow('v1-http', [everybody, staff])
    const { result } = await post('v1-http', ask, ['staff'])
    const again = await post('v1-http', { ...ask, requestState: result.requestState, inputResponses: accept(result.inputRequests) }, [
      'staff',
    ])
    expect(Object.values(again.result.inputRequests)).toHaveLength(1)
    const retry = { ...ask, requestState: again.result.requestState, inputResponses: accept(again.result.inputRequests) }
    const last = await post('v1-http', retry)
    expect(last.result.content[0].text).toBe('Ada and decline')
    expect(refusals()).toMatchObject([{ reason: 'gated' }])
  })

  it('N032: a newer token with other groups ends the call that waits: its server is told that nobody answers', async () => {
    await allow('v1-http', [QUIET, { ...ALLOW_ALL, subjects: [], groups: ['staff'] }])
    const { result } = await post('v1-http', ask, ['staff'])
    const mark = world.upstream('v1-http').events.mark
    const retry = { ...ask, requestState: result.requestState, inputResponses: accept(result.inputRequests) }
    expect((await post('v1-http', retry, [], ISSUED + 1)).error.data).toMatchObject({ reason: 'state-invalid' })
    const told = (): unknown[] =>
      world
        .upstream('v1-http')
        .events.since(mark)
        .filter(e => e.kind === 'answered')
        .map(e => e['answer'])
    await expect.poll(told).toEqual([{ action: 'cancel' }])
  })

  it('and a question that comes in a later round is not asked at all', async () => {
    const staff = { ...ALLOW_ALL, subjects: [], groups: ['staff'], serverRequests: ['elicitation.form'] }
    const guests = { ...QUIET, groups: ['guests'], subjects: [], serverRequests: ['sampling'] }
    await allow('v1-http', [staff, guests])
    const { result } = await post('v1-http', ask, ['staff'])
    const retry = { ...ask, requestState: result.requestState, inputResponses: {} }
    const last = await post('v1-http', retry, ['guests'])
    expect(last.result.content[0].text).toBe('first: decline')
  })
})
