// The console's pages about the audit log, in a real browser: searching, one event, the story of a call, how the log stands, the last hour as charts; and events
// that strangers had a hand in.

import { readFileSync } from 'node:fs'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { answerAudit, CALL, ENDLESS, QUIET, SEQ, STATE } from './audit-answers.ts'
import { hasChromium, openChromium, sitDown } from './chromium.ts'
import { BIDI, enterConsole, MARKUP, startConsoleWorld } from './console-world.ts'
import type { BrowserWorld } from './world.ts'

const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  return page.evaluate(`axe
    .run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    .then(({ violations }) => violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | ')))`)
}

describe.skipIf(!hasChromium)('audit pages of the console, in Chromium', () => {
  let world: BrowserWorld
  let chromium: Browser
  let context: BrowserContext
  let page: Page
  const trouble: string[] = []
  beforeAll(async () => {
    ;[world, chromium] = await Promise.all([
      startConsoleWorld({ config: { administration: { roles: { auditor: { subjects: ['alice'] } } } } }),
      openChromium(),
    ])
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
      if (message.type() === 'error' && !message.text().includes('401')) trouble.push(message.text())
    })
  })
  afterEach(async () => {
    await context.close()
    expect(trouble).toEqual([])
  })
  const main = () => page.locator('main')
  const heading = (name: string) => page.getByRole('heading', { level: 1, name })
  const enter = async (path: string, over: Parameters<typeof answerAudit>[1] = {}): ReturnType<typeof answerAudit> => {
    const answers = await answerAudit(page, over)
    await enterConsole(page, world, 'alice', '/connections')
    await page.goto(`${world.url}/console${path}`)
    await page.locator('h1').waitFor()
    return answers
  }

  it(
    'searches for what the fields say; the search is the address, so it can be sent to somebody and gone back to',
    { tags: ['short'] },
    async () => {
      const { asked } = await enter('/audit')
      await page.getByLabel('Server').fill('billing')
      await page.getByLabel('Reason').fill('response-blocked')
      await page.getByLabel('Kind').selectOption('outcome')
      await page.getByLabel('From (UTC)').fill('2026-11-27T08:00')
      await page.getByRole('button', { name: 'Search', exact: true }).click()
      await page.getByRole('heading', { name: /^Found/ }).waitFor()
      const search = '?server=billing&reason=response-blocked&type=outcome&from=2026-11-27T08%3A00%3A00Z'
      expect(new URL(page.url()).search).toBe(search)
      expect(asked.at(-1)).toEqual({
        server: 'billing',
        reason: 'response-blocked',
        type: 'outcome',
        from: '2026-11-27T08:00:00Z',
        limit: '50',
      })
      expect(await page.getByRole('link', { name: /response-blocked/ }).count()).toBe(1)
      await page.goBack()
      await page.getByRole('heading', { name: /^All events/ }).waitFor()
      await page.goto(`${world.url}/console/audit${search}`)
      await page.getByRole('heading', { name: /^Found/ }).waitFor()
      expect(await page.getByLabel('Server').inputValue()).toBe('billing')
      await page.getByRole('link', { name: 'Everything' }).click()
      await page.getByRole('link', { name: 'Older' }).click()
      await page.waitForURL(`**/console/audit?before=${SEQ.refused}`)
    },
  )

  it('keeps named searches of a person in their browser, and forgets them', async () => {
    await enter('/audit?reason=drifted')
    await page.getByLabel('Name of this search').fill('Drift')
    await page.getByRole('button', { name: 'Save this search' }).click()
    await page.getByText('Saved in this browser').waitFor()
    await page.goto(`${world.url}/console/audit`)
    await page.getByRole('link', { name: 'Drift' }).click()
    await page.waitForURL('**/console/audit?reason=drifted')
    await page.getByRole('button', { name: 'Forget Drift' }).click()
    await page.getByRole('link', { name: 'Drift' }).waitFor({ state: 'detached' })
  })

  it('attack: a link with a search of somebody else’s making, and storage that somebody else filled, are text and known fields', async () => {
    await answerAudit(page)
    await enterConsole(page, world, 'alice', '/connections')
    const person = await page.evaluate<string>(`fetch('/console/api/session').then(r => r.json()).then(s => s.issuer + ' ' + s.subject)`)
    const kept = [{ name: MARKUP, search: `javascript:alert(1)//?reason=x&evil=1` }, { name: 7 }, null, { name: 'x', search: { a: 1 } }]
    await page.evaluate(
      `localStorage.setItem(${JSON.stringify(`gatehouse-audit-filters ${person}`)}, ${JSON.stringify(JSON.stringify(kept))})`,
    )
    const { asked } = await answerAudit(page)
    await page.goto(`${world.url}/console/audit?server=${encodeURIComponent(MARKUP)}&evil=1&before=-1&limit=9999&__proto__=1`)
    await page.locator('h1').waitFor()
    expect(asked.at(-1)).toEqual({ server: MARKUP, limit: '50' })
    expect(await page.locator('.chips a').evaluateAll(all => all.map(each => each.getAttribute('href')))).toEqual(['/console/audit'])
    expect(await main().innerText()).toContain(MARKUP.slice(0, 60))
    expect(await page.evaluate('window.ran')).toBeUndefined()
  })

  it('shows one event whole, with its place and the last witness, and gives its proof as a file', async () => {
    await enter(`/audit/${SEQ.refused}`)
    const shown = await main().innerText()
    for (const each of [
      'approval-pending',
      'rule refunds asks for one of finance',
      'alice',
      'claude-code',
      `#${SEQ.refused} of 128,409`,
      STATE.origin,
      'witness.example.net/a',
    ])
      expect(shown).toContain(each)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download proof' }).click()
    const file = await download
    expect(file.suggestedFilename()).toBe(`event-${SEQ.refused}.tlog-proof`)
    expect(readFileSync(await file.path(), 'utf8')).toBe(`c2sp.org/tlog-proof@v1\nindex ${SEQ.refused}\n`)
    const event = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download event' }).click()
    const line = readFileSync(await (await event).path(), 'utf8')
    expect((await event).suggestedFilename()).toBe(`event-${SEQ.refused}.json`)
    expect(JSON.parse(line)).toMatchObject({ reason: 'approval-pending' })
    expect(shown).toContain(`--proof event-${SEQ.refused}.tlog-proof --event event-${SEQ.refused}.json --key KEY`)
    await page.getByRole('link', { name: 'others like it' }).first().click()
    await heading('Audit log').waitFor()
  })

  it('offers no proof of what no checkpoint covers, and says of what is not there that it is not', async () => {
    await enter(`/audit/${SEQ.last}`)
    expect(await main().innerText()).toContain('No checkpoint covers it yet')
    expect(await page.getByRole('button', { name: 'Download proof' }).count()).toBe(0)
    await page.goto(`${world.url}/console/audit/999999`)
    await page.getByText('The log has no such event').waitFor()
  })

  it('tells the story of one call in order, with refusals and the time between', async () => {
    await enter(`/call/${CALL}`)
    const entries = await page.locator('.timeline > li').allInnerTexts()
    expect(entries.map(entry => /refused|let through|question|ended/.exec(entry)?.[0])).toEqual([
      'refused',
      'let through',
      'question',
      'ended',
    ])
    expect(entries[1]).toMatch(/^\+79 s\s+after 79 s/)
    expect(await main().innerText()).toMatch(/Lasted\s+82 s/)
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await heading(`Event #${SEQ.refused}`).waitFor()
    await page.keyboard.press('Escape')
    await heading('Audit log').waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('v')
    await heading('Activity').waitFor()
  })

  it('draws the last hour, and says its numbers in words', async () => {
    await enter('/activity')
    expect(await page.locator('figure svg[role=img]').count()).toBe(3)
    const summary = await page.locator('figure svg[role=img]').first().getAttribute('aria-label')
    expect(summary).toMatch(/^[\d,]+ requests passed within the hour, [\d,]+ were refused\.$/)
    expect(await main().innerText()).toMatch(/token-invalid[\s\S]*\(p50\)[\s\S]*\(p99\)/)
    expect(await page.locator('figure > svg rect.series.good').count()).toBe(57)
    expect(await page.evaluate(`document.querySelectorAll('[style]').length`)).toBe(0)
    await page.getByRole('link', { name: 'token-invalid' }).click()
    await page.waitForURL('**/console/audit?reason=token-invalid')
  })

  it('says of an hour in which nothing happened that nothing happened, and warns where no witness signs or signing is late', async () => {
    await enter('/activity', { activity: QUIET, state: { ...STATE, witnesses: [], lagMs: 21_000 } })
    const shown = await main().innerText()
    for (const each of ['Nothing was refused', 'Nothing was called', 'No witness signs', 'Events wait 21 s']) expect(shown).toContain(each)
  })

  it(
    'attack: stored markup in an event’s tool name and rule is text in the list, in the event and in the story, and runs nothing',
    { tags: ['short'] },
    async () => {
      await enter('/audit')
      for (const path of ['/audit', `/audit/${SEQ.hostile}`, '/call/c-hostile']) {
        await page.goto(`${world.url}/console${path}`)
        await page.locator('h1').waitFor()
        expect(await main().innerText()).toContain('<img src=x onerror=')
        expect(await page.locator('main img, main script').count()).toBe(0)
        expect(await page.evaluate('window.ran')).toBeUndefined()
      }
    },
  )

  it('attack: a name that turns the direction of reading stands there with its code, in the list, the event and the story', async () => {
    await enter('/audit')
    for (const path of ['/audit', `/audit/${SEQ.bidi}`, '/call/c-hostile']) {
      await page.goto(`${world.url}/console${path}`)
      await page.locator('h1').waitFor()
      expect(await page.content()).not.toContain(BIDI)
      expect(await main().innerText()).toContain('payU+202Ediap')
    }
  })

  it('attack: a name of 10,000 characters pushes nothing aside: cut in lists with its length, folded in the event, whole on demand', async () => {
    await page.setViewportSize({ width: 400, height: 720 })
    await enter('/audit')
    for (const path of ['/audit', '/call/c-long', `/audit/${SEQ.long}`]) {
      await page.goto(`${world.url}/console${path}`)
      await page.locator('h1').waitFor()
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 400])
      expect(await main().innerText()).toContain('10,000 characters')
    }
    await page
      .getByRole('button', { name: /^Show all: 10,000 characters/ })
      .first()
      .click()
    expect(await main().innerText()).toContain(ENDLESS)
  })

  it('is for auditors: others have no link to it, and the gateway refuses them whatever the page does', async () => {
    await enterConsole(page, world, 'bob', '/connections')
    const names = await page.getByRole('navigation').getByRole('link').allInnerTexts()
    expect(names).not.toContain('Audit')
    expect(names).not.toContain('Activity')
    await page.goto(`${world.url}/console/activity`)
    expect(await page.getByRole('alert').innerText()).toContain('needs the role')
    await expect.poll(() => trouble.length).toBeGreaterThan(0) // the browser's line about the 403
    trouble.length = 0
  })

  it('an operator gets the real last hour of this gateway', async () => {
    await page.route('**/console/api/audit/state', route => route.fulfill({ json: STATE }))
    await enterConsole(page, world, 'alice', '/activity')
    await page.locator('figure svg[role=img]').first().waitFor()
    expect(await main().innerText()).toMatch(/[1-9]\d* requests? passed within the hour/)
  })

  it.each(['light', 'dark'] as const)('has no fault that axe finds, and fits 400 pixels, in %s colours', async colorScheme => {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width: 400, height: 720 })
    await enter('/audit')
    for (const path of ['/audit', '/audit?server=billing', `/audit/${SEQ.refused}`, `/call/${CALL}`, '/activity']) {
      await page.goto(`${world.url}/console${path}`)
      await page.locator('h1').waitFor()
      expect([path, await faultsOf(page)]).toEqual([path, []])
      expect([path, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, 400])
    }
  })
})
