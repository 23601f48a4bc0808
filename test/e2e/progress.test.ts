// Progress and logs in every quadrant: in order, before the answer, and only what was asked for.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { textOf, type Host } from './support/hosts.ts'
import { QUADRANTS, TITLE } from './support/quadrants.ts'
import { startWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const logsOf = (host: Host): unknown[] => host.heard.all.filter(n => n.method === 'notifications/message').map(n => n.params['data'])

describe.each(QUADRANTS)(TITLE, q => {
  let host: Host
  beforeAll(async () => {
    host = await q.connect(world)
  })
  afterAll(() => host.close())

  it('without a level, hears logs only where both sides are of the era that sends them unasked', async () => {
    expect(textOf(await host.call(q.tool('steps')))).toBe('stepped')
    const isUnasked = q.hostEra === 'legacy' && q.upstreamEra === 'legacy'
    expect(logsOf(host)).toEqual(isUnasked ? ['debug line', 'info line', 'error line'] : [])
    expect(host.heard.all.filter(n => n.method === 'notifications/progress')).toEqual([])
  })

  it('reports progress under the token of the call, in order', async () => {
    const seen: unknown[] = []
    expect(textOf(await host.call(q.tool('steps'), {}, { onprogress: p => seen.push(p) }))).toBe('stepped')
    expect(seen).toEqual([1, 2, 3].map(progress => ({ progress, total: 3 })))
  })

  it('with a level, hears that and worse', async () => {
    const before = logsOf(host).length
    await host.call(q.tool('steps'), {}, { level: 'info' })
    expect(logsOf(host).slice(before)).toEqual(['info line', 'error line'])
    await host.call(q.tool('steps'), {}, { level: 'error' })
    expect(logsOf(host).slice(before + 2)).toEqual(['error line'])
  })

  it('keeps progress of calls that run at once apart', async () => {
    const seen: Record<string, number[]> = { A: [], B: [] }
    const tags = ['A', 'B'].map(tag => `${tag} ${q.revision} ${q.kind} ${q.place}`)
    const upstream = q.upstream(world)
    // A caller who may be asked has one such call at a time on a pipe (research/protocol.md section 2, 4): the second waits for the first.
    const isInLine = q.kind === 'v1-stdio'
    const calls = tags.map(tag => host.call(q.tool('wait'), { tag }, { onprogress: p => seen[tag[0]!]!.push(p['progress'] as number) }))
    for (const [i, tag] of tags.entries()) {
      if (!isInLine || i === 0) await upstream.waiting(tag)
    }
    for (const [i, tag] of tags.entries()) {
      await upstream.waiting(tag)
      upstream.command({ release: tag })
      expect(textOf(await calls[i])).toBe(`released ${tag}`)
    }
    expect(seen).toEqual({ A: [1], B: [1] })
  })
})
