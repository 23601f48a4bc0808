// Somebody who approves at the console: in a real browser, or (where there is none) by the very requests that its pages make.

import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '../../kernel/errors.ts'
import { openChromium } from './chromium.ts'
import { Surfer } from './surfer.ts'
import type { Timeline } from './timeline.ts'

export type Approver = {
  /** what the person sits at, in words */
  readonly at: string
  readonly isBrowser: boolean
  signIn(user: string): Promise<void>
  /** Waits until something of this tool is asked for, opens it, and answers all that is shown. */
  open(tool: string): Promise<string>
  approve(): Promise<void>
  close(): Promise<void>
}

/** `url`: of the gateway. `executable`: of Chromium; undefined = there is none. */
export const approverAt = (url: string, executable: string | undefined, timeline: Timeline): Promise<Approver> =>
  executable === undefined ? Promise.resolve(byRequests(url, timeline)) : inBrowser(url, executable, timeline)

async function inBrowser(url: string, executable: string, timeline: Timeline): Promise<Approver> {
  const page = await openChromium(executable)
  const text = (): Promise<unknown> => page.until(`document.querySelector('main')?.innerText`)
  const note = (what: string): void => timeline.add('browser', what)
  return {
    at: `${page.browser}, without a window`,
    isBrowser: true,
    async signIn(user) {
      await page.go(`${url}/console`)
      await page.click('Sign in')
      await page.click(`Sign in as ${user}`)
      await page.until(`document.querySelector('.live')?.innerText === 'live'`)
      note(`${user} signed in; the inbox is open, and live`)
    },
    async open(tool) {
      // Nobody loads anything: the open page hears of it.
      await page.click(tool)
      await page.until(`document.querySelector('.approval .leaves') && true`)
      note(`the inbox shows it by itself; alice opens ${new URL(String(await page.until('location.href'))).pathname}`)
      return String(await text())
    },
    async approve() {
      note('alice presses Approve')
      await page.click('Approve')
      await page.until(`/approved/.test(document.querySelector('.approval > .tags')?.innerText)`)
      note('the page says: approved')
    },
    close: () => page.close(),
  }
}

/** A minute of looks. */
const ATTEMPTS = 600
const LOOK_MS = 100

type Summary = { readonly id: string; readonly digest: string; readonly state: string; readonly name: readonly unknown[] }

function byRequests(url: string, timeline: Timeline): Approver {
  const surfer = new Surfer()
  const api = `${url}/console/api`
  let csrf = ''
  let opened: Summary | undefined
  const post = async (act: string, body: object): Promise<unknown> => {
    const headers = { 'content-type': 'application/json', origin: url, 'x-gatehouse-csrf': csrf }
    const answer = await surfer.ask(`${api}/${act}`, { method: 'POST', body: JSON.stringify(body), headers })
    if (!answer.ok) throw new Fault('demo-browser', `${act} was answered with ${answer.status}`)
    return answer.json()
  }
  const waiting = async (tool: string): Promise<Summary | undefined> => {
    const { approvals } = (await (await surfer.ask(`${api}/approvals/list`)).json()) as { readonly approvals: readonly Summary[] }
    return approvals.find(({ state, name }) => state === 'pending' && name.join('') === tool)
  }
  const note = (what: string): void => timeline.add('requests', what)
  return {
    at: 'no browser, but the requests that its pages would make',
    isBrowser: false,
    async signIn(user) {
      const page = await surfer.follow(`${url}/console/enter`)
      const [, action] = /<form method="post" action="([^"]+)\/login">/.exec(await page.text()) ?? []
      if (action === undefined) throw new Fault('demo-browser', 'the identity provider showed no form')
      await surfer.follow(new URL(`${action}/login`, page.url).href, { user })
      ;({ csrf } = (await (await surfer.ask(`${api}/session`)).json()) as { readonly csrf: string })
      note(`${user} signed in to the console`)
    },
    async open(tool) {
      for (let attempt = 0; !opened && attempt < ATTEMPTS; attempt++) {
        opened = await waiting(tool)
        if (!opened) await wait(LOOK_MS)
      }
      if (!opened) throw new Fault('demo-browser', `nothing of ${tool} was asked for`)
      const detail = await post('approvals/show', { id: opened.id })
      note(`alice reads /console/approvals/${opened.id}`)
      return JSON.stringify(detail)
    },
    async approve() {
      if (!opened) throw new TypeError('nothing was opened')
      const { id, digest } = opened
      note('alice approves exactly what was shown, by its digest')
      await post('approvals/approve', { id, digest })
      note('the gateway says: approved')
    },
    close: () => Promise.resolve(),
  }
}
