// Attacks on the authorization server: redirects, PKCE, codes, client documents, registrations, refresh tokens, audiences (area C, N039-N051; Obot CVE-2026-101062).

import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cacheSeconds } from '../../src/adapters/authorization-server/client-documents.ts'
import { isAcceptedRedirect } from '../../src/identity/redirects.ts'
import { createSafeFetch, type SafeFetch } from '../../src/adapters/safe-fetch.ts'
import { isStop, Fault } from '../../src/kernel/errors.ts'
import { Browser } from '../authorization-server/browser.ts'
import { CALLBACK, claimsOf, Host, registered, startWorld, type World } from '../authorization-server/world.ts'

const EDITOR = { id: 'editor', name: 'Editor', redirectUris: ['https://editor.example/callback?of=gatehouse'] }
const CLI = { id: 'cli', name: 'Command line', redirectUris: ['http://127.0.0.1/callback'] }
let world: World
/** what stands at a URL, for client documents */
const documents = new Map<string, { status?: number; headers?: Record<string, string>; body: Buffer }>()
const fetched: string[] = []
const served: SafeFetch = {
  get: async url => {
    fetched.push(url)
    const found = documents.get(url)
    if (!found) throw new Fault('fetch-failed', 'the connection failed')
    return { status: found.status ?? 200, headers: found.headers ?? {}, body: found.body }
  },
  request: async () => Promise.reject(new Error('only documents are fetched')),
}
beforeAll(async () => {
  world = await startWorld({ settings: { clients: [EDITOR, CLI] }, documents: served })
})
afterAll(() => world.stop())
beforeEach(() => {
  world.idp.nextUser = 'alice'
  world.idp.isDown = false
  fetched.length = 0
})

const opened = async (host: Host, change: Record<string, string | undefined> = {}) =>
  new Browser(world.base).open(host.authorizeUrl(change))
const stays = (page: { url: string; status: number }) => expect([page.status, new URL(page.url).origin]).toEqual([400, world.base])

describe('N039 redirects', () => {
  it.each([
    'https://editor.example/callback',
    'https://editor.example/callback?of=gatehouse&x=1',
    'https://editor.example/callback/more?of=gatehouse',
    'https://editor.example/callbac',
    'https://editor.example//callback?of=gatehouse',
    'https://editor.example/a/../callback?of=gatehouse',
    'https://editor.example/%2e%2e/callback?of=gatehouse',
    'https://editor.example%2f%2e%2e/callback?of=gatehouse',
    'https://editor.example/callback?of=gatehouse#fragment',
    'https://user@editor.example/callback?of=gatehouse',
    'https://evil.example@editor.example/callback?of=gatehouse',
    'https://editor.example@evil.example/callback?of=gatehouse',
    'https://editor.example.evil.example/callback?of=gatehouse',
    'https://editor.example:444/callback?of=gatehouse',
    'https://editor.example:443/callback?of=gatehouse',
    'https://editor.example./callback?of=gatehouse',
    'https://EDITOR.example/callback?of=gatehouse',
    'https://еditor.example/callback?of=gatehouse',
    'https:\\\\editor.example/callback?of=gatehouse',
    'https:/editor.example/callback?of=gatehouse',
    'http://editor.example/callback?of=gatehouse',
    '//editor.example/callback?of=gatehouse',
    '//evil.example',
    'javascript:alert(1)',
    'https://evil.example/callback?of=gatehouse',
    '',
    undefined,
  ])('%s is not where the client is: a page, and no redirect', async redirect_uri => {
    stays(await opened(new Host(world, 'editor'), { redirect_uri }))
  })
  it('only the port of a loopback redirect may vary', async () => {
    const host = new Host(world, 'cli')
    for (const redirect_uri of ['http://127.0.0.1/callback', 'http://127.0.0.1:41234/callback'])
      expect((await opened(host, { redirect_uri })).html).toContain('Sign in')
    for (const redirect_uri of [
      'http://localhost:41234/callback',
      'http://127.0.0.1:41234/other',
      'https://127.0.0.1:41234/callback',
      'http://127.0.0.1:41234/callback?x',
      'http://127.0.0.1.evil.example/callback',
      'http://127.0.0.1:80@evil.example/callback',
      'http://[::1]:41234/callback',
      'http://127.0.0.2/callback',
    ])
      // prettier-ignore
      stays(await opened(host, { redirect_uri }))
  })
  it.each([
    'http://example.com/cb',
    'http://192.168.1.1/cb',
    'http://localhost@evil.example/cb',
    'http://127.0.0.1:80@evil.example/cb',
    'https://a.example/cb#x',
    'https://user:pass@a.example/cb',
    'https://a.example/../cb',
    'https://a.example/%2e%2e/cb',
    'https://a.example\\@evil.example/cb',
    'https://*.example/cb',
    'https://a.example./cb',
    'https://A.example/cb',
    'https://localhost/cb',
    'https://аpple.example/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'vbscript:x',
    'ftp://a.example/cb',
    'intent://x',
    'nodots:/cb',
    ' https://a.example/cb',
    'https://a.example/c\nb',
    `https://a.example/${'x'.repeat(512)}`,
    42,
    null,
  ])('%j is not registered', uri => {
    expect(isAcceptedRedirect(uri)).toBe(false)
  })
  it.each([
    'https://a.example/cb',
    'https://a.example:8443/cb?x=1',
    'http://127.0.0.1/cb',
    'http://localhost:33418/cb',
    'http://[::1]:1/cb',
    'com.example.app:/cb',
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'vscode://vscode.git/cb',
  ])('%s is', uri => {
    // prettier-ignore
    expect(isAcceptedRedirect(uri)).toBe(true)
  })
  it('Obot CVE-2026-101062: an open registration with any redirect, no consent and no audience check gives no token', async () => {
    const evil = new Host(world)
    expect(await evil.register({ redirect_uris: ['http://evil.example/cb'] })).toMatchObject({ status: 400 })
    await evil.register({ redirect_uris: ['https://evil.example/cb'] })
    const victim = new Browser(world.base)
    await victim.signIn(await victim.open('/connections'))
    const page = await victim.open(evil.authorizeUrl({ redirect_uri: 'https://evil.example/cb', resource: undefined }))
    expect(page.url).toMatch(/^https:\/\/evil\.example\/cb\?error=invalid_target/)
    expect((await victim.open(evil.authorizeUrl({ redirect_uri: 'https://evil.example/cb' }))).html).toContain('to act for you?')
  })
})

describe('one token, one endpoint of this gateway', () => {
  it.each([
    ['none', undefined],
    ['another gateway', 'https://evil.example/mcp'],
    ['the gateway itself', 'BASE'],
    ['a path that is no endpoint', 'BASE/oauth/token'],
    ['a slash more', 'BASE/mcp/'],
    ['a query', 'BASE/mcp?x'],
    ['a fragment', 'BASE/mcp#x'],
    ['no URL', 'mcp'],
  ])('no token for %s', async (_what, resource) => {
    const page = await opened(await registered(world), { resource: resource?.replace('BASE', world.base) })
    expect(page.url).toMatch(/^http:\/\/localhost:33418\/callback\?error=invalid_target&/)
  })
  it('nor for two at once', async () => {
    const host = await registered(world)
    const two = `${host.authorizeUrl()}&resource=${encodeURIComponent(`${world.base}/servers/files/mcp`)}`
    expect((await new Browser(world.base).open(two)).url).toMatch(/error=invalid_target/)
  })
  it('a token for one endpoint is refused at every other, and cannot be turned into one for another', async () => {
    const host = await registered(world)
    const { access_token, refresh_token } = await host.redeem(await host.authorize())
    expect(isStop(await world.judge(access_token))).toBe(false)
    expect(await world.judge(access_token, '/servers/files/mcp')).toMatchObject({ stop: 'token-invalid' })
    expect(await host.refresh(refresh_token, { resource: `${world.base}/servers/files/mcp` })).toMatchObject({
      status: 400,
      error: 'invalid_target',
    })
  })
  it('no parameter but those of the protocol is looked at, and none may come twice', async () => {
    const host = await registered(world)
    for (const [name, value] of [
      ['state', 'x'],
      ['client_id', 'editor'],
      ['redirect_uri', 'https://evil.example'],
      ['code_challenge', 'x'],
      ['scope', 'x'],
    ])
      // prettier-ignore
      expect((await new Browser(world.base).open(`${host.authorizeUrl({ scope: 'files:read' })}&${name}=${value}`)).html, name).not.toContain('Sign in')
    expect(
      (await opened(host, { nonce: 'n', claims: '{}', max_age: '0', login_hint: 'x', acr_values: 'y', registration: '{}' })).html,
    ).toContain('Sign in')
    for (const change of [
      { request: 'x' },
      { request_uri: 'https://evil.example' },
      { response_type: 'token' },
      { response_type: 'code id_token' },
    ])
      expect((await opened(host, change)).url, JSON.stringify(change)).toMatch(/error=/)
    for (const response_mode of ['form_post', 'fragment', 'web_message', 'query.jwt']) stays(await opened(host, { response_mode }))
    stays(await opened(host, { state: 'x'.repeat(9000) }))
  })
})

describe('N042 PKCE', () => {
  it.each([
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }],
    ['plain', { code_challenge_method: 'plain' }],
    ['no method, which means plain', { code_challenge_method: undefined }],
    ['an empty challenge', { code_challenge: '' }],
  ])('%s: no code', async (_what, change) => {
    expect((await opened(await registered(world), change)).url).toMatch(/^http:\/\/localhost:33418\/callback\?error=invalid_request&/)
  })
  it('a wrong, missing, plain or another code’s verifier gives no token', async () => {
    const host = await registered(world)
    const challenge = createHash('sha256').update(host.verifier).digest('base64url')
    for (const code_verifier of ['x'.repeat(43), '', challenge, new Host(world).verifier])
      expect(await host.redeem(await host.authorize(), { code_verifier }), code_verifier).toMatchObject({ status: 400 })
    const { access_token } = await host.token({ grant_type: 'authorization_code', code: new URL((await host.authorize()).url).searchParams.get('code')!, redirect_uri: CALLBACK }) // prettier-ignore
    expect(access_token).toBeUndefined()
  })
  it('another redirect than the code was sent to gives no token', async () => {
    const host = await registered(world, { redirect_uris: [CALLBACK, 'http://localhost:33418/other'] })
    const redirect_uri = 'http://localhost:33418/other'
    expect(await host.redeem(await host.authorize(), { redirect_uri })).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
  it('the metadata says S256 and nothing else, and `iss` comes with every answer', async () => {
    const said = (await (await fetch(`${world.base}/.well-known/oauth-authorization-server`)).json()) as Record<string, unknown>
    expect(said).toMatchObject({
      issuer: world.base,
      authorization_endpoint: `${world.base}/oauth/authorize`,
      token_endpoint: `${world.base}/oauth/token`,
      registration_endpoint: `${world.base}/oauth/register`,
      revocation_endpoint: `${world.base}/oauth/revoke`,
      jwks_uri: `${world.base}/oauth/jwks`,
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    })
    expect(Object.keys(said).join()).not.toMatch(/id_token|claims|userinfo|end_session|scopes/)
    expect(new URL((await opened(await registered(world), { resource: 'https://evil.example' })).url).searchParams.get('iss')).toBe(
      world.base,
    )
  })
})

describe('N043 codes', () => {
  it('a code used twice gives nothing, and ends everything that came of it: refresh tokens, and access tokens already out', async () => {
    const host = await registered(world)
    const page = await host.authorize()
    const { access_token, refresh_token } = await host.redeem(page)
    expect(await host.redeem(page)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    // The resource server hears of the family, which the token names.
    expect(world.ended).toContain(claimsOf(access_token)['sid'])
  })
  it('of many that redeem one code at the same moment at most one gets a token, and then it is worth nothing', async () => {
    const host = await registered(world)
    const page = await host.authorize()
    const answers = await Promise.all(Array.from({ length: 8 }, () => host.redeem(page)))
    const good = answers.filter(({ status }) => status === 200)
    expect(good.length).toBeLessThanOrEqual(1)
    expect(answers.filter(({ status }) => status !== 200).every(({ status, error }) => status === 400 && error === 'invalid_grant')).toBe(
      true,
    )
    for (const { refresh_token } of good) expect(await host.refresh(refresh_token)).toMatchObject({ status: 400 })
  })
  it('a code of another client, or one that is old, gives nothing', async () => {
    const [host, thief] = [await registered(world), await registered(world)]
    expect(await thief.redeem(await host.authorize(), { code_verifier: host.verifier })).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    })
    const page = await host.authorize()
    world.ahead = 61
    try {
      expect(await host.redeem(page)).toMatchObject({ status: 400, error: 'invalid_grant' })
    } finally {
      world.ahead = 0
    }
  })
})

describe('N047 client documents', () => {
  const url = 'https://app.example/client.json'
  const publish = (change: object = {}, more: { status?: number; headers?: Record<string, string>; body?: Buffer } = {}) =>
    documents.set(url, { body: Buffer.from(JSON.stringify({ client_id: url, client_name: 'An App', redirect_uris: ['https://app.example/cb'], ...change })), ...more }) // prettier-ignore
  const ask = (change: Record<string, string | undefined> = {}, id = url) => opened(new Host(world, id), { redirect_uri: 'https://app.example/cb', ...change }) // prettier-ignore
  beforeEach(() => documents.clear())

  it('a client that is what its URL says is asked about with its host name', async () => {
    publish({}, { headers: { 'cache-control': 'no-store' } })
    const { page } = await new Host(world, url).ask({ redirect_uri: 'https://app.example/cb' })
    expect(page.html).toMatch(
      /Allow “An App” to act for you\?[\s\S]*app\.example[\s\S]*published at <code>https:\/\/app\.example\/client\.json/,
    )
    expect(page.html).not.toContain('Anybody can register')
  })
  it.each<[string, object, Parameters<typeof publish>[1]?]>([
    ['names another client', { client_id: 'https://app.example/other.json' }],
    ['does not list the redirect', { redirect_uris: ['https://app.example/other'] }],
    ['lists none', { redirect_uris: [] }],
    ['brings a secret', { client_secret: 'x' }],
    ['wants a shared secret', { token_endpoint_auth_method: 'client_secret_post' }],
    ['is a redirect to another host', {}, { status: 301, headers: { location: 'https://evil.example/client.json' } }],
    ['is not there', {}, { status: 404 }],
    ['is no JSON', {}, { body: Buffer.from('<html>') }],
    ['says things twice', {}, { body: Buffer.from(`{"client_id":"${url}","redirect_uris":["https://evil.example"],"redirect_uris":["https://app.example/cb"]}`) }], // prettier-ignore
    ['is too large', {}, { body: Buffer.from(JSON.stringify({ client_id: url, redirect_uris: ['https://app.example/cb'], x: 'x'.repeat(70_000) })) }], // prettier-ignore
    ['is a bomb', {}, { headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(10_000_000)) }],
  ])('a document that %s makes no client', async (_what, change, more) => {
    publish({ ...change }, { headers: { 'cache-control': 'no-store' }, ...more })
    stays(await ask())
    expect(fetched.every(each => each === url)).toBe(true)
  })
  it.each([
    'http://app.example/client.json',
    'https://app.example',
    'https://app.example/',
    'https://127.0.0.1/client.json',
    'https://[::1]/client.json',
    'https://2130706433/client.json',
    'https://localhost/client.json',
    'https://app.example/a/../client.json',
    'https://app.example/client.json#x',
    'https://app.example/client.json?x=1',
    'https://user@app.example/client.json',
    'https://app.example./client.json',
    'https://APP.example/client.json',
    'https://app.example:443/client.json',
    `https://app.example/${'x'.repeat(600)}`,
  ])('%s is never fetched', async id => {
    stays(await ask({}, id))
    expect(fetched).toEqual([])
  })
  it('private addresses, and names that change between check and connection, get no connection', async () => {
    let answers = 0
    // public at first sight, the cloud's metadata service when it is dialled
    const resolve = async () => [{ address: answers++ === 0 ? '93.184.216.34' : '169.254.169.254', family: 4 }]
    const rebinding = await startWorld({ documents: createSafeFetch({ resolve: async () => [...(await resolve()), ...(await resolve())], timeoutMs: 300 }) }) // prettier-ignore
    const inside = await startWorld({ documents: createSafeFetch({ resolve: async () => [{ address: '10.0.0.1', family: 4 }] }) })
    try {
      for (const each of [rebinding, inside])
        expect(
          (await new Browser(each.base).open(new Host(each, url).authorizeUrl({ redirect_uri: 'https://app.example/cb' }))).status,
        ).toBe(400)
    } finally {
      await rebinding.stop()
      await inside.stop()
    }
  })
  it('N049 a document counts no longer than its headers say and an hour at most', () => {
    for (const [control, age, seconds] of [
      ['no-store', '', 0],
      ['no-cache', '', 0],
      ['max-age=0', '', 0],
      ['public, max-age=60', '', 60],
      ['max-age=60', '50', 10],
      ['max-age=60', '70', 0],
      ['max-age=999999999', '', 3600],
      ['', '', 300],
      ['max-age=-1', '', 300],
      ['MAX-AGE=5, no-store', '', 0],
    ] as const)
      // prettier-ignore
      expect(cacheSeconds(control, age), `${control} ${age}`).toBe(seconds)
  })
  it('N049 consent is asked again when the redirects changed, and says so', async () => {
    publish({}, { headers: { 'cache-control': 'no-store' } })
    const host = new Host(world, url)
    const browser = new Browser(world.base)
    const change = { redirect_uri: 'https://app.example/cb', scope: 'files:read' }
    await host.authorize(change, browser)
    expect((await browser.open(host.authorizeUrl(change))).url).toMatch(/^https:\/\/app\.example\/cb\?code=/)
    publish({ redirect_uris: ['https://app.example/cb', 'https://taken-over.example/cb'] }, { headers: { 'cache-control': 'no-store' } })
    const asked = await browser.open(host.authorizeUrl(change))
    expect(asked.html).toContain('You allowed this application before, but the addresses it may send you back to have changed since')
  })
  it('a new redirect is known as soon as the document is, and one that was taken out is not', async () => {
    publish({}, { headers: { 'cache-control': 'max-age=0' } })
    expect((await ask()).html).toContain('Sign in')
    publish({ redirect_uris: ['https://app.example/new'] }, { headers: { 'cache-control': 'max-age=0' } })
    stays(await ask())
    expect((await ask({ redirect_uri: 'https://app.example/new' })).html).toContain('Sign in')
  })
})

describe('N050 registrations', () => {
  it('a flood is answered 429, keeps what the limit allows, and leaves other addresses alone', async () => {
    const limited = await startWorld({ parts: { strangersPerMinute: { address: 5, total: 100 } } })
    try {
      const statuses = await Promise.all(Array.from({ length: 40 }, async () => (await new Host(limited).register()).status))
      expect(statuses.filter(status => status === 201)).toHaveLength(5)
      expect(statuses.filter(status => status === 429)).toHaveLength(35)
    } finally {
      await limited.stop()
    }
  })
  it('software statements and whatever else a client sends is not kept, fetched or shown; nobody gets a secret', async () => {
    const { status, body } = await new Host(world).register({
      token_endpoint_auth_method: 'client_secret_basic',
      software_statement: 'eyJhbGciOiJub25lIn0.e30.',
      logo_uri: 'https://evil.example/x.png',
      jwks_uri: 'https://evil.example/keys',
      sector_identifier_uri: 'https://evil.example/s',
      client_uri: 'javascript:alert(1)',
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
      response_types: ['code', 'token'],
      gatehouse: 'forged',
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({ token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], application_type: 'native' }) // prettier-ignore
    expect(JSON.stringify(body)).not.toMatch(/secret|evil|software|forged|javascript/)
  })
  it('a client that calls itself `web` has no redirect to a machine; one that says nothing is what its redirects are', async () => {
    const asked = async (metadata: object) => (await new Host(world).register(metadata)).body
    expect(await asked({ application_type: 'web' })).toMatchObject({ error: 'invalid_redirect_uri' })
    expect(await asked({ application_type: 'web', redirect_uris: ['https://a.example/cb', CALLBACK] })).toMatchObject({ redirect_uris: ['https://a.example/cb'], application_type: 'web' }) // prettier-ignore
    expect(await asked({ redirect_uris: ['https://a.example/cb'] })).toMatchObject({ application_type: 'web' })
    expect(await asked({ redirect_uris: ['https://a.example/cb', CALLBACK] })).toMatchObject({ application_type: 'native' })
  })
  it.each(['documents', 'closed'] as const)(
    'where registration is %s nobody registers; the configured clients work',
    async registration => {
      const closed = await startWorld({ settings: { registration, clients: [CLI] }, documents: served })
      try {
        const said = (await (await fetch(`${closed.base}/.well-known/oauth-authorization-server`)).json()) as Record<string, unknown>
        expect([said['registration_endpoint'], said['client_id_metadata_document_supported']]).toEqual([
          undefined,
          registration === 'documents',
        ])
        expect((await fetch(`${closed.base}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).status).toBe(404) // prettier-ignore
        const redirect_uri = 'http://127.0.0.1:5000/callback'
        const host = new Host(closed, 'cli')
        expect(await host.redeem(await host.authorize({ redirect_uri }), { redirect_uri })).toMatchObject({ status: 200 })
        if (registration === 'closed') {
          await new Browser(closed.base).open(new Host(closed, 'https://app.example/client.json').authorizeUrl())
          expect(fetched).toEqual([])
        }
      } finally {
        await closed.stop()
      }
    },
  )
  it('a client with a secret has to show it', async () => {
    const secret = 'a long secret of the configuration'
    const guarded = await startWorld({ settings: { clients: [{ ...EDITOR, secret }] } })
    try {
      const redirect_uri = EDITOR.redirectUris[0]!
      const host = new Host(guarded, 'editor')
      const page = await host.authorize({ redirect_uri })
      expect(await host.redeem(page, { redirect_uri })).toMatchObject({ status: 401, error: 'invalid_client' })
      expect(await host.redeem(page, { redirect_uri, client_secret: 'wrong' })).toMatchObject({ status: 401, error: 'invalid_client' })
      const form = new URLSearchParams({ grant_type: 'authorization_code', code: new URL(page.url).searchParams.get('code')!, redirect_uri, code_verifier: host.verifier }) // prettier-ignore
      const authorization = `Basic ${Buffer.from(`editor:${encodeURIComponent(secret).replace(/%20/g, '+')}`).toString('base64')}`
      expect((await fetch(`${guarded.base}/oauth/token`, { method: 'POST', body: form, headers: { authorization } })).status).toBe(200)
    } finally {
      await guarded.stop()
    }
  })
})

describe('N051 refresh tokens', () => {
  const family = async () => {
    const host = await registered(world)
    return { host, ...(await host.redeem(await host.authorize({ scope: 'files:read files:write' }))) }
  }
  it('rotate; one that is used again ends the family, the new one with it', async () => {
    const { host, refresh_token } = await family()
    const second = await host.refresh(refresh_token)
    expect(second).toMatchObject({ status: 200, scope: 'mcp files:read files:write' })
    expect(second.refresh_token).not.toBe(refresh_token)
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await host.refresh(second.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(world.ended).toContain(claimsOf(second.access_token)['sid'])
  })
  it('may ask for fewer scopes, and with more the family ends', async () => {
    const { host, refresh_token } = await family()
    const fewer = await host.refresh(refresh_token, { scope: 'files:read' })
    expect(fewer).toMatchObject({ status: 200, scope: 'files:read' })
    const wider = await host.refresh(fewer.refresh_token, { scope: 'files:read memory:use' })
    expect(wider).toMatchObject({ status: 400, error: 'invalid_scope' })
    expect(await host.refresh(fewer.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
  it('of another client are refused, and the family ends: they are in the wrong hands', async () => {
    const { host, refresh_token } = await family()
    expect(await (await registered(world)).refresh(refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
  it('of many uses at the same moment at most one gets a token', async () => {
    const { host, refresh_token } = await family()
    const answers = await Promise.all(Array.from({ length: 8 }, () => host.refresh(refresh_token)))
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
    expect(answers.every(({ status }) => status === 200 || status === 400)).toBe(true)
  })
  it('are revoked by the host itself (RFC 7009), by nobody else', async () => {
    const { host, refresh_token = '' } = await family()
    const revoke = (client_id: string) => fetch(`${world.base}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ token: refresh_token, client_id }) }) // prettier-ignore
    await revoke('cli')
    const still = await host.refresh(refresh_token)
    expect(still.status).toBe(200)
    await fetch(`${world.base}/oauth/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ token: still.refresh_token!, client_id: host.clientId }),
    })
    expect(await host.refresh(still.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
  it('end a month after the consent, however often they were refreshed', async () => {
    const { host, refresh_token } = await family()
    world.ahead = 29 * 86_400
    try {
      const late = await host.refresh(refresh_token)
      expect(late.status).toBe(200)
      world.ahead = 31 * 86_400
      expect(await host.refresh(late.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    } finally {
      world.ahead = 0
    }
  })
  it('nothing in the store lets its thief in: no code, no refresh token, no cookie', async () => {
    const host = await registered(world)
    const browser = new Browser(world.base)
    const page = await host.authorize({}, browser)
    const code = new URL(page.url).searchParams.get('code')!
    const { refresh_token = '', access_token = '' } = await host.redeem(page)
    const dump = world.stores.dump()
    for (const secret of [code, refresh_token, access_token, browser.cookies.get('gatehouse')!.value])
      expect(secret.length > 20 && !dump.includes(secret)).toBe(true)
    // Digests and sealed rows are of no use at the endpoints.
    for (const [value] of dump.matchAll(/[A-Za-z0-9_-]{22,}/g)) {
      if (value === host.clientId) continue
      expect((await host.refresh(value)).status).toBe(400)
      if (dump.indexOf(value) > 20_000) break
    }
  })
})
