import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVALUATION_CLIENT } from '../../src/config/schema.ts'
import { startProvider } from '../../src/evaluation/provider.ts'
import { MINT_PATH } from '../../src/evaluation/settings.ts'
import { CALLBACK, GATEWAY, Host, judge, registered, RESOURCES, SCOPES, settingsFor, start, type Running } from './evaluation.ts'
import type { Principal } from '../../src/kernel/principal.ts'
import { Browser } from './browser.ts'

let running: Running
let issuer = ''
beforeAll(async () => {
  running = await start()
  issuer = running.provider.issuer
})
afterAll(() => running.stop())

describe('the gateway as its client', () => {
  const ask = (of: string, redirect_uri: string, client_id = EVALUATION_CLIENT) => {
    const asked = {
      client_id,
      redirect_uri,
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    }
    return fetch(`${of}/authorize?${String(new URLSearchParams(asked))}`, { redirect: 'manual' })
  }
  it.each(['http', 'https'])('is sent back to %s on this machine, and nowhere else', async scheme => {
    const publicUrl = `${scheme}://127.0.0.1:8400`
    const loginCallback = `${publicUrl}/oauth/login/callback`
    const own = await start({ gateway: { host: '127.0.0.1', publicUrl }, loginCallback })
    try {
      const answer = await ask(own.provider.issuer, loginCallback)
      expect([answer.status, answer.headers.get('location')]).toEqual([303, expect.stringMatching(/^\/interaction\//)])
      expect((await ask(own.provider.issuer, `${publicUrl}/elsewhere`)).status).toBe(400)
    } finally {
      await own.stop()
    }
  })
  it('nobody registers under its name: the id is the provider’s to give', async () => {
    const body = JSON.stringify({
      client_id: EVALUATION_CLIENT,
      redirect_uris: ['https://evil.example/cb', CALLBACK],
      token_endpoint_auth_method: 'none',
    })
    const answer = await fetch(`${issuer}/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const said = (await answer.json()) as { client_id: string; redirect_uris: string[] }
    expect([answer.status, said.client_id === EVALUATION_CLIENT, said.redirect_uris]).toEqual([201, false, [CALLBACK]])
  })
})

describe('it refuses to run for anybody but this machine', () => {
  const outside = [
    { gateway: { host: '0.0.0.0', publicUrl: GATEWAY } },
    { gateway: { host: '::', publicUrl: GATEWAY } },
    { gateway: { host: '192.168.1.10', publicUrl: GATEWAY } },
    { gateway: { host: '127.0.0.1', publicUrl: 'https://gw.example.com' } },
    { gateway: { host: '127.0.0.1', publicUrl: 'http://127.0.0.1.evil.example' } },
    { resources: [{ resource: 'https://gw.example.com/mcp', scopes: [] }] },
  ]
  it.each(outside)('beside a gateway that others can reach: %j', async change => {
    const settings = await settingsFor(change)
    await expect(startProvider(settings, { now: Date.now, nodeEnv: undefined })).rejects.toMatchObject({ code: 'evaluation-refused' })
    await expect(fetch(`http://127.0.0.1:${settings.port}/`)).rejects.toThrow()
  })
  it('with NODE_ENV=production', async () => {
    const started = startProvider(await settingsFor(), { now: Date.now, nodeEnv: 'production' })
    await expect(started).rejects.toMatchObject({ code: 'evaluation-refused', message: expect.stringMatching(/production/) as string })
  })
  it('a reload cannot open it to others either', () => {
    const next = { ...running.settings, gateway: { host: '0.0.0.0', publicUrl: GATEWAY } }
    expect(() => running.provider.configure(next)).toThrow(/loopback/)
  })
  it('no other address of this machine answers', async () => {
    const addresses = Object.values(networkInterfaces()).flatMap(each => each ?? []).filter(each => !each.internal && each.family === 'IPv4') // prettier-ignore
    for (const { address } of addresses) {
      const said = await new Promise(resolve => {
        const socket = connect(running.settings.port, address, () => resolve('connected'))
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      })
      expect(said).toBe('ECONNREFUSED')
    }
  })
  const status = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${issuer}/.well-known/oauth-authorization-server`, { headers }, res => resolve((res.resume(), res.statusCode))).on('error', reject).end() // prettier-ignore
    })
  it('DNS rebinding and proxies: another Host, or forwarding headers, get nothing', async () => {
    expect(await status({})).toBe(200)
    for (const host of ['evil.example', `evil.example:${running.settings.port}`, `localhost:${running.settings.port}`, '127.0.0.1'])
      expect(await status({ host })).toBe(421)
    expect(await status({ 'x-forwarded-for': '1.2.3.4' })).toBe(421)
    expect(await status({ forwarded: 'for=1.2.3.4' })).toBe(421)
  })
})

describe('metadata', () => {
  it('is the same by RFC 8414 and OpenID Connect, and offers what hosts look for', async () => {
    const [oauth, openid] = await Promise.all(
      ['oauth-authorization-server', 'openid-configuration'].map(async name => (await fetch(`${issuer}/.well-known/${name}`)).json()),
    )
    expect(oauth).toEqual(openid)
    expect(oauth).toMatchObject({
      issuer,
      code_challenge_methods_supported: ['S256'],
      registration_endpoint: `${issuer}/register`,
      token_endpoint_auth_methods_supported: ['none'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      response_types_supported: ['code'],
      authorization_response_iss_parameter_supported: true,
    })
  })
})

describe('a token', () => {
  it.each(RESOURCES)('is minted for exactly the endpoint asked for, and good for that one alone: %s', async resource => {
    const host = await registered(issuer)
    const page = await host.authorize({ resource })
    expect(page.url).toMatch(new RegExp(`^${CALLBACK}\\?code=[^&]+&state=the-state&iss=${encodeURIComponent(issuer)}$`))
    const { access_token: token = '', expires_in: expires } = await host.redeem(page, { resource })
    expect(expires).toBe(600)
    expect(await judge(running, token, resource)).toMatchObject({
      key: `${issuer} alice`,
      client: host.clientId,
      groups: ['dev', 'ops'],
      scopes: ['mcp', ...SCOPES],
    })
    for (const other of RESOURCES.filter(each => each !== resource))
      expect(await judge(running, token, other)).toMatchObject({ stop: 'token-invalid' }) // N003
  })
  it.each([
    ['files:read', ['mcp', 'files:read']],
    ['files:write files:read', ['mcp', 'files:read', 'files:write']],
    ['offline_access files:read secrets:read files:*', ['mcp', 'files:read']],
    ['openid offline_access', ['mcp', ...SCOPES]],
    ['secrets:read', ['mcp', ...SCOPES]],
    ['', ['mcp', ...SCOPES]],
  ])('asked for `%s` it has %j: fewer scopes where some of the endpoint are named, never others', async (scope, expected) => {
    const host = await registered(issuer)
    const page = await host.authorize({ scope })
    const { access_token: token = '', refresh_token: refresh } = await host.redeem(page)
    const scopesOf = async (text: string): Promise<readonly string[]> =>
      [...((await judge(running, text, RESOURCES[0]!)) as Principal).scopes].sort()
    expect(await scopesOf(token)).toEqual([...expected].sort())
    if (refresh === undefined) return
    expect(await scopesOf((await host.refresh(refresh)).access_token ?? '')).toEqual([...expected].sort())
  })
  it('may be asked for without naming the resource again, and never widened at the token endpoint', async () => {
    const host = await registered(issuer)
    const { access_token: token = '', refresh_token } = await host.redeem(await host.authorize())
    expect(await judge(running, token, RESOURCES[0]!)).toMatchObject({ subject: 'alice' })
    expect(await host.refresh(refresh_token, { resource: RESOURCES[1]! })).toMatchObject({ status: 400, error: 'invalid_target' })
  })
  const foreign = [
    undefined,
    'https://evil.example/mcp',
    GATEWAY,
    `${GATEWAY}/mcp/`,
    `${GATEWAY}/servers/unknown/mcp`,
    `${GATEWAY}/mcp?x=1`,
    'http://127.0.0.1:9999/mcp',
    'HTTP://127.0.0.1:8400/mcp',
  ]
  it.each(foreign)('is not minted for %s', async resource => {
    const page = await new Browser(issuer).open((await registered(issuer)).authorizeUrl({ resource }))
    expect(page.url).toMatch(/^http:\/\/localhost:33418\/callback\?error=invalid_target/)
  })
  it('is refreshed with rotation; a refresh token used twice ends the whole grant', async () => {
    const host = await registered(issuer)
    const first = await host.redeem(await host.authorize())
    const second = await host.refresh(first.refresh_token)
    expect(await judge(running, second.access_token ?? '', RESOURCES[0]!)).toMatchObject({ subject: 'alice', groups: ['dev', 'ops'] })
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(await host.refresh(first.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await host.refresh(second.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
})

describe('authorization code attacks', () => {
  it('code reuse fails and ends the grant', async () => {
    const host = await registered(issuer)
    const page = await host.authorize()
    const { refresh_token } = await host.redeem(page)
    expect(await host.redeem(page)).toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await host.refresh(refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
  it('code for a different client fails', async () => {
    const host = await registered(issuer)
    const page = await host.authorize()
    const thief = await registered(issuer)
    expect(await thief.redeem(page, { code_verifier: host.verifier })).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
  it('code with a wrong or missing verifier fails (PKCE)', async () => {
    const host = await registered(issuer)
    expect(await host.redeem(await host.authorize(), { code_verifier: 'x'.repeat(43) })).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    })
    expect(await host.redeem(await host.authorize(), { code_verifier: '' })).toMatchObject({ status: 400 })
  })
  it('an authorization without PKCE, or with the plain method, is refused', async () => {
    const host = await registered(issuer)
    for (const change of [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge_method: 'plain' },
      { code_challenge_method: undefined },
    ])
      expect((await new Browser(issuer).open(host.authorizeUrl(change))).url).toMatch(/error=invalid_request/)
  })
  it('a redirect that was not registered gets no redirect at all; another port of the same loopback path does', async () => {
    const host = await registered(issuer)
    for (const redirect_uri of [
      'http://localhost:33418/other',
      'http://127.0.0.1:33418/callback',
      'https://evil.example/callback',
      'http://localhost:33418/callback?x',
      undefined,
    ]) {
      const page = await new Browser(issuer).open(host.authorizeUrl({ redirect_uri }))
      expect([page.status, new URL(page.url).origin], redirect_uri).toEqual([400, issuer])
    }
    const redirect_uri = 'http://localhost:50123/callback'
    const page = await host.authorize({ redirect_uri })
    expect(page.url).toMatch(/^http:\/\/localhost:50123\/callback\?code=/)
    expect(await host.redeem(page, { redirect_uri })).toMatchObject({ status: 200 })
  })
  it('an unknown client gets a page, not a redirect', async () => {
    const host = new Host(issuer)
    host.clientId = '"><script>alert(1)</script>'
    const page = await new Browser(issuer).open(host.authorizeUrl())
    expect([page.status, page.html.includes('<script>')]).toEqual([400, false])
  })
})

describe('registration', () => {
  it('takes public clients on loopback, and keeps nothing that would make it fetch or show something', async () => {
    const { status, body } = await new Host(issuer).register({
      token_endpoint_auth_method: 'client_secret_post',
      logo_uri: 'https://evil.example/x.png',
      jwks_uri: 'https://evil.example/keys',
      sector_identifier_uri: 'https://evil.example/s',
      scope: 'anything at all',
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code', 'token'],
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'native',
    })
    for (const name of ['client_secret', 'logo_uri', 'jwks_uri', 'sector_identifier_uri', 'scope', 'registration_access_token'])
      expect(body).not.toHaveProperty(name)
  })
  const evil = [
    'https://evil.example/cb',
    'http://evil.example/cb',
    'http://localhost.evil.example/cb',
    'http://localhost@evil.example/',
    'http://127.0.0.1:80@evil.example/',
    'http://user@localhost/cb',
    'http://:pw@127.0.0.1/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'cursor://evil/oauth/callback',
    'http://localhost/cb#x',
    'x',
    7,
  ]
  it.each(evil)('refuses a host that would send codes to %s', async uri => {
    expect((await new Host(issuer).register({ redirect_uris: [uri] })).status).toBe(400)
  })
  it('drops what it does not accept from a list, as editors send them', async () => {
    const cursor = [
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'https://www.cursor.com/agents/mcp/oauth/callback',
      'http://localhost:8787/callback',
    ]
    const vscode = ['https://insiders.vscode.dev/redirect', 'https://vscode.dev/redirect', 'http://127.0.0.1/', 'http://127.0.0.1:33418/']
    for (const redirect_uris of [cursor, vscode]) expect((await new Host(issuer).register({ redirect_uris: [...redirect_uris, 'https://evil.example/'] })).body).toMatchObject({ redirect_uris }) // prettier-ignore
  })
  it.each([
    ['Claude Code', ['http://localhost:53682/callback'], 'http://localhost:53682/callback'],
    [
      'Cursor',
      ['cursor://anysphere.cursor-mcp/oauth/callback', 'http://localhost:8787/callback'],
      'cursor://anysphere.cursor-mcp/oauth/callback',
    ],
    ['VS Code', ['https://vscode.dev/redirect', 'http://127.0.0.1/', 'http://127.0.0.1:33418/'], 'http://127.0.0.1:33418/'],
  ])('%s gets its token by its own redirect', async (client_name, redirect_uris, redirect_uri) => {
    const host = await registered(issuer, { client_name, redirect_uris })
    const page = await host.authorize({ redirect_uri })
    expect(page.url.startsWith(`${redirect_uri}?code=`)).toBe(true)
    expect(await judge(running, (await host.redeem(page, { redirect_uri })).access_token ?? '', RESOURCES[0]!)).toMatchObject({
      subject: 'alice',
    })
  })
  it('is open to pages of this machine only', async () => {
    const ask = (origin: string, method: string) =>
      fetch(`${issuer}/register`, {
        method,
        headers: { origin, 'content-type': 'application/json' },
        ...(method === 'POST' && { body: JSON.stringify({ redirect_uris: [CALLBACK] }) }),
      })
    for (const method of ['OPTIONS', 'POST']) {
      const local = await ask('http://localhost:6274', method)
      expect([local.ok, local.headers.get('access-control-allow-origin')]).toEqual([true, 'http://localhost:6274'])
      for (const origin of ['https://evil.example', 'http://localhost.evil.example', 'null', 'http://192.168.1.2']) {
        const remote = await ask(origin, method)
        expect([remote.status, remote.headers.get('access-control-allow-origin')], origin).toEqual([403, null])
      }
    }
  })
  it('a flood of registrations is bounded, in memory and in the file', async () => {
    const flooded = await start()
    const host = await registered(flooded.provider.issuer)
    for (let i = 0; i < 210; i++) await new Host(flooded.provider.issuer).register({ client_name: 'x'.repeat(5000) })
    const kept = JSON.parse(readFileSync(join(flooded.settings.dataDir, 'evaluation', 'clients.json'), 'utf8')) as { client_name: string }[]
    expect(kept).toHaveLength(200)
    expect(kept[0]!.client_name).toHaveLength(100)
    expect((await new Browser(host.issuer).open(host.authorizeUrl())).status).toBe(400) // the first one fell out
    await flooded.stop()
  })
})

describe('the pages', () => {
  it('name client, redirect, endpoint and scopes; hostile names are text', async () => {
    const host = await registered(issuer, { client_name: '<script>alert(1)</script>"\'&' })
    const browser = new Browser(issuer)
    const login = await browser.open(host.authorizeUrl())
    expect(login.html).toMatch(/Sign in as <strong>alice<\/strong>.*Sign in as <strong>bob<\/strong>/s)
    const consent = await browser.press(login, 'login', { user: 'bob' })
    for (const text of ['bob', host.clientId, CALLBACK, RESOURCES[0]!, 'mcp', '&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;'])
      expect(consent.html).toContain(text)
    for (const { html, headers } of [login, consent]) {
      expect(html).not.toMatch(/<script|\son\w+=|javascript:/i)
      expect(html).toContain('For evaluation only')
      expect(headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self' http:\/\/localhost:33418; frame-ancestors 'none'; base-uri 'none'$/,
      )
      expect(headers.get('x-frame-options')).toBe('DENY')
      // no-referrer would make browsers send `Origin: null` with the forms
      expect(headers.get('referrer-policy')).toBe('same-origin')
    }
  })
  it('ask anew each time who one is: no later authorization rides on an old sign-in', async () => {
    const host = await registered(issuer)
    const browser = new Browser(issuer)
    await browser.press(await browser.press(await browser.open(host.authorizeUrl()), 'login', { user: 'alice' }), 'consent')
    const again = await browser.open(host.authorizeUrl())
    expect(again.html).toContain('Who are you?')
    const end = await browser.press(await browser.press(again, 'login', { user: 'bob' }), 'consent')
    expect(await judge(running, (await host.redeem(end)).access_token ?? '', RESOURCES[0]!)).toMatchObject({ subject: 'bob', groups: [] })
    expect((await browser.open(host.authorizeUrl({ prompt: 'none' }))).url).toMatch(/error=login_required/)
  })
  it('refusing sends access_denied to the host', async () => {
    const browser = new Browser(issuer)
    const end = await browser.press(await browser.open((await registered(issuer)).authorizeUrl()), 'abort')
    expect(end.url).toMatch(/^http:\/\/localhost:33418\/callback\?error=access_denied/)
  })
  it('CSRF: forms from another origin, or without one, decide nothing', async () => {
    const browser = new Browser(issuer)
    const login = await browser.open((await registered(issuer)).authorizeUrl())
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'http://127.0.0.1:9999' },
      { origin: 'null' },
      {} as Record<string, string>,
    ])
      expect((await browser.press(login, 'login', { user: 'alice' }, headers)).status).toBe(403)
    expect((await browser.press(login, 'login', { user: 'alice' })).html).toContain('act for you?')
  })
  it('login cannot be skipped, forced upon another browser, or made for nobody', async () => {
    const browser = new Browser(issuer)
    const login = await browser.open((await registered(issuer)).authorizeUrl())
    const post = (who: Browser, url: string, form = {}) =>
      who.open(url, { method: 'POST', body: new URLSearchParams(form), headers: { origin: issuer } })
    expect((await post(browser, `${login.url}/consent`)).status).toBe(400)
    expect((await post(browser, `${login.url}/login`, { user: 'mallory' })).status).toBe(400)
    expect((await post(browser, `${login.url}/login`, { user: 'x'.repeat(5000) })).status).toBe(400)
    expect((await post(new Browser(issuer), `${login.url}/login`, { user: 'alice' })).status).toBe(400)
    expect((await new Browser(issuer).open(login.url)).status).toBe(400)
    expect((await browser.open(login.url, { method: 'PUT' })).status).toBe(405)
    const other = new Browser(issuer)
    const theirs = await other.open((await registered(issuer)).authorizeUrl())
    const cookie = browser.cookies(new URL(login.url).pathname)
    expect((await fetch(theirs.url, { headers: { cookie } })).status).toBe(400)
    const consent = await browser.press(login, 'login', { user: 'alice' })
    expect((await post(browser, `${consent.url}/login`, { user: 'bob' })).status).toBe(400)
  })
})

describe('tokens for command lines', () => {
  const secret = () => readFileSync(join(running.settings.dataDir, 'evaluation', 'command-secret'), 'utf8')
  const ask = async (headers: Record<string, string>, body: unknown = { user: 'bob', resource: RESOURCES[1] }, method = 'POST') => {
    const answer = await fetch(issuer + MINT_PATH, {
      method,
      headers,
      ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, string> }
  }
  it('are minted for whoever can read the private file, for one user and one endpoint', async () => {
    const { status, body } = await ask({ authorization: `Bearer ${secret()}` })
    expect(status).toBe(200)
    expect(await judge(running, body['access_token'] ?? '', RESOURCES[1]!)).toMatchObject({
      subject: 'bob',
      client: 'gatehouse-cli',
      scopes: ['mcp', ...SCOPES],
    })
    expect(await judge(running, body['access_token'] ?? '', RESOURCES[0]!)).toMatchObject({ stop: 'token-invalid' })
    expect(statSync(join(running.settings.dataDir, 'evaluation', 'command-secret')).mode & 0o777).toBe(0o600)
  })
  it('have fewer scopes when asked for fewer, and none that does not exist', async () => {
    const good = { authorization: `Bearer ${secret()}` }
    const { body } = await ask(good, { user: 'bob', resource: RESOURCES[1], scope: 'files:read' })
    expect(await judge(running, body['access_token'] ?? '', RESOURCES[1]!)).toMatchObject({ scopes: ['mcp', 'files:read'] })
    expect(await ask(good, { user: 'bob', resource: RESOURCES[1], scope: 'files:read files:*' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    })
  })
  it('are for nobody else: no secret, a wrong one, a browser, an unknown user or endpoint', async () => {
    const good = { authorization: `Bearer ${secret()}` }
    for (const headers of [
      {},
      { authorization: '' },
      { authorization: `Bearer ${'x'.repeat(43)}` },
      { authorization: secret() },
      { ...good, origin: issuer },
      { ...good, origin: 'null' },
    ])
      expect((await ask(headers as Record<string, string>)).status).toBe(401)
    for (const body of [
      {},
      { user: 'mallory', resource: RESOURCES[0] },
      { user: 'bob', resource: 'https://evil.example' },
      { user: ['bob'], resource: RESOURCES[0] },
      '{',
      '{"user":"bob","user":"alice"}',
      `"${'x'.repeat(9000)}"`,
    ])
      expect((await ask(good, body)).status, JSON.stringify(body).slice(0, 80)).toBe(400)
    expect((await ask(good, undefined, 'GET')).status).toBe(405)
  })
})

describe('its files', () => {
  it('a restart keeps the key and the registered hosts, forgets grants, and makes a new command secret', async () => {
    const first = await start()
    const secret = () => readFileSync(join(first.settings.dataDir, 'evaluation', 'command-secret'), 'utf8')
    const before = secret()
    const host = await registered(first.provider.issuer)
    const { access_token: token = '', refresh_token } = await host.redeem(await host.authorize())
    await first.provider.close()
    const provider = await startProvider(first.settings, { now: Date.now, nodeEnv: undefined })
    const second = { ...first, provider }
    expect(await judge(second, token, RESOURCES[0]!)).toMatchObject({ subject: 'alice' })
    expect(await host.refresh(refresh_token)).toMatchObject({ error: 'invalid_grant' })
    expect(await host.redeem(await host.authorize())).toMatchObject({ status: 200 })
    expect(secret()).not.toBe(before)
    await provider.close()
    rmSync(first.settings.dataDir, { recursive: true })
  })
  it('are private, and refused when others could have read or changed them', async () => {
    const one = await start()
    await registered(one.provider.issuer)
    const path = (name: string) => join(one.settings.dataDir, 'evaluation', name)
    for (const name of ['signing-key.json', 'command-secret', 'clients.json', 'jwks.json'])
      expect(statSync(path(name)).mode & 0o777, name).toBe(0o600)
    expect(readFileSync(path('jwks.json'), 'utf8')).not.toMatch(/"d"/)
    await one.provider.close()
    const restart = () => startProvider(one.settings, { now: Date.now, nodeEnv: undefined })
    chmodSync(path('signing-key.json'), 0o644)
    await expect(restart()).rejects.toMatchObject({ code: 'private-file-unsafe' })
    chmodSync(path('signing-key.json'), 0o600)
    writeFileSync(path('signing-key.json'), '{"kty":"EC"}')
    await expect(restart()).rejects.toMatchObject({ code: 'key-file-invalid', message: expect.not.stringContaining('kty') as string })
    rmSync(one.settings.dataDir, { recursive: true })
  })
})

describe('a reload', () => {
  it('ends what a user who is no longer named could do, and what is no endpoint any more', async () => {
    const one = await start()
    const host = await registered(one.provider.issuer)
    const alice = await host.redeem(await host.authorize())
    const bob = await host.redeem(await host.authorize({}, 'bob'))
    one.provider.configure({ ...one.settings, users: [{ name: 'bob', groups: ['new'] }] })
    expect(await host.refresh(alice.refresh_token)).toMatchObject({ status: 400, error: 'invalid_grant' })
    const refreshed = await host.refresh(bob.refresh_token)
    expect(await judge(one, refreshed.access_token ?? '', RESOURCES[0]!)).toMatchObject({ subject: 'bob', groups: ['new'] })
    one.provider.configure({ ...one.settings, resources: [] })
    expect(await host.refresh(refreshed.refresh_token)).toMatchObject({ status: 400, error: 'invalid_target' })
    await one.stop()
  })
})
