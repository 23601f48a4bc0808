// The registry's API on the wire: the sequence a host makes (VS Code), who may read what, and what strangers get.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { join } from 'node:path'
import { createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { documentOf, publication } from '../contracts/registry.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { send, type Answer } from './wire.ts'

const SETS = {
  dev: { servers: ['com.example/*'] },
  open: { servers: ['com.example/weather'], anonymous: true },
}
const seed = async (gateway: TestGateway): Promise<StateDb> => {
  const db = await openStateDb(join(gateway.dataDir, 'state.db'))
  const { publish } = createVersionStore(db)
  for (let i = 0; i < 60; i++) await publish(publication(`com.example/s${String(i).padStart(2, '0')}`, '1.0.0'))
  await publish(publication('com.example/weather', '1.0.0'))
  await publish(publication('com.example/weather', '1.1.0'))
  await publish(publication('com.other/secret', '1.0.0'))
  await publish(publication('com.example/held', '1.0.0', { standing: 'quarantined' }))
  return db
}
const portOf = (gateway: TestGateway): number => Number(new URL(gateway.url).port)

describe('on this machine alone', () => {
  let gateway: TestGateway
  let db: StateDb
  beforeAll(async () => {
    gateway = await startTestGateway({ registry: { sets: SETS } })
    db = await seed(gateway)
  })
  afterAll(async () => {
    await db.close()
    await gateway.stop()
  })
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
    send(portOf(gateway), { method, path, headers })

  it('serves the sequence of VS Code: is it a registry, pages of latest versions, one latest version', async () => {
    const probe = await get('/v0.1/servers?limit=1')
    expect([probe.status, probe.headers['content-type'], probe.body.servers.length]).toEqual([200, 'application/json', 1])
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await get(`/v0.1/servers?limit=50&version=latest${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)
      seen.push(...page.body.servers.map(({ server }: any) => `${server.name}@${server.version}`))
      cursor = page.body.metadata.nextCursor
    } while (cursor !== undefined)
    expect(seen).toHaveLength(62)
    expect(seen).toContain('com.example/weather@1.1.0')
    expect(new Set(seen).size).toBe(62)
    const latest = await get('/v0.1/servers/com.example%2Fweather/versions/latest')
    expect(latest.body.server.version).toBe('1.1.0')
    expect(latest.body._meta['io.modelcontextprotocol.registry/official'].isLatest).toBe(true)
    expect((await get('/v0.1/servers?search=weather&limit=50&version=latest')).body.metadata.count).toBe(1)
  })
  it('answers errors as the official API does', async () => {
    const absent = await get('/v0.1/servers/com.example%2Fabsent/versions/latest')
    expect([absent.status, absent.body]).toEqual([404, { error: 'Not found: server not found', reason: 'registry-unknown' }])
    expect((await get('/v0.1/servers?limit=1000')).status).toBe(400)
    expect((await get('/v0.1/nothing')).body).toMatchObject({ reason: 'path-unknown' })
  })
  it('may be read from hosts in a browser, and written by none', async () => {
    const preflight = await get('/v0.1/servers', {}, 'OPTIONS')
    expect([preflight.status, preflight.headers['access-control-allow-methods']]).toEqual([204, 'GET, HEAD, OPTIONS'])
    expect(preflight.headers['access-control-allow-headers']).toContain('MCP-Protocol-Version')
    const read = await get('/v0.1/servers')
    expect(read.headers['access-control-allow-origin']).toBe('*')
    expect(read.headers['access-control-allow-credentials']).toBeUndefined()
    expect((await get('/v0.1/servers', { origin: 'https://evil.example' })).status).toBe(403)
  })
  it('answers HEAD without a body and nothing by another method', async () => {
    const head = await get('/v0.1/servers', {}, 'HEAD')
    expect([head.status, head.text]).toEqual([200, ''])
    const put = await get('/v0.1/servers/com.example%2Fweather/versions/1.0.0', {}, 'PUT')
    expect([put.status, put.headers['allow']]).toEqual([501, 'GET, HEAD'])
    expect((await get('/v0.1/servers', {}, 'PUT')).status).toBe(405)
  })
  it('never serves what is in quarantine', async () => {
    for (const path of [
      '/v0.1/servers?search=held',
      '/v0.1/servers?search=held&include_deleted=true',
      '/v0.1/servers?search=held&updated_since=2000-01-01T00:00:00Z',
    ])
      expect((await get(path)).body.servers).toEqual([])
  })
  it('serves each set what is in it', async () => {
    const other = '/v0.1/servers/com.other%2Fsecret/versions/latest'
    expect((await get(other)).status).toBe(200)
    expect((await get(`/sets/dev${other}`)).status).toBe(404)
    expect((await get('/sets/dev/v0.1/servers?search=secret')).body.servers).toEqual([])
    expect((await get('/sets/open/v0.1/servers')).body.metadata.count).toBe(2)
    expect((await get('/sets/none/v0.1/servers')).body).toMatchObject({ reason: 'path-unknown' })
  })
  it('tells whether what somebody has is still so, and never says so of what changed (304)', async () => {
    for (const path of ['/v0.1/servers?limit=2', '/v0.1/servers/com.example%2Fweather/versions/latest', '/v1/revocations']) {
      const first = await get(path)
      expect([first.status, first.headers['cache-control'], first.headers['vary']]).toEqual([200, 'private, no-cache', 'Authorization'])
      const tag = String(first.headers['etag'])
      const again = await get(path, { 'if-none-match': `"x", W/${tag}` })
      expect([again.status, again.text, again.headers['etag'], again.headers['access-control-allow-origin']]).toEqual([304, '', tag, '*'])
      expect((await get(path, { 'if-none-match': '"x"' })).status).toBe(200)
    }
    // a cursor is another text each time, and whether there is one counts
    const page = await get('/v0.1/servers?limit=2')
    expect((await get('/v0.1/servers?limit=2')).headers['etag']).toBe(page.headers['etag'])
    expect((await get('/v0.1/servers?limit=1')).headers['etag']).not.toBe(page.headers['etag'])
    const { publish } = createVersionStore(db)
    const path = '/v0.1/servers/com.example%2Fweather/versions?limit=2'
    const before = await get(path)
    await publish(publication('com.example/weather', '1.2.0'))
    expect((await get(path, { 'if-none-match': String(before.headers['etag']) })).status).toBe(200)
    expect((await get('/v0.1/nothing', { 'if-none-match': '*' })).status).toBe(404)
  })
  it('gives documents as bytes to keep and nothing to show, whatever they say they are', async () => {
    const html = '<html><script>alert(1)</script>'
    const lock = documentOf('lock:requirements.txt', html)
    await createVersionStore(db).publish(publication('com.example/documents', '1.0.0', { documents: [lock] }))
    for (const query of ['', '?x=1']) {
      const given = await get(`/v1/servers/com.example%2Fdocuments/versions/1.0.0/documents/${lock.sha256}${query}`)
      expect(given.headers['content-type']).toBe('application/octet-stream')
    }
    const given = await get(`/v1/servers/com.example%2Fdocuments/versions/1.0.0/documents/${lock.sha256}`)
    expect([given.status, given.text]).toEqual([200, html])
    expect(given.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining('sandbox') as string,
    })
  })
  it('ignores tokens of other registries that hosts send along', async () => {
    expect((await get('/v0.1/servers', { authorization: 'Bearer gho_notours' })).status).toBe(200)
  })
  it('comparing versions costs a stranger many plain reads (N050)', async () => {
    const all = await Promise.all(Array.from({ length: 25 }, () => get('/v1/servers/com.example%2Fweather/versions/1.1.0/diff?from=1.0.0')))
    expect(all.filter(({ status }) => status === 429).length).toBeGreaterThan(3)
  })
})

describe('where other machines reach it', () => {
  let gateway: TestGateway
  let db: StateDb
  beforeAll(async () => {
    gateway = await startTestGateway({
      publicUrl: 'https://gw.example.com',
      trustedProxies: ['127.0.0.1/32'],
      operators: ['root'],
      registry: { sets: SETS },
    })
    db = await seed(gateway)
  })
  afterAll(async () => {
    await db.close()
    await gateway.stop()
  })
  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    send(portOf(gateway), { method: 'GET', path, headers: { host: 'gw.example.com', 'x-forwarded-for': '192.0.2.1', ...headers } })
  const bearer = async (path: string): Promise<Record<string, string>> => ({ authorization: `Bearer ${await gateway.token(path)}` })

  it('asks strangers for a token, and says where to get one', async () => {
    for (const path of ['/v0.1/servers', '/v0.1/servers/com.example%2Fweather/versions/latest', '/sets/dev/v0.1/servers']) {
      const answer = await get(path)
      expect([answer.status, answer.body.reason, typeof answer.body.error]).toEqual([401, 'token-missing', 'string'])
      expect(answer.headers['www-authenticate']).toContain(
        'resource_metadata="https://gw.example.com/.well-known/oauth-protected-resource/admin"',
      )
    }
  })
  it('does not let a token for another resource read', async () => {
    expect((await get('/v0.1/servers', await bearer('/mcp'))).status).toBe(401)
    expect((await get('/v0.1/servers', { authorization: 'Bearer x' })).status).toBe(401)
  })
  it('lets everybody who is signed in read, and writes it down without what they sought', async () => {
    const answer = await get('/v0.1/servers?search=weather', await bearer('/admin'))
    expect([answer.status, answer.body.metadata.count]).toEqual([200, 2])
    const set = await get('/sets/dev/v0.1/servers?search=secret', await bearer('/admin'))
    expect([set.status, set.body.metadata.count]).toEqual([200, 0])
    const absent = await get('/v0.1/servers/com.example%2Fheld/versions/latest', await bearer('/admin'))
    expect([absent.status, absent.body.error]).toEqual([404, 'Not found: server not found'])
    const rows = gateway.events().filter(event => event['subject']?.method === 'admin/registry/read')
    expect(rows.map(row => row['subject'].name)).toContain('registry /v0.1/servers')
    expect(JSON.stringify(rows)).not.toContain('weather')
  })
  it('opens to anybody the set that is said to be open, and nothing else', async () => {
    expect((await get('/sets/open/v0.1/servers')).body.metadata.count).toBe(2)
    expect((await get('/sets/open/v0.1/servers/com.example%2Fs01/versions/latest')).status).toBe(404)
    expect((await get('/sets/none/v0.1/servers')).status).toBe(404)
  })
  it('bounds what one stranger may read (N050)', async () => {
    const all: Answer[] = []
    for (let i = 0; i < 35; i++)
      all.push(...(await Promise.all(Array.from({ length: 20 }, () => get('/sets/open/v0.1/ping', { 'x-forwarded-for': '192.0.2.99' })))))
    const refused = all.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThanOrEqual(90)
    expect(refused[0]?.headers['retry-after']).toBeDefined()
    expect((await get('/sets/open/v0.1/ping', { 'x-forwarded-for': '192.0.2.98' })).status).toBe(200)
  })
})
