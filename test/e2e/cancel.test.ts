// Cancelling in every quadrant: what the host cancels stops upstream; a modern host's disconnect does too, a legacy one's does not (R17, R51).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { textOf, type Host } from './support/hosts.ts'
import { QUADRANTS, TITLE } from './support/quadrants.ts'
import { startWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

describe.each(QUADRANTS)(TITLE, q => {
  let host: Host
  beforeAll(async () => {
    host = await q.connect(world)
  })
  afterAll(() => host.close())
  const tagOf = (what: string): string => `${what} ${q.revision} ${q.kind} ${q.place}`
  const cancelled = (tag: string): Promise<unknown> =>
    q.upstream(world).until(`cancelled ${tag}`, e => e.kind === 'cancelled' && e['tag'] === tag)

  it('a cancel of the host reaches the tool, the log says so, and the next call works', async () => {
    const tag = tagOf('cancel')
    const abort = new AbortController()
    const call = host.call(q.tool('wait'), { tag }, { signal: abort.signal })
    call.catch(() => {})
    await q.upstream(world).waiting(tag)
    const since = world.events().length
    abort.abort('enough')
    await expect(call).rejects.toThrow()
    await cancelled(tag)
    expect(textOf(await host.call(q.tool('echo'), { text: 'next' }))).toBe('next')
    const outcome = world
      .events()
      .slice(since)
      .find(e => e['subject']?.name === 'wait' && e['type'] === 'outcome')
    expect(outcome).toMatchObject({ outcome: 'stopped', reason: 'cancelled' })
  })

  it('a disconnect cancels for a modern host; a legacy host comes back for the answer', async () => {
    const tag = tagOf('disconnect')
    const progress: number[] = []
    const opened = Promise.withResolvers<undefined>()
    const onprogress = (p: Record<string, any>): void => {
      progress.push(p['progress'] as number)
      opened.resolve(undefined)
    }
    const call = host.call(q.tool('wait'), { tag }, { onprogress })
    call.catch(() => {})
    await opened.promise
    host.cut()
    if (q.hostEra === 'modern') {
      await cancelled(tag)
      return
    }
    const mark = host.responses.mark
    q.upstream(world).command({ release: tag })
    expect(textOf(await call)).toBe(`released ${tag}`)
    expect(host.responses.since(mark)).toContainEqual({ http: 'GET', status: 200 })
    expect(progress).toEqual([1])
    expect(q.upstream(world).events.all.some(e => e.kind === 'cancelled' && e['tag'] === tag)).toBe(false)
  })

  it('a cancel while the person is being asked ends the call: nothing more reaches the server', async () => {
    const asked = Promise.withResolvers<undefined>()
    const answer = Promise.withResolvers<Record<string, any>>()
    const { person } = host
    host.person = () => {
      asked.resolve(undefined)
      return answer.promise
    }
    const tag = tagOf('question')
    const abort = new AbortController()
    const upstream = q.upstream(world)
    const mark = host.responses.mark
    const call = host.call(q.tool('ask-twice'), { tag }, { signal: abort.signal })
    call.catch(() => {})
    await asked.promise
    abort.abort('enough')
    // R78: a modern host has nothing running that could be cancelled; it just does not come back.
    if (q.hostEra === 'legacy') await host.responses.until('cancel', r => r.rpc === 'notifications/cancelled' && r.status === 202, mark)
    answer.resolve({ action: 'accept', content: { name: 'late' } })
    await expect(call).rejects.toThrow()
    host.person = person
    expect(textOf(await host.call(q.tool('echo'), { text: tag }))).toBe(tag)
    await upstream.until('echo', e => e.kind === 'received' && e['message']?.params?.arguments?.text === tag)
    const calls = upstream.received('tools/call').filter(m => m.params.arguments?.tag === tag)
    expect(calls).toHaveLength(1)
    if (q.hostEra === 'legacy' && q.upstreamEra === 'legacy')
      await upstream.until('cancel', ({ message: m }) => m?.method === 'notifications/cancelled' && m.params.requestId === calls[0].id)
  })
})
