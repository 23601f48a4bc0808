// Attacks on people, as a real browser meets them: frames, scripts, forms of other pages, links of other people, addresses that lead elsewhere.

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Browser as StandIn } from '../connect/browser.ts'
import { startAttacker, type Attacker } from './attacker.ts'
import { hasOpenssl, makeCertificate } from './certificate.ts'
import { hasChromium, openChromium, sitDown } from './chromium.ts'
import { startHost, type Host } from './host.ts'
import { signIn, startBrowserWorld, type BrowserWorld } from './world.ts'

describe.skipIf(!hasChromium)('in Chromium', () => {
  let world: BrowserWorld
  let chromium: Browser
  let attacker: Attacker
  let alice: BrowserContext
  let page: Page
  const hosts: Host[] = []
  beforeAll(async () => {
    ;[world, chromium, attacker] = await Promise.all([startBrowserWorld(), openChromium(), startAttacker()])
  })
  afterAll(async () => {
    await chromium.close()
    await attacker.close()
    await world.stop()
  })
  beforeEach(async () => {
    alice = await sitDown(chromium)
    page = await alice.newPage()
    attacker.asked.length = 0
  })
  afterEach(async () => {
    await alice.close()
    for (const host of hosts.splice(0)) await host.close()
  })
  const newHost = async (name?: string): Promise<Host> => {
    const host = await startHost(`${world.url}/mcp`, name)
    hosts.push(host)
    return host
  }
  const text = (of = page): Promise<string> => of.locator('main').innerText()
  /** Alice, signed in, before the consent page of this host. */
  const askedFor = async (name?: string): Promise<Host> => {
    const host = await newHost(name)
    await page.goto(host.signInUrl)
    await signIn(page, 'alice')
    return host
  }
  const allowed = async (): Promise<Host> => {
    const host = await askedFor()
    await page.getByRole('button', { name: 'Allow', exact: true }).click()
    await page.waitForURL(url => url.pathname === '/callback')
    await host.finish()
    return host
  }
  const register = async (metadata: object): Promise<string> => {
    const body = JSON.stringify({ token_endpoint_auth_method: 'none', ...metadata })
    const answer = await fetch(`${world.url}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return ((await answer.json()) as { client_id: string }).client_id
  }
  const authorizeUrl = (change: Record<string, string>): string => {
    const asked = { response_type: 'code', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', resource: `${world.url}/mcp` }
    return `${world.url}/oauth/authorize?${String(new URLSearchParams({ ...asked, ...change }))}`
  }

  it(
    'N036: who is signed in and allowed one application meets the page of the attacker’s, and no code leaves for it',
    { tags: ['short'] },
    async () => {
      await allowed()
      const redirect_uri = `${attacker.url}cb`
      await page.goto(
        authorizeUrl({ client_id: await register({ client_name: 'Nice tool', redirect_uris: [redirect_uri] }), redirect_uri }),
      )
      expect(await text()).toContain('Allow “Nice tool” to act for you?')
      expect(await text()).toContain(redirect_uri)
      expect(attacker.asked).toEqual([])
    },
  )

  it('N037: the consent page in a frame of another page shows nothing, though cookies go along', async () => {
    await askedFor()
    attacker.html = `<iframe src="${page.url()}"></iframe>`
    const trap = await alice.newPage()
    const answered = trap.waitForResponse(response => response.url() === page.url())
    await trap.goto(attacker.url)
    const response = await answered
    expect((await response.request().allHeaders())['cookie']).toContain('gatehouse=')
    expect(response.headers()['content-security-policy']).toContain("frame-ancestors 'none'")
    await expect.poll(() => trap.frames()[1]?.url()).toMatch(/^chrome-error:/)
    expect(await trap.frames()[1]!.content()).not.toContain('to act for you')
  })

  it('N037: a form that another page sends in the person’s name is refused, and allows nothing', { tags: ['short'] }, async () => {
    const host = await askedFor()
    const csrf = await page.locator('form[action^="/oauth/consent"] input[name=csrf]').getAttribute('value')
    const before = world.deeds().length
    // Worse than real: the attacker even knows the token of the form.
    attacker.html = `<form method="post" action="${page.url()}"><input name="csrf" value="${csrf}"><input name="answer" value="allow"></form><script>document.forms[0].submit()</script>`
    const trap = await alice.newPage()
    const answered = trap.waitForResponse(response => response.request().method() === 'POST')
    await trap.goto(attacker.url)
    expect((await answered).status()).toBe(403)
    expect(host.answers).toEqual([])
    expect(world.deeds()).toHaveLength(before)
  })

  it('N038: the page of one person’s consent, opened in another person’s browser, is not theirs to answer', async () => {
    await askedFor()
    const bob = await sitDown(chromium)
    const other = await bob.newPage()
    await other.goto(`${world.url}/connections`)
    await signIn(other, 'bob')
    await other.goto(page.url())
    expect(await text(other)).toContain('This request has expired')
    expect(await other.getByRole('button', { name: 'Allow', exact: true }).count()).toBe(0)
    await bob.close()
  })

  it('N038: cookies are HttpOnly and SameSite=Lax; over http on loopback, which has no `__Host-`, they have no prefix', async () => {
    await askedFor()
    const cookies = await alice.cookies(world.url)
    const own = cookies.filter(({ name }) => name === 'gatehouse' || name.startsWith('gatehouse_'))
    expect(own.map(({ name }) => name)).toContain('gatehouse')
    for (const { name, httpOnly, sameSite } of own) expect([name, httpOnly, sameSite]).toEqual([name, true, 'Lax'])
    expect(await page.evaluate('document.cookie')).toBe('')
  })

  it('a name with markup is text, and a script that got into a page all the same would not run', async () => {
    const hostile = `<img src=x onerror="window.ran=1"><script>window.ran=1</script>`
    const violations: string[] = []
    page.on('console', message => void violations.push(message.text()))
    await askedFor(hostile)
    expect(await text()).toContain(hostile)
    expect(await page.evaluate('window.ran')).toBeUndefined()
    const planted = `const script = document.createElement('script'); script.textContent = 'window.ran = 1'; document.head.append(script)
      document.body.insertAdjacentHTML('beforeend', '<img src="x" onerror="window.ran = 1"><p id="planted" style="color: red">x</p>')`
    await page.evaluate(planted)
    await expect.poll(() => violations.filter(line => line.includes('Content Security Policy')).length).toBeGreaterThan(1)
    expect(await page.evaluate('window.ran')).toBeUndefined()
    expect(await page.evaluate(`getComputedStyle(document.getElementById('planted')).color`)).not.toBe('rgb(255, 0, 0)')
  })

  it.each([
    '//evil.example',
    'https://evil.example/',
    '/\\evil.example',
    '/connections/../../evil',
    'javascript:alert(1)',
    '/connections?x=//evil',
  ])('N040: `return=%s` leads nowhere: a page says so', async target => {
    const answer = await page.goto(`${world.url}/oauth/login?return=${encodeURIComponent(target)}`)
    expect([answer?.status(), new URL(page.url()).origin]).toEqual([400, world.url])
    expect(await text()).toContain('That is no page of this gateway')
    expect(await page.locator('main a').count()).toBe(0)
  })

  it.each(['/cb/more', '/cb?x=1', '/CB', '/%63b', '//cb'])(
    'N039: a redirect of `%s` beside the registered `/cb` is an error page, no redirect',
    async path => {
      const client_id = await register({ client_name: 'Tool', redirect_uris: [`${attacker.url}cb`] })
      const answer = await page.goto(authorizeUrl({ client_id, redirect_uri: new URL(attacker.url).origin + path }))
      expect([answer?.status(), new URL(page.url()).origin, attacker.asked]).toEqual([400, world.url, []])
      expect(await text()).toContain('The application asked for something that is not possible')
    },
  )

  it('N041: the answer of the identity provider serves once, and in the browser that asked alone', async () => {
    const answers: string[] = []
    page.on('request', request => {
      if (request.url().includes('/oauth/login/callback')) answers.push(request.url())
    })
    await page.goto(`${world.url}/connections`)
    await signIn(page, 'alice')
    const [used = ''] = answers
    expect((await page.goto(used))?.status()).toBe(400)
    expect(await text()).toContain('This sign-in has expired')
    const other = await (await sitDown(chromium)).newPage()
    expect((await other.goto(used))?.status()).toBe(400)
    await other.goto(`${world.url}/connections`)
    expect(await other.title()).toBe('Sign in · Gatehouse')
    await other.context().close()
  })

  it('N053: another person who opens a connect link is refused, learns nothing of whose it is, and connects nothing', async () => {
    const host = await allowed()
    const links: string[] = []
    const call = host.call('notes__whoami', async url => {
      links.push(url)
      return 'decline'
    })
    await expect(call).rejects.toThrow()
    const bob = await (await sitDown(chromium)).newPage()
    await bob.goto(links[0] ?? '')
    await signIn(bob, 'bob')
    expect(bob.url()).toBe(links[0])
    expect(await text(bob)).toContain('This link is not yours')
    expect(await bob.content()).not.toContain('alice')
    expect(await bob.getByRole('button', { name: 'Go on' }).count()).toBe(0)
    expect(world.as.asked.filter(({ line }) => line.endsWith('/auth'))).toEqual([])
    await bob.context().close()
  })

  it('N041, N053: an answer of the upstream’s authorization server that another person brings is refused, and spent', async () => {
    const host = await allowed()
    const links: string[] = []
    await host
      .call('notes__whoami', async url => {
        links.push(url)
        return 'decline'
      })
      .catch(() => {})
    // Where Alice is sent is kept from her; the answer is fetched without her browser.
    const sent: string[] = []
    await page.route(`${world.as.issuer}/**`, async route => {
      sent.push(route.request().url())
      await route.abort()
    })
    await page.goto(links[0] ?? '')
    await page.getByRole('button', { name: 'Go on' }).click()
    await expect.poll(() => sent.length).toBeGreaterThan(0)
    const { url: answer } = await new StandIn().get(sent[0] ?? '', location => location.includes('/oauth/callback'))
    expect(answer).toContain('code=')
    const bob = await (await sitDown(chromium)).newPage()
    await bob.goto(`${world.url}/connections`)
    await signIn(bob, 'bob')
    await bob.goto(answer)
    expect(await text(bob)).toContain('This link is not yours')
    await page.goto(answer)
    expect(await text()).toContain('This link does not serve any more')
    for (const each of [page, bob]) {
      await each.goto(`${world.url}/connections`)
      expect(await each.getByRole('button', { name: 'Revoke Team notes' }).count()).toBe(0)
    }
    await bob.context().close()
  })
})

describe.skipIf(!hasChromium || !hasOpenssl)('in Chromium, over https', () => {
  let certificate: ReturnType<typeof makeCertificate>
  let world: BrowserWorld
  let chromium: Browser
  beforeAll(async () => {
    certificate = makeCertificate()
    ;[world, chromium] = await Promise.all([startBrowserWorld({ tls: { cert: certificate.cert, key: certificate.key } }), openChromium()])
  })
  afterAll(async () => {
    await chromium.close()
    await world.stop()
    certificate.remove()
  })

  it('N038: the session is a `__Host-` cookie: Secure, HttpOnly, for this host alone; one that somebody else set under the plain name is nobody', async () => {
    // the test's own certificate of a minute ago
    const context = await sitDown(chromium, { ignoreHTTPSErrors: true })
    const page = await context.newPage()
    await page.goto(`${world.url}/connections`)
    await signIn(page, 'alice')
    expect(await page.title()).toBe('Connections · Gatehouse')
    const session = (await context.cookies(world.url)).find(({ name }) => name.endsWith('gatehouse'))
    expect(session).toMatchObject({
      name: '__Host-gatehouse',
      secure: true,
      httpOnly: true,
      sameSite: 'Lax',
      path: '/',
      domain: '127.0.0.1',
    })
    await context.clearCookies()
    await context.addCookies([{ name: 'gatehouse', value: session!.value, url: world.url }])
    await page.goto(`${world.url}/connections`)
    expect(await page.title()).toBe('Sign in · Gatehouse')
    await context.close()
  })
})
