// Connecting an account in a real browser: the link a host was given, consent, the upstream's own authorization server, the host's retry, the Connections page, the end.

import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, openChromium, sitDown } from './chromium.ts'
import { startHost, type Host } from './host.ts'
import { signIn, startBrowserWorld, TICKET_SECRET, type BrowserWorld } from './world.ts'

// One story, told in the order in which it happens.
describe.skipIf(!hasChromium)('in Chromium', () => {
  let world: BrowserWorld
  let chromium: Browser
  let context: BrowserContext
  let page: Page
  let host: Host
  beforeAll(async () => {
    ;[world, chromium] = await Promise.all([startBrowserWorld(), openChromium()])
    context = await sitDown(chromium)
    page = await context.newPage()
    host = await startHost(`${world.url}/mcp`)
    await page.goto(host.signInUrl)
    await signIn(page, 'alice')
    await allow()
    await page.waitForURL(url => url.pathname === '/callback')
    await host.finish()
  })
  afterAll(async () => {
    await host.close()
    await chromium.close()
    await world.stop()
  })
  const text = (): Promise<string> => page.locator('main').innerText()
  const allow = () => page.getByRole('button', { name: 'Allow', exact: true }).click()
  const account = (answer: string): string => (JSON.parse(answer) as { account: string }).account

  it('a person who cancels connects nothing, and the host is told with the link', async () => {
    const call = host.call('notes__whoami', async url => {
      await page.goto(url)
      await page.getByRole('button', { name: 'Cancel' }).click()
      expect(await text()).toContain('Nothing was connected')
      return 'decline'
    })
    await expect(call).rejects.toThrow(/connection-required|connect `Team notes`/)
    expect(world.as.asked.filter(({ line }) => line === 'POST /token')).toEqual([])
  })

  it('the host’s call waits for its person: the page says what is asked, the account is connected, and the retry is served in their name', async () => {
    const answer = await host.call('notes__whoami', async url => {
      await page.goto(url)
      const asked = await text()
      for (const shown of [
        'Connect your account at Team notes?',
        new URL(world.notes.url).host,
        world.as.issuer,
        'notes.read',
        `${world.url}/oauth/callback`,
      ])
        expect(asked).toContain(shown)
      await page.getByRole('button', { name: 'Go on' }).click()
      await page.waitForURL(`${world.url}/oauth/callback**`)
      expect(await text()).toContain('Team notes is connected')
      return 'accept'
    })
    expect(account(answer)).toBe('alice')
    expect(world.deeds().slice(-2)).toEqual(['connection-agreed alice', 'connection-made alice'])
  })

  it('a secret is entered on our page, never shown again, and serves the retry', async () => {
    const answer = await host.call('tickets__whoami', async url => {
      await page.goto(url)
      await page.getByLabel('Your secret for Ticket system').fill(TICKET_SECRET)
      await allow()
      expect(await text()).toContain('Ticket system is connected')
      return 'accept'
    })
    expect(account(answer)).toBe('alice')
    await page.getByRole('link', { name: 'Your connections' }).click()
    expect(await page.content()).not.toContain(TICKET_SECRET)
  })

  it('the Connections page shows the application and both accounts; what is revoked there asks to be connected again', async () => {
    await page.goto(`${world.url}/connections`)
    const shown = await text()
    for (const each of ['Example Editor', 'Team notes', 'Ticket system', 'notes.read']) expect(shown).toContain(each)
    await page.getByRole('button', { name: 'Revoke Team notes' }).click()
    expect(await page.getByRole('status').innerText()).toContain('The account is disconnected')
    const links: string[] = []
    const call = host.call('notes__whoami', async url => {
      links.push(url)
      return 'decline'
    })
    await expect(call).rejects.toThrow(/connect `Team notes`/)
    expect(links).toEqual([expect.stringContaining(`${world.url}/oauth/connect/`)])
    expect(account(await host.call('tickets__whoami'))).toBe('alice')
  })

  it('a 2025-11-25 host (SDK 1) is told the link in an error, and its own retry is served', async () => {
    const legacy = await startHost(`${world.url}/mcp`, 'Older Editor', 'legacy')
    await page.goto(legacy.signInUrl)
    await allow()
    await page.waitForURL(url => url.pathname === '/callback')
    await legacy.finish()
    const answer = await legacy.call('notes__whoami', async url => {
      await page.goto(url)
      expect(await text()).toContain('Older Editor')
      await page.getByRole('button', { name: 'Go on' }).click()
      await page.waitForURL(`${world.url}/oauth/callback**`)
      return 'accept'
    })
    expect(account(answer)).toBe('alice')
    await legacy.close()
    await page.goto(`${world.url}/connections`)
    await page.getByRole('button', { name: 'Revoke Older Editor' }).click()
    await page.getByRole('button', { name: 'Revoke Team notes' }).click()
  })

  it('an account can be connected from the Connections page, and leads back to it', async () => {
    await page.goto(`${world.url}/connections`)
    await page.getByRole('link', { name: 'Connect Team notes' }).click()
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.waitForURL(`${world.url}/oauth/callback**`)
    await page.getByRole('link', { name: 'Your connections' }).click()
    await page.getByRole('button', { name: 'Revoke Team notes' }).waitFor()
  })

  it('a revoked application is signed out at once', async () => {
    await page.goto(`${world.url}/connections`)
    await page.getByRole('button', { name: 'Revoke Example Editor' }).click()
    expect(await page.getByRole('status').innerText()).toContain('The application is revoked')
    const answer = await fetch(`${world.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${host.token}` },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: {} }),
    })
    expect(answer.status).toBe(401)
  })

  it('no token of the host and no cookie of the browser ever reached an upstream', () => {
    const seen = JSON.stringify(world.notes.seen.map(({ req, body }) => [req.rawHeaders, body]))
    expect(seen).toContain('Bearer ')
    expect(seen).not.toContain(host.token)
    expect(seen.toLowerCase()).not.toContain('cookie')
  })
})
