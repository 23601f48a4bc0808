// The cache of live lists: one fetch for many, never an old list after a change, never one caller's list for another.

import { describe, expect, it } from 'vitest'
import type { FetchPage, LiveList, PageAnswer } from '../../src/catalog/lists.ts'
import type { Surface, SurfaceSettings } from '../../src/catalog/surface.ts'
import { Surfaces, type SurfacesOptions } from '../../src/catalog/surfaces.ts'
import type { Stop } from '../../src/kernel/errors.ts'
import { FakeTime, limits, page, settle, stopOf, tool } from './pages.ts'

const settings: SurfaceSettings = { limits, ttlMs: 60_000 }
const PATIENCE = 5000

/** An upstream whose answers are let go one by one. */
class Upstream {
  fetches = 0
  name = 'v1'
  more: object = {}
  failing: PageAnswer | undefined
  #gate: Promise<void> | undefined
  open: () => void = () => {}
  close(): void {
    this.#gate = new Promise(resolve => (this.open = resolve))
  }
  readonly fetchPage: FetchPage = async kind => {
    this.fetches += 1
    const answer =
      this.failing ??
      page(kind === 'tools' ? { tools: [tool(this.name)], ...this.more } : { prompts: [], resources: [], resourceTemplates: [] })
    await this.#gate
    return answer
  }
}

function setUp(more: Partial<SurfacesOptions> = {}): {
  time: FakeTime
  upstream: Upstream
  surfaces: Surfaces
  surface: Surface
  late: string[]
} {
  const time = new FakeTime()
  const late: string[] = []
  const surfaces = new Surfaces({ ports: time, late: (alias, principal, kind) => late.push(`${alias} ${principal} ${kind}`), ...more })
  const surface = surfaces.of('files', settings, { principal: 'alice', capabilities: '{}' }, false)
  return { time, upstream: new Upstream(), surfaces, surface, late }
}
const firstOf = (found: LiveList | Stop): string | undefined => ('stop' in found ? `stop ${found.stop}` : found.entries[0]?.name)
const ask = async (surface: Surface, upstream: Upstream): Promise<string | undefined> =>
  firstOf(await surface.list('tools', upstream, PATIENCE))

describe('a surface', () => {
  it('fetches once for all who ask, then answers at once without a promise', async () => {
    const { upstream, surface } = setUp()
    upstream.close()
    const asked = Promise.all(Array.from({ length: 100 }, () => ask(surface, upstream)))
    await settle()
    upstream.open()
    expect(new Set(await asked)).toEqual(new Set(['v1']))
    for (let i = 0; i < 100; i++) expect(surface.list('tools', upstream, PATIENCE)).not.toBeInstanceOf(Promise)
    expect(upstream.fetches).toBe(1)
  })

  it('after a change never hands out what was fetched before it, also when a fetch was under way', async () => {
    const { upstream, surface } = setUp()
    expect(await ask(surface, upstream)).toBe('v1')
    upstream.name = 'v2'
    surface.changed('tools')
    expect(await ask(surface, upstream)).toBe('v2')
    surface.changed('tools')
    upstream.name = 'v3'
    upstream.close()
    const early = ask(surface, upstream) // the upstream answers this one with v3
    await settle()
    upstream.name = 'v4'
    surface.changed('tools')
    const later = ask(surface, upstream)
    upstream.open()
    expect(await early).toBe('v3')
    expect(await later).toBe('v4')
    expect(upstream.fetches).toBe(4)
  })

  it('fetches nothing for a change of another list', async () => {
    const { upstream, surface, surfaces } = setUp()
    await ask(surface, upstream)
    surface.changed('prompts')
    surfaces.changed('files', 'resources')
    surfaces.changed('other')
    await ask(surface, upstream)
    expect(upstream.fetches).toBe(1)
    surfaces.changed('files')
    await ask(surface, upstream)
    expect(upstream.fetches).toBe(2)
  })

  it('N130: 10^4 announcements a second cost a handful of fetches, however eagerly hosts ask', async () => {
    const { time, upstream, surface } = setUp()
    await ask(surface, upstream)
    const waiting: Promise<unknown>[] = []
    for (let ms = 0; ms < 1000; ms++) {
      for (let i = 0; i < 10; i++) surface.changed('tools')
      waiting.push(ask(surface, upstream))
      await time.pass(1)
    }
    expect(upstream.fetches).toBeLessThanOrEqual(8)
    await time.pass(3000)
    await Promise.all(waiting)
    upstream.name = 'after'
    surface.changed('tools')
    const last = ask(surface, upstream)
    await time.pass(2000)
    expect(await last).toBe('after')
    expect(upstream.fetches).toBeLessThanOrEqual(14)
  })

  it('without announcements reads again after its time: an old list while that runs, a too old one never', async () => {
    const { time, upstream, surface } = setUp()
    await ask(surface, upstream)
    await time.pass(59_000)
    await ask(surface, upstream)
    expect(upstream.fetches).toBe(1)
    await time.pass(2000)
    upstream.name = 'v2'
    expect(await ask(surface, upstream)).toBe('v1')
    await settle()
    expect(await ask(surface, upstream)).toBe('v2')
    expect(upstream.fetches).toBe(2)
    await time.pass(130_000)
    upstream.name = 'v3'
    expect(await ask(surface, upstream)).toBe('v3')
  })

  it('where changes are announced reads again after ten minutes only', async () => {
    const { time, upstream, surface } = setUp()
    surface.announce(new Set(['tools']))
    await ask(surface, upstream)
    await time.pass(590_000)
    await ask(surface, upstream)
    expect(upstream.fetches).toBe(1)
    surface.announce(new Set())
    await ask(surface, upstream)
    expect(upstream.fetches).toBe(2)
  })

  it.each([
    [5000, 5500],
    [1, 1500],
    [1e15, 61_000],
    [0, 61_000],
  ])('N130: an upstream ttl of %s ms is honoured between a second and the internal time', async (ttlMs, expiredAfter) => {
    const { time, upstream, surface } = setUp()
    upstream.more = { ttlMs }
    await ask(surface, upstream)
    await time.pass(Math.min(900, expiredAfter - 100))
    await ask(surface, upstream)
    expect(upstream.fetches).toBe(1)
    await time.pass(expiredAfter)
    await ask(surface, upstream)
    await settle()
    expect(upstream.fetches).toBe(2)
  })

  it('keeps its last list while the upstream fails, asks it more and more rarely, and in the end has none', async () => {
    const { time, upstream, surface } = setUp()
    await ask(surface, upstream)
    upstream.failing = { kind: 'stop', stop: 'upstream-lost', detail: 'x' }
    surface.changed('tools')
    for (let i = 0; i < 100; i++) {
      expect(await ask(surface, upstream)).toBe('v1')
      await time.pass(100)
    }
    expect(upstream.fetches).toBeLessThanOrEqual(7)
    await time.pass(360_000)
    expect(await ask(surface, upstream)).toBe('stop upstream-lost')
    upstream.failing = undefined
    upstream.name = 'back'
    await time.pass(9000)
    expect(await ask(surface, upstream)).toBe('back')
  })

  it('does not make its askers wait longer than they want, and says so when the list comes late', async () => {
    const { time, upstream, surface, late } = setUp()
    upstream.close()
    const asked = ask(surface, upstream)
    await time.pass(PATIENCE + 1)
    expect(await asked).toBe('stop upstream-timeout')
    expect(late).toEqual([])
    upstream.open()
    await settle()
    expect(late).toEqual(['files alice tools'])
    expect(await ask(surface, upstream)).toBe('v1')
    expect(upstream.fetches).toBe(1)
    await time.pass(61_000)
    await ask(surface, upstream)
    await settle()
    expect(late).toHaveLength(1)
  })

  it('turns a fault of its fetcher into a stop, never into an unhandled rejection', async () => {
    const { surface } = setUp()
    expect(stopOf(await surface.list('tools', { fetchPage: () => Promise.reject(new Error('broken')) }, PATIENCE))).toBe('internal-fault')
  })
})

describe('surfaces of many callers', () => {
  it('N131: are keyed by upstream, principal and capabilities whatever the upstream says about its cacheScope', async () => {
    const { surfaces, surface } = setUp()
    const others = [
      surfaces.of('files', settings, { principal: 'bob', capabilities: '{}' }, false),
      surfaces.of('files', settings, { principal: 'alice', capabilities: '{"roots":{}}' }, false),
      surfaces.of('files', settings, { principal: 'alice', capabilities: `{"x":"${'y'.repeat(200)}"}` }, false),
      surfaces.of('files', settings, { principal: 'alice', capabilities: `{"x":"${'z'.repeat(200)}"}` }, false),
      surfaces.of('other', settings, { principal: 'alice', capabilities: '{}' }, false),
      surfaces.of('files', settings, { principal: 'alice\n{}', capabilities: '' }, false),
    ]
    expect(new Set([surface, ...others]).size).toBe(7)
    expect(surfaces.of('files', settings, { principal: 'alice', capabilities: '{}' }, false)).toBe(surface)
    for (const [i, each] of [surface, ...others].entries()) {
      const upstream = new Upstream()
      upstream.name = `own-${i}`
      upstream.more = { cacheScope: 'public', ttlMs: 1000 }
      expect(await ask(each, upstream)).toBe(`own-${i}`)
    }
  })

  it('are one where an administrator says that lists do not depend on the caller', async () => {
    const { surfaces, upstream } = setUp()
    const alice = surfaces.of('docs', settings, { principal: 'alice', capabilities: '{}' }, true)
    const bob = surfaces.of('docs', settings, { principal: 'bob', capabilities: '{"roots":{}}' }, true)
    expect(alice).toBe(bob)
    await ask(alice, upstream)
    await ask(bob, upstream)
    expect(upstream.fetches).toBe(1)
  })

  it('hold equal lists once', async () => {
    const { surfaces } = setUp()
    const lists: (LiveList | Stop)[] = []
    for (const principal of ['alice', 'bob', 'carol'])
      lists.push(await surfaces.of('files', settings, { principal, capabilities: '{}' }, false).list('tools', new Upstream(), PATIENCE))
    expect(lists[1]).toBe(lists[0])
    expect(lists[2]).toBe(lists[0])
    expect(surfaces.size).toEqual({ surfaces: 3, lists: 1, bytes: (lists[0] as LiveList).bytes })
  })

  it('N130: are bounded: a host that invents capabilities evicts its own, and the least recently used go first', async () => {
    const { surfaces, surface } = setUp({ surfaces: 5, perPrincipal: 2 })
    const bob = surfaces.of('files', settings, { principal: 'bob', capabilities: '{}' }, false)
    for (let i = 0; i < 50; i++) surfaces.of('files', settings, { principal: 'mallory', capabilities: `{"x":${i}}` }, false)
    expect(surfaces.size.surfaces).toBe(4)
    expect(surfaces.of('files', settings, { principal: 'alice', capabilities: '{}' }, false)).toBe(surface)
    expect(surfaces.of('files', settings, { principal: 'bob', capabilities: '{}' }, false)).toBe(bob)
    surfaces.of('files', settings, { principal: 'p1', capabilities: '{}' }, false)
    surfaces.of('files', settings, { principal: 'p2', capabilities: '{}' }, false)
    surfaces.of('files', settings, { principal: 'p3', capabilities: '{}' }, false)
    expect(surfaces.size.surfaces).toBe(5)
    expect(surfaces.of('files', settings, { principal: 'bob', capabilities: '{}' }, false)).toBe(bob)
    expect(surfaces.of('files', settings, { principal: 'alice', capabilities: '{}' }, false)).toBe(surface)
  })

  it('are bounded in bytes, count them exactly, and forget an upstream whole', async () => {
    const { surfaces } = setUp({ bytes: 500_000 })
    for (let i = 0; i < 30; i++) {
      const upstream = new Upstream()
      upstream.more = { tools: Array.from({ length: 100 }, (_, n) => tool(`t${i}-${n}`, { description: 'x'.repeat(1000) })) }
      await ask(surfaces.of('files', settings, { principal: `p${i}`, capabilities: '{}' }, false), upstream)
      expect(surfaces.size.bytes).toBeLessThanOrEqual(500_000)
    }
    expect(surfaces.size.lists).toBeGreaterThan(2)
    surfaces.forget('files')
    expect(surfaces.size).toEqual({ surfaces: 0, lists: 0, bytes: 0 })
  })

  it('evicted while it fetches still answers those who wait, and leaves nothing behind', async () => {
    const { surfaces, surface, upstream } = setUp()
    upstream.close()
    const asked = ask(surface, upstream)
    await settle()
    surfaces.forget('files')
    upstream.open()
    expect(await asked).toBe('v1')
    expect(surfaces.size).toEqual({ surfaces: 0, lists: 0, bytes: 0 })
  })

  it('replacing a list releases the old one', async () => {
    const { surfaces, surface, upstream } = setUp()
    for (let i = 0; i < 3; i++) {
      upstream.name = `v${i}`
      surface.changed()
      expect(await ask(surface, upstream)).toBe(`v${i}`)
      expect(surfaces.size.lists).toBe(1)
    }
  })
})
