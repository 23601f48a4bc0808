// Reading an upstream's lists: byte-exact, bounded, and one bad entry costs only itself.

import { describe, expect, it } from 'vitest'
import { fetchList, type FetchPage } from '../../src/catalog/lists.ts'
import { qualifyName } from '../../src/catalog/names.ts'
import { isJsonFault, member, readJson } from '../../src/mcp/json.ts'
import { limits, listOf, page, paged, pause, stopOf, tool } from './pages.ts'

describe('reading a list', () => {
  it('keeps every entry byte-exact, vendor fields, spacing, big numbers and escapes included', async () => {
    const raw = '{ "x-vendor" : 12345678901234567890.0 , "name":"re\\u0061d","inputSchema": {"type":"object" } , "é":"\\/"}'
    const list = await listOf('tools', paged(`{"tools":[${raw} , {"name":"b","inputSchema":{}}]}`))
    expect(list.entries.map(e => e.name)).toEqual(['read', 'b'])
    expect(list.entries[0]?.raw.toString()).toBe(raw)
    expect(list.find('read')).toBe(list.entries[0])
    expect(list.bytes).toBe(list.entries.reduce((sum, e) => sum + e.raw.length, 0))
  })

  it('reads all pages in order, of every kind', async () => {
    expect(
      (await listOf('tools', paged({ tools: [tool('a')] }, { tools: [tool('b')] }, { tools: [] }, { tools: [tool('c')] }))).entries.map(
        e => e.name,
      ),
    ).toEqual(['a', 'b', 'c'])
    expect((await listOf('prompts', paged({ prompts: [{ name: 'p' }] }))).entries[0]?.name).toBe('p')
    expect((await listOf('resources', paged({ resources: [{ uri: 'file:///x', name: 'n' }] }))).entries[0]?.name).toBe('file:///x')
    expect((await listOf('templates', paged({ resourceTemplates: [{ uriTemplate: 'a://{b}', name: 'n' }] }))).entries[0]?.name).toBe(
      'a://{b}',
    )
  })

  it('reads a page however deep its document was indexed', async () => {
    const doc = readJson(Buffer.from('{"result":{"tools":[ {"name":"a","inputSchema":{}} ]}}'), { indexDepth: 2 })
    if (isJsonFault(doc)) return expect.unreachable()
    const node = member(doc.root, 'result') ?? expect.unreachable()
    expect((await listOf('tools', () => Promise.resolve({ kind: 'result', result: { doc, node } }))).entries[0]?.raw.toString()).toBe(
      '{"name":"a","inputSchema":{}}',
    )
  })

  it('takes `""` for a cursor and null for none (R62)', async () => {
    const cursors: (string | undefined)[] = []
    const list = await listOf('tools', (_kind, cursor) => {
      cursors.push(cursor)
      return Promise.resolve(page(cursor === undefined ? { tools: [tool('a')], nextCursor: '' } : { tools: [tool('b')], nextCursor: null }))
    })
    expect(cursors).toEqual([undefined, ''])
    expect(list.entries).toHaveLength(2)
  })

  it('is empty where the upstream has no such list, and a stop where it fails', async () => {
    expect((await listOf('prompts', paged({ kind: 'error', code: -32601 }))).entries).toEqual([])
    const ask = (fetchPage: FetchPage): Promise<unknown> => fetchList({ alias: 'a', kind: 'tools', limits, fetchPage, pause })
    expect(stopOf(await ask(paged({ kind: 'error', code: -32603 })))).toBe('upstream-invalid')
    expect(await ask(paged({ kind: 'stop', stop: 'upstream-overloaded', detail: 'x', retryAfterSeconds: 3 }))).toEqual({
      stop: 'upstream-overloaded',
      detail: 'x',
      retryAfterSeconds: 3,
    })
    expect(stopOf(await ask(paged({ tools: 'none' })))).toBe('upstream-invalid')
    expect(stopOf(await ask(paged('[]')))).toBe('upstream-invalid')
    expect(stopOf(await ask(paged({ resultType: 'input_required', tools: [] })))).toBe('upstream-invalid')
    expect(stopOf(await ask(paged({ resultType: 'complete', tools: [] })))).toBeUndefined()
    expect(stopOf(await ask(paged({ tools: [tool('a')] }, { kind: 'stop', stop: 'upstream-lost', detail: 'x' })))).toBe('upstream-lost')
  })

  it('starts again once when a cursor went bad, with none of the old pages (R69)', async () => {
    let round = 0
    const list = await listOf('tools', (_kind, cursor) => {
      if (cursor === undefined) return Promise.resolve(page({ tools: [tool(`a${round++}`)], nextCursor: 'x' }))
      return Promise.resolve(round === 1 ? { kind: 'error', code: -32602 } : page({ tools: [tool('b')] }))
    })
    expect(list.entries.map(e => e.name)).toEqual(['a1', 'b'])
    const always: FetchPage = (_kind, cursor) =>
      Promise.resolve(cursor === undefined ? page({ tools: [], nextCursor: 'x' }) : { kind: 'error', code: -32602 })
    expect(stopOf(await fetchList({ alias: 'a', kind: 'tools', limits, fetchPage: always, pause }))).toBe('upstream-invalid')
  })

  it('keeps what it does not know of the first page, for the endpoint of this upstream', async () => {
    const list = await listOf('tools', paged('{"tools":[],"ttlMs":5,"x-vendor": {"a":1} ,"_meta":{"k":1}}'))
    expect(list.extra.map(String)).toEqual(['"x-vendor": {"a":1}'])
    expect(list.meta?.toString()).toBe('{"k":1}')
    expect((await listOf('tools', paged({ tools: [], big: 'x'.repeat(70_000) }))).extra).toEqual([])
  })

  it('has one digest per content', async () => {
    const digest = async (...pages: (object | string)[]): Promise<string> => (await listOf('tools', paged(...pages))).digest
    const base = await digest({ tools: [tool('a'), tool('b')] })
    expect(await digest({ tools: [tool('a')] }, { tools: [tool('b')] })).toBe(base)
    const others = [
      await digest({ tools: [tool('b'), tool('a')] }),
      await digest({ tools: [tool('a')] }),
      await digest({ tools: [tool('a'), tool('b')], ttlMs: 9 }),
      await digest({ tools: [tool('a'), tool('b'), tool('b')] }),
      await digest({ tools: [tool('a'), tool('b')], _meta: {} }),
      (await listOf('tools', paged({ tools: [tool('a'), tool('b')] }), { alias: 'other' })).digest,
    ]
    expect(new Set([base, ...others]).size).toBe(7)
  })
})

describe('entries that are left out', () => {
  it('N068, R26: a tool with invalid x-mcp-header is excluded and reported, the others stay', async () => {
    const header = (value: unknown, type = 'string'): object => ({
      inputSchema: { type: 'object', properties: { p: { type, 'x-mcp-header': value } } },
    })
    const list = await listOf(
      'tools',
      paged({
        tools: [
          tool('good', header('Region')),
          tool('crlf', header('A\r\nX: y')),
          tool('auth', header('Authorization')),
          tool('number', header('N', 'number')),
          tool('plain'),
        ],
      }),
    )
    expect(list.entries.map(e => e.name)).toEqual(['good', 'plain'])
    expect(list.find('good')?.headers).toEqual([{ name: 'Region', path: ['p'], type: 'string' }])
    expect(list.refused.map(r => [r.name, r.code])).toEqual([
      ['crlf', 'header-param-invalid'],
      ['auth', 'header-param-invalid'],
      ['number', 'header-param-invalid'],
    ])
    expect(list.refusalOf('crlf')).toBe('header-param-invalid')
    expect(list.refusalOf('good')).toBeUndefined()
    expect(list.refusalOf('never listed')).toBeUndefined()
  })

  it('N068: an annotation whose key is written with escapes is found too', async () => {
    const list = await listOf(
      'tools',
      paged('{"tools":[{"name":"a","inputSchema":{"properties":{"p":{"type":"string","\\u0078-mcp-header":"Host"}}}}]}'),
    )
    expect(list.entries).toEqual([])
    expect(list.refused[0]?.code).toBe('header-param-invalid')
  })

  it('N057: a tool whose schema points into the network is rejected, in either schema', async () => {
    const evil = { $ref: 'http://attacker.example/x' }
    const list = await listOf(
      'tools',
      paged({
        tools: [tool('in', { inputSchema: { type: 'object', properties: { a: evil } } }), tool('out', { outputSchema: evil }), tool('ok')],
      }),
    )
    expect(list.entries.map(e => e.name)).toEqual(['ok'])
    expect(list.refused.map(r => r.code)).toEqual(['schema-refused', 'schema-refused'])
  })

  it('N095: a schema bomb costs only its own tool', async () => {
    const list = await listOf(
      'tools',
      paged({ tools: [tool('bomb', { inputSchema: { type: 'object', allOf: [{ $ref: '#' }] } }), tool('ok')] }),
    )
    expect(list.entries.map(e => e.name)).toEqual(['ok'])
  })

  it('N125: a decoy that repeats a name does not replace the first', async () => {
    const list = await listOf(
      'tools',
      paged({ tools: [tool('a', { title: 'first' })] }, { tools: [tool('a', { title: 'decoy' }), tool('\u0061')] }),
    )
    expect(list.entries).toHaveLength(1)
    expect(list.find('a')?.raw.toString()).toContain('first')
    expect(list.refused.map(r => r.code)).toEqual(['duplicate', 'duplicate'])
    expect(list.refusalOf('a')).toBeUndefined()
  })

  it('nameless, misnamed and shapeless entries go', async () => {
    const list = await listOf(
      'tools',
      paged(
        '{"tools":[1,null,"x",[],{},{"name":1},{"name":""},{"name":"a"},{"name":"b","inputSchema":true},{"name":"c","inputSchema":{},"name2":1}]}',
      ),
    )
    expect(list.entries.map(e => e.name)).toEqual(['c'])
    expect(list.refusedCount).toBe(9)
    expect((await listOf('tools', paged({ tools: [tool('x'.repeat(513)), tool('x'.repeat(512))] }))).entries).toHaveLength(1)
    expect((await listOf('resources', paged({ resources: [{ uri: 'x'.repeat(8193) }, { uri: 'x'.repeat(8192) }] }))).entries).toHaveLength(
      1,
    )
  })

  it('an oversized entry goes', async () => {
    const list = await listOf('prompts', paged({ prompts: [{ name: 'big', description: 'x'.repeat(1024 * 1024) }, { name: 'ok' }] }))
    expect(list.entries.map(e => e.name)).toEqual(['ok'])
    expect(list.refused[0]?.code).toBe('entry-too-large')
  })

  it('reports at most 100 of them and counts all', async () => {
    const list = await listOf('tools', paged({ tools: Array.from({ length: 250 }, () => ({ name: 'x'.repeat(300) })) }))
    expect([list.refused.length, list.refusedCount]).toEqual([100, 250])
    expect(list.refused[0]?.name).toHaveLength(128)
  })
})

describe('N130: bounds of a list', () => {
  it('10^5 tools are cut at the cap', async () => {
    const many = `{"tools":[${Array.from({ length: 50_000 }, (_, i) => `{"name":"t${i}","inputSchema":{}}`).join(',')}]}`
    const list = await listOf('tools', paged(many.replace(/}$/, ',"nextCursor":"p1"}'), many), { listEntries: 1000 })
    expect([list.entries.length, list.truncated]).toEqual([1000, 'entries'])
  })
  it('invalid entries count against the cap as well', async () => {
    const list = await listOf('tools', paged({ tools: [...Array.from({ length: 20 }, () => 1), tool('a')] }), { listEntries: 10 })
    expect([list.entries.length, list.truncated, list.refusedCount]).toEqual([0, 'entries', 10])
  })
  it('a 10 MB list is cut at the byte cap', async () => {
    const list = await listOf(
      'prompts',
      paged({ prompts: Array.from({ length: 100 }, (_, i) => ({ name: `p${i}`, description: 'x'.repeat(100_000) })) }),
      { listBytes: 1_000_000 },
    )
    expect(list.truncated).toBe('bytes')
    expect(list.bytes).toBeLessThanOrEqual(1_000_000)
    expect(list.entries.length).toBeGreaterThan(5)
  })
  it('endless pages end at the page cap', async () => {
    let asked = 0
    const list = await listOf('tools', () => Promise.resolve(page({ tools: [tool(`t${asked++}`)], nextCursor: `c${asked}` })), {
      listPages: 7,
    })
    expect([asked, list.entries.length, list.truncated]).toEqual([7, 7, 'pages'])
  })
  it('a cursor loop ends at its first repetition', async () => {
    let asked = 0
    const list = await listOf('tools', () => Promise.resolve(page({ tools: [tool(`t${asked++}`)], nextCursor: asked % 2 ? 'x' : 'y' })))
    expect([asked, list.entries.length, list.truncated]).toEqual([3, 3, 'cursor-loop'])
  })
  it('a huge cursor is not sent back', async () => {
    const list = await listOf('tools', () => Promise.resolve(page({ tools: [tool('a')], nextCursor: 'x'.repeat(70_000) })))
    expect(list.truncated).toBe('cursor-too-long')
  })
  it.each([
    [0, 0],
    [-5, 0],
    ['"5"', 0],
    [null, 0],
    [1500.9, 1500],
    [1e15, 86_400_000],
    ['1e999', 86_400_000],
    [undefined, 0],
  ])('ttlMs %s counts as %s', async (ttl, expected) => {
    expect((await listOf('tools', paged(`{"tools":[]${ttl === undefined ? '' : `,"ttlMs":${ttl}`}}`))).ttlMs).toBe(expected)
  })
  it('the shortest ttl of all pages counts', async () => {
    expect((await listOf('tools', paged({ tools: [], ttlMs: 9 }, { tools: [], ttlMs: 5 }, { tools: [], ttlMs: 7 }))).ttlMs).toBe(5)
    expect((await listOf('tools', paged({ tools: [], ttlMs: 9 }, { tools: [] }))).ttlMs).toBe(0)
  })
  it('gives other work a turn while a long list is read', async () => {
    let turns = 0
    const fetchPage = paged({ tools: Array.from({ length: 1000 }, (_, i) => tool(`t${i}`)) })
    await fetchList({
      alias: 'a',
      kind: 'tools',
      limits,
      fetchPage,
      pause: async () => {
        turns++
      },
    })
    expect(turns).toBeGreaterThan(15)
  })
})

describe('N131: cacheScope', () => {
  it.each([
    [['public', 'public'], 'public'],
    [['public', 'private'], 'private'],
    [['private', 'public'], 'private'],
    [['public', undefined], 'private'],
    [['Public', 'public'], 'private'],
    [[undefined], 'private'],
  ])('pages %j make the list %s', async (scopes, expected) => {
    const list = await listOf('tools', paged(...scopes.map((cacheScope, i) => ({ tools: [tool(`t${i}`)], ttlMs: 5, cacheScope }))))
    expect(list.cacheScope).toBe(expected)
  })
})

describe('exposed names', () => {
  it('lead to their entries, plain and escaped', async () => {
    const names = ['read', 'read.file', 'x'.repeat(60), '読む', 'a__b']
    const list = await listOf('tools', paged({ tools: names.map(n => tool(n)) }))
    for (const name of names) expect(list.findExposed(qualifyName('files', name))?.name).toBe(name)
    expect(list.findExposed(qualifyName('files', 'other.name'))).toBeUndefined()
    expect(list.findExposed('read')).toBeUndefined()
  })
})
