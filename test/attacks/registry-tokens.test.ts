// The auth exchanges of the official API on the wire of a running gateway, and what an attacker would do with their tokens.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import { publication } from '../contracts/registry.ts'
import { CI_ISSUER, ciIssuer, type CiIssuer } from '../support/ci-issuer.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { domainKey, signed } from '../support/namespace-world.ts'
import { send, type Answer } from './wire.ts'

const KEY = domainKey()
const published: Record<string, readonly string[]> = { 'example.com': [KEY.record] }
let folder: string
let ci: CiIssuer
let github: Server
let gateway: TestGateway
let account: object = { login: 'acme-person', id: 9 }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-exchange-'))
  ci = await ciIssuer(join(folder, 'jwks.json'))
  github = createServer((req, res) => {
    const isKnown = req.headers.authorization === 'Bearer gho_pat'
    const body = req.url === '/user' ? account : [{ role: 'admin', state: 'active', organization: { login: 'acme', id: 123 } }]
    res.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>(resolve => void github.listen(0, '127.0.0.1', resolve))
  gateway = await startTestGateway(
    {
      operators: ['root'],
      administration: { twoPerson: false, roles: { publisher: { subjects: ['pat', 'bob'] } } },
      registry: {
        officialProofs: true,
        github: { api: `http://127.0.0.1:${(github.address() as AddressInfo).port}`, issuer: CI_ISSUER },
        proofs: [
          {
            issuer: CI_ISSUER,
            jwksFile: join(folder, 'jwks.json'),
            namespace: 'io.github.{repository_owner}',
            ownerId: 'repository_owner_id',
          },
        ],
      },
    },
    { domainKeys: { read: domain => Promise.resolve(published[domain] ?? []) } },
  )
  const verified = await act('namespaces/verify', { method: 'oidc', token: await job() }, 'pat')
  expect(verified.body).toMatchObject({ namespace: { name: 'io.github.acme' } })
})
afterAll(async () => {
  await gateway.stop()
  github.close()
  rmSync(folder, { recursive: true, force: true })
})

const port = (): number => Number(new URL(gateway.url).port)
const job = (claims: object = {}): Promise<string> => ci.token(gateway.snapshot.publicUrl, { ...claims })
type With = { readonly token?: string; readonly headers?: Record<string, string> }
function call(method: string, path: string, body?: unknown, { token, headers = {} }: With = {}): Promise<Answer> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  return send(port(), {
    method,
    path,
    headers: {
      authorization: token === undefined ? undefined : `Bearer ${token}`,
      ...(text !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(text !== undefined && { body: text }),
  })
}
const act = async (name: string, params: object, who: string): Promise<Answer> =>
  call('POST', `/admin/${name}`, params, { token: await gateway.token('/admin', { sub: who }) })
const exchange = (method: string, body?: object): Promise<Answer> => call('POST', `/v0.1/auth/${method}`, body)
const tokenOf = async (claims: object = {}): Promise<string> => {
  const { status, body } = await exchange('github-oidc', { oidc_token: await job(claims) })
  expect(status).toBe(200)
  return body.registry_token as string
}
const serverJson = (name: string, version: string, more: object = {}) => ({
  name,
  description: 'Weather.',
  version,
  remotes: [{ type: 'streamable-http', url: 'https://api.example.com/mcp' }],
  ...more,
})
const publish = (token: string, name: string, version: string): Promise<Answer> =>
  call('POST', '/v0.1/publish', serverJson(name, version), { token })

describe('POST /v0.1/auth/*', () => {
  it('exchanges a job’s token as the official API does, and the token publishes into quarantine', async () => {
    const before = Math.floor(Date.now() / 1000)
    const answer = await exchange('oidc', { oidc_token: await job() })
    expect([answer.status, Object.keys(answer.body).sort()]).toEqual([200, ['expires_at', 'registry_token']])
    expect(answer.body.expires_at - before).toBeGreaterThanOrEqual(299)
    expect(answer.body.expires_at - before).toBeLessThanOrEqual(301)
    expect(answer.headers['cache-control']).toBe('no-store')
    const done = await publish(answer.body.registry_token as string, 'io.github.acme/weather', '1.0.0')
    expect([done.status, done.body._meta['gatehouse/trust'].standing]).toEqual([200, 'quarantined'])
    expect((await call('GET', '/v0.1/servers/io.github.acme%2Fweather/versions/1.0.0')).status).toBe(404)
  })
  it('writes down who it was, by which proof, what for; and no token', async () => {
    const token = await tokenOf({ sub: 'repo:acme/weather:environment:prod' })
    await publish(token, 'io.github.acme/weather', '1.0.1')
    const events = gateway.events()
    const principal = { issuer: CI_ISSUER, subject: 'repo:acme/weather:environment:prod' }
    const own = events.filter(e => e['principal']?.subject === principal.subject)
    expect(own).toMatchObject([
      {
        type: 'intent',
        rules: ['proof:github-oidc'],
        principal,
        subject: { method: 'registry/exchange', name: 'namespace io.github.acme' },
      },
      { type: 'outcome', outcome: 'ok' },
      {
        type: 'intent',
        rules: ['registry-token'],
        principal,
        subject: { method: 'admin/registry/submit', name: 'server io.github.acme/weather@1.0.1' },
      },
      { type: 'outcome', outcome: 'ok' },
    ])
    expect(JSON.stringify(events)).not.toMatch(/ghreg_|eyJ|gho_/)
  })
  it('takes a signature of the official form once', async () => {
    await act('namespaces/register', { target: 'com.example bob', why: 'theirs' }, 'root')
    const proof = () => {
      const timestamp = new Date().toISOString()
      return { domain: 'example.com', timestamp, signed_timestamp: signed(KEY.privateKey, timestamp) }
    }
    expect((await exchange('dns', proof())).body).toMatchObject({ reason: 'namespace-forbidden' }) // an operator’s word is bound to no key
    const claimed = await act('namespaces/claim', { namespace: 'com.example' }, 'bob')
    const { nonce, origin, domain } = claimed.body.challenge
    const timestamp = new Date().toISOString()
    const text = ['mcp-registry-auth/v2', origin, domain, nonce, timestamp].join('\0')
    expect(
      (await act('namespaces/verify', { nonce, timestamp, signature: signed(KEY.privateKey, text), method: 'dns' }, 'bob')).status,
    ).toBe(200)
    const sent = proof()
    const first = await exchange('http', sent)
    expect(first.status).toBe(200)
    expect((await publish(first.body.registry_token as string, 'com.example/tool', '1.0.0')).status).toBe(200)
    const again = await exchange('dns', sent)
    expect([again.status, again.body.reason]).toEqual([401, 'proof-invalid'])
    // Nor is a signature over our challenge one of the official form, or the other way round.
    expect((await exchange('dns', { domain: 'example.com', timestamp, signed_timestamp: signed(KEY.privateKey, text) })).status).toBe(401)
  })
  it('asks GitHub whose an access token is, and gives one token for the organisations it administers here', async () => {
    const answer = await exchange('github-at', { github_token: 'gho_pat' })
    expect(answer.status).toBe(200)
    expect((await publish(answer.body.registry_token as string, 'io.github.acme/cli', '1.0.0')).status).toBe(200)
    expect((await publish(answer.body.registry_token as string, 'io.github.acme-person/cli', '1.0.0')).body.reason).toBe(
      'namespace-forbidden',
    )
    expect((await exchange('github-at', { github_token: 'gho_stolen' })).status).toBe(401)
    account = []
    expect((await exchange('github-at', { github_token: 'gho_pat' })).status).toBe(503)
  })
  it('takes nothing without a proof', async () => {
    for (const body of [undefined, {}])
      expect([(await exchange('none', body)).status, (await exchange('none', body)).body.reason]).toEqual([501, 'exchange-unavailable'])
  })
  it.each([
    ['no body', 'oidc', undefined],
    ['no token', 'oidc', {}],
    ['another member', 'oidc', { oidc_token: 'x', domain: 'example.com' }],
    ['a token that is no text', 'oidc', { oidc_token: ['x'] }],
    ['another method in the body', 'dns', { method: 'none' }],
    ['a list', 'oidc', []],
  ])('refuses %s', async (_what, method, body) => {
    const answer = await call('POST', `/v0.1/auth/${method}`, body, { headers: { 'content-type': 'application/json' } })
    expect([400, 401].includes(answer.status), String(answer.status)).toBe(true)
  })
  it('refuses what is too large, and other methods and places', async () => {
    expect((await exchange('oidc', { oidc_token: 'x'.repeat(20_000) })).status).toBe(413)
    expect((await call('GET', '/v0.1/auth/oidc')).status).toBe(404)
    expect((await call('PUT', '/v0.1/auth/oidc', {})).status).toBe(405)
    expect((await exchange('password', {})).status).toBe(405)
    expect((await call('POST', '/sets/dev/v0.1/auth/oidc', {})).status).toBe(405)
    expect((await call('POST', '/admin/registry/exchange', { method: 'oidc', oidc_token: await job() })).status).toBe(404)
    expect((await call('POST', '/registry/exchange', { method: 'oidc' })).status).toBe(404)
  })
  it('refuses a token for another registry, of another issuer, or over, with 401, and says no more than that', async () => {
    const now = Math.floor(Date.now() / 1000)
    for (const token of [
      await ci.token('https://registry.example'),
      await job({ iss: 'https://evil.example' }),
      await job({ iat: now - 600, exp: now - 300 }),
      await job({ repository_owner: 'acme/../evil' }),
      await gateway.token('/admin', { sub: 'pat' }),
      'x',
    ]) {
      const answer = await exchange('oidc', { oidc_token: token })
      expect([answer.status, answer.body.reason]).toEqual([401, 'proof-invalid'])
      expect(answer.text).not.toContain(token.slice(0, 20) === 'x' ? 'never' : token.slice(0, 20))
    }
  })
})

describe('a registry token', () => {
  it('is good at no act of administration, wherever that may be reached', async () => {
    const token = await tokenOf()
    const acts: [string, string, object?][] = [
      ['GET', '/admin/whoami'],
      ['POST', '/admin/block', { kind: 'principal', target: 'pat', why: 'x' }],
      ['GET', '/admin/blocks/list'],
      ['POST', '/admin/namespaces/claim', { namespace: 'com.evil' }],
      ['GET', '/admin/namespaces/list'],
      ['POST', '/admin/registry/submit', { serverJson: serverJson('io.github.acme/weather', '9.0.0') }],
      ['POST', '/admin/registry/status', { name: 'io.github.acme/weather', status: 'deleted' }],
      ['POST', '/v1/revocations', { kind: 'namespace', target: 'io.github.acme', reason: 'policy', action: 'block' }],
      ['POST', '/v1/attestations', { name: 'io.github.acme/weather', version: '1.0.0', bundle: {} }],
      ['POST', '/v1/advisories', {}],
    ]
    for (const [method, path, body] of acts) {
      const answer = await call(method, path, body, { token })
      expect([path, answer.status]).toEqual([path, 401])
    }
  })
  it('is good at no MCP endpoint', async () => {
    const token = await tokenOf()
    for (const path of ['/mcp', '/servers/x/mcp']) {
      const answer = await call(
        'POST',
        path,
        { jsonrpc: '2.0', id: 1, method: 'tools/list' },
        { token, headers: { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-06-18' } },
      )
      expect([path, [401, 404].includes(answer.status)]).toEqual([path, true])
    }
  })
  it('publishes in no other namespace, and changes nothing there', async () => {
    const token = await tokenOf()
    for (const name of ['com.example/tool', 'io.github.acme2/x', 'io.github/x', 'io.github.acme.sub/x'])
      expect((await publish(token, name, '3.0.0')).body.reason).toBe('namespace-forbidden')
    const patch = (name: string): Promise<Answer> =>
      call('PATCH', `/v0.1/servers/${encodeURIComponent(name)}/versions/1.0.0/status`, { status: 'deleted' }, { token })
    expect((await patch('com.example/tool')).body.reason).toBe('namespace-forbidden')
    expect((await patch('io.github.acme/weather')).status).toBe(200)
  })
  it('publishes as a publisher does where it may: signed statements are verified, and large documents are read', async () => {
    const token = await tokenOf()
    expect((await call('POST', '/v1/publish', { serverJson: serverJson('io.github.acme/signed', '1.0.0') }, { token })).status).toBe(422)
    const large = serverJson('io.github.acme/large', '1.0.0', { _meta: { 'io.github.acme/notes': { text: 'x'.repeat(30_000) } } })
    expect((await call('POST', '/v0.1/publish', large, { token })).status).toBe(200)
    expect((await call('POST', '/v0.1/publish', large, { token: `${token}x` })).status).toBe(401)
  })
  it('of a job that is blocked since publishes nothing', async () => {
    const sub = 'repo:acme/leaky:ref:refs/heads/main'
    const token = await tokenOf({ sub })
    const blocked = await act('block', { kind: 'principal', target: `${CI_ISSUER} ${sub}`, why: 'leaked' }, 'root')
    expect(blocked.status).toBe(200)
    expect((await publish(token, 'io.github.acme/weather', '4.0.0')).body.reason).toBe('principal-blocked')
    expect((await exchange('oidc', { oidc_token: await job({ sub }) })).body.reason).toBe('principal-blocked')
  })
  it('for a namespace that is frozen since publishes nothing, nor is another one given', async () => {
    const token = await tokenOf()
    expect((await act('namespaces/freeze', { namespace: 'io.github.acme', why: 'leaked' }, 'root')).status).toBe(200)
    expect((await publish(token, 'io.github.acme/weather', '4.0.0')).body.reason).toBe('namespace-frozen')
    expect((await exchange('oidc', { oidc_token: await job() })).body.reason).toBe('namespace-frozen')
    expect((await act('namespaces/thaw', { target: 'io.github.acme', why: 'mended' }, 'root')).status).toBe(200)
    expect((await publish(token, 'io.github.acme/weather', '4.0.0')).status).toBe(200)
  })
  it('of another gateway is none here', async () => {
    const other = await startTestGateway({ operators: ['root'] })
    const token = await tokenOf()
    expect(
      (
        await send(Number(new URL(other.url).port), {
          method: 'POST',
          path: '/v0.1/publish',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(serverJson('io.github.acme/weather', '5.0.0')),
        })
      ).status,
    ).toBe(401)
    await other.stop()
  })
  it('last: another account under the name freezes it, and so ends every token for it', async () => {
    const token = await tokenOf()
    const taken = await exchange('oidc', { oidc_token: await job({ repository_owner_id: '666' }) })
    expect([taken.status, taken.body.reason]).toEqual([409, 'namespace-taken'])
    expect((await publish(token, 'io.github.acme/weather', '6.0.0')).body.reason).toBe('namespace-frozen')
  })
})

describe('a proof by an issuer whose people administer here', () => {
  it('makes nobody an operator, though it names one: where it may publish is all it says', async () => {
    const both = await startTestGateway(
      {
        operators: ['root'],
        registry: {
          claims: 'proved',
          proofs: [
            {
              issuer: CI_ISSUER,
              jwksFile: join(folder, 'jwks.json'),
              namespace: 'io.github.{repository_owner}',
              ownerId: 'repository_owner_id',
            },
          ],
        },
      },
      { issuer: { issuer: CI_ISSUER, jwksFile: join(folder, 'jwks.json') } },
    )
    const db = await openStateDb(join(both.dataDir, 'state.db'))
    await createVersionStore(db).publish(publication('com.example/weather', '1.0.0'))
    await db.close()
    const at = Number(new URL(both.url).port)
    const json = (method: string, path: string, body: object, token?: string): Promise<Answer> =>
      send(at, {
        method,
        path,
        headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
        body: JSON.stringify(body),
      })
    const issued = await json('POST', '/v0.1/auth/oidc', { oidc_token: await ci.token(both.snapshot.publicUrl, { sub: 'root' }) })
    expect(issued.status).toBe(200)
    const withdrawn = await json(
      'PATCH',
      '/v0.1/servers/com.example%2Fweather/versions/1.0.0/status',
      { status: 'deleted' },
      issued.body.registry_token as string,
    )
    expect(withdrawn.body.reason).toBe('namespace-forbidden')
    await both.stop()
  })
})

describe('where nothing was turned on', () => {
  it('the official form and GitHub tokens are refused, for a reason that stays, and nothing is looked up', async () => {
    let looks = 0
    const plain = await startTestGateway({ operators: ['root'] }, { domainKeys: { read: () => (looks++, Promise.resolve([KEY.record])) } })
    const timestamp = new Date().toISOString()
    const body = { domain: 'example.com', timestamp, signed_timestamp: signed(KEY.privateKey, timestamp) }
    for (const [method, sent] of [
      ['dns', body],
      ['http', body],
      ['github-at', { github_token: 'gho_x' }],
      ['none', {}],
    ] as const) {
      const answer = await send(Number(new URL(plain.url).port), {
        method: 'POST',
        path: `/v0.1/auth/${method}`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(sent),
      })
      expect([method, answer.status, answer.body.reason]).toEqual([method, 501, 'exchange-unavailable'])
    }
    expect(looks).toBe(0)
    await plain.stop()
  })
  it('strangers may have some proofs judged a minute, and no more', async () => {
    const plain = await startTestGateway({ operators: ['root'] })
    const statuses: number[] = []
    for (let i = 0; i < 62; i++)
      statuses.push((await send(Number(new URL(plain.url).port), { method: 'POST', path: '/v0.1/auth/none' })).status)
    expect(statuses.slice(0, 60).every(status => status === 501)).toBe(true)
    expect(statuses.at(-1)).toBe(429)
    await plain.stop()
  })
  it('under evaluation on this machine the anonymous namespace takes what nobody proved, into quarantine', async () => {
    const trying = await startTestGateway({ identity: { evaluation: { users: [{ name: 'ann' }] } } })
    const at = Number(new URL(trying.url).port)
    const { status, body } = await send(at, { method: 'POST', path: '/v0.1/auth/none' })
    expect(status).toBe(200)
    const put = (name: string): Promise<Answer> =>
      send(at, {
        method: 'POST',
        path: '/v0.1/publish',
        headers: { authorization: `Bearer ${body.registry_token}`, 'content-type': 'application/json' },
        body: JSON.stringify(serverJson(name, '1.0.0')),
      })
    expect((await put('io.modelcontextprotocol.anonymous/toy')).body._meta['gatehouse/trust'].standing).toBe('quarantined')
    expect((await put('com.example/toy')).status).toBe(403)
    await trying.stop()
  })
})
