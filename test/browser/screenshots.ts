// `npm run screenshots`: walks through every page a person meets, in a real browser, and keeps pictures of them in docs/screenshots/. Each at 1100 px; the main ones
// also at 400 px and in dark colours.

import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { answerAudit, CALL, SEQ } from './audit-answers.ts'
import { hasChromium, openChromium, sitDown } from './chromium.ts'
import { hostOf, startApprovalsWorld, type ApprovalsWorld } from './approvals-world.ts'
import { enterConsole } from './console-world.ts'
import { startHost, type Host } from './host.ts'
import { signIn, startBrowserWorld, TICKET_SECRET, type BrowserWorld } from './world.ts'

const folder = new URL('../../docs/screenshots/', import.meta.url).pathname
const DESKTOP = { width: 1100, height: 640 }
const PHONE = { width: 400, height: 720 }
const MAX_BYTES = 150_000

/** Looks alike wherever it is made: a typeface as most machines show one. */
function fontSettings(): string {
  const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-fonts-')), 'fonts.conf')
  const prefer = (family: string, own: string): string =>
    `<match target="pattern"><test name="family"><string>${family}</string></test><edit name="family" mode="prepend" binding="strong"><string>${own}</string></edit></match>`
  const wanted = [
    ...['system-ui', 'sans', 'sans-serif'].map(family => prefer(family, 'Liberation Sans')),
    prefer('ui-monospace', 'Liberation Mono'),
  ].join('')
  writeFileSync(
    file,
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><include ignore_missing="yes">/etc/fonts/fonts.conf</include>${wanted}</fontconfig>`,
  )
  return file
}

/** `variants` beside the plain one; `top`: what stands there without scrolling; `tall`: the same, in a window of a page's height. */
async function shoot(page: Page, name: string, variants: readonly ('phone' | 'dark' | 'top' | 'tall')[] = []): Promise<void> {
  const take = async (suffix: string, size: typeof DESKTOP, colorScheme: 'light' | 'dark'): Promise<void> => {
    await page.setViewportSize(variants.includes('tall') ? { ...size, height: 900 } : size)
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const path = join(folder, `${name}${suffix}.png`)
    await page.screenshot({
      path,
      fullPage: !variants.includes('top') && !variants.includes('tall'),
      animations: 'disabled',
      caret: 'hide',
    })
    const { size: bytes } = statSync(path)
    process.stdout.write(`${path} ${bytes} bytes\n`)
    if (bytes > MAX_BYTES) throw new Error(`${path} is larger than ${MAX_BYTES} bytes`)
  }
  if (variants.includes('phone')) await take('-phone', PHONE, 'light')
  if (variants.includes('dark')) await take('-dark', DESKTOP, 'dark')
  await take('', DESKTOP, 'light')
}

const allow = (page: Page): Promise<void> => page.getByRole('button', { name: 'Allow', exact: true }).click()

async function signInAndConsent(page: Page, host: Host): Promise<void> {
  await page.goto(host.signInUrl)
  await shoot(page, 'sign-in', ['phone', 'dark'])
  await page.getByRole('link', { name: 'Continue to' }).click()
  await shoot(page, 'evaluation-provider', ['phone', 'dark'])
  await page.getByRole('button', { name: 'Sign in as alice' }).click()
  await shoot(page, 'consent', ['phone', 'dark'])
  await allow(page)
  await page.waitForURL(url => url.pathname === '/callback')
  await host.finish()
}

async function connect(page: Page, host: Host): Promise<void> {
  await host.call('notes__whoami', async url => {
    await page.goto(url)
    await shoot(page, 'connect', ['phone', 'dark'])
    await page.getByRole('button', { name: 'Go on' }).click()
    await page.waitForURL('**/oauth/callback**')
    await shoot(page, 'connected', ['dark'])
    return 'accept'
  })
  await host.call('tickets__whoami', async url => {
    await page.goto(url)
    await shoot(page, 'connect-secret')
    await page.getByLabel('Your secret for').fill(TICKET_SECRET)
    await allow(page)
    return 'accept'
  })
}

async function connectionsAndRevoke(page: Page, world: BrowserWorld): Promise<void> {
  await page.goto(`${world.url}/connections`)
  await shoot(page, 'connections', ['phone', 'dark'])
  await page.getByRole('button', { name: 'Revoke Team notes' }).click()
  await shoot(page, 'revoked', ['phone', 'dark'])
}

/** What an attack looks like to a person: a look-alike name that registered itself, a link of somebody else, an application that asks for the impossible. */
async function warnings(page: Page, bob: Page, { world, link }: { world: BrowserWorld; link: string }): Promise<void> {
  const lookAlike = await startHost(`${world.url}/mcp`, 'Ехample Editor') // Cyrillic letters at its beginning
  await page.goto(lookAlike.signInUrl)
  await shoot(page, 'consent-look-alike', ['top'])
  await lookAlike.close()
  await page.goto(`${world.url}/oauth/authorize?client_id=nobody&response_type=code`)
  await shoot(page, 'error-application')
  await bob.goto(link)
  await signIn(bob, 'bob')
  await shoot(bob, 'error-foreign-link', ['phone', 'dark'])
  await page.goto(`${world.url}/connections`)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await shoot(page, 'signed-out')
}

/** The console: each page at three sizes and colours. */
async function consolePages(page: Page, world: BrowserWorld): Promise<void> {
  await page.goto(`${world.url}/console`)
  await page.getByRole('link', { name: 'Sign in' }).waitFor()
  await shoot(page, 'console-sign-in', ['phone', 'dark'])
  await enterConsole(page, world, 'alice', '/connections')
  await page.goto(`${world.url}/connections`)
  await page.getByLabel('Your secret for').fill(TICKET_SECRET)
  await page.getByRole('button', { name: 'Save' }).click()
  for (const [path, name] of [
    ['connections', 'console-connections'],
    ['servers', 'console-servers'],
    ['servers/billing', 'console-server'],
    ['collisions', 'console-collisions'],
  ] as const) {
    await page.goto(`${world.url}/console/${path}`)
    await page.locator('h1').waitFor()
    await shoot(page, name, ['phone', 'dark', ...(path.includes('/') ? (['tall'] as const) : [])])
  }
}

/** What an auditor sees, of a log that is told to the pages and not kept by this gateway: an hour of a busy one. */
async function auditPages(page: Page, world: BrowserWorld): Promise<void> {
  await answerAudit(page)
  await page.route('**/console/api/whoami', route => route.fulfill({ json: { roles: ['operator', 'approver', 'auditor'] } }))
  for (const [path, name] of [
    ['activity', 'console-activity'],
    ['audit?server=billing', 'console-audit'],
    [`audit/${SEQ.refused}`, 'console-event'],
    [`call/${CALL}`, 'console-call'],
  ] as const) {
    await page.goto(`${world.url}/console/${path}`)
    await page.locator('h1').waitFor()
    await shoot(page, name, ['phone', 'dark', 'tall'])
  }
  await page.unrouteAll()
}

/** A call of bob's that waits for alice, in her inbox and whole; what it looks like on the page of somebody it is not for; a grant. */
async function approvalPages(page: Page, bob: Page, world: ApprovalsWorld): Promise<void> {
  const host = await hostOf(bob, world, 'bob')
  const decline = (): Promise<'decline'> => Promise.resolve('decline')
  const earlier = { customer: 'C-20331', amount: 20, reason: 'late delivery', notify: { email: 'okafor@example.com', copy: false } }
  await host.call(
    'pay__refund',
    async link => {
      await page.goto(link)
      await page.getByLabel('For', { exact: true }).selectOption('8h')
      await page.getByRole('button', { name: 'Approve', exact: true }).click()
      await page.getByText(/A standing grant was given/).waitFor()
      return 'accept'
    },
    earlier,
  )
  await page.goto(`${world.url}/console/grants`)
  await page.getByRole('button', { name: /Revoke refund/ }).waitFor()
  await shoot(page, 'console-grants', ['phone', 'dark'])
  const revoke = page.getByRole('button', { name: /Revoke refund/ })
  await revoke.click()
  await revoke.click()
  await page.getByText(/Revoked/).waitFor()
  let link = ''
  const note = `Dear Ms Okafor,\nwe are sorry that your parcel came late, and pay back what you paid for it.\n${'Please write to us if anything else is not as it should be. '.repeat(12)}`
  // The address has a letter of another alphabet in it.
  const asked = { ...earlier, amount: 2000.5, notify: { email: 'okafor@ex\u0430mple.com', copy: true }, note }
  await host.call('pay__refund', async url => ((link = url), decline()), asked).catch(() => {})
  await host.call('pay__refund', decline, { customer: 'C-7', amount: 3 }).catch(() => {})
  await page.goto(`${world.url}/console`)
  await page.getByText('live', { exact: true }).waitFor()
  await shoot(page, 'console-approvals', ['phone', 'dark'])
  await page.goto(link)
  await page.locator('button.go:enabled').waitFor()
  await shoot(page, 'console-approval', ['phone', 'dark', 'tall'])
  await host.close()
}

async function walkConsole(): Promise<void> {
  const [world, chromium] = await Promise.all([startApprovalsWorld({ ports: [8400, 8401] }), openChromium()])
  try {
    const page = await (await sitDown(chromium)).newPage()
    await consolePages(page, world)
    await auditPages(page, world)
    await approvalPages(page, await (await sitDown(chromium)).newPage(), world)
  } finally {
    await chromium.close()
    await world.stop()
  }
}

async function walk(): Promise<void> {
  const [world, chromium] = await Promise.all([startBrowserWorld({ ports: [8400, 8401] }), openChromium()])
  const host = await startHost(`${world.url}/mcp`)
  try {
    const page = await (await sitDown(chromium)).newPage()
    await signInAndConsent(page, host)
    await connect(page, host)
    await connectionsAndRevoke(page, world)
    let link = ''
    await host.call('notes__whoami', async url => ((link = url), 'decline')).catch(() => {})
    await warnings(page, await (await sitDown(chromium)).newPage(), { world, link })
  } finally {
    await host.close()
    await chromium.close()
    await world.stop()
  }
}

if (hasChromium) {
  mkdirSync(folder, { recursive: true })
  process.env['FONTCONFIG_FILE'] = fontSettings() // Chromium reads it as it starts
  try {
    if (!process.argv.includes('console')) await walk()
    await walkConsole()
  } finally {
    rmSync(join(process.env['FONTCONFIG_FILE'], '..'), { recursive: true, force: true })
  }
}
