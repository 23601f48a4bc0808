// Attacks on consent: the confused deputy, forged and replayed answers, look-alike names, links that lead elsewhere (area C, N036-N041, N048).

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isReturnPath } from '../../src/http/control-plane/browser-session.ts'
import { Browser } from '../authorization-server/browser.ts'
import { CALLBACK, Host, registered, startWorld, type World } from '../authorization-server/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({
    settings: { clients: [{ id: 'known-editor', name: 'Known Editor', redirectUris: ['https://editor.example/callback'] }] },
  })
})
afterAll(() => world.stop())
beforeEach(() => {
  world.idp.nextUser = 'alice'
})

const signedIn = async (): Promise<Browser> => {
  const browser = new Browser(world.base)
  await browser.signIn(await browser.open('/connections'))
  return browser
}

describe('N036 confused deputy: a new client cannot ride on what the person did before', () => {
  it('a victim who is signed in and allowed one client gets the consent page of the attacker’s client, and no code', async () => {
    const browser = await signedIn()
    await (await registered(world)).authorize({}, browser)
    const attacker = await registered(world, { client_name: 'Nice tool', redirect_uris: ['https://attacker.example/cb'] })
    const page = await browser.open(attacker.authorizeUrl({ redirect_uri: 'https://attacker.example/cb' }))
    expect(page.status).toBe(200)
    expect(page.html).toContain('Allow “Nice tool” to act for you?')
    expect(page.html).toContain('https://attacker.example/cb')
  })
  it('nor of the same client again, where any program of this machine could pretend to be it (RFC 8252 section 8.6)', async () => {
    const browser = await signedIn()
    const host = await registered(world)
    await host.authorize({ scope: 'files:read' }, browser)
    expect((await browser.open(host.authorizeUrl({ scope: 'files:read' }))).html).toContain('to act for you?')
  })
  it('a client of the network is not asked about twice for the same; more scopes, other redirects or `prompt=consent` ask again', async () => {
    const browser = await signedIn()
    const host = new Host(world, 'known-editor')
    const redirect_uri = 'https://editor.example/callback'
    await host.authorize({ scope: 'files:read', redirect_uri }, browser)
    expect((await browser.open(host.authorizeUrl({ scope: 'files:read', redirect_uri }))).url).toMatch(
      /^https:\/\/editor\.example\/callback\?code=/,
    )
    for (const change of [
      { scope: 'files:read files:write' },
      { scope: 'files:read', prompt: 'consent' },
      { scope: 'files:read', resource: `${world.base}/servers/files/mcp` },
      {},
    ])
      // prettier-ignore
      expect((await browser.open(host.authorizeUrl({ redirect_uri, ...change }))).html, JSON.stringify(change)).toContain('to act for you?')
    // Another person of the same browser is another person.
    world.idp.nextUser = 'bob'
    expect((await host.ask({ scope: 'files:read', redirect_uri })).page.html).toContain('to act for you?')
  })
  it('another version of a server stands behind what was allowed: the person is asked again, and told why', async () => {
    const browser = await signedIn()
    const host = new Host(world, 'known-editor')
    const asked = { scope: 'files:read', redirect_uri: 'https://editor.example/callback', resource: `${world.base}/servers/files/mcp` }
    await host.authorize(asked, browser)
    const again = () => browser.open(host.authorizeUrl(asked))
    expect((await again()).url).toContain('?code=')
    world.since.set('files:write', Date.now() + 1000)
    expect((await again()).url).toContain('?code=')
    world.since.set('files:read', Date.now() + 1000)
    expect((await again()).html).toContain('another version of a server')
    world.since.clear()
  })
  it('a version that came into force while the page was open was not what the person saw: nothing is allowed', async () => {
    const host = await registered(world)
    const { page, browser } = await host.ask({ scope: 'files:read' })
    const before = world.events.length
    world.since.set('files:read', Date.now() + 1000)
    expect((await browser.press(page, 'oauth/consent', { answer: 'allow' })).html).toContain('This request has expired')
    expect(world.events).toHaveLength(before)
    world.since.clear()
  })
  it('`prompt=none` gets an error, never a code without a page', async () => {
    const browser = await signedIn()
    const page = await browser.open((await registered(world)).authorizeUrl({ prompt: 'none' }))
    expect(page.url).toMatch(/^http:\/\/localhost:33418\/callback\?error=interaction_required&/)
  })
  it('what is not offered cannot be ticked, and what is not ticked is not given', async () => {
    world.entitled.set('alice', ['files:read', 'files:write'])
    const host = await registered(world)
    const { page, browser } = await host.ask({ scope: 'files:read files:write memory:use admin:everything' })
    expect(page.html).not.toContain('value="memory:use"')
    const end = await browser.press(page, 'oauth/consent', {
      answer: 'allow',
      scope: ['files:read', 'memory:use', 'admin:everything', '*'],
    })
    expect(await host.redeem(end)).toMatchObject({ status: 200, scope: 'mcp files:read' })
    world.entitled.clear()
  })
  it('is written down before a code is issued: where the log fails there is none', async () => {
    const failing = await startWorld({ parts: { record: async ({ what }) => (what === 'consent-allowed' ? Promise.reject(new Error('disk full')) : undefined) } }) // prettier-ignore
    try {
      const page = await (await registered(failing)).authorize()
      expect([page.status, new URL(page.url).origin]).toEqual([500, failing.base])
    } finally {
      await failing.stop()
    }
    const { principal, name, detail } = world.events.find(({ what }) => what === 'consent-allowed')!
    expect([principal.key, name, detail]).toEqual([`${world.idp.issuer} alice`, `${world.base}/mcp`, expect.stringContaining(CALLBACK)])
  })
})

describe('N037 forged consent', () => {
  it.each([
    ['without a token', { csrf: undefined }, undefined],
    ['with a wrong token', { csrf: 'x'.repeat(43) }, undefined],
    ['with an empty token', { csrf: '' }, undefined],
    ['from another origin', {}, 'https://evil.example'],
    ['from an unknown origin', {}, 'null'],
    ['without an origin', {}, ''],
  ])('a POST %s is 403 and allows nothing', async (_how, change, origin) => {
    const host = await registered(world)
    const { page, browser } = await host.ask()
    const before = world.events.length
    const answer = await browser.press(page, 'oauth/consent', { answer: 'allow', ...change }, origin === undefined ? undefined : origin === '' ? {} : { origin }) // prettier-ignore
    expect([answer.status, new URL(answer.url).origin]).toEqual([403, world.base])
    expect(world.events).toHaveLength(before)
  })
  it('a page can be framed by nobody, runs no script, takes no style but its own, and sends forms nowhere else', async () => {
    const { page } = await (await registered(world)).ask()
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
    )
    expect(page.headers.get('x-frame-options')).toBe('DENY')
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.html).not.toMatch(/<script|\son\w+=|javascript:/i)
  })
  it('a GET never answers, whatever its query says', async () => {
    const host = await registered(world)
    const { page, browser } = await host.ask()
    const { fields } = browser.form(page, 'oauth/consent')
    const again = await browser.open(`${page.url}?${String(new URLSearchParams([...fields, ['answer', 'allow']]))}`)
    expect(again.html).toContain('to act for you?')
  })
})

describe('N038 consent of one for another', () => {
  it('the token of client A’s page does not answer for client B, nor for another authorization of A', async () => {
    const browser = await signedIn()
    const [a, b] = [await registered(world, { client_name: 'A' }), await registered(world, { client_name: 'B' })]
    const { page } = await a.ask({}, browser)
    const csrf = browser.form(page, 'oauth/consent').fields.find(([name]) => name === 'csrf')![1]
    for (const other of [b, a]) {
      const asked = await other.ask({}, browser)
      expect((await browser.press(asked.page, 'oauth/consent', { answer: 'allow', csrf })).status).toBe(403)
    }
  })
  it('another person’s browser cannot answer, with its own session or without one', async () => {
    const host = await registered(world)
    const { page, browser } = await host.ask()
    world.idp.nextUser = 'bob'
    const mallory = await signedIn()
    for (const [name, cookie] of browser.cookies) if (name !== 'gatehouse') mallory.cookies.set(name, cookie)
    expect((await mallory.press(page, 'oauth/consent', { answer: 'allow' })).status).toBe(403)
    const stranger = new Browser(world.base)
    expect((await stranger.press(page, 'oauth/consent', { answer: 'allow' })).status).toBe(400)
  })
  it.each(['gatehouse', 'gatehouse_ask', 'gatehouse_ask.sig', 'gatehouse_resume', 'gatehouse_resume.sig'])(
    'an edited cookie %s is nobody’s',
    async name => {
      const host = await registered(world)
      const { page, browser } = await host.ask()
      const cookie = browser.cookies.get(name)!
      browser.cookies.set(name, { ...cookie, value: cookie.value.replace(/.$/, last => (last === 'A' ? 'B' : 'A')) })
      const answer = await browser.press(page, 'oauth/consent', { answer: 'allow' })
      expect(new URL(answer.url).searchParams.get('code')).toBeNull()
      expect([400, 403]).toContain(answer.status)
    },
  )
  it('two cookies of our name are none: somebody else put one in', async () => {
    const browser = await signedIn()
    const answer = await fetch(`${world.base}/connections`, { redirect: 'manual', headers: { cookie: `${browser.cookieHeader('/')}; gatehouse=${'x'.repeat(43)}` } }) // prettier-ignore
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/oauth/login?return=%2Fconnections'])
  })
  it('behind https every cookie is Secure, HttpOnly, SameSite=Lax, and ours are __Host-', async () => {
    const secure = await startWorld({ publicUrl: 'https://gw.example' })
    try {
      // as the gateway behind a proxy that ends TLS: plain http with the public name
      const ask = (path: string, cookie = '') => rawGet(secure.base, path, { host: 'gw.example', cookie })
      const register = await fetch(`${secure.base}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ redirect_uris: [CALLBACK] }) }) // prettier-ignore
      const host = new Host(secure, ((await register.json()) as { client_id: string }).client_id)
      const authorize = await ask(host.authorizeUrl({ resource: `${secure.base}/mcp` }))
      const login = await ask('/oauth/login/start?return=/connections')
      const cookies = [...authorize.cookies, ...login.cookies]
      expect(cookies.map(line => line.split('=')[0])).toEqual(expect.arrayContaining(['gatehouse_ask', 'gatehouse_resume', '__Host-gatehouse-login'])) // prettier-ignore
      for (const line of cookies) expect(line.toLowerCase()).toMatch(/(?=.*; secure)(?=.*; httponly)(?=.*; samesite=lax)/)
      expect(cookies.join()).not.toMatch(/domain=/i)
    } finally {
      await secure.stop()
    }
  })
  it('the double submission of an answer gives one code', async () => {
    const host = await registered(world)
    const { page, browser } = await host.ask()
    const first = await browser.press(page, 'oauth/consent', { answer: 'allow' })
    expect(first.url).toContain('code=')
    expect((await browser.press(page, 'oauth/consent', { answer: 'allow' })).status).toBe(400)
  })
})

describe('N040 open redirect', () => {
  const elsewhere = [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/connections@evil.example',
    '/connections/../../evil',
    '/connections/%2e%2e',
    '/connections?next=https://evil.example',
    '/connections#x',
    ' /connections',
    '/connections\n',
    '/CONNECTIONS',
    'connections',
    'javascript:alert(1)',
    '/oauth/authorize?client_id=x',
    '/oauth/consent/../../x',
    '',
  ]
  it.each(elsewhere)('signing in never leads to %j', async returnTo => {
    expect(isReturnPath(returnTo)).toBe(false)
    for (const path of ['/oauth/login', '/oauth/login/start']) {
      const answer = await fetch(`${world.base}${path}?return=${encodeURIComponent(returnTo)}`, { redirect: 'manual' })
      expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
    }
  })
  it('leads to pages of this gateway', () => {
    for (const path of [
      '/connections',
      '/admin',
      '/admin/requests',
      `/oauth/consent/${'a'.repeat(21)}`,
      `/oauth/connect/${'A-_'.repeat(8)}`,
    ])
      expect(isReturnPath(path)).toBe(true)
  })
  it('a page asked for under another name is sent to the public one, whatever the Host header says', async () => {
    const { status, location } = await rawGet(world.base, '/connections', { host: 'evil.example' })
    expect([status, location]).toEqual([303, `${world.base}/connections`])
  })
})

describe('N041 state of a sign-in', () => {
  const begun = async (browser = new Browser(world.base)): Promise<{ browser: Browser; callback: string }> => {
    const answer = await fetch(`${world.base}/oauth/login/start?return=/connections`, { redirect: 'manual' })
    for (const line of answer.headers.getSetCookie()) browser.cookies.set(line.split('=')[0]!, { value: line.split(/[=;]/)[1]!, path: '/' })
    // The provider answers its own cookies; the callback is caught before it is opened.
    let at = answer.headers.get('location')!
    const idp = new Browser(world.idp.issuer)
    for (let hops = 0; hops < 6 && !at.startsWith(world.base); hops++) {
      const next = await fetch(at, { redirect: 'manual', headers: { cookie: idp.cookieHeader(new URL(at).pathname) } })
      for (const line of next.headers.getSetCookie()) idp.cookies.set(line.split('=')[0]!, { value: line.split(/[=;]/)[1]!, path: '/' })
      at = new URL(next.headers.get('location') ?? '', at).href
    }
    return { browser, callback: at }
  }
  const changed = (callback: string, change: Record<string, string | undefined>): string => {
    const url = new URL(callback)
    for (const [name, value] of Object.entries(change))
      value === undefined ? url.searchParams.delete(name) : url.searchParams.set(name, value) // eslint-disable-line @typescript-eslint/no-unused-expressions
    return url.href
  }

  it('is good once, in the browser it was begun in', async () => {
    const { browser, callback } = await begun()
    expect(new URL(callback).pathname).toBe('/oauth/login/callback')
    const kept = new Map(browser.cookies)
    expect((await browser.open(callback)).html).toContain('Connections')
    const replay = new Browser(world.base)
    for (const [name, cookie] of kept) replay.cookies.set(name, cookie)
    expect((await replay.open(callback)).status).toBe(400)
  })
  it.each([
    ['missing', { state: undefined }],
    ['changed', { state: 'another' }],
    ['of another issuer', { iss: 'https://evil.example' }],
    ['without its issuer', { iss: undefined }],
    ['with an issuer that differs by a slash', { iss: 'SLASH' }],
    ['with another code', { code: 'stolen' }],
    ['with an error instead', { code: undefined, error: 'access_denied', error_description: '<script>alert(1)</script>' }],
    [
      'with an error of another issuer (N044)',
      { code: undefined, error: 'server_error', error_description: 'call 555-1234', iss: 'https://evil.example' },
    ],
  ])('a callback whose state is fine but which comes %s signs nobody in and shows nothing of it', async (_what, change) => {
    const { browser, callback } = await begun()
    const page = await browser.open(changed(callback, 'iss' in change && change.iss === 'SLASH' ? { iss: `${world.idp.issuer}/` } : change))
    expect(page.status).toBe(400)
    expect(browser.cookies.has('gatehouse')).toBe(false)
    expect(page.html).not.toMatch(/script>alert|555-1234/)
  })
  it('of another browser, or of one that began none, is refused', async () => {
    const { callback } = await begun()
    expect((await new Browser(world.base).open(callback)).status).toBe(400)
    const other = await begun()
    expect((await other.browser.open(callback)).status).toBe(400)
    expect(other.browser.cookies.has('gatehouse')).toBe(false)
  })
  it('ends after ten minutes', async () => {
    const { browser, callback } = await begun()
    world.ahead = 601
    try {
      expect((await browser.open(callback)).status).toBe(400)
    } finally {
      world.ahead = 0
    }
  })
  it('a session fixed by an attacker is not the one that a sign-in opens', async () => {
    const { browser, callback } = await begun()
    const fixed = 'A'.repeat(43)
    browser.cookies.set('gatehouse', { value: fixed, path: '/' })
    await browser.open(callback)
    expect(browser.cookies.get('gatehouse')!.value).not.toBe(fixed)
    const attacker = new Browser(world.base)
    attacker.cookies.set('gatehouse', { value: fixed, path: '/' })
    expect((await attacker.open('/connections')).html).toContain('Sign in')
  })
})

describe('N048 names that mislead', () => {
  const shown = async (client_name: string): Promise<string> => (await (await registered(world, { client_name })).ask()).page.html
  it('HTML is text', async () => {
    const html = await shown('<img src=x onerror=alert(1)>"\'&<b>')
    expect(html).not.toMatch(/<img|<b>/)
    expect(html).toContain('&#60;img src=x onerror=alert(1)&#62;')
  })
  it('what changes the direction of text or cannot be seen is shown, with a warning', async () => {
    const html = await shown('Claude\u202egnirts\u200b')
    expect(html).toContain('Claude[U+202E]gnirts[U+200B]')
    expect(html).not.toMatch(/\u202e|\u200b/)
    expect(html).toContain('may be meant to mislead')
  })
  it.each(['Knоwn Editor', 'KNOWN EDIT0R', 'Ｋnown Editor', 'Known  Editor.', 'Knówn Editor'])(
    '%s looks like an application the administrator set up, and says so',
    async name => {
      const html = await shown(name)
      expect(html).toContain('may be meant to mislead')
      expect(html).toMatch(/looks like “Known Editor”|mixes letters of several alphabets/)
      // what is likely to be right comes first, in colour
      expect(html).toMatch(/class="go" name="answer" value="refuse"[\s\S]*class="" name="answer" value="allow"/)
    },
  )
  it('an ordinary name raises no alarm; one that anybody can register is said to be that', async () => {
    const html = await shown('Visual Studio Code')
    expect(html).not.toContain('may be meant to mislead')
    expect(html).toContain('Anybody can register under this name')
  })
})

/** fetch() neither sends another Host nor shows a path as it is. */
async function rawGet(base: string, path: string, headers: Record<string, string>) {
  const { request } = await import('node:http')
  return new Promise<{ status: number; location: string | undefined; cookies: string[] }>((resolve, reject) => {
    request(base, { path, headers }, res => {
      res.resume()
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, location: res.headers.location, cookies: res.headers['set-cookie'] ?? [] }),
      )
    })
      .on('error', reject)
      .end()
  })
}
