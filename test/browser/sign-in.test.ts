// A person signs in through a whole gateway, in a real browser: from a host's first request to an answered call, and the ways in which they may say no.

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasChromium, openChromium, sitDown } from './chromium.ts'
import { startHost, type Host } from './host.ts'
import { signIn, startBrowserWorld, type BrowserWorld } from './world.ts'

describe.skipIf(!hasChromium)('in Chromium', () => {
  let world: BrowserWorld
  let chromium: Browser
  let context: BrowserContext
  let page: Page
  let host: Host
  const hosts: Host[] = []
  beforeAll(async () => {
    ;[world, chromium] = await Promise.all([startBrowserWorld(), openChromium()])
  })
  afterAll(async () => {
    await chromium.close()
    await world.stop()
  })
  beforeEach(async () => {
    context = await sitDown(chromium)
    page = await context.newPage()
    host = await newHost()
  })
  afterEach(async () => {
    await context.close()
    for (const each of hosts.splice(0)) await each.close()
  })
  const newHost = async (name?: string, path = '/mcp'): Promise<Host> => {
    const made = await startHost(world.url + path, name)
    hosts.push(made)
    return made
  }
  /** What the page says, as a person reads it. */
  const text = (): Promise<string> => page.locator('main').innerText()
  const allow = () => page.getByRole('button', { name: 'Allow', exact: true }).click()
  const backInHost = (): Promise<void> => page.waitForURL(url => url.pathname === '/callback')

  it('401, metadata, the gateway’s own authorization server, sign-in at the identity provider, consent, code, token, call', async () => {
    const refused = await fetch(`${world.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: {} }),
    })
    const [, metadata = ''] = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '') ?? []
    const described = (await (await fetch(metadata)).json()) as { resource: string; authorization_servers: string[] }
    expect([refused.status, described.resource, described.authorization_servers[0]]).toEqual([401, `${world.url}/mcp`, world.url])

    expect(new URL(host.signInUrl).origin).toBe(world.url)
    await page.goto(host.signInUrl)
    expect(await page.title()).toBe('Sign in · Gatehouse')
    expect(await text()).toContain('An application wants to use MCP servers in your name')
    await page.getByRole('link', { name: 'Continue to' }).click()
    expect(page.url().startsWith(`${world.providerUrl}/interaction/`)).toBe(true)
    await page.getByRole('button', { name: 'Sign in as alice' }).click()
    expect(page.url().startsWith(`${world.url}/oauth/consent/`)).toBe(true)
    const asked = await text()
    for (const shown of [
      'Allow “Example Editor” to act for you?',
      host.redirectUri,
      `${world.url}/mcp`,
      'alice',
      'Company calendar: use it',
      'calendar:use',
    ])
      expect(asked).toContain(shown)
    await allow()
    await backInHost()

    await host.finish()
    expect(await host.tools()).toContain('calendar__echo')
    expect(await host.call('calendar__echo')).toContain('{}')
    const called = world.events().filter(({ subject }) => subject?.method === 'tools/call')
    expect(called.map(({ type, principal }) => [type, principal.issuer, principal.subject])).toEqual(
      ['intent', 'outcome'].map(type => [type, world.providerUrl, 'alice']),
    )
    expect(JSON.parse(Buffer.from(host.token.split('.')[1]!, 'base64url').toString())).toMatchObject({
      iss: world.url,
      aud: `${world.url}/mcp`,
      idp_iss: world.providerUrl,
      idp_sub: 'alice',
    })
    expect(world.deeds()).toEqual(['sign-in alice', 'consent-allowed alice'])
    expect(world.lines.filter(line => /"level":"(error|warn)"/.test(line))).toEqual([])
  })

  it('a person who refuses goes back to the host, which learns that and nothing else', async () => {
    await page.goto(host.signInUrl)
    await signIn(page, 'alice')
    await page.getByRole('button', { name: 'Refuse' }).click()
    await backInHost()
    const [answer] = host.answers
    expect(answer?.get('error')).toBe('access_denied')
    expect(answer?.get('code')).toBeNull()
    await expect(host.finish()).rejects.toThrow()
    expect(host.token).toBe('')
    expect(world.deeds().at(-1)).toBe('consent-refused alice')
  })

  it('who changes their mind at the identity provider is told so, and may start again', async () => {
    await page.goto(host.signInUrl)
    await page.getByRole('link', { name: 'Continue to' }).click()
    await page.getByRole('button', { name: 'Refuse' }).click()
    expect(await text()).toContain('You were not signed in')
    await page.goto(host.signInUrl)
    await signIn(page, 'bob')
    expect(await text()).toContain('bob')
    expect(host.answers).toEqual([])
  })

  it('only what stays ticked is given, and the next host is asked for without signing in again', async () => {
    await page.goto(host.signInUrl)
    await signIn(page, 'alice')
    await page.getByRole('checkbox', { name: /Ticket system/ }).uncheck()
    await allow()
    await backInHost()
    await host.finish()
    const { scope } = JSON.parse(Buffer.from(host.token.split('.')[1]!, 'base64url').toString()) as { scope: string }
    expect(scope.split(' ')).toEqual(['mcp', 'calendar:use', 'notes:use'])

    const second = await newHost('Second host', '/servers/notes/mcp')
    await page.goto(second.signInUrl)
    expect(await text()).toContain('Allow “Second host” to act for you?')
    expect(await text()).toContain('The MCP server “Team notes”')
  })

  it('signing out ends the browser’s session: the next page asks who it is', async () => {
    await page.goto(`${world.url}/`)
    await signIn(page, 'alice')
    expect(await page.title()).toBe('Connections · Gatehouse')
    await page.getByRole('button', { name: 'Sign out' }).click()
    expect(await text()).toContain('Signed out')
    await page.goto(`${world.url}/connections`)
    expect(await page.title()).toBe('Sign in · Gatehouse')
  })

  it('every page can be used with the keyboard alone, has one heading, a language and labels for what is asked', async () => {
    await page.goto(host.signInUrl)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${world.providerUrl}/**`)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${world.url}/oauth/consent/**`)
    expect(await page.locator('html').getAttribute('lang')).toBe('en')
    expect(await page.locator('h1').count()).toBe(1)
    expect(await page.locator('input:not([type=hidden])').count()).toBe(await page.locator('label input:not([type=hidden])').count())
  })
})

describe.skipIf(!hasChromium)('in Chromium, with identity provider and authorization server on other sites', () => {
  let world: BrowserWorld
  let chromium: Browser
  let page: Page
  beforeAll(async () => {
    const clients = [{ id: 'web-editor', name: 'Web Editor', redirectUris: ['https://editor.example/callback'] }]
    ;[world, chromium] = await Promise.all([startBrowserWorld({ hostname: 'localhost', server: { clients } }), openChromium()])
    page = await (await sitDown(chromium)).newPage()
  })
  afterAll(async () => {
    await chromium.close()
    await world.stop()
  })
  const allow = () => page.getByRole('button', { name: 'Allow', exact: true }).click()

  it('cookies come along on every way back: a person signs in, allows, connects an account, and the host is served', async () => {
    const host = await startHost(`${world.url}/mcp`)
    await page.goto(host.signInUrl)
    await signIn(page, 'alice')
    expect(page.url()).toMatch(/^http:\/\/localhost:\d+\/oauth\/consent\//)
    await allow()
    await page.waitForURL(url => url.pathname === '/callback')
    await host.finish()
    const answer = await host.call('notes__whoami', async url => {
      await page.goto(url)
      await page.getByRole('button', { name: 'Go on' }).click()
      await page.waitForURL(`${world.url}/oauth/callback**`)
      return 'accept'
    })
    expect(JSON.parse(answer)).toMatchObject({ account: 'alice' })
    await host.close()
  })

  it('an application on the web that was allowed before gets its answer after a sign-in alone: no form’s policy stands in the way', async () => {
    const asked = {
      client_id: 'web-editor',
      redirect_uri: 'https://editor.example/callback',
      response_type: 'code',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
      resource: `${world.url}/mcp`,
      scope: 'calendar:use',
    }
    const address = `${world.url}/oauth/authorize?${String(new URLSearchParams(asked))}`
    const reached = () => page.waitForRequest(request => request.url().startsWith('https://editor.example/callback?code='))
    const first = reached()
    await page.goto(address)
    await allow()
    await first
    // There is no such place, and the browser says so in its own time: another tab of it goes on.
    const left = page
    page = await page.context().newPage()
    await left.close()
    await page.goto(`${world.url}/connections`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    const second = reached()
    await page.goto(address)
    await signIn(page, 'alice')
    await second
    expect(world.deeds().filter(deed => deed === 'consent-allowed alice')).toHaveLength(3)
  })
})
