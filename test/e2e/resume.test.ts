// Broken streams of 2025 hosts: what was missed is replayed to the session it belongs to, and to nobody else (R49-R51).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { textOf } from './support/hosts.ts'
import { ALONE, quadrant, TITLE } from './support/quadrants.ts'
import { eventsOf, nextEvent, openRaw } from './support/raw.ts'
import { startWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const UPDATED = 'notifications/resources/updated'

describe.each(ALONE.filter(q => q.hostEra === 'legacy'))(TITLE, q => {
  it('changes missed while the GET stream was broken arrive when it is back', async () => {
    const host = await q.connect(world)
    const upstream = q.upstream(world)
    await host.listen()
    await host.subscribe('note://200')
    await upstream.announces('note://200')
    const heard = (mark: number): Promise<unknown> => host.heard.until('an update', n => n.method === UPDATED, mark)
    upstream.command({ updated: 'note://200' })
    await heard(0)
    const [gets, mark] = [host.responses.mark, host.heard.mark]
    host.cut()
    upstream.command({ updated: 'note://200' })
    await heard(mark)
    expect(host.responses.since(gets)).toContainEqual({ http: 'GET', status: 200 })
    expect(host.heard.since(mark)).toHaveLength(1)
    await host.close()
  })

  it('the answer of a call outlives its stream, for its own session only', async () => {
    const tag = `resume ${q.kind}`
    const mine = await openRaw(world, q.path)
    const call = {
      jsonrpc: '2.0',
      id: 7,
      method: 'tools/call',
      params: { name: 'wait', arguments: { tag }, _meta: { progressToken: 'p' } },
    }
    const response = await mine.post(call)
    const events = eventsOf(response)
    const progress = await nextEvent(events)
    expect(JSON.parse(progress.data)).toMatchObject({ method: 'notifications/progress', params: { progressToken: 'p' } })
    // breaks the stream
    await events.return(undefined)

    // another principal, and another session of the same one, get nothing of it
    const bob = await openRaw(world, q.path, { sub: 'bob' })
    const strangers = await mine.get(progress.id, bob.token)
    expect(strangers.status).toBe(404)
    const second = await openRaw(world, q.path)
    const others = await second.get(progress.id)
    q.upstream(world).command({ release: tag })
    const resumed = await mine.get(progress.id)
    expect(resumed.status).toBe(200)
    const answer = JSON.parse((await nextEvent(eventsOf(resumed))).data)
    expect(answer).toMatchObject({ id: 7, result: { content: [{ text: `released ${tag}` }] } })
    // asked again, it is replayed again: the host may have missed it once more
    expect(JSON.parse((await nextEvent(eventsOf(await mine.get(progress.id)))).data)).toEqual(answer)

    // what the other session's stream says first is a change made after all that, not a replay
    await second.post({ jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'note://201' } })
    await q.upstream(world).announces('note://201')
    q.upstream(world).command({ updated: 'note://201' })
    const first = others.status === 200 ? await nextEvent(eventsOf(others)) : undefined
    if (first) expect(JSON.parse(first.data)).toMatchObject({ method: UPDATED, params: { uri: 'note://201' } })
    else expect(others.status).toBe(404)
  })
})

describe.each([quadrant('2025-11-25', 'v1-http'), quadrant('2026-07-28', 'v1-http')])(
  'SEP-1699, a server that ends the stream before its answer: host $revision, upstream $kind',
  q => {
    it('is polled for the rest, and the host gets the answer', async () => {
      const host = await q.connect(world)
      const tag = `pause ${q.revision}`
      const upstream = q.upstream(world)
      const call = host.call('pause', { tag })
      const { session } = await upstream.until('pause', e => e.kind === 'closed' && e['message']?.params?.arguments?.tag === tag)
      await upstream.until(
        'poll',
        e => e.kind === 'received' && e['http'] === 'GET' && e['session'] === session && e['headers']['last-event-id'] !== undefined,
      )
      upstream.command({ release: tag })
      expect(textOf(await call)).toBe(`released ${tag}`)
      await host.close()
    })
  },
)
