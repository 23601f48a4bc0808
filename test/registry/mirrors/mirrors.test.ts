// Other registries, read by the real fetch into the real database: what comes in, what does not, and what a hostile one brings about.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMirrorSource } from '../../../src/adapters/mirror-source.ts'
import { loadServerJsonSchema } from '../../../src/adapters/registry-schema.ts'
import { createSafeFetch } from '../../../src/adapters/safe-fetch.ts'
import { createMirrorStore } from '../../../src/adapters/sqlite/mirror-store.ts'
import { createVersionStore } from '../../../src/adapters/sqlite/registry-store.ts'
import { openStateDb, type StateDb } from '../../../src/adapters/sqlite/state-db.ts'
import { Mirrors, type MirrorSettings, type MirrorsParts } from '../../../src/registry/mirrors/mirrors.ts'
import type { MirrorChange, MirrorEnd, MirrorStore } from '../../../src/registry/mirrors/store.ts'
import { publication } from '../../contracts/registry.ts'
import { listed, startOfficialRegistry, type OfficialRegistry } from '../../support/official-registry.ts'

const checkSchema = loadServerJsonSchema()
const HOUR = 3_600_000
let folder: string
let db: StateDb
let store: MirrorStore
let mirror: OfficialRegistry
let mirrors: Mirrors
let now: number
let namespaces: string[]
let changes: MirrorChange[]
let ends: MirrorEnd[]
let more: Partial<MirrorsParts>
let settings: Partial<MirrorSettings>

const make = (): void => {
  store = createMirrorStore(db, () => now)
  mirrors = new Mirrors({
    settings: () => [{ url: mirror.url, namespaces: ['io.github.*', 'com.example'], everyMs: HOUR, ...settings }],
    store,
    fetchPage: createMirrorSource(createSafeFetch({ namedHosts: [new URL(mirror.url).host] })),
    checkSchema,
    namespaces: { list: () => Promise.resolve(namespaces.map(name => ({ name }))) },
    onChanged: changed => Promise.resolve(void changes.push(...changed)),
    onEnd: (_url, end) => Promise.resolve(void ends.push(end)),
    pause: () => Promise.resolve(),
    now: () => now,
    ...more,
  })
}
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-mirrors-'))
  db = await openStateDb(join(folder, 'state.db'))
  mirror = await startOfficialRegistry()
  now = Date.parse('2026-06-01T00:00:00Z')
  namespaces = []
  changes = []
  ends = []
  more = {}
  settings = {}
  make()
})
afterEach(async () => {
  await mirror.close()
  await db.close()
  rmSync(folder, { recursive: true, force: true })
})
/** One reading to its end, and what it came to. */
const read = async (): Promise<MirrorEnd> => {
  await mirrors.request(mirror.url)
  const before = ends.length
  for (let i = 0; i < 600 && ends.length === before; i++) await mirrors.look()
  const end = ends.at(-1)
  if (!end || ends.length === before) throw new Error('it did not end')
  return end
}
const seen = async (): Promise<readonly string[]> => (await store.page({ limit: 1000 })).map(({ name, version }) => `${name}@${version}`)

describe('a mirror', () => {
  it('is read page by page, and what it offers waits: none of it is a version here', async () => {
    const all = Array.from({ length: 120 }, (_, i) => listed(`io.github.acme/s${String(i).padStart(3, '0')}`, '1.0.0'))
    mirror.entries.push(...all)
    expect(await read()).toMatchObject({ tally: { pages: 3, added: 120, refused: 0 } })
    expect(await seen()).toEqual(all.map(({ server }) => `${server.name}@1.0.0`))
    expect(mirror.asked).toEqual([
      'limit=50',
      'limit=50&cursor=io.github.acme%2Fs049%3A1.0.0',
      'limit=50&cursor=io.github.acme%2Fs099%3A1.0.0',
    ])
    expect(await createVersionStore(db).find('io.github.acme/s000', '1.0.0')).toBeUndefined()
  })
  it('keeps server.json byte for byte, and drops every claim of trust beside it', async () => {
    const json = { title: 'ü', packages: [{ registryType: 'npm', identifier: 'a', version: '1.0.0', transport: { type: 'stdio' } }] }
    const meta = { 'gatehouse/trust': { standing: 'admitted', isSigned: true }, 'com.evil/approved': true }
    const entry = listed('io.github.acme/a', '1.0.0', { json, meta })
    mirror.entries.push(entry)
    await read()
    const found = await store.find('IO.GITHUB.acme/A', '1.0.0')
    expect(found?.serverJson).toBe(JSON.stringify(entry.server))
    expect(JSON.stringify(found)).not.toMatch(/gatehouse\/trust|approved/)
  })
  it('is asked for what changed since, and for nothing where it says that nothing did', async () => {
    mirror.entries.push(listed('io.github.acme/a', '1.0.0', { updatedAt: '2026-03-01T00:00:00Z' }))
    await read()
    now += HOUR
    expect(await read()).toMatchObject({ tally: { added: 0, pages: 1 } })
    now += HOUR
    expect(await read()).toMatchObject({ tally: { added: 0, pages: 0 } }) // 304
    mirror.entries.push(listed('io.github.acme/b', '1.0.0', { updatedAt: '2026-03-02T00:00:00Z' }))
    now += HOUR
    expect(await read()).toMatchObject({ tally: { added: 1 } })
    expect(mirror.asked.slice(1)).toEqual(Array(3).fill('limit=50&updated_since=2026-03-01T00%3A00%3A00.000Z'))
  })
  it('is looked at when it is due, and not before', async () => {
    await mirrors.look()
    for (let i = 0; i < 5; i++) await mirrors.look()
    expect(mirror.asked).toHaveLength(1)
    now += HOUR - 1
    await mirrors.look()
    expect(mirror.asked).toHaveLength(1)
    now += 1
    await mirrors.look()
    expect(mirror.asked).toHaveLength(2)
  })
  it('goes on where a crash left it, with nothing twice and nothing missing', async () => {
    mirror.entries.push(...Array.from({ length: 1100 }, (_, i) => listed(`io.github.acme/s${String(i).padStart(4, '0')}`, '1.0.0')))
    await mirrors.look() // twenty pages of twenty-two
    expect(await seen()).toHaveLength(1000)
    await db.close()
    db = await openStateDb(join(folder, 'state.db'))
    make()
    await mirrors.look()
    expect(ends).toMatchObject([{ tally: { pages: 22, added: 1100, same: 0, refused: 0 } }])
    expect(await store.count()).toBe(1100)
  })
  it('gets its token from a file that is private, and nobody else does', async () => {
    writeFileSync(join(folder, 'token'), 'secret\n', { mode: 0o600 })
    settings = { tokenFile: join(folder, 'token') }
    make()
    await read()
    expect(mirror.tokens).toEqual(['Bearer secret'])
    settings = { tokenFile: join(folder, 'absent') }
    make()
    expect(await read()).toMatchObject({ failure: 'the file with its token holds none' })
  })
  it('that redirects is not followed: the token would go along', async () => {
    mirror.instead = (_req, res) => (res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), true)
    expect(await read()).toMatchObject({ failure: 'the mirror answered with status 302' })
  })
})

describe('what changes at a mirror', () => {
  const change = (entry: object): void => void Object.assign(mirror.entries[0] ?? {}, entry)
  beforeEach(async () => {
    mirror.entries.push(listed('io.github.acme/a', '1.0.0', { updatedAt: '2026-03-01T00:00:00Z' }))
    await read()
    now += HOUR
  })
  it('is carried: a warning, with its message in one line', async () => {
    change({ status: 'deprecated', statusMessage: 'use\nb\u202e', updatedAt: '2026-03-02T00:00:00Z' })
    await read()
    expect(await store.find('io.github.acme/a', '1.0.0')).toMatchObject({ status: 'deprecated', message: 'use b ', isWithdrawn: false })
    expect(changes).toMatchObject([{ name: 'io.github.acme/a', status: 'deprecated' }])
  })
  it('attack: what was deleted there does not come back, whatever is said later', async () => {
    change({ status: 'deleted', updatedAt: '2026-03-02T00:00:00Z' })
    await read()
    now += HOUR
    change({ status: 'active', updatedAt: '2026-03-03T00:00:00Z' })
    await read()
    expect(await store.find('io.github.acme/a', '1.0.0')).toMatchObject({ status: 'active', isWithdrawn: true })
  })
  it('attack: yank and republish: the same version with other bytes keeps the first, and is recorded', async () => {
    const first = await store.find('io.github.acme/a', '1.0.0')
    mirror.entries[0] = listed('io.github.acme/a', '1.0.0', { json: { title: 'Other' }, updatedAt: '2026-03-02T00:00:00Z' })
    expect(await read()).toMatchObject({
      tally: { refused: 1, named: [{ name: 'io.github.acme/a@1.0.0', why: 'the same version has other bytes than before' }] },
    })
    expect(await store.find('io.github.acme/a', '1.0.0')).toMatchObject({
      serverJson: first?.serverJson,
      alteredTo: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })
})

describe('attack: dependency confusion (3)', () => {
  it('an internal name at a high version never comes in, nor a spelling of it', async () => {
    namespaces = ['com.example']
    mirror.entries.push(
      listed('com.example/internal', '99.0.0'),
      listed('COM.example/Internal', '99.0.1'),
      listed('io.github.acme/a', '1.0.0'),
    )
    expect(await read()).toMatchObject({ tally: { added: 1, refused: 2, named: [{ why: 'its namespace is registered here' }, {}] } })
    expect(await seen()).toEqual(['io.github.acme/a@1.0.0'])
  })
  it('a server that was published here is its publisher’s, whoever has the namespace', async () => {
    await createVersionStore(db).publish(publication('io.github.acme/a', '1.0.0'))
    mirror.entries.push(listed('io.github.acme/a', '99.0.0'), listed('io.github.acme/b', '1.0.0'))
    expect(await read()).toMatchObject({
      tally: { added: 1, refused: 1, named: [{ name: 'io.github.acme/a@99.0.0', why: 'a server of this name was published here' }] },
    })
  })
  it('a look-alike of a registered namespace is held', async () => {
    namespaces = ['io.github.acme']
    mirror.entries.push(listed('io.github.acrne/a', '1.0.0'), listed('io.github.acme1/a', '1.0.0'), listed('io.github.zebra/a', '1.0.0'))
    expect(await read()).toMatchObject({ tally: { added: 3, held: 2 } })
    expect(await store.find('io.github.acrne/a', '1.0.0')).toMatchObject({ looksLike: 'io.github.acme' })
  })
  it('what lies outside the namespaces it is read for is passed over', async () => {
    mirror.entries.push(
      listed('com.other/a', '1.0.0'),
      listed('com.example.evil/a', '1.0.0'),
      listed('io.github/a', '1.0.0'),
      listed('io.githubx.a/a', '1.0.0'),
      listed('com.example/a', '1.0.0'),
    )
    expect(await read()).toMatchObject({ tally: { outside: 4, added: 1 } })
  })
})

describe('attack: a hostile mirror', () => {
  const page = (body: string | Buffer) =>
    (mirror.instead = (_req, res) => (res.writeHead(200, { 'content-type': 'application/json' }).end(body), true))
  const entry = (name: string, json: object = {}): object => ({ server: listed(name, '1.0.0', { json }).server, _meta: {} })

  it('with a bad entry among good ones: the good ones come in, the bad ones are named', async () => {
    const bad = [
      entry('io.github.acme/ref', { websiteUrl: 'javascript:alert(1)' }),
      entry('io.github.acme/hidden', { description: 'a\u202eb' }),
      entry('io.github.acme/trust', { _meta: { 'gatehouse/trust': { standing: 'admitted' } } }),
      entry('io.github.acme/large', { _meta: { x: 'x'.repeat(70_000) } }),
      { server: 'none' },
      { server: { name: 'io.github.acme/half' } },
      null,
    ]
    page(JSON.stringify({ servers: [entry('io.github.acme/a'), ...bad, entry('io.github.acme/z')], metadata: { count: 9 } }))
    const { tally } = await read()
    expect(await seen()).toEqual(['io.github.acme/a@1.0.0', 'io.github.acme/z@1.0.0'])
    expect(tally).toMatchObject({ added: 2, refused: 7 })
    expect(tally.named.map(({ name }) => name)).toEqual([
      'io.github.acme/ref@1.0.0',
      'io.github.acme/hidden@1.0.0',
      'io.github.acme/trust@1.0.0',
      'entry 4',
      'entry 5',
      'io.github.acme/half',
      'entry 7',
    ])
  })
  it('with an entry that strict reading refuses whole: nested without end, or a key twice', async () => {
    const deep = `{"server":{"name":"io.github.acme/deep","x":${'['.repeat(2000)}${']'.repeat(2000)}},"_meta":{}}`
    const twice = `{"server":{"name":"io.github.acme/twice","name":"com.evil/x","description":"d","version":"1.0.0"},"_meta":{}}`
    const inexact = `{"server":{"name":"io.github.acme/n","description":"d","version":"1.0.0","_meta":{"n":9007199254740993}},"_meta":{}}`
    page(`{"servers":[${deep},${twice},${inexact},${JSON.stringify(entry('io.github.acme/a'))}],"metadata":{}}`)
    expect(await read()).toMatchObject({ tally: { added: 1, refused: 2, outside: 1 } })
    expect(await seen()).toEqual(['io.github.acme/a@1.0.0'])
  })
  it.each([
    ['endless cursors', (n: number) => `"c${n}"`, 'its list has no end'],
    ['the same cursor again', () => '"c"', 'a cursor came for the second time'],
    ['two cursors in turn', (n: number) => `"c${n % 2}"`, 'a cursor came for the second time'],
  ])('with %s is left, and what it gave stays', async (_what, cursor, failure) => {
    let pages = 0
    more = {
      fetchPage: () =>
        Promise.resolve({
          body: Buffer.from(
            `{"servers":[${JSON.stringify(entry(`io.github.acme/s${pages % 3}`))}],"metadata":{"nextCursor":${cursor(pages++)}}}`,
          ),
        }),
    }
    make()
    expect(await read()).toMatchObject({ failure })
    expect(pages).toBeLessThanOrEqual(5000)
    expect((await seen()).length).toBeGreaterThan(0)
    // it begins anew when it is due, not at once
    const before = pages
    await mirrors.look()
    expect(pages).toBe(before)
  })
  it('that never stops over days is left by its time', async () => {
    let pages = 0
    more = { fetchPage: () => Promise.resolve({ body: Buffer.from(`{"servers":[],"metadata":{"nextCursor":"c${pages++}"}}`) }) }
    make()
    await mirrors.look()
    now += 7 * HOUR
    await mirrors.look()
    expect(ends).toMatchObject([{ failure: 'its list has no end' }])
  })
  it.each([
    ['a page of 10 MB', Buffer.alloc(10 * 1024 * 1024, 0x20), 'the answer is too large'],
    ['no JSON', 'nonsense', 'a page cannot be read: it is no JSON as it is read here (syntax at byte 0)'],
    ['another document', '{"tools":[]}', 'a page cannot be read: expected `servers` as a list of at most 200'],
    [
      'more entries than were asked for',
      JSON.stringify({ servers: Array(201).fill({}) }),
      'a page cannot be read: expected `servers` as a list of at most 200',
    ],
    [
      'a cursor that is none',
      '{"servers":[],"metadata":{"nextCursor":{}}}',
      'a page cannot be read: expected `nextCursor` as a text of at most 2048 characters',
    ],
  ])('with %s fails, and is asked again a little later', async (_what, body, failure) => {
    page(body)
    expect((await read()).failure).toBe(failure)
    const asked = mirror.asked.length
    now += 5 * 60_000
    await mirrors.look()
    expect(mirror.asked.length).toBe(asked + 1)
  })
  it('with dates in the future hides nothing that changes later', async () => {
    mirror.entries.push(listed('io.github.acme/a', '1.0.0', { updatedAt: '9999-01-01T00:00:00Z' }))
    await read()
    now += HOUR
    mirror.entries.push(listed('io.github.acme/b', '1.0.0', { updatedAt: '2026-06-01T00:00:01Z' }))
    expect(await read()).toMatchObject({ tally: { added: 1 } })
  })
  it('that forgets its cursors is begun anew', async () => {
    mirror.entries.push(...Array.from({ length: 60 }, (_, i) => listed(`io.github.acme/s${i}`, '1.0.0')))
    mirror.instead = (_req, res, query) => query.has('cursor') && (res.writeHead(400).end('{}'), true)
    expect((await read()).failure).toBe('the mirror does not take its own cursor any more')
    mirror.instead = undefined
    expect(await read()).toMatchObject({ tally: { pages: 2, added: 10, same: 50 } })
  })
  it('fills no disk', async () => {
    more = { store: { ...store, count: () => Promise.resolve(499_999) } }
    make()
    more = {}
    mirror.entries.push(listed('io.github.acme/a', '1.0.0'), listed('io.github.acme/b', '1.0.0'))
    expect(await read()).toMatchObject({
      tally: { added: 1, refused: 1, named: [{ why: 'more than 500000 versions are kept of mirrors' }] },
    })
  })
})

describe('two mirrors', () => {
  it('that show one version in two ways: the first counts, and the difference is recorded', async () => {
    const other = await startOfficialRegistry([listed('io.github.acme/a', '1.0.0', { json: { title: 'Other' } })])
    try {
      mirror.entries.push(listed('io.github.acme/a', '1.0.0'))
      more = {
        settings: () => [mirror.url, other.url].map(url => ({ url, namespaces: ['*'], everyMs: HOUR })),
        fetchPage: createMirrorSource(createSafeFetch({ namedHosts: [mirror.url, other.url].map(url => new URL(url).host) })),
      }
      make()
      await mirrors.look()
      expect(ends).toMatchObject([{ tally: { added: 1 } }, { tally: { added: 0, refused: 1 } }])
      expect(await store.find('io.github.acme/a', '1.0.0')).toMatchObject({ source: mirror.url, alteredTo: expect.any(String) })
    } finally {
      await other.close()
    }
  })
})
