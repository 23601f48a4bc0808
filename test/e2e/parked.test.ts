// Between two rounds of a 2026 host: its sealed state, the call of a 2025 upstream that waits meanwhile, and what happens to both
// (research/protocol.md 1.8; section 2, B and "Impossible" 3).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALONE, quadrant } from './support/quadrants.ts'
import { FULL, textOf } from './support/hosts.ts'
import { postModern } from './support/raw.ts'
import { KINDS, startWorld, type Kind, type World } from './support/world.ts'

const brief = (kind: Kind): string => `${kind}-brief`
let world: World
beforeAll(async () => {
  const brieves = KINDS.map(kind => [brief(kind), { kind, settings: { timeouts: { park: '50ms' } } }])
  world = await startWorld({ ...Object.fromEntries(KINDS.map(kind => [kind, { kind }])), ...Object.fromEntries(brieves) })
})
afterAll(() => world.stop())

/** One round, by hand. */
const round = async (alias: string, params: Record<string, any>, { sub, path }: { sub?: string; path?: string } = {}): Promise<any> =>
  (
    await postModern(world, path ?? `/servers/${alias}/mcp`, {
      method: 'tools/call',
      params,
      capabilities: FULL,
      ...(sub !== undefined && { sub }),
    })
  ).last
const ask = (tag: string): Record<string, any> => ({ name: 'ask-twice', arguments: { tag } })
const accept = (keys: object, name: string): object =>
  Object.fromEntries(Object.keys(keys).map(key => [key, { action: 'accept', content: { name } }]))
const REFUSED = { error: { code: -32602, message: 'Invalid or expired requestState' } }

describe.each(ALONE.filter(q => q.hostEra === 'modern'))('host $revision, upstream $kind', ({ kind, upstreamEra }) => {
  const first = async (tag: string, alias: string = kind): Promise<{ inputRequests: object; requestState: string }> => {
    const { result } = await round(alias, ask(tag))
    expect(result).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) })
    return result as never
  }

  it('a retry whose response was lost gets the same answer again', async () => {
    const { inputRequests, requestState } = await first('lost')
    const retry = { ...ask('lost'), requestState, inputResponses: accept(inputRequests, 'Ada') }
    const upstream = world.upstream(kind)
    const mark = upstream.events.mark
    const [once, again] = [await round(kind, retry), await round(kind, retry)]
    if (upstreamEra === 'legacy') {
      // the upstream asked once, and was answered once
      expect(upstream.events.since(mark).filter(e => e.kind === 'answered')).toHaveLength(1)
      expect(Object.keys(again.result.inputRequests)).toEqual(Object.keys(once.result.inputRequests))
    }
    expect(again.result.inputRequests).toEqual(once.result.inputRequests)
    const { inputRequests: second, requestState: state } = again.result
    const last = { ...ask('lost'), requestState: state, inputResponses: accept(second, 'Bob') }
    expect((await round(kind, last)).result.content[0].text).toBe('Ada and Bob')
    expect((await round(kind, last)).result.content[0].text).toBe('Ada and Bob')
  })

  it('a round that was answered cannot be answered otherwise', async () => {
    const { inputRequests, requestState } = await first('changed mind')
    const retry = (name: string): object => ({ ...ask('changed mind'), requestState, inputResponses: accept(inputRequests, name) })
    expect((await round(kind, retry('Ada'))).result.resultType).toBe('input_required')
    // a 2026 upstream is stateless: what it does with another answer to its own state is its own affair
    if (upstreamEra === 'legacy') expect(await round(kind, retry('Eve'))).toMatchObject(REFUSED)
  })

  it('the state works for nobody else, nowhere else and for no other call', async () => {
    const { inputRequests, requestState } = await first('bound')
    const inputResponses = accept(inputRequests, 'Eve')
    const retry = { ...ask('bound'), requestState, inputResponses }
    const mark = world.upstream(kind).events.mark
    expect(await round(kind, retry, { sub: 'bob' })).toMatchObject(REFUSED)
    expect(await round(kind, { ...retry, name: `${kind}__ask-twice` }, { path: '/mcp' })).toMatchObject(REFUSED)
    expect(await round(brief(kind), retry)).toMatchObject(REFUSED)
    expect(await round(kind, { ...retry, arguments: { tag: 'other' } })).toMatchObject(REFUSED)
    expect(await round(kind, { ...retry, name: 'echo' })).toMatchObject(REFUSED)
    expect(await round(kind, { ...retry, requestState: `${requestState}A` })).toMatchObject(REFUSED)
    expect(
      world
        .upstream(kind)
        .events.since(mark)
        .filter(e => e.kind === 'answered'),
    ).toEqual([])
    expect((await round(kind, retry)).result.resultType).toBe('input_required')
  })

  it('an answer that is missing is asked for again, and one nobody asked for is ignored', async () => {
    const { inputRequests, requestState } = await first('missing')
    const again = (await round(kind, { ...ask('missing'), requestState, inputResponses: { other: { action: 'accept' } } })).result
    expect(again).toMatchObject({ resultType: 'input_required', inputRequests })
    const retry = { ...ask('missing'), requestState: again.requestState, inputResponses: accept(inputRequests, 'Ada') }
    expect((await round(kind, retry)).result.resultType).toBe('input_required')
  })

  it('a host that does not come back in time finds the state expired; a waiting server hears a cancel', async () => {
    const alias = brief(kind)
    const upstream = world.upstream(alias)
    const { inputRequests, requestState } = await first('late', alias)
    const retry = { ...ask('late'), requestState, inputResponses: accept(inputRequests, 'Ada') }
    if (upstreamEra === 'legacy') {
      const told = await upstream.until('answer', e => e.kind === 'answered')
      expect(told['answer']).toEqual({ action: 'cancel' })
      expect(await round(alias, retry)).toMatchObject(REFUSED)
      await upstream.until('cancel', e => e['message']?.method === 'notifications/cancelled')
      expect(upstream.received('notifications/cancelled')).toHaveLength(1)
      return
    }
    // seconds are the state's unit: it expires within the next one
    let answer: any
    do answer = await round(alias, retry)
    while (answer.result !== undefined)
    expect(answer).toMatchObject(REFUSED)
  })
})

describe.each(['v1-stdio', 'v1-http'] as const)('upstream %s', kind => {
  it('other calls of the principal go on while one waits for its host', async () => {
    const { result } = await round(kind, ask('waits'))
    expect((await round(kind, { name: 'echo', arguments: { text: 'meanwhile' } })).result.content[0].text).toBe('meanwhile')
    const retry = { ...ask('waits'), requestState: result.requestState, inputResponses: accept(result.inputRequests, 'Ada') }
    expect((await round(kind, retry)).result.resultType).toBe('input_required')
  })
})

describe.each(ALONE.filter(q => q.hostEra === 'legacy'))('host $revision, upstream $kind', ({ kind }) => {
  it('a person who does not answer in time has said cancel; a model that does not has failed the call', async () => {
    const host = await quadrant('2025-11-25', kind, 'alone', brief(kind)).connect(world, { person: () => new Promise(() => {}) })
    expect(textOf(await host.call('ask-twice'))).toBe('first: cancel')
    expect(await host.call('sample')).toMatchObject({ isError: true })
    await host.close()
  })
})
