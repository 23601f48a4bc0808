import { describe, expect, it } from 'vitest'
import type { Failure } from '../../../src/adapters/upstream/calls.ts'
import { LinkPool, type LinkEvents, type PooledLink } from '../../../src/adapters/upstream/link-pool.ts'
import { Ticker } from '../../../src/adapters/upstream/ticker.ts'
import type { Caller } from '../../../src/bridge/upstream.ts'
import { HandClock } from '../../support/upstreams/hand-clock.ts'
import { ALICE, callerOf } from '../../support/upstreams/world.ts'

/** A link that the test opens, occupies and stops. */
class FakeLink implements PooledLink {
  face = undefined
  isGone = false
  isBusy = false
  isWatched = false
  stopped = false
  readonly caller: Caller
  readonly events: LinkEvents
  readonly #gone = Promise.withResolvers<undefined>()
  constructor(caller: Caller, events: LinkEvents) {
    this.caller = caller
    this.events = events
  }
  send(): void {}
  abandon(): void {}
  watch(): never {
    throw new Error('not here')
  }
  async stop(): Promise<void> {
    this.stopped = true
    await this.#gone.promise
  }
  end(): void {
    this.#gone.resolve(undefined)
  }
  use(): void {
    this.isBusy = true
    this.isBusy = false
    this.events.idle()
  }
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function poolOf(connections: number, waiting = 10) {
  const clock = new HandClock()
  const links: FakeLink[] = []
  let failure: Failure | undefined
  const pool = new LinkPool({
    ticker: new Ticker(clock),
    random: () => 0.5,
    connections,
    idleMs: 60_000,
    waiting,
    keyOf: caller => caller.affinity,
    open: async (caller, events) => {
      if (failure) return failure
      const link = new FakeLink(caller, events)
      links.push(link)
      return link
    },
  })
  const who = (name: string): Caller => callerOf(ALICE, '{}', name)
  const get = async (name: string): Promise<FakeLink | Failure> => (await pool.get(who(name), 'call')) as FakeLink | Failure
  return { clock, links, pool, who, get, fail: (next: Failure | undefined) => (failure = next) }
}

describe('connections per caller', () => {
  it('opens once for callers that come together, and gives the same link again', async () => {
    const { pool, who, links, get } = poolOf(3)
    const [a, b] = await Promise.all([get('a'), get('a')])
    expect(a).toBe(b)
    expect(pool.get(who('a'), 'call')).toBe(a)
    expect(links).toHaveLength(1)
  })

  it('stops the least recently used idle one for a new caller, who waits until it is really gone', async () => {
    const { pool, links, get, clock, who } = poolOf(2)
    for (const name of ['a', 'b']) ((await get(name)) as FakeLink).use()
    clock.advance(10)
    void pool.get(who('a'), 'call')
    const waiting = get('c')
    await settled()
    expect(links.map(link => link.stopped)).toEqual([false, true])
    expect(links).toHaveLength(2)
    links[1]?.end()
    expect(((await waiting) as FakeLink).caller.affinity).toBe('c')
    expect(pool.size).toBe(2)
  })

  it('never takes a busy one, and a watched one only where none else is idle', async () => {
    const { links, get } = poolOf(2)
    for (const name of ['a', 'b']) ((await get(name)) as FakeLink).use()
    links[0]!.isBusy = true
    links[1]!.isWatched = true
    const waiting = get('c')
    await settled()
    expect(links.map(link => link.stopped)).toEqual([false, true])
    links[1]?.end()
    await waiting
  })

  it('prefers one that nobody watches, even if it was used later', async () => {
    const { links, get, clock } = poolOf(2)
    ;((await get('a')) as FakeLink).use()
    clock.advance(10)
    ;((await get('b')) as FakeLink).use()
    links[0]!.isWatched = true
    const waiting = get('c')
    await settled()
    expect(links.map(link => link.stopped)).toEqual([false, true])
    links[1]?.end()
    await waiting
  })

  it('keeps a new link for the call it was opened for', async () => {
    const { links, get, clock } = poolOf(1)
    await get('a')
    const waiting = get('b')
    await settled()
    expect(links[0]?.stopped).toBe(false)
    links[0]?.use()
    await settled()
    expect(links[0]?.stopped).toBe(true)
    links[0]?.end()
    const b = (await waiting) as FakeLink
    // The call it was opened for never came: after a moment it may go.
    const third = get('c')
    await settled()
    expect(b.stopped).toBe(false)
    clock.advance(2_000)
    expect(b.stopped).toBe(true)
    b.end()
    await third
  })

  it('bounds those who wait, serves them in order, and listeners do not wait at all', async () => {
    const { pool, links, get, who } = poolOf(1, 2)
    const first = (await get('a')) as FakeLink
    first.isBusy = true
    const [b, c] = [get('b'), get('c')]
    expect(await get('d')).toMatchObject({ stop: 'upstream-overloaded' })
    expect(await pool.get(who('e'), 'watch')).toMatchObject({ stop: 'upstream-overloaded' })
    first.isBusy = false
    first.events.idle()
    expect(first.stopped).toBe(true)
    first.end()
    expect(((await b) as FakeLink).caller.affinity).toBe('b')
    links[1]?.use()
    links[1]?.end()
    expect(((await c) as FakeLink).caller.affinity).toBe('c')
  })

  it('ends unused ones after a while, watched and busy ones not', async () => {
    const { links, get, clock, pool } = poolOf(3)
    for (const name of ['a', 'b', 'c']) ((await get(name)) as FakeLink).use()
    links[1]!.isWatched = true
    links[2]!.isBusy = true
    clock.advance(80_000)
    expect(links.map(link => link.stopped)).toEqual([true, false, false])
    links[0]?.end()
    await settled()
    expect(pool.size).toBe(2)
  })

  it('starts a crashed one again at once, then with growing pauses, for its own caller only', async () => {
    const { links, get, clock } = poolOf(3)
    const crash = async (): Promise<unknown> => {
      const link = await get('a')
      if (!('caller' in link)) return link
      link.isGone = true
      link.events.gone(true)
      return 'crashed'
    }
    expect([await crash(), await crash()]).toEqual(['crashed', 'crashed'])
    expect(await crash()).toMatchObject({ stop: 'upstream-unavailable', retryAfterSeconds: 1 })
    expect(await get('b')).toHaveProperty('caller')
    clock.advance(250)
    expect(await crash()).toBe('crashed')
    clock.advance(250)
    expect(await crash()).toMatchObject({ retryAfterSeconds: 1 })
    clock.advance(500)
    const healthy = (await get('a')) as FakeLink
    clock.advance(40_000)
    healthy.isGone = true
    healthy.events.gone(true)
    expect(await get('a')).toHaveProperty('caller')
    expect(links.length).toBe(6)
  })

  it('gives a failure to open to everybody who waits for it, and keeps none', async () => {
    const { get, fail } = poolOf(3)
    fail({ stop: 'upstream-invalid', detail: 'no', contact: 'none' })
    expect(await Promise.all([get('a'), get('a')])).toMatchObject([{ detail: 'no' }, { detail: 'no' }])
    fail(undefined)
    expect(await get('a')).toHaveProperty('caller')
  })

  it('closes everything, those that are still being opened too, and opens nothing afterwards', async () => {
    const { pool, get, links, who } = poolOf(2)
    await get('a')
    const opening = get('b')
    const waiting = get('c')
    const closed = pool.close(1000)
    expect(await waiting).toMatchObject({ stop: 'draining' })
    await opening
    await settled()
    expect(links.map(link => link.stopped)).toEqual([true, true])
    for (const link of links) link.end()
    await closed
    expect(pool.size).toBe(0)
    expect(await pool.get(who('a'), 'call')).toMatchObject({ stop: 'draining' })
  })

  it('forgets a caller whose host session has ended, unless his call is running', async () => {
    const { pool, get, links, who } = poolOf(2)
    await get('a')
    links[0]!.isBusy = true
    pool.release(who('a'))
    expect(links[0]?.stopped).toBe(false)
    links[0]!.isBusy = false
    pool.release(who('a'))
    expect(links[0]?.stopped).toBe(true)
    links[0]?.end()
  })
})
