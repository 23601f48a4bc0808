// Approvals in the console, whole: a real host whose call waits, a person who lets it through or not in a real browser, and what others try.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hostOf, startApprovalsWorld, type ApprovalsWorld } from './approvals-world.ts'
import { startAttacker, type Attacker } from './attacker.ts'
import { hasChromium, openChromium, sitDown } from './chromium.ts'
import { BIDI, enterConsole, MARKUP } from './console-world.ts'
import type { Host } from './host.ts'

const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

describe.skipIf(!hasChromium)('approvals in the console, in Chromium', () => {
  let world: ApprovalsWorld
  let chromium: Browser
  let attacker: Attacker
  let host: Host
  /** bob's browser, and alice's with the inbox open */
  let bob: BrowserContext
  let alice: BrowserContext
  let page: Page
  beforeAll(async () => {
    ;[world, chromium, attacker] = await Promise.all([startApprovalsWorld(), openChromium(), startAttacker()])
    bob = await sitDown(chromium)
    host = await hostOf(await bob.newPage(), world, 'bob')
    alice = await sitDown(chromium)
    page = await alice.newPage()
    await enterConsole(page, world, 'alice')
    await page.getByText('live', { exact: true }).waitFor()
  })
  afterAll(async () => {
    await host.close()
    await chromium.close()
    await attacker.close()
    await world.stop()
  })
  const text = (of = page): Promise<string> => of.locator('main').innerText()
  const approve = (of = page) => of.getByRole('button', { name: 'Approve', exact: true })
  const is = (state: string): Promise<void> => page.locator('.approval > .tags').getByText(state, { exact: true }).waitFor()
  const id = (link: string): string => link.slice(link.lastIndexOf('/') + 1)

  /** Bob's host calls, is asked to send him to a page, and hears from `act` when he is done there. */
  const refund = (args: Record<string, unknown>, act: (link: string) => Promise<'accept' | 'decline'>): Promise<string> =>
    host.call('pay__refund', act, args)
  /** A call that stays pending, and its link. */
  const pending = async (args: Record<string, unknown>): Promise<string> => {
    let link = ''
    await refund(args, async url => ((link = url), 'decline')).catch(() => {})
    expect(link).toMatch(/\/console\/approvals\/[\w-]+$/)
    return link
  }

  it(
    'a call appears in the open inbox by itself, shows what will run, and its host goes on once it is approved',
    { tags: ['short'] },
    async () => {
      const answer = await refund({ customer: 'C-20331', amount: 20, note: 'late delivery' }, async link => {
        expect(new URL(link).origin).toBe(world.url)
        // Nobody loads anything: the page hears of it.
        await page
          .getByRole('link', { name: /refund at pay/ })
          .first()
          .click()
        await page.getByRole('heading', { level: 1, name: 'refund at pay' }).waitFor()
        const shown = await text()
        for (const each of [
          'bob',
          'Nothing has run yet',
          'C-20331',
          'late delivery',
          'payments',
          'Payments are looked at by a person',
          'staff',
        ])
          expect(shown).toContain(each)
        expect(world.ran()).toEqual([])
        await approve().click()
        await is('approved, not used yet')
        return 'accept'
      })
      expect(answer).toContain('paid 20')
      expect(world.ran()).toEqual([{ customer: 'C-20331', amount: 20, note: 'late delivery' }])
      // The page of it hears that it was used, too.
      await is('approved and used')
    },
  )

  it('a rejected call tells the host why, in the person’s sentence, and runs nothing', async () => {
    const before = world.ran().length
    const call = refund({ customer: 'C-1', amount: 1_000_000 }, async link => {
      await page.goto(link)
      await page.getByPlaceholder('Why not').fill('more than we ever owe anybody')
      await page.getByRole('button', { name: 'Reject' }).click()
      await page.getByText(/Rejected by alice/).waitFor()
      return 'accept'
    })
    await expect(call).rejects.toThrow(/more than we ever owe anybody/)
    expect(world.ran()).toHaveLength(before)
  })

  it('stored XSS through arguments: markup is text, a hidden character its code, and the whole text is there', async () => {
    const note = `${MARKUP}${BIDI}${'long '.repeat(400)}END`
    await page.goto(await pending({ customer: 'C-2', amount: 2, note, [MARKUP]: 'key' }))
    await page.locator('.leaves').waitFor()
    const shown = await page.locator('.leaves').innerText()
    expect(shown).toContain(MARKUP)
    expect(shown).toContain('U+202E')
    expect(await page.locator('.leaves').textContent()).toContain('END')
    expect(await page.locator('main img, main script').count()).toBe(0)
    expect(await page.evaluate('window.ran')).toBeUndefined()
  })

  it('attack: letters from right to left swap the numbers beside them: every character stands where it is written', async () => {
    const note = 'א100 to ב200'
    await page.goto(await pending({ customer: 'ג1 ד2', amount: 4, note }))
    await page.locator('.leaves').waitFor()
    // In the browser: where each character of that text node begins.
    const places = (text: string): Promise<number[]> =>
      page.evaluate(`(() => {
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
        for (let node = walker.nextNode(); node; node = walker.nextNode())
          if (node.nodeValue === ${JSON.stringify(text)})
            return Array.from(node.nodeValue, (_, at) => {
              const range = document.createRange()
              range.setStart(node, at)
              range.setEnd(node, at + 1)
              return range.getBoundingClientRect().left
            })
        return []
      })()`)
    for (const text of [note, 'ג1 ד2']) {
      const found = await places(text)
      expect(found).toHaveLength(text.length)
      expect(found).toEqual([...found].sort((a, b) => a - b))
    }
  })

  it('attack: what would run cannot be shown any more, and is approved by its name: there is nothing to approve it with, and it can be rejected', async () => {
    const link = await pending({ customer: 'C-9', amount: 9 })
    const db = new Database(join(world.dataDir, 'state.db'))
    db.prepare('UPDATE approvals SET body = NULL WHERE id = ?').run(id(link))
    db.close()
    await page.goto(link)
    await page.getByRole('button', { name: 'Reject' }).waitFor()
    expect(await approve().count()).toBe(0)
    expect(await text()).toContain('cannot be shown any more')
    await page.getByPlaceholder('Why not').fill('nobody knows what it was')
    await page.getByRole('button', { name: 'Reject' }).click()
    await page.getByText(/Rejected by alice/).waitFor()
  })

  it('another person’s approval link shows a stranger nothing of it, and cannot be told from one that never was', async () => {
    const link = await pending({ customer: 'C-3', amount: 3 })
    const carol = await sitDown(chromium)
    const other = await carol.newPage()
    await enterConsole(other, world, 'carol', `/approvals/${id(link)}`)
    const said = await other.getByRole('alert').innerText()
    expect(await other.content()).not.toContain('C-3')
    await other.goto(`${world.url}/console/approvals/${'x'.repeat(20)}`)
    expect(await other.getByRole('alert').innerText()).toBe(said)
    expect(await approve(other).count()).toBe(0)
    await carol.close()
  })

  it('self-approval: whoever asked sees their own, cannot approve it, and can take it back', { tags: ['short'] }, async () => {
    const link = await pending({ customer: 'C-4', amount: 4 })
    const own = await bob.newPage()
    await enterConsole(own, world, 'bob', `/approvals/${id(link)}`)
    await own.getByText('You asked', { exact: false }).first().waitFor()
    expect(await approve(own).count()).toBe(0)
    await own.getByPlaceholder('Why not').fill('typed the wrong customer')
    await own.getByRole('button', { name: 'Take it back' }).click()
    await own.getByText(/Rejected by bob/).waitFor()
    await own.close()
  })

  it('CSRF on approve: another page of the same site cannot, with the cookie, the id and the digest', { tags: ['short'] }, async () => {
    const link = await pending({ customer: 'C-5', amount: 5 })
    const list = (await (await page.request.get(`${world.url}/console/api/approvals/list`)).json()) as {
      approvals: { id: string; digest: string }[]
    }
    const { digest } = list.approvals.find(each => each.id === id(link))!
    const body = JSON.stringify({ id: id(link), digest })
    const trap = await alice.newPage()
    attacker.html = `<form method="post" enctype="text/plain" action="${world.url}/console/api/approvals/approve">
      <input name='${body.slice(0, -1)},"x":"' value='"}'></form><script>document.forms[0].submit()</script>`
    const answered = trap.waitForResponse(response => response.request().method() === 'POST')
    await trap.goto(attacker.url)
    expect((await answered).status()).toBe(403)
    await trap.close()
    await page.goto(link)
    await approve().waitFor()
  })

  it('clickjacking: the page of an approval is framed by nobody', async () => {
    const link = await pending({ customer: 'C-6', amount: 6 })
    attacker.html = `<iframe src="${link}"></iframe>`
    const trap = await alice.newPage()
    await trap.goto(attacker.url)
    await expect.poll(() => trap.frames()[1]?.url()).toMatch(/^chrome-error:/)
    await trap.close()
  })

  it('a double click approves once', async () => {
    const link = await pending({ customer: 'C-7', amount: 7 })
    await page.goto(link)
    await expect.poll(() => approve().isEnabled()).toBe(true)
    await approve().dblclick()
    await is('approved, not used yet')
    const approved = world
      .events()
      .filter(event => JSON.stringify(event).includes('approval-approved') && JSON.stringify(event).includes(id(link)))
    expect(approved).toHaveLength(1)
  })

  it('a standing grant is given explicitly, lets the tool run with other arguments, is listed for its holder, and ends when they revoke it', async () => {
    const link = await pending({ customer: 'C-8', amount: 8 })
    await page.goto(link)
    await page.getByLabel('For', { exact: true }).selectOption('8h')
    await approve().click()
    await page.getByText(/A standing grant was given/).waitFor()
    expect(await refund({ customer: 'C-9', amount: 9 }, async () => 'decline')).toContain('paid 9')
    const own = await bob.newPage()
    await enterConsole(own, world, 'bob', '/grants')
    const revoke = own.getByRole('button', { name: /Revoke refund/ })
    await revoke.click()
    await revoke.click()
    await own.getByText(/Revoked/).waitFor()
    await own.close()
    await pending({ customer: 'C-10', amount: 10 })
  })

  it('is decided by keys alone: the key finds the button, Enter presses it', async () => {
    await page.goto(await pending({ customer: 'C-11', amount: 11 }))
    await expect.poll(() => approve().isEnabled()).toBe(true)
    await page.keyboard.press('a')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Approve')
    await is('waiting')
    await page.keyboard.press('Enter')
    await is('approved, not used yet')
  })

  it.each(['light', 'dark'] as const)('has no fault that axe finds, and fits 400 pixels, in %s colours', async colorScheme => {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width: 400, height: 720 })
    const link = await pending({ customer: 'C-12', amount: 12, note: 'x'.repeat(700) })
    for (const path of ['', `/approvals/${id(link)}`, '/grants']) {
      await page.goto(`${world.url}/console${path}`)
      await page.locator('h1').waitFor()
      await page.evaluate(AXE)
      const faults = await page.evaluate(`axe
        .run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
        .then(({ violations }) => violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | ')))`)
      expect([path, faults, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([path, [], 400])
    }
    await page.setViewportSize({ width: 1100, height: 720 })
  })

  it('signing out ends the stream of news at once', async () => {
    const context = await sitDown(chromium)
    const other = await context.newPage()
    await enterConsole(other, world, 'alice')
    const [cookie] = (await context.cookies(world.url)).filter(({ name }) => name === 'gatehouse-console')
    const stream = await fetch(`${world.url}/console/api/approvals/events`, { headers: { cookie: `gatehouse-console=${cookie!.value}` } })
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    const over = stream.text()
    await other.getByRole('button', { name: 'Sign out' }).click()
    await other.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await over.catch(() => 'cut')
    const again = await fetch(`${world.url}/console/api/approvals/events`, { headers: { cookie: `gatehouse-console=${cookie!.value}` } })
    expect(again.status).toBe(401)
    await context.close()
  })
})
