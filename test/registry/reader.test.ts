import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createSealer } from '../../src/kernel/seal.ts'
import { createReader, type RegistryReader } from '../../src/registry/reader.ts'
import type { RegistryView } from '../../src/registry/view.ts'
import { publication } from '../contracts/registry.ts'
import { memoryRegistry, type MemoryRegistry } from '../support/memory-registry.ts'

let registry: MemoryRegistry
let read: RegistryReader
const ALL: RegistryView = { name: '' }
beforeEach(() => {
  registry = memoryRegistry()
  read = createReader({
    ...registry,
    pins: () => [],
    endpoints: () => [],
    compare: () => ({}),
    advisories: { page: () => Promise.resolve([]) },
    sealer: createSealer({ current: randomBytes(32) }, randomBytes),
    version: '1.2.3',
  })
})
const get = async (target: string, view = ALL): Promise<any> => {
  const text = await read(view, target)
  return typeof text === 'string' ? JSON.parse(text) : text
}
const names = (list: any): string[] => list.servers.map(({ server }: any) => `${server.name}@${server.version}`)
const publish = (name: string, version: string, more: Parameters<typeof publication>[2] = {}) =>
  registry.versions.publish(publication(name, version, more))

describe('GET /v0.1/servers', () => {
  it('answers as the official API does', async () => {
    await publish('io.github.user/weather', '1.0.2', { atSeconds: 1_700_000_000 })
    expect(await get('/v0.1/servers')).toEqual({
      servers: [
        {
          server: { name: 'io.github.user/weather', description: 'd', version: '1.0.2' },
          _meta: {
            'io.modelcontextprotocol.registry/official': {
              status: 'active',
              statusChangedAt: '2023-11-14T22:13:20.000Z',
              publishedAt: '2023-11-14T22:13:20.000Z',
              updatedAt: '2023-11-14T22:13:20.000Z',
              isLatest: true,
            },
            'gatehouse/trust': { standing: 'admitted', isSigned: false, sequence: 1, serverJsonSha256: 'a'.repeat(64) },
          },
        },
      ],
      metadata: { count: 1 },
    })
  })
  it('gives pages of 30, of at most 100, and cursors that go on', async () => {
    for (let i = 0; i < 35; i++) await publish(`com.example/s${String(i).padStart(2, '0')}`, '1.0.0')
    const first = await get('/v0.1/servers')
    expect([first.metadata.count, names(first)[29]]).toEqual([30, 'com.example/s29@1.0.0'])
    const next = await get(`/v0.1/servers?cursor=${first.metadata.nextCursor}&limit=100`)
    expect([next.metadata, names(next)[0]]).toEqual([{ count: 5 }, 'com.example/s30@1.0.0'])
    const whole = await get('/v0.1/servers?limit=35')
    expect(whole.metadata).toEqual({ count: 35 })
  })
  it('ends a page before it is too large, and goes on from there: 100 of the largest entries are one answer nowhere (N050)', async () => {
    const large = (i: number): string =>
      JSON.stringify({ name: `com.example/l${i}`, description: 'd', version: '1.0.0', x: '\u3042'.repeat(20_000) })
    for (let i = 10; i < 90; i++) await publish(`com.example/l${i}`, '1.0.0', { serverJson: large(i) })
    const seen: string[] = []
    let cursor = ''
    do {
      const page = await get(`/v0.1/servers?limit=100${cursor}`)
      expect(page.servers.length).toBeLessThan(60)
      seen.push(...names(page))
      cursor = page.metadata.nextCursor === undefined ? '' : `&cursor=${page.metadata.nextCursor}`
    } while (cursor !== '')
    expect([seen.length, new Set(seen).size]).toEqual([80, 80])
  })
  it.each(['0', '101', '-1', '1e1', '1.5', 'ten', '0x10'])('refuses a limit of %s', async limit => {
    expect(await get(`/v0.1/servers?limit=${limit}`)).toMatchObject({ stop: 'params-invalid' })
  })
  it('takes empty members for absent ones and leaves unknown ones alone', async () => {
    await publish('com.example/a', '1.0.0')
    expect(
      (await get('/v0.1/servers?limit=&cursor=&search=&version=&updated_since=&include_deleted=&visibility=public')).metadata.count,
    ).toBe(1)
  })
  it('refuses a member that stands twice, of which two readers could believe two values', async () => {
    expect(await get('/v0.1/servers?limit=1&limit=100')).toMatchObject({ stop: 'params-invalid', detail: 'expected `limit` once' })
  })
  it('refuses cursors that were changed, made elsewhere, or come from another view or order', async () => {
    for (const name of ['a', 'b', 'c']) await publish(`com.example/${name}`, '1.0.0')
    const { metadata } = await get('/v0.1/servers?limit=1')
    const cursor: string = metadata.nextCursor
    const view: RegistryView = { name: 'dev', only: { servers: [], namespaces: ['com.example'] } }
    const refused = { stop: 'cursor-invalid' }
    expect(await get(`/v0.1/servers?cursor=${cursor.slice(0, -2)}AA`)).toMatchObject(refused)
    expect(await get('/v0.1/servers?cursor=com.example/a:1.0.0')).toMatchObject(refused)
    expect(await get(`/v0.1/servers?cursor=${'A'.repeat(3000)}`)).toMatchObject(refused)
    expect(await get(`/v0.1/servers?cursor=${cursor}`, view)).toMatchObject(refused)
    expect(await get(`/v0.1/servers?cursor=${cursor}&updated_since=2020-01-01T00:00:00Z`)).toMatchObject(refused)
    expect(names(await get(`/v0.1/servers?cursor=${cursor}`))).toEqual(['com.example/b@1.0.0', 'com.example/c@1.0.0'])
  })
  it('seeks without regard to case', async () => {
    await publish('com.example/Weather', '1.0.0')
    await publish('com.example/files', '1.0.0')
    expect(names(await get('/v0.1/servers?search=WEATHER'))).toEqual(['com.example/Weather@1.0.0'])
    expect(await get(`/v0.1/servers?search=${'x'.repeat(201)}`)).toMatchObject({ stop: 'params-invalid' })
  })
  it('shows deleted versions only to who asks for them, or for changes', async () => {
    await publish('com.example/a', '1.0.0')
    await publish('com.example/a', '2.0.0')
    const by = publication('com.example/a', '1').publishedBy
    await registry.standings.change(
      { name: 'com.example/a', version: '1.0.0', to: 'revoked', message: 'bad', by, atSeconds: 1_700_000_000 },
      ['admitted'],
    )
    expect(names(await get('/v0.1/servers'))).toEqual(['com.example/a@2.0.0'])
    expect(names(await get('/v0.1/servers?include_deleted=true'))).toEqual(['com.example/a@1.0.0', 'com.example/a@2.0.0'])
    const changed = await get('/v0.1/servers?updated_since=2023-11-14T22:13:20.999Z')
    expect(changed.servers[0]._meta['io.modelcontextprotocol.registry/official']).toMatchObject({
      status: 'deleted',
      statusMessage: 'bad',
      isLatest: false,
    })
    expect(names(await get('/v0.1/servers?updated_since=2023-11-14T23:13:21%2B01:00'))).toEqual([])
    expect(await get('/v0.1/servers?include_deleted=yes')).toMatchObject({ stop: 'params-invalid' })
    for (const since of ['yesterday', '2023-11-14', '2023-13-14T00:00:00Z', '1700000000'])
      expect(await get(`/v0.1/servers?updated_since=${since}`)).toMatchObject({ stop: 'params-invalid' })
  })
})

describe('an entry that is not whole', () => {
  it.each([
    ['no JSON', '{"name":'],
    ['what ends the list early', '{}],"servers":[{"x":1}'],
    ['two values', '{"name":"com.example/b","description":"d","version":"1.0.0"} {}'],
    ['no description', '{"name":"com.example/b","version":"1.0.0"}'],
    ['another name', '{"name":"com.example/evil","description":"d","version":"1.0.0"}'],
    ['another version', '{"name":"com.example/b","description":"d","version":"9.0.0"}'],
    ['a list', '[]'],
    ['null', 'null'],
  ])('is left out, and empties no list: %s, by somebody who wrote into the file (attack 8)', async (_what, serverJson) => {
    await publish('com.example/a', '1.0.0')
    await publish('com.example/b', '1.0.0', { serverJson })
    await publish('com.example/c', '1.0.0')
    const list = await get('/v0.1/servers')
    expect([names(list), list.metadata]).toEqual([['com.example/a@1.0.0', 'com.example/c@1.0.0'], { count: 2 }])
    expect(names(await get(`/v0.1/servers?limit=1&cursor=${(await get('/v0.1/servers?limit=2')).metadata.nextCursor}`))).toEqual([
      'com.example/c@1.0.0',
    ])
    for (const path of [
      'v0.1/servers/com.example%2Fb/versions/1.0.0',
      'v1/servers/com.example%2Fb/versions/1.0.0',
      'v1/resolve?name=com.example/b',
    ])
      expect(await get(`/${path}`)).toEqual({ stop: 'registry-unknown', detail: 'server not found' })
  })
})

describe('GET /v0.1/servers/{name}/versions', () => {
  it('comes in pages: 100 where no limit is named, and cursors of one server open no other’s', async () => {
    for (let i = 0; i < 105; i++) await publish('com.example/many', `1.0.${i}`)
    await publish('com.example/other', '1.0.0')
    const path = '/v0.1/servers/com.example%2Fmany/versions'
    const first = await get(path)
    expect([first.metadata.count, names(first)[0]]).toEqual([100, 'com.example/many@1.0.104'])
    const next = await get(`${path}?cursor=${first.metadata.nextCursor}`)
    expect([names(next).at(0), next.metadata]).toEqual(['com.example/many@1.0.4', { count: 5 }])
    expect(names(await get(`${path}?limit=2`))).toEqual(['com.example/many@1.0.104', 'com.example/many@1.0.103'])
    for (const other of ['/v0.1/servers/com.example%2Fother/versions', '/v0.1/servers'])
      expect(await get(`${other}?cursor=${first.metadata.nextCursor}`)).toMatchObject({ stop: 'cursor-invalid' })
  })
  beforeEach(async () => {
    await publish('com.example/Weather', '1.0.0+5')
    await publish('com.example/Weather', '1.1.0')
    await publish('com.example/Weather', '2.0.0', { standing: 'quarantined' })
    await publish('com.example/hidden', '1.0.0', { standing: 'quarantined' })
  })
  it('lists the newest first', async () => {
    expect(names(await get('/v0.1/servers/com.example%2FWeather/versions'))).toEqual([
      'com.example/Weather@1.1.0',
      'com.example/Weather@1.0.0+5',
    ])
    expect(names(await get('/v0.1/servers/com.example%2fweather/versions'))).toHaveLength(2)
  })
  it.each(['1.0.0%2B5', '1.0.0+5', 'latest', '1.1.0'])('gives one: %s', async version => {
    const expected = version === 'latest' ? '1.1.0' : decodeURIComponent(version)
    expect((await get(`/v0.1/servers/com.example%2FWeather/versions/${version}`)).server.version).toBe(expected)
  })
  it('tells nobody that something is in quarantine: the same bytes as for what does not exist', async () => {
    const absent = await get('/v0.1/servers/com.example%2Fabsent/versions')
    expect(absent).toEqual({ stop: 'registry-unknown', detail: 'server not found' })
    for (const target of [
      'hidden/versions',
      'hidden/versions/1.0.0',
      'hidden/versions/latest',
      'Weather/versions/2.0.0',
      'Weather/versions/9',
    ])
      for (const more of ['', '?include_deleted=true']) expect(await get(`/v0.1/servers/com.example%2F${target}${more}`)).toEqual(absent)
  })
  it('shows a deleted version only where asked', async () => {
    const by = publication('com.example/a', '1').publishedBy
    await registry.standings.change({ name: 'com.example/weather', to: 'revoked', by, atSeconds: 5 }, ['admitted'])
    expect(await get('/v0.1/servers/com.example%2FWeather/versions/1.1.0')).toMatchObject({ stop: 'registry-unknown' })
    expect(await get('/v0.1/servers/com.example%2FWeather/versions')).toMatchObject({ stop: 'registry-unknown' })
    expect(await get('/v0.1/servers/com.example%2FWeather/versions/latest?include_deleted=true')).toMatchObject({
      stop: 'registry-unknown',
    })
    const shown = await get('/v0.1/servers/com.example%2FWeather/versions/1.1.0?include_deleted=true')
    expect(shown._meta['io.modelcontextprotocol.registry/official'].status).toBe('deleted')
  })
  it.each([
    'com.example%252FWeather',
    'com.example%2FWeather%00',
    '%E0%A4%A',
    'com.example',
    '..%2F..%2Fetc',
    'com.example%2F..',
    "a%2Fb'--",
  ])('finds nothing for %s', async name => {
    for (const rest of ['', '/1.1.0', '/latest'])
      expect(await get(`/v0.1/servers/${name}/versions${rest}`)).toMatchObject({ stop: 'registry-unknown' })
  })
})

describe('a view', () => {
  it('is all there is for who looks through it', async () => {
    await publish('com.example/a', '1.0.0')
    await publish('com.example/b', '1.0.0')
    await publish('com.Other/c', '1.0.0')
    const view: RegistryView = { name: 'dev', only: { servers: ['com.example/a'], namespaces: ['com.other'] } }
    expect(names(await get('/v0.1/servers', view))).toEqual(['com.example/a@1.0.0', 'com.Other/c@1.0.0'])
    expect((await get('/v0.1/servers/com.other%2Fc/versions/latest', view)).server.version).toBe('1.0.0')
    expect(await get('/v0.1/servers/com.example%2Fb/versions', view)).toMatchObject({ stop: 'registry-unknown' })
    expect(await get('/v0.1/servers/com.example%2Fb/versions/1.0.0', view)).toMatchObject({ stop: 'registry-unknown' })
  })
})

describe('what was revoked', () => {
  it('is told to who reads the whole registry, and not through a view: it names servers outside of it', async () => {
    const by = publication('com.example/a', '1').publishedBy
    await registry.revocations.append({
      kind: 'version',
      target: 'com.other/secret@1.0.0',
      reason: 'malware',
      action: 'block',
      by,
      atSeconds: 0,
    })
    expect(await get('/v1/revocations')).toEqual({
      revocations: [
        {
          sequence: 1,
          kind: 'version',
          target: 'com.other/secret@1.0.0',
          reason: 'malware',
          action: 'block',
          revokedAt: '1970-01-01T00:00:00.000Z',
        },
      ],
      metadata: { count: 1, last: 1 },
    })
    const view: RegistryView = { name: 'dev', only: { servers: [], namespaces: ['com.example'] } }
    expect(await get('/v1/revocations', view)).toEqual({ stop: 'path-unknown' })
    for (const since of ['-1', 'x', '1&since=2', '1e9'])
      expect(await get(`/v1/revocations?since=${since}`)).toMatchObject({ stop: 'params-invalid' })
  })
  it('and what was verified is told of what is served, within the view', async () => {
    await publish('com.example/a', '1.0.0')
    await publish('com.example/held', '1.0.0', { standing: 'quarantined' })
    const path = (name: string, version = '1.0.0'): string => `/v1/servers/${name}/versions/${version}/attestations`
    expect(await get(path('com.example%2Fa'))).toEqual({ attestations: [], artifacts: [] })
    const view: RegistryView = { name: 'dev', only: { servers: ['com.example/b'], namespaces: [] } }
    const absent = { stop: 'registry-unknown' }
    expect(await get(path('com.example%2Fa'), view)).toMatchObject(absent)
    for (const name of ['com.example%2Fheld', 'com.example%2Fnone', 'com.example', '%zz'])
      expect(await get(path(name))).toMatchObject(absent)
    expect(await get(path('com.example%2Fa', '%zz'))).toMatchObject(absent)
    expect(await get('/v1/servers')).toMatchObject({ stop: 'path-unknown' })
  })
})

describe('the rest', () => {
  it('is health, ping and version', async () => {
    expect(await get('/v0.1/health')).toEqual({ status: 'ok' })
    expect(await get('/v0.1/ping')).toEqual({ pong: true })
    expect(await get('/v0.1/version')).toEqual({ version: '1.2.3' })
  })
  it.each([
    '/v0.1/',
    '/v0.1',
    '/v0.1/servers/a%2Fb',
    '/v0.1/servers/a%2Fb/tools',
    '/v0.1/servers/a%2Fb/versions/1/x',
    '/v0/servers',
    '/v0.1/health/x',
    `/v0.1/${'x'.repeat(5000)}`,
  ])('is not served: %s', async target => {
    expect(await get(target)).toMatchObject({ stop: 'path-unknown' })
  })
  it('holds no markup, whatever a server.json says', async () => {
    const evil = '</script><img src=x onerror=alert(1)>&\u2028'
    await publish('com.example/a', '1.0.0', { serverJson: JSON.stringify({ name: 'com.example/a', version: '1.0.0', description: evil }) })
    for (const target of ['/v0.1/servers', '/v0.1/servers/com.example%2Fa/versions', '/v0.1/servers/com.example%2Fa/versions/latest']) {
      const text = await read(ALL, target)
      expect(text).not.toMatch(/[<>&\u2028]/)
      const found = JSON.parse(typeof text === 'string' ? text : '{}')
      expect((found.servers?.[0] ?? found).server.description).toBe(evil)
    }
  })
})
