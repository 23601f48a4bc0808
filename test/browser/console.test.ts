// The console in a real browser: signing in and out, every page, keys, narrow screens, and what automatic checks of accessibility find.

import { readFileSync } from 'node:fs'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasChromium, openChromium, sitDown } from './chromium.ts'
import { BIDI, enterConsole, startConsoleWorld } from './console-world.ts'
import { TICKET_SECRET, type BrowserWorld } from './world.ts'

const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/** What axe finds against WCAG 2.2 AA, as lines. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  return page.evaluate(`axe
    .run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    .then(({ violations }) => violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | ')))`)
}

describe.skipIf(!hasChromium)('the console, in Chromium', () => {
  let world: BrowserWorld
  let chromium: Browser
  let context: BrowserContext
  let page: Page
  const trouble: string[] = []
  beforeAll(async () => {
    ;[world, chromium] = await Promise.all([startConsoleWorld(), openChromium()])
  })
  afterAll(async () => {
    await chromium.close()
    await world.stop()
  })
  beforeEach(async () => {
    context = await sitDown(chromium)
    page = await context.newPage()
    trouble.length = 0
    page.on('pageerror', error => void trouble.push(error.message))
    page.on('console', message => {
      // The browser's own line for the first question of a page, whether somebody is signed in.
      if (message.type() === 'error' && !message.text().includes('401')) trouble.push(message.text())
    })
  })
  afterEach(async () => {
    await context.close()
    expect(trouble).toEqual([])
  })
  const text = (): Promise<string> => page.locator('main').innerText()
  const heading = (name: string) => page.getByRole('heading', { level: 1, name })

  it('asks who is not signed in to sign in at the identity provider, by name, and leads back to the page that was asked for', async () => {
    await page.goto(`${world.url}/console/servers/billing`)
    await heading('Sign in to Gatehouse').waitFor()
    expect(await text()).toContain(world.providerUrl)
    expect(await faultsOf(page)).toEqual([])
    // The button has the focus: Enter is enough.
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Sign in as alice' }).click()
    await heading('Billing').waitFor()
    expect(page.url()).toBe(`${world.url}/console/servers/billing`)
    expect(world.deeds().slice(-2)).toEqual(['sign-in alice', 'console-opened alice'])
  })

  it('asks for no other origin, runs no inline script and needs no inline style', async () => {
    const origins = new Set<string>()
    page.on('request', request => {
      if (request.frame() === page.mainFrame() && page.url().startsWith(`${world.url}/console`)) origins.add(new URL(request.url()).origin)
    })
    await enterConsole(page, world, 'alice', '/servers')
    for (const path of ['/servers', '/servers/billing', '/collisions', '/connections']) {
      const answer = await page.goto(`${world.url}/console${path}`)
      const policy = answer?.headers()['content-security-policy'] ?? ''
      for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"])
        expect(policy).toContain(part)
      expect(policy).not.toContain('unsafe')
      await page.locator('h1').waitFor()
      expect(await page.evaluate(`document.querySelectorAll('script:not([src]), style, [style]').length`)).toBe(0)
    }
    origins.delete(world.providerUrl)
    expect([...origins]).toEqual([world.url])
  })

  it('keeps its files for good under names that change with them, and its one page never', async () => {
    const answer = await page.goto(`${world.url}/console`)
    expect(answer?.headers()['cache-control']).toBe('no-store')
    const file = await fetch(await page.evaluate<string>(`document.querySelector('script[src]').src`))
    expect([file.status, file.headers.get('cache-control'), file.headers.get('x-content-type-options')]).toEqual([
      200,
      'public, max-age=31536000, immutable',
      'nosniff',
    ])
    for (const path of ['/console/assets/..%2findex.html', '/console/assets/', '/console/assets/built-from', '/console/', '/console/a/b/c'])
      expect([path, (await fetch(world.url + path)).status]).toEqual([path, 404])
  })

  it('shows the reviewer what waits, worst first, with every difference, and the digests that a signature would name', async () => {
    await enterConsole(page, world, 'alice', '/servers')
    await heading('Servers').waitFor()
    expect(await page.getByRole('link', { name: /Billing/ }).innerText()).toContain('3 held: hostile-looking')
    expect(await page.getByRole('link', { name: /Web search/ }).innerText()).toContain('nobody has reviewed it')
    await page.getByRole('link', { name: /Billing/ }).click()
    await heading('Billing').waitFor()
    const shown = await text()
    for (const each of ['do not tell the user', 'secret-path-transfer', 'hint-loosened', 'U+202E', 'definition-added'])
      expect(shown).toContain(each)
    expect(shown).not.toContain(BIDI)
    expect(shown).toMatch(/gatehouse server approve billing --surface [0-9a-f]{64} --launch [0-9a-f]{64}/)
    expect(shown.indexOf('refund')).toBeLessThan(shown.indexOf('balance'))
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0)
  })

  it('folds what is long, says how long it is, and shows all of it on demand', async () => {
    await enterConsole(page, world, 'alice', '/servers/billing')
    const opener = page.locator('button.fold').first()
    expect([await opener.innerText(), await opener.getAttribute('aria-expanded')]).toEqual([
      expect.stringMatching(/^Show all: [\d,]+ characters, \d+ lines$/),
      'false',
    ])
    await opener.click()
    expect(await opener.getAttribute('aria-expanded')).toBe('true')
    expect(await page.locator('.value.folded').count()).toBe(0)
  })

  it('shows names that are held, with the letter that passes for another as its code', async () => {
    await enterConsole(page, world, 'alice', '/collisions')
    await heading('Collisions').waitFor()
    expect(await text()).toContain('rU+0435 like efund')
    expect(await text()).toContain('look-alike-letters')
  })

  it('shows a person their own connections; revoking asks twice, and counts', async () => {
    await enterConsole(page, world, 'alice', '/connections')
    await page.goto(`${world.url}/connections`)
    await page.getByLabel('Your secret for').fill(TICKET_SECRET)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.goto(`${world.url}/console/connections`)
    const revoke = page.getByRole('button', { name: /Revoke Ticket system/ })
    await revoke.click()
    expect(await revoke.innerText()).toBe('Really revoke?')
    await revoke.click()
    await page.getByRole('status').waitFor()
    expect(await page.getByRole('status').innerText()).toContain('Ticket system is disconnected')
    expect(await page.content()).not.toContain(TICKET_SECRET)
    await expect.poll(() => page.getByRole('button', { name: /Revoke/ }).count()).toBe(0)
  })

  it('offers a person without a role their own things alone, and the gateway refuses the rest whatever the page does', async () => {
    await enterConsole(page, world, 'bob', '/connections')
    await heading('Connections').waitFor()
    const names = await page.getByRole('navigation').getByRole('link').allInnerTexts()
    expect(names).not.toContain('Servers')
    expect(names).not.toContain('Collisions')
    await page.goto(`${world.url}/console/servers`)
    expect(await page.getByRole('alert').innerText()).toContain('needs the role')
    trouble.length = 0 // the browser's line about the 403
  })

  it('is used by keys alone: j and k move, Enter opens, Esc goes back, ? explains, and no key decides anything', async () => {
    await enterConsole(page, world, 'alice', '/servers')
    await heading('Servers').waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await heading('Billing').waitFor()
    await page.keyboard.press('Escape')
    await heading('Servers').waitFor()
    await page.keyboard.press('?')
    await page.getByRole('dialog').waitFor()
    expect(await faultsOf(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.keyboard.press('g')
    await page.keyboard.press('c')
    await heading('Connections').waitFor()
  })

  it.each(['light', 'dark'] as const)('has no fault that axe finds, and fits 400 pixels, in %s colours', async colorScheme => {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width: 400, height: 720 })
    await enterConsole(page, world, 'alice', '/servers')
    for (const path of ['/servers', '/servers/billing', '/servers/search', '/collisions', '/connections']) {
      await page.goto(`${world.url}/console${path}`)
      await page.locator('h1').waitFor()
      expect([path, await faultsOf(page)]).toEqual([path, []])
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 400])
    }
  })

  it('signs out: nothing of the person stays on the page, in the console or on the Connections page', async () => {
    await enterConsole(page, world, 'alice', '/servers')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading('You are signed out').waitFor()
    expect(await text()).not.toContain('alice')
    expect(await context.cookies()).toEqual(expect.not.arrayContaining([expect.objectContaining({ name: 'gatehouse-console' })]))
    await page.goto(`${world.url}/connections`)
    expect(await page.title()).toBe('Sign in · Gatehouse')
    expect(world.deeds().at(-1)).toBe('console-closed alice')
  })
})
