// What peers got wrong about who asks (the advisory table of the research), and rows of areas A and B on the wire: each attack against a running gateway.

import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/adapters/telemetry/logs.ts'
import { loadText } from '../../src/config/load.ts'
import { startTestGateway } from '../support/gateway.ts'
import { admin } from './admin-wire.ts'
import { send, type Answer } from './wire.ts'
import { callTool, expectRefused, LegacyHost, modern, startWorld, unseen, type World } from './world.ts'

const CREDENTIAL = 'upstream-credential-0123456789'
let world: World
let logged = ''
beforeAll(async () => {
  const write = (line: string): boolean => ((logged += line), true)
  const logger = createLogger({ level: 'debug', secrets: () => [CREDENTIAL], write, maxPerSecond: 1_000_000 })
  world = await startWorld({ headers: { authorization: `Bearer ${CREDENTIAL}` }, logger, config: { operators: ['root'] } })
})
afterAll(() => world.stop())

const MISSING = { status: 401, code: -32600, reason: 'token-missing' }
const INVALID = { ...MISSING, reason: 'token-invalid' }
/** What the upstream was sent for one call, headers in lower case. */
async function seenOf(call: () => Promise<Answer>): Promise<Readonly<Record<string, unknown>>> {
  const before = world.up.seen.length
  expect((await call()).status).toBe(200)
  return world.up.seen[before]!.req.headers
}

describe('who asks, on the wire', () => {
  it('N001: without a token: 401 with the place of the metadata, nothing forwarded, counted in the audit log', async () => {
    const one = await startWorld()
    const answer = await unseen(one, () => callTool(one, 'echo', {}, { headers: { authorization: undefined } }))
    expectRefused(answer, MISSING)
    expect(answer.headers['www-authenticate']).toContain(
      `resource_metadata="${one.gateway.url}/.well-known/oauth-protected-resource${one.path}"`,
    )
    // Strangers are counted, and the count is written when the gateway stops.
    await one.gateway.gateway.stop()
    const counted = one.gateway.events().filter(e => JSON.stringify(e).includes('token-missing'))
    expect(counted).toHaveLength(1)
    await one.stop()
  })
  it('N002: a token in the query is no token: 401, nothing forwarded, and neither log nor audit log holds it', async () => {
    const { alice } = world.tokens
    const [, , signature = ''] = alice.split('.')
    const paths = [`?access_token=${alice}`, `?token=${alice}&access_token=${alice}`, `?authorization=Bearer%20${alice}`]
    for (const query of paths) {
      const answer = await unseen(world, () =>
        callTool(world, 'echo', {}, { path: world.path + query, headers: { authorization: undefined } }),
      )
      expectRefused(answer, MISSING)
      expect(answer.text + JSON.stringify(answer.headers)).not.toContain(signature)
    }
    // in a form, as RFC 6750 section 2.2 allows others to send it
    const form = await send(world.port, {
      path: world.path,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `access_token=${alice}`,
    })
    expect(form.status).toBeGreaterThanOrEqual(400)
    expect(logged).not.toContain(signature)
    expect(JSON.stringify(world.gateway.events())).not.toContain(signature)
  })
  const identities = ['X-User', 'X-Forwarded-User', 'X_Forwarded_User', 'X-Auth-Request-User', 'X-Remote-User', 'Remote-User', 'Mcp-User', 'X-Forwarded-Email', 'X-Forwarded-Groups'] // prettier-ignore
  it.each(identities)(
    'N020, CVE-2025-64484 (oauth2-proxy): `%s: bob` beside Alice’s token: it is Alice’s call, and the header goes no further',
    async name => {
      const before = world.gateway.events().length
      const headers = await seenOf(() => callTool(world, 'echo', {}, { headers: { [name]: 'bob' } }))
      expect(Object.keys(headers)).not.toContain(name.toLowerCase())
      const intents = world.gateway.events().slice(before).filter(e => e['type'] === 'intent') // prettier-ignore
      expect(intents.map(e => e['principal'].subject)).toEqual(['alice'])
      expectRefused(
        await unseen(world, () => callTool(world, 'echo', {}, { headers: { [name]: 'bob', authorization: undefined } })),
        MISSING,
      )
    },
  )
  const internal: readonly (readonly [string, string])[] = [
    ['mcp-init-host', 'internal'],
    ['router-key', 'secret-api-key'],
    ['x-mcp-authorized', 'true'],
    ['x-internal-token', 'secret-api-key'],
    ['x-envoy-internal', 'true'],
    ['x-gatehouse-principal', 'https://issuer.test alice'],
  ]
  it.each(internal)(
    'N029, Kuadrant GHSA-g53w-w6mj-hrpp: an internal header (`%s`) proves nothing and goes no further',
    async (name, value) => {
      expectRefused(
        await unseen(world, () => callTool(world, 'echo', {}, { headers: { [name]: value, authorization: undefined } })),
        MISSING,
      )
      expectRefused(
        await unseen(world, () => callTool(world, 'echo', {}, { headers: { [name]: value, authorization: `Bearer ${value}` } })),
        INVALID,
      )
      const headers = await seenOf(() => callTool(world, 'echo', {}, { headers: { [name]: value } }))
      expect(Object.keys(headers)).not.toContain(name)
    },
  )
})

describe('built-in secrets and borrowed tokens', () => {
  it('ContextForge CVE-2026-53709 (default JWT key): no key is built in: a token signed with a guessable secret is refused, and no two gateways share one', async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const now = Math.floor(Date.now() / 1000)
    const claims = part({
      iss: 'https://issuer.test',
      sub: 'root',
      aud: world.gateway.url + world.path,
      iat: now,
      exp: now + 60,
      client_id: 'x',
    })
    for (const key of ['my-test-key', 'secret', 'changeme', 'gatehouse', '']) {
      const head = `${part({ alg: 'HS256', typ: 'at+jwt', kid: 'k1' })}.${claims}`
      const token = `${head}.${createHmac('sha256', key).update(head).digest('base64url')}`
      expectRefused(await unseen(world, () => callTool(world, 'echo', {}, { token })), INVALID)
    }
    const other = await startTestGateway({})
    const sealing = (dataDir: string): string => readFileSync(join(dataDir, 'keys/sealing.key'), 'latin1')
    expect(sealing(other.dataDir)).not.toBe(sealing(world.gateway.dataDir))
    await other.stop()
  })
  it('ContextForge GHSA-vgf8-3685-66j9 (cross-environment JWT): a token of the same issuer for another gateway is refused', async () => {
    for (const gateway of ['https://staging.gateway.example', 'http://127.0.0.1:1', world.gateway.url.replace('127.0.0.1', 'localhost')]) {
      const now = Math.floor(Date.now() / 1000)
      const claims = { iss: 'https://issuer.test', sub: 'alice', client_id: 'test', scope: '', iat: now, exp: now + 60 }
      const token = await world.gateway.sign({ ...claims, aud: gateway + world.path }, 'at+jwt')
      expectRefused(await unseen(world, () => callTool(world, 'echo', {}, { token })), INVALID)
    }
  })
  it.each(['auth: false', 'authentication: none', 'identity: {enabled: false}', 'identity: {anonymous: true}', 'unsafeNoAuth: true'])(
    'Obot CVE-2026-101065 (quickstart without authentication): there is no such setting: `%s` does not load',
    async setting => {
      const loaded = await loadText(Buffer.from(`version: 1\n${setting}\n`), '/etc/gatehouse.yaml', { env: {} })
      expect(loaded.ok).toBe(false)
    },
  )
  it('Obot CVE-2026-101065: a gateway that names nobody who could sign in does not start, on loopback either', async () => {
    for (const identity of [{}, { issuers: [] }]) await expect(startTestGateway({ identity })).rejects.toThrow('nobody could sign in')
  })
})

describe('what a stranger or a neighbour reaches', () => {
  const methods = ['POST', 'GET', 'DELETE'] as const
  it.each(methods)(
    'Docker CVE-2025-64443, TS SDK GHSA-w48q-cv73-mx4w, rmcp GHSA-89vp-x53w-74fx: a page rebound to this machine reaches nothing by %s, with or without a token',
    async method => {
      const host = await LegacyHost.open(world)
      for (const authority of ['attacker.example', `attacker.example:${world.port}`, `127.0.0.1.attacker.example:${world.port}`])
        for (const authorization of [undefined, `Bearer ${world.tokens.alice}`]) {
          const headers = { ...host.headers, host: authority, authorization, accept: 'text/event-stream, application/json' }
          const body =
            method === 'POST' ? JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo' } }) : undefined
          const answer = await unseen(world, () => send(world.port, { method, path: world.path, headers, ...(body && { body }) }))
          expect([answer.status, answer.body?.error?.data?.reason ?? answer.body?.reason]).toEqual([403, 'host-forbidden'])
        }
      expect((await host.call('echo')).status).toBe(200)
    },
  )
  it('Docker CVE-2025-64443: streams need a token like everything else', async () => {
    const host = await LegacyHost.open(world)
    const stream = { ...host.headers, authorization: undefined, accept: 'text/event-stream' }
    expect((await send(world.port, { method: 'GET', path: world.path, headers: stream })).status).toBe(401)
    expect((await send(world.port, { method: 'DELETE', path: world.path, headers: stream })).status).toBe(401)
    const listen = await modern(world, 'subscriptions/listen', { notifications: {} }, { headers: { authorization: undefined } })
    expectRefused(listen, MISSING)
    expect((await host.call('echo')).status).toBe(200)
  })
  it.each([
    '/v0/servers',
    '/v1/servers',
    '/api/servers',
    '/admin/whoami',
    '/admin/blocks/list',
    '/admin/proposals/list',
    '/console',
    '/connections',
    '/mcp-connect/up',
  ])('Obot GO-2026-6525 (registry API without authentication): a stranger gets nothing from %s', async path => {
    for (const method of ['GET', 'POST']) {
      const answer = await send(world.port, {
        method,
        path,
        headers: { 'content-type': 'application/json' },
        ...(method === 'POST' && { body: '{}' }),
      })
      expect([401, 403, 404, 405]).toContain(answer.status)
      expect(answer.text).not.toMatch(/"up"|servers"\s*:|127\.0\.0\.1:\d+\/mcp/)
    }
  })
  it('Obot GO-2026-6525: what the registry shows to anybody is what was published, nothing of what is configured here', async () => {
    for (const path of ['/v0.1/servers', '/v0.1/servers/up', '/v0.1/servers/up/versions']) {
      const answer = await send(world.port, { method: 'GET', path })
      expect(answer.text).not.toMatch(/127\.0\.0\.1:\d+\/mcp|upstream-credential/)
      if (answer.status === 200) expect(answer.body.servers).toEqual([])
    }
    expect(
      (await send(world.port, { path: '/v0.1/publish', headers: { 'content-type': 'application/json' }, body: '{}' })).status,
    ).not.toBe(200)
  })
  it('Obot CVE-2026-105138 (secrets readable): no page, list, error or act shows the credential of an upstream, to an operator either', async () => {
    const answers = [
      ...(await Promise.all(['/metrics', '/readyz', '/healthz'].map(path => send(world.port, { method: 'GET', path })))),
      ...(await Promise.all(['whoami', 'blocks/list', 'proposals/list'].map(act => admin(world, act)))),
      await admin(world, 'block', { kind: 'server', target: CREDENTIAL.slice(0, 4), why: 'x' }),
      await modern(world, 'tools/list'),
      await modern(world, 'server/discover'),
      await callTool(world, 'echo', { x: 1 }),
      await callTool(world, 'nothing'),
    ]
    for (const { text, headers } of answers) expect(text + JSON.stringify(headers)).not.toContain(CREDENTIAL)
    expect(logged).not.toContain(CREDENTIAL)
    expect(JSON.stringify(world.gateway.events())).not.toContain(CREDENTIAL)
    // and yet it is what the upstream was given
    expect(await seenOf(() => callTool(world, 'echo'))).toMatchObject({ authorization: `Bearer ${CREDENTIAL}` })
  })
})
