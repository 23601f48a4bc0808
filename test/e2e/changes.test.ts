// Changes in every quadrant: lists and resources, for whoever asked for them, as long as they want them, and for nobody else.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Host } from './support/hosts.ts'
import { QUADRANTS, TITLE } from './support/quadrants.ts'
import { startWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const UPDATED = 'notifications/resources/updated'
let lastNote = 100
/** A resource nobody has subscribed to before. */
const freshNote = (): string => `note://${++lastNote}`
const updatesOf = (host: Host, mark = 0): unknown[] =>
  host.heard
    .since(mark)
    .filter(n => n.method === UPDATED)
    .map(n => n.params['uri'])
const updated = (host: Host, uri: string, mark = 0): Promise<unknown> =>
  host.heard.until(`update of ${uri}`, n => n.method === UPDATED && n.params['uri'] === uri, mark)

describe.each(QUADRANTS)(TITLE, q => {
  let host: Host
  beforeAll(async () => {
    host = await q.connect(world)
    await host.tools()
    await host.listen()
    // its stream of changes is open once it hears of a resource
    const uri = freshNote()
    await host.subscribe(q.uri(uri))
    await q.upstream(world).announces(uri)
  })
  afterAll(() => host.close())

  it.each(['tools', 'prompts', 'resources'] as const)('hears that the list of %s changed', async kind => {
    const mark = host.heard.mark
    q.upstream(world).command({ change: kind })
    await host.heard.until(`${kind} changed`, n => n.method === `notifications/${kind}/list_changed`, mark)
  })

  it('lists what changed once it has heard of it', async () => {
    const has = async (): Promise<boolean> => (await host.tools()).some(t => t.name === q.tool('extra'))
    const before = await has()
    for (const expected of [!before, before]) {
      const mark = host.heard.mark
      q.upstream(world).command({ change: 'tools' })
      await host.heard.until('tools changed', n => n.method === 'notifications/tools/list_changed', mark)
      expect(await has()).toBe(expected)
    }
  })

  it('hears of the resources it subscribed to until it unsubscribes', async () => {
    const [first, second] = [freshNote(), freshNote()]
    const upstream = q.upstream(world)
    const unsubscribe = await host.subscribe(q.uri(first))
    const keep = await host.subscribe(q.uri(second))
    await upstream.announces(first)
    await upstream.announces(second)
    upstream.command({ updated: first })
    await updated(host, q.uri(first))
    await unsubscribe()
    const mark = host.heard.mark
    upstream.command({ updated: first })
    upstream.command({ updated: second })
    await updated(host, q.uri(second), mark)
    expect(updatesOf(host, mark)).toEqual([q.uri(second)])
    await upstream.withdraws(first)
    await keep()
  })

  it('another session and another principal hear nothing of it', async () => {
    const [hers, other, his] = [freshNote(), freshNote(), freshNote()]
    const upstream = q.upstream(world)
    const session = await q.connect(world)
    const bob = await q.connect(world, { sub: 'bob' })
    await session.listen()
    await bob.listen()
    await host.subscribe(q.uri(hers))
    await session.subscribe(q.uri(other))
    await bob.subscribe(q.uri(his))
    for (const uri of [hers, other, his]) await upstream.announces(uri)
    for (const uri of [hers, other, his]) upstream.command({ updated: uri })
    await updated(host, q.uri(hers))
    await updated(session, q.uri(other))
    await updated(bob, q.uri(his))
    expect(updatesOf(session)).toEqual([q.uri(other)])
    expect(updatesOf(bob)).toEqual([q.uri(his)])
    await session.close()
    await bob.close()
  })
})
