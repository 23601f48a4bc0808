// What hosts are served: the upstream's bytes, renamed only where an endpoint joins several, and cursors that work for their owner only.

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ListKind } from '../../src/catalog/entry.ts'
import type { View, ViewRequest, ViewTools } from '../../src/catalog/view.ts'
import { Views } from '../../src/catalog/views.ts'
import type { Stop } from '../../src/kernel/errors.ts'
import { createSealer } from '../../src/kernel/seal.ts'
import { listOf, paged, pause, tool, toolsOf } from './pages.ts'

const sealer = createSealer({ current: Buffer.alloc(32, 1) }, randomBytes)
const tools: ViewTools = { sealer, adapt: entry => entry, resultMeta: () => undefined, pause }
const request = (parts: ViewRequest['parts'], more: Partial<ViewRequest> = {}): ViewRequest => ({
  endpoint: 'https://gw.example/mcp',
  kind: 'tools',
  isAggregated: true,
  entitlement: 'e1',
  parts,
  isComplete: true,
  maxTtlMs: 60_000,
  isPermitted: () => true,
  ...more,
})
const viewOf = (parts: ViewRequest['parts'], more: Partial<ViewRequest> = {}, moreTools: Partial<ViewTools> = {}): View =>
  new Views({ ...tools, ...moreTools }).of(request(parts, more))
type Served = { tools: { name: string; _meta?: any }[]; nextCursor?: string } & Record<string, unknown>
const read = (found: Buffer | Stop): Served =>
  Buffer.isBuffer(found) ? JSON.parse(found.toString()) : expect.unreachable(JSON.stringify(found))
const bodyOf = async (view: View, era: 'modern' | 'legacy' = 'legacy'): Promise<string> => {
  const found = await view.page(era, undefined, 'alice')
  return Buffer.isBuffer(found) ? found.toString() : expect.unreachable(JSON.stringify(found))
}
const serve = async (view: View, cursor?: string, principal = 'alice', era: 'modern' | 'legacy' = 'modern'): Promise<Served> =>
  read(await view.page(era, cursor, principal))

describe('one upstream on its own endpoint', () => {
  const own = { isAggregated: false, endpoint: 'https://gw.example/servers/files/mcp' }
  it('is served with its bytes untouched', async () => {
    const raw = '{ "name":"a.b","x" : 1e400,"inputSchema":{ } ,"_meta":{"ui":{"resourceUri":"ui://a/b"}}}'
    const list = await listOf('tools', paged(`{"tools":[${raw},${JSON.stringify(tool('b'))}],"x-vendor": [1],"_meta":{"k":"v"}}`))
    const view = viewOf([{ alias: 'files', list }], own, { resultMeta: (_era, upstream) => upstream })
    expect(await bodyOf(view)).toBe(`{"_meta":{"k":"v"},"x-vendor": [1],"tools":[${raw},${JSON.stringify(tool('b'))}]}`)
  })

  it('finds its entries by their own names', async () => {
    const view = viewOf([{ alias: 'files', list: await toolsOf('files', 'read', 'a.b') }], own)
    expect(view.find('a.b')?.entry.name).toBe('a.b')
    expect(view.find('files__read')).toBeUndefined()
  })
})

describe('several upstreams on one endpoint', () => {
  it('are joined in the order of their aliases, each in its own order, and only names change', async () => {
    const files = await listOf(
      'tools',
      paged(
        `{"tools":[{ "description":"the read tool","n\\u0061me" : "read", "inputSchema":{},"big":12345678901234567890},{"name":"a.b","inputSchema":{}}]}`,
      ),
    )
    const time = await toolsOf('time', 'now')
    const body = await bodyOf(
      viewOf([
        { alias: 'files', list: files },
        { alias: 'time', list: time },
      ]),
    )
    expect(body).toContain('{ "description":"the read tool","n\\u0061me" : "files__read", "inputSchema":{},"big":12345678901234567890}')
    expect((JSON.parse(body) as Served).tools.map(t => t.name)).toEqual(['files__read', expect.stringMatching(/^files--a_b-/), 'time__now'])
  })

  it('R57, R92: links of tools to their apps are renamed with them, URIs and templates too', async () => {
    const list = await listOf(
      'tools',
      paged({ tools: [tool('t', { _meta: { ui: { resourceUri: 'ui://clock/x', csp: {} }, 'ui/resourceUri': 'ui://clock/x' } })] }),
      { alias: 'time' },
    )
    expect((await serve(viewOf([{ alias: 'time', list }]))).tools[0]?._meta).toEqual({
      ui: { resourceUri: 'ui://time/clock/x', csp: {} },
      'ui/resourceUri': 'ui://time/clock/x',
    })
    const kinds: [ListKind, object][] = [
      ['resources', { resources: [{ uri: 'file:///a', name: 'keep' }] }],
      ['templates', { resourceTemplates: [{ uriTemplate: 'db://{t}', name: 'keep' }] }],
      ['prompts', { prompts: [{ name: 'p q' }] }],
    ]
    const bodies = []
    for (const [kind, page] of kinds)
      bodies.push(await bodyOf(viewOf([{ alias: 'db', list: await listOf(kind, paged(page), { alias: 'db' }) }], { kind })))
    expect(bodies[0]).toBe('{"resources":[{"uri":"db+file:///a","name":"keep"}]}')
    expect(bodies[1]).toBe('{"resourceTemplates":[{"uriTemplate":"db+db://{t}","name":"keep"}]}')
    expect(bodies[2]).toMatch(/^\{"prompts":\[\{"name":"db--p_q-[a-z2-7]{16}"\}\]\}$/)
  })

  it('every listed name leads back to the entry it came from, and no other text does', async () => {
    const name = fc.oneof(fc.stringMatching(/^[a-z_.-]{1,60}$/), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 70 }))
    await fc.assert(
      fc.asyncProperty(fc.array(name, { maxLength: 12 }), fc.array(name, { maxLength: 12 }), fc.string(), async (first, second, other) => {
        const parts = [
          { alias: 'a', list: await toolsOf('a', ...first) },
          { alias: 'a-b', list: await toolsOf('a-b', ...second) },
        ]
        const view = viewOf(parts)
        const exposed = (await serve(view)).tools.map(t => t.name)
        const entries = parts.flatMap(p => p.list.entries.map(e => `${p.alias} ${e.name}`))
        expect(exposed.map(e => `${view.find(e)?.alias} ${view.find(e)?.entry.name}`)).toEqual(entries)
        expect(new Set(exposed).size).toBe(entries.length)
        if (!exposed.includes(other)) expect(view.find(other)).toBeUndefined()
      }),
    )
  })

  it('finds resources and templates', async () => {
    const list = await listOf('resources', paged({ resources: [{ uri: 'ui://x' }, { uri: 'file:///a+b' }] }), { alias: 'time' })
    const view = viewOf([{ alias: 'time', list }], { kind: 'resources' })
    expect(view.find('ui://time/x')?.entry.name).toBe('ui://x')
    expect(view.find('time+file:///a+b')?.entry.name).toBe('file:///a+b')
    for (const no of ['ui://x', 'file:///a+b', 'time+ui://x', 'other+file:///a+b', 'time+file:///a']) expect(view.find(no)).toBeUndefined()
  })

  it('show what is permitted and nothing else, in lists and by name', async () => {
    const asked: string[] = []
    const view = viewOf([{ alias: 'files', list: await toolsOf('files', 'read', 'write') }], {
      isPermitted: (kind, alias, name) => {
        asked.push(`${kind} ${alias} ${name}`)
        return name === 'read'
      },
    })
    expect((await serve(view)).tools.map(t => t.name)).toEqual(['files__read'])
    expect(asked).toEqual(['tools files read', 'tools files write'])
    expect(view.find('files__read')?.entry.name).toBe('read')
    expect(view.find('files__write')).toBeUndefined()
    expect(view.find('files__none')).toBeUndefined()
  })
})

describe('what hosts are told about caching (R66, R70)', () => {
  const listWith = (alias: string, ttlMs?: number): Promise<ViewRequest['parts'][number]['list']> =>
    listOf('tools', paged({ tools: [tool('t')], ttlMs, cacheScope: 'public' }), { alias })
  it('2026: complete, private, the shortest ttl within ours, 0 when an upstream is missing', async () => {
    const parts = [
      { alias: 'a', list: await listWith('a', 9000) },
      { alias: 'b', list: await listWith('b', 5000) },
    ]
    expect(await serve(viewOf(parts))).toMatchObject({ resultType: 'complete', ttlMs: 5000, cacheScope: 'private' })
    expect(await serve(viewOf(parts, { maxTtlMs: 100 }))).toMatchObject({ ttlMs: 100, cacheScope: 'private' })
    expect(await serve(viewOf(parts, { isComplete: false }))).toMatchObject({ ttlMs: 0 })
    expect(await serve(viewOf([...parts, { alias: 'c', list: await listWith('c') }]))).toMatchObject({ ttlMs: 0 })
    expect(await serve(viewOf([]))).toEqual({ resultType: 'complete', ttlMs: 0, cacheScope: 'private', tools: [] })
  })
  it('2025: none of it', async () => {
    const view = viewOf([{ alias: 'a', list: await listWith('a', 9000) }])
    expect(Object.keys(await serve(view, undefined, 'alice', 'legacy'))).toEqual(['tools'])
  })
  it('`_meta` is what the gateway says, entries are what the era can read', async () => {
    const view = viewOf(
      [{ alias: 'a', list: await toolsOf('a', 'x', 'y') }],
      {},
      {
        resultMeta: era => (era === 'modern' ? Buffer.from('{"s":1}') : undefined),
        adapt: (entry, { kind, alias, era }) =>
          entry.includes('a__y') ? undefined : Buffer.from(JSON.stringify({ name: `${kind} ${alias} ${era}` })),
      },
    )
    expect(await serve(view)).toMatchObject({ _meta: { s: 1 }, tools: [{ name: 'tools a modern' }] })
    expect(await serve(view, undefined, 'alice', 'legacy')).toEqual({ tools: [{ name: 'tools a legacy' }] })
  })
})

describe('pages', () => {
  const names = Array.from({ length: 25 }, (_, i) => `t${i}`)
  const small: Partial<ViewTools> = { pageEntries: 10 }
  const all = async (view: View, era: 'modern' | 'legacy' = 'modern'): Promise<Served[]> => {
    const pages = [await serve(view, undefined, 'alice', era)]
    for (let next = pages[0]?.nextCursor; next !== undefined; next = pages.at(-1)?.nextCursor)
      pages.push(await serve(view, next, 'alice', era))
    return pages
  }

  it('follow each other until everything was shown once', async () => {
    const list = await toolsOf('files', ...names)
    for (const era of ['modern', 'legacy'] as const) {
      const pages = await all(viewOf([{ alias: 'files', list }], {}, small), era)
      expect(pages.map(p => p.tools.length)).toEqual([10, 10, 5])
      expect(pages.flatMap(p => p.tools.map(t => t.name))).toEqual(names.map(n => `files__${n}`))
    }
    expect(
      (await all(viewOf([{ alias: 'files', list: await toolsOf('files', ...names.slice(0, 10)) }], {}, small))).map(p => p.tools.length),
    ).toEqual([10])
    const bytes = await all(viewOf([{ alias: 'files', list }], {}, { pageBytes: 200 }))
    expect(bytes.length).toBeGreaterThan(4)
    expect(bytes.flatMap(p => p.tools).length).toBe(25)
    expect((await all(viewOf([{ alias: 'files', list }], {}, { pageBytes: 1 }))).length).toBe(25)
  })

  it('a cursor works for its principal, endpoint, list, era and view only; anything else is cursor-invalid', async () => {
    const list = await toolsOf('files', ...names)
    const parts = [{ alias: 'files', list }]
    const view = viewOf(parts, {}, small)
    const cursor = (await serve(view)).nextCursor ?? expect.unreachable()
    expect((await serve(view, cursor)).tools[0]?.name).toBe('files__t10')
    const refused = async (v: View, c: string, principal = 'alice', era: 'modern' | 'legacy' = 'modern'): Promise<void> => {
      expect(await v.page(era, c, principal)).toMatchObject({ stop: 'cursor-invalid' })
    }
    await refused(view, cursor, 'bob')
    await refused(view, cursor, 'alice', 'legacy')
    await refused(viewOf(parts, { endpoint: 'https://gw.example/sets/dev/mcp' }, small), cursor)
    await refused(viewOf(parts, { entitlement: 'e2' }, small), cursor)
    await refused(viewOf([{ alias: 'files', list: await toolsOf('files', ...names, 'new') }], {}, small), cursor)
    const resources = await listOf('resources', paged({ resources: names.map(n => ({ uri: `a:${n}` })) }))
    await refused(viewOf([{ alias: 'files', list: resources }], { kind: 'resources' }, small), cursor)
    await refused(view, '')
    await refused(view, 'p1')
    await refused(view, 'A'.repeat(10_000))
    expect((await serve(viewOf(parts, {}, small), cursor)).tools[0]?.name).toBe('files__t10') // an equal view of another replica
  })

  it('a cursor with any single bit flipped, and random text, never open', async () => {
    const view = viewOf([{ alias: 'files', list: await toolsOf('files', ...names) }], {}, small)
    const raw = Buffer.from((await serve(view)).nextCursor ?? '', 'base64url')
    for (let bit = 0; bit < raw.length * 8; bit++) {
      const changed = Buffer.from(raw)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(await view.page('modern', changed.toString('base64url'), 'alice')).toMatchObject({ stop: 'cursor-invalid' })
    }
    fc.assert(fc.property(fc.string({ unit: 'binary' }), text => !Buffer.isBuffer(view.page('modern', text, 'alice'))))
  })
})

describe('served from cache', () => {
  it('the same bytes to everybody who sees the same, serialised once', async () => {
    let adapted = 0
    const views = new Views({ ...tools, adapt: entry => (adapted++, entry) })
    const parts = [{ alias: 'files', list: await toolsOf('files', ...Array.from({ length: 2000 }, (_, i) => `t${i}`)) }]
    const first = await views.of(request(parts)).page('modern', undefined, 'alice')
    for (let i = 0; i < 100; i++) expect(views.of(request(parts)).page('modern', undefined, `p${i}`)).toBe(first)
    expect(adapted).toBe(2000)
    expect(views.size.views).toBe(1)
    expect(views.size.bytes).toBe((first as Buffer).length)
  })

  it('several who ask at once wait for one serialisation', async () => {
    let adapted = 0
    const view = viewOf([{ alias: 'files', list: await toolsOf('files', 'a') }], {}, { adapt: entry => (adapted++, entry) })
    await Promise.all(Array.from({ length: 10 }, () => serve(view)))
    expect(adapted).toBe(1)
  })

  it('different lists, entitlements, endpoints and completeness are different views', async () => {
    const views = new Views(tools)
    const parts = [{ alias: 'files', list: await toolsOf('files', 'a') }]
    const all = [
      request(parts),
      request(parts, { entitlement: 'e2' }),
      request(parts, { endpoint: 'https://gw.example/x' }),
      request(parts, { isComplete: false }),
      request(parts, { isAggregated: false }),
      request([{ alias: 'files', list: await toolsOf('files', 'b') }]),
      request([]),
    ]
    expect(new Set(all.map(r => views.of(r))).size).toBe(all.length)
    expect(new Set(all.map(r => views.of(r).digest)).size).toBe(all.length)
    expect(views.of(request([{ alias: 'files', list: await toolsOf('files', 'a') }]))).toBe(views.of(request(parts)))
  })

  it('is bounded in number and bytes, least recently used first', async () => {
    const views = new Views(tools, { views: 10, bytes: 100_000 })
    const list = await listOf('tools', paged({ tools: [tool('a', { description: 'x'.repeat(30_000) })] }))
    const keep = views.of(request([{ alias: 'files', list }]))
    for (let i = 0; i < 30; i++) {
      await views.of(request([{ alias: 'files', list }], { entitlement: `e-${i}` })).page('modern', undefined, 'alice')
      expect(views.size.bytes).toBeLessThanOrEqual(100_000)
      expect(views.size.views).toBeLessThanOrEqual(10)
      if (i < 2) expect(views.of(request([{ alias: 'files', list }]))).toBe(keep)
    }
    expect(views.of(request([{ alias: 'files', list }]))).not.toBe(keep)
  })

  it('decides by the request of the newest asker, not of whoever made the view', async () => {
    const views = new Views(tools)
    const parts = [{ alias: 'files', list: await toolsOf('files', 'a', 'b') }]
    views.of(request(parts, { isPermitted: () => true }))
    const later = views.of(request(parts, { isPermitted: (_kind, _alias, name) => name === 'a' }))
    expect((await serve(later)).tools.map(t => t.name)).toEqual(['files__a'])
    expect(later.find('files__b')).toBeUndefined()
  })

  it('evicted while it is built it still answers, and is not counted', async () => {
    let go = (): void => {}
    const gate = new Promise<void>(resolve => (go = resolve))
    const views = new Views({ ...tools, pause: () => gate }, { views: 1 })
    const parts = [{ alias: 'files', list: await toolsOf('files', ...Array.from({ length: 300 }, (_, i) => `t${i}`)) }]
    const building = serve(views.of(request(parts)))
    views.of(request(parts, { entitlement: 'e2' }))
    go()
    expect((await building).tools).toHaveLength(300)
    expect(views.size).toEqual({ views: 1, bytes: 0 })
  })

  it('a failed build is tried again', async () => {
    let isBroken = true
    const view = viewOf(
      [{ alias: 'files', list: await toolsOf('files', 'a') }],
      {},
      {
        adapt: entry => {
          if (isBroken) throw new Error('broken')
          return entry
        },
      },
    )
    await expect(view.page('modern', undefined, 'alice')).rejects.toThrow('broken')
    isBroken = false
    expect((await serve(view)).tools).toHaveLength(1)
  })

  it('gives other work a turn while a long list is serialised', async () => {
    let turns = 0
    const list = await toolsOf('files', ...Array.from({ length: 2000 }, (_, i) => `t${i}`))
    await viewOf([{ alias: 'files', list }], {}, { pause: () => (turns++, Promise.resolve()) }).page('modern', undefined, 'alice')
    expect(turns).toBeGreaterThan(10)
  })
})
