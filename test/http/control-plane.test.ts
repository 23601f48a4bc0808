import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createControlPlane, type Dependency } from '../../src/http/control-plane/app.ts'

let server: Server
let base = ''
let dependencies: readonly Dependency[] = []
let isNear = true
let metrics: () => string | Promise<string> = () => 'x 1\n'
const settings = { publicUrl: 'https://gw.example.com', authorizationServers: ['https://idp.example.com'] }

beforeAll(async () => {
  const deps = {
    resource: () => settings,
    dependencies: () => dependencies,
    metrics: async () => ({ type: 'text/plain; version=0.0.4; charset=utf-8', text: await metrics() }),
    mayMonitor: () => isNear,
  }
  server = createServer(createControlPlane(deps))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const get = (path: string, init?: RequestInit) => fetch(base + path, { redirect: 'manual', ...init })

/** fetch() would normalise the path. */
const raw = (path: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    request(base, { path }, res => resolve((res.resume(), res.statusCode)))
      .on('error', reject)
      .end()
  })

describe('resource metadata (R103)', () => {
  it.each(['/mcp', '/servers/files/mcp', '/sets/dev/mcp'])('names resource and issuers of %s', async path => {
    const answer = await get(`/.well-known/oauth-protected-resource${path}`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await answer.json()).toMatchObject({ resource: settings.publicUrl + path, authorization_servers: settings.authorizationServers })
  })
  it('may be read by hosts in a browser, which send a preflight first', async () => {
    const path = '/.well-known/oauth-protected-resource/mcp'
    const preflight = await get(path, { method: 'OPTIONS' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toBe('MCP-Protocol-Version')
    for (const answer of [preflight, await get(path)]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
    }
  })
  it('is only read', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await get('/.well-known/oauth-protected-resource/mcp', { method })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    }
  })
  it('exists in one spelling', async () => {
    const prefix = '/.well-known/oauth-protected-resource'
    for (const path of [
      `${prefix}/MCP`,
      `${prefix}/mcp/`,
      `${prefix}//mcp`,
      `${prefix}/%6dcp`,
      `${prefix}/x/../mcp`,
      `${prefix}mcp`,
      '/.Well-Known/oauth-protected-resource',
    ])
      expect(await raw(path), path).toBe(404)
  })
})

describe('health and readiness', () => {
  it('healthz says that the process lives, whatever it stands on', async () => {
    dependencies = [{ name: 'audit', state: 'unready' }]
    const answer = await get('/healthz')
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'alive' }])
  })
  it('readyz names each dependency, and fails when one is unready', async () => {
    dependencies = [
      { name: 'audit', state: 'ready' },
      { name: 'upstream files', state: 'degraded', detail: 'circuit open' },
    ]
    let answer = await get('/readyz')
    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ready', dependencies }])
    dependencies = [...dependencies, { name: 'issuer https://idp.example.com', state: 'unready', detail: 'keys cannot be fetched' }]
    answer = await get('/readyz')
    expect([answer.status, await answer.json()]).toEqual([503, { status: 'unready', dependencies }])
  })
  it('strangers learn from readyz whether, and from metrics nothing', async () => {
    isNear = false
    dependencies = [{ name: 'upstream payroll', state: 'unready' }]
    const ready = await get('/readyz')
    expect([ready.status, await ready.json()]).toEqual([503, { status: 'unready' }])
    const refused = await get('/metrics')
    expect([refused.status, await refused.json()]).toEqual([
      403,
      { reason: 'address-forbidden', message: 'this address is not in `monitoring.allow`' },
    ])
    isNear = true
  })
  it('metrics are Prometheus text; a fault in them is a 500 that says nothing of its cause', async () => {
    const answer = await get('/metrics')
    expect([answer.headers.get('content-type'), await answer.text()]).toEqual(['text/plain; version=0.0.4; charset=utf-8', 'x 1\n'])
    for (const broken of [
      () => Promise.reject(new Error('secret cause')),
      () => {
        throw new Error('secret cause')
      },
    ]) {
      // prettier-ignore
      metrics = broken
      const fault = await get('/metrics')
      expect([fault.status, await fault.json()]).toEqual([500, { reason: 'internal-fault', message: 'the request ended in a fault' }])
    }
  })
})

describe('everything else', () => {
  it('is a 404 with a reason, without an echo of the path, a banner or a way to be framed or sniffed', async () => {
    for (const path of [
      '/',
      '/x%22%3Cscript%3E',
      '/healthz/',
      '/HEALTHZ',
      '/readyz/x',
      '/.well-known/oauth-authorization-server',
      '/%',
      '/admin',
      '/console',
      '/mcp',
    ]) {
      const answer = await get(path)
      expect([answer.status, await answer.json()], path).toEqual([
        404,
        { reason: 'path-unknown', message: 'nothing is served at this path' },
      ])
      expect(answer.headers.get('x-powered-by')).toBeNull()
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    }
  })
  it('refuses other methods where something is', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const answer = await get(path, { method: 'POST', body: 'x'.repeat(100) })
      expect([answer.status, answer.headers.get('allow')], path).toEqual([405, 'GET, HEAD'])
      expect((await get(path, { method: 'HEAD' })).status).not.toBe(405)
    }
  })
})
