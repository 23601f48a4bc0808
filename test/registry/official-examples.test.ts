// The official registry API v0.1 (OpenAPI 2025-12-01) as its clients use it: each operation with the examples its description gives, against a running gateway;
// what may not be in an answer; and the sequence of a host, for the whole registry, a set, and a gateway that other machines reach.

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadServerJsonSchema } from '../../src/adapters/registry-schema.ts'
import { createStandingStore, createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { send, type Answer } from '../attacks/wire.ts'
import { publication } from '../contracts/registry.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const OFFICIAL = 'io.modelcontextprotocol.registry/official'
const checkSchema = loadServerJsonSchema()

/** The two documents the description of `publish` shows. As it prints them their packages lack `transport`, which its own schema demands. */
const FILESYSTEM = {
  name: 'io.modelcontextprotocol/filesystem',
  description: 'Node.js server implementing Model Context Protocol (MCP) for filesystem operations.',
  title: 'Filesystem',
  repository: { url: 'https://github.com/modelcontextprotocol/servers', source: 'github' },
  version: '1.0.2',
  packages: [
    {
      registryType: 'npm',
      registryBaseUrl: 'https://registry.npmjs.org',
      identifier: '@modelcontextprotocol/server-filesystem',
      version: '1.0.2',
      transport: { type: 'stdio' },
    },
  ],
  _meta: {
    'io.modelcontextprotocol.registry/publisher-provided': {
      tool: 'publisher-cli',
      version: '1.2.3',
      buildInfo: { commit: 'abc123def456', timestamp: '2023-12-01T10:30:00Z' },
    },
  },
}
const DEMO = {
  name: 'com.example/demo-server',
  description: 'Example MCP server demonstrating publisher extensions.',
  title: 'Demo Server',
  repository: { url: 'https://github.com/example/mcp-demo', source: 'github' },
  version: '1.0.0',
  packages: [
    {
      registryType: 'npm',
      registryBaseUrl: 'https://registry.npmjs.org',
      identifier: '@example/mcp-demo-server',
      version: '1.0.0',
      transport: { type: 'stdio' },
    },
  ],
  _meta: {
    'io.modelcontextprotocol.registry/publisher-provided': {
      contactEmail: 'maintainer@example.com',
      buildMetadata: { commit: 'abc123', timestamp: '2024-01-15T10:30:00Z' },
    },
    'com.example': {
      marketplaceIcon: 'https://example.com/icon.png',
      category: ['software_development'],
      documentationUrl: 'https://docs.example.org',
      verifiedPublisher: true,
    },
  },
}

type Server = { readonly name: string; readonly description: string; readonly version: string }
const PUBLIC = 'https://gw.example.com'
const SETS = { tools: { servers: ['com.example/*'], anonymous: true } }
let gateway: TestGateway
let exposed: TestGateway
const dbs: StateDb[] = []
const portOf = ({ url }: TestGateway): number => Number(new URL(url).port)

/** Admitted, without the walk through reviews: that is tested elsewhere. */
async function seed(of: TestGateway): Promise<void> {
  const db = await openStateDb(join(of.dataDir, 'state.db'))
  dbs.push(db)
  const { publish } = createVersionStore(db)
  const admit = (server: Server, atSeconds: number) =>
    publish(
      publication(server.name, server.version, {
        serverJson: JSON.stringify(server),
        search: `${server.name}\n${server.description}`.toLowerCase(),
        atSeconds,
      }),
    )
  for (let i = 0; i < 60; i++) {
    const name = `com.example/s${String(i).padStart(2, '0')}`
    await admit({ name, description: 'd', version: '1.0.0' }, 1_000)
  }
  await admit(FILESYSTEM, 1_700_000_000)
  for (const version of ['1.0.0', '1.0.0+20130313144700', '2.0.0']) await admit({ ...DEMO, version }, 1_700_000_100)
  await admit({ ...DEMO, version: '0.9.0' }, 1_700_000_200)
  const by = 'https://issuer.test root' as PrincipalKey
  await createStandingStore(db).change({ name: DEMO.name, version: '0.9.0', to: 'revoked', by, atSeconds: 1_700_000_300 }, ['admitted'])
}
beforeAll(async () => {
  const roles = { administration: { twoPerson: false, roles: { publisher: { subjects: ['pat', 'mallory'] } } }, operators: ['root'] }
  gateway = await startTestGateway({ ...roles, registry: { sets: SETS }, allowedOrigins: ['https://vscode.dev'] })
  exposed = await startTestGateway({
    ...roles,
    publicUrl: PUBLIC,
    trustedProxies: ['127.0.0.1/32'],
    registry: { sets: SETS },
    allowedOrigins: ['https://vscode.dev'],
  })
  for (const each of [gateway, exposed]) await seed(each)
  for (const target of ['com.example pat', 'io.modelcontextprotocol pat'])
    await call('POST', '/admin/namespaces/register', { target, why: 'examples' }, 'root')
})
afterAll(async () => {
  for (const db of dbs) await db.close()
  await gateway.stop()
  await exposed.stop()
})
async function call(method: string, path: string, body?: unknown, who?: string): Promise<Answer> {
  return send(portOf(gateway), {
    method,
    path,
    headers: {
      ...(who !== undefined && { authorization: `Bearer ${await gateway.token('/admin', { sub: who })}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

// What the description says of its answers.
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/
function expectResponse(value: any): void {
  expect(Object.keys(value).sort()).toEqual(['_meta', 'server'])
  expect(checkSchema(value.server)).toEqual([])
  const { status, statusMessage, statusChangedAt, publishedAt, updatedAt, isLatest, ...more } = value._meta[OFFICIAL]
  expect(more).toEqual({}) // additionalProperties: false
  expect(['active', 'deprecated', 'deleted']).toContain(status)
  expect(['string', 'undefined']).toContain(typeof statusMessage)
  for (const date of [statusChangedAt, publishedAt, updatedAt]) expect(date).toMatch(DATE)
  expect(typeof isLatest).toBe('boolean')
}
function expectList(value: any): void {
  value.servers.forEach(expectResponse)
  expect(value.metadata.count).toBe(value.servers.length)
  expect(['string', 'undefined']).toContain(typeof value.metadata.nextCursor)
}
const names = (list: any): string[] => list.servers.map(({ server }: any) => `${server.name}@${server.version}`)
const DEMO_PATH = '/v0.1/servers/com.example%2Fdemo-server'

describe('GET, as described', () => {
  type Row = readonly [what: string, target: string, found: string[] | number]
  it.each<Row>([
    ['a search for `filesystem`', '/v0.1/servers?search=filesystem', ['io.modelcontextprotocol/filesystem@1.0.2']],
    ['a search in another case', '/v0.1/servers?search=FileSystem', ['io.modelcontextprotocol/filesystem@1.0.2']],
    ['an exact version', '/v0.1/servers?version=1.0.2', ['io.modelcontextprotocol/filesystem@1.0.2']],
    ['latest versions', '/v0.1/servers?version=latest&search=demo', ['com.example/demo-server@2.0.0']],
    ['a time with a fraction', '/v0.1/servers?updated_since=2025-08-07T13:15:04.280Z', []],
    ['a time: deleted ones come too', '/v0.1/servers?updated_since=2023-11-14T22:18:20Z', ['com.example/demo-server@0.9.0']],
    ['deleted ones by word', '/v0.1/servers?include_deleted=true&search=demo&version=0.9.0', ['com.example/demo-server@0.9.0']],
    ['deleted ones by default', '/v0.1/servers?search=demo&version=0.9.0', []],
    ['empty parameters', '/v0.1/servers?cursor=&search=&version=&updated_since=&limit=1', 1],
    ['no parameters', '/v0.1/servers', 30],
    [
      'versions of a server, newest first',
      `${DEMO_PATH}/versions`,
      ['2.0.0', '1.0.0+20130313144700', '1.0.0'].map(v => `com.example/demo-server@${v}`),
    ],
    ['versions with deleted ones', `${DEMO_PATH}/versions?include_deleted=true`, 4],
  ])('%s', async (_what, target, found) => {
    const answer = await call('GET', target)
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json'])
    expectList(answer.body)
    expect(typeof found === 'number' ? names(answer.body).length : names(answer.body)).toEqual(found)
  })
  it.each([
    ['one version', `${DEMO_PATH}/versions/1.0.0`, '1.0.0'],
    ['one with build metadata, its plus written as it has to be', `${DEMO_PATH}/versions/1.0.0%2B20130313144700`, '1.0.0+20130313144700'],
    ['latest', `${DEMO_PATH}/versions/latest`, '2.0.0'],
    ['a deleted one by word', `${DEMO_PATH}/versions/0.9.0?include_deleted=true`, '0.9.0'],
  ])('%s', async (_what, target, version) => {
    const answer = await call('GET', target)
    expect([answer.status, answer.body.server.version]).toEqual([200, version])
    expectResponse(answer.body)
    // what was published, member for member
    expect(answer.body.server).toEqual({ ...DEMO, version })
  })
  it.each([
    ['a server that is not there', '/v0.1/servers/com.example%2Fmy-server/versions', 404],
    ['a version that is not there', `${DEMO_PATH}/versions/9.9.9`, 404],
    ['a deleted version', `${DEMO_PATH}/versions/0.9.0`, 404],
    ['a limit that is none', '/v0.1/servers?limit=many', 400],
    ['a time that is none', '/v0.1/servers?updated_since=yesterday', 400],
    ['a cursor that is none of ours', '/v0.1/servers?cursor=com.example%2Fmy-server%3A1.0.0', 400],
  ])('an error for %s: {error}', async (_what, target, status) => {
    const answer = await call('GET', target)
    expect([answer.status, typeof answer.body.error]).toEqual([status, 'string'])
  })
})

describe('writing, as described', () => {
  it.each([
    ['the basic server', { ...FILESYSTEM, version: '1.0.3' }],
    ['the server with members of its own', { ...DEMO, version: '3.0.0' }],
  ])('%s is published; here it waits for a reviewer', async (_what, server) => {
    const answer = await call('POST', '/v0.1/publish', server, 'pat')
    expect([answer.status, answer.body.server]).toEqual([200, server])
    expect((await call('GET', `/v0.1/servers/${encodeURIComponent(server.name)}/versions/${server.version}`)).status).toBe(404)
  })
  it('a document as the description prints it, without `transport`, is told what it lacks', async () => {
    const bare = { ...DEMO, version: '3.1.0', packages: DEMO.packages.map(npm => ({ ...npm, transport: undefined })) }
    const answer = await call('POST', '/v0.1/publish', bare, 'pat')
    expect([answer.status, answer.body.error]).toEqual([400, expect.stringContaining('packages[0]')])
  })
  const status = (version: string, body: object, who?: string) => call('PATCH', `${DEMO_PATH}/versions/${version}/status`, body, who)
  it('a status is changed with the example’s words, and a change of nothing is a bad request', async () => {
    const deprecated = { status: 'deprecated', statusMessage: 'Please upgrade to version 2.0.0' }
    const answer = await status('1.0.0', deprecated, 'pat')
    expectResponse(answer.body)
    expect(answer.body._meta[OFFICIAL]).toMatchObject(deprecated)
    const again = await status('1.0.0', { status: 'deprecated' }, 'pat')
    expect([again.status, again.body.error]).toEqual([400, expect.stringContaining('no changes to apply')])
    expect((await status('1.0.0', { status: 'active', statusMessage: 'x' }, 'pat')).status).toBe(400)
    expect((await status('1.0.0', { status: 'sleeping' }, 'pat')).status).toBe(400)
    expect((await status('9.9.9', { status: 'deprecated' }, 'pat')).status).toBe(404)
    expect((await status('1.0.0', { status: 'active' }, 'pat')).body._meta[OFFICIAL].status).toBe('active')
  })
  it('a status of all versions answers with how many and which', async () => {
    const answer = await call('PATCH', `${DEMO_PATH}/status`, { status: 'deprecated' }, 'pat')
    expect(Object.keys(answer.body).sort()).toEqual(['servers', 'updatedCount'])
    expect(answer.body.updatedCount).toBe(3)
    answer.body.servers.forEach(expectResponse)
    await call('PATCH', `${DEMO_PATH}/status`, { status: 'active' }, 'pat')
  })
  it.each([
    ['POST', '/v0.1/publish', { ...DEMO, version: '4.0.0' }],
    ['PATCH', `${DEMO_PATH}/versions/1.0.0/status`, { status: 'deprecated' }],
    ['PATCH', `${DEMO_PATH}/status`, { status: 'deprecated' }],
  ])('%s %s wants a token, and one that may', async (method, path, body) => {
    for (const [who, expected] of [
      [undefined, 401],
      ['mallory', 403],
    ] as const) {
      const answer = await call(method, path, body, who)
      expect([answer.status, typeof answer.body.error]).toEqual([expected, 'string'])
    }
  })
  it.each(['PUT', 'DELETE'])('%s of a version is what the description leaves to registries: 501, a version never changes', async method => {
    const answer = await call(method, `${DEMO_PATH}/versions/1.0.0`, method === 'PUT' ? DEMO : undefined, 'root')
    expect([answer.status, typeof answer.body.error, answer.headers['allow']]).toEqual([501, 'string', 'GET, HEAD'])
    expect((await call('GET', `${DEMO_PATH}/versions/1.0.0`)).body.server).toEqual(DEMO)
  })
})

describe('the sequence of a host', () => {
  type Host = (path: string, more?: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> }) => Promise<Answer>
  const hostOf =
    (of: () => TestGateway, base: string, always: Readonly<Record<string, string>> = {}): Host =>
    (path, { method = 'GET', headers = {} } = {}) =>
      send(portOf(of()), { method, path: `${base}${path}`, headers: { ...always, ...headers } })
  const PROXIED = { host: 'gw.example.com', 'x-forwarded-for': '192.0.2.7' }
  const all = ['com.example/demo-server@2.0.0', 'io.modelcontextprotocol/filesystem@1.0.2']
  it.each<readonly [string, Host, readonly string[], number]>([
    ['the whole registry, on this machine', hostOf(() => gateway, ''), all, 62],
    ['a set, on this machine', hostOf(() => gateway, '/sets/tools'), all.slice(0, 1), 61],
    [
      'an open set of a gateway that other machines reach, without any token',
      hostOf(() => exposed, '/sets/tools', PROXIED),
      all.slice(0, 1),
      61,
    ],
  ])('VS Code finds and reads %s', async (_where, host, found, count) => {
    // is it a registry at all
    const probe = await host('/v0.1/servers?limit=1')
    expect([probe.status, probe.body.servers.length, typeof probe.body.metadata.nextCursor]).toEqual([200, 1, 'string'])
    // the gallery, page by page: no entry twice, none left out, each with what a host cannot do without
    const seen: string[] = []
    let cursor = ''
    do {
      const page = await host(`/v0.1/servers?limit=50&version=latest${cursor}`)
      expectList(page.body)
      for (const { server } of page.body.servers) expect([server.name, server.description, server.version].every(Boolean)).toBe(true)
      seen.push(...names(page.body))
      cursor = page.body.metadata.nextCursor === undefined ? '' : `&cursor=${encodeURIComponent(page.body.metadata.nextCursor)}`
    } while (cursor !== '')
    expect([seen.length, new Set(seen).size]).toEqual([count, count])
    for (const name of found) expect(seen).toContain(name)
    // a search as it is typed, with the cursor of its own list
    const sought = await host('/v0.1/servers?limit=50&version=latest&search=demo')
    expect(names(sought.body)).toEqual(['com.example/demo-server@2.0.0'])
    // one server, as it is installed
    const latest = await host(`/v0.1/servers/${encodeURIComponent('com.example/demo-server')}/versions/latest`)
    expect([latest.status, latest.body.server.version, latest.body._meta[OFFICIAL].isLatest]).toEqual([200, '2.0.0', true])
    const other = await host('/v0.1/servers/io.modelcontextprotocol%2Ffilesystem/versions/latest')
    expect(other.status).toBe(found.length === 2 ? 200 : 404)
  })
  it('a host in a browser asks first, and may: any header that hosts send, no credentials', async () => {
    const asks = {
      origin: 'https://vscode.dev',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization,content-type',
    }
    for (const host of [hostOf(() => gateway, ''), hostOf(() => exposed, '/sets/tools', PROXIED)]) {
      const preflight = await host('/v0.1/servers?limit=1', { method: 'OPTIONS', headers: asks })
      expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, '*'])
      expect(String(preflight.headers['access-control-allow-methods'])).toContain('GET')
      expect(String(preflight.headers['access-control-allow-methods'])).toContain('OPTIONS')
      for (const header of ['Authorization', 'Content-Type']) expect(preflight.headers['access-control-allow-headers']).toContain(header)
      expect(preflight.headers['access-control-allow-credentials']).toBeUndefined()
      const read = await host('/v0.1/servers?limit=1', { headers: { origin: 'https://vscode.dev' } })
      expect([read.status, read.headers['access-control-allow-origin']]).toEqual([200, '*'])
      expect((await host('/v0.1/servers?limit=1', { headers: { origin: 'https://evil.example' } })).status).toBe(403)
    }
  })
  it('reads nothing without a token where other machines reach the gateway and nobody opened it', async () => {
    const host = hostOf(() => exposed, '', PROXIED)
    for (const path of [
      '/v0.1/servers?limit=1',
      '/v0.1/servers?limit=50&version=latest',
      `${DEMO_PATH}/versions/latest`,
      '/v1/resolve?name=com.example/demo-server',
    ]) {
      const answer = await host(path)
      expect([answer.status, typeof answer.body.error, answer.body.servers]).toEqual([401, 'string', undefined])
    }
    const authorization = `Bearer ${await exposed.token('/admin')}`
    expect((await host('/v0.1/servers?limit=1', { headers: { authorization } })).status).toBe(200)
  })
  it('finds its list also where one entry in it is broken', async () => {
    const host = hostOf(() => gateway, '')
    const [db] = dbs
    await createVersionStore(db!).publish(
      publication('aaa.example/broken', '1.0.0', { serverJson: '{"name":"aaa.example/broken","version":"1.0.0"}' }),
    )
    const probe = await host('/v0.1/servers?limit=1')
    expect([probe.status, probe.body.servers, typeof probe.body.metadata.nextCursor]).toEqual([200, [], 'string'])
    const page = await host('/v0.1/servers?limit=50&version=latest')
    expectList(page.body)
    expect(page.body.servers.length).toBe(49)
  })
})
