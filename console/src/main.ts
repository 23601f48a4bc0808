// The console: who is signed in, which page the address names, and the frame around it.

import { openSession, post, SignedOut, Refusal, get, type Session } from './api.ts'
import type { Context, Page } from './context.ts'
import { fill, h, type Child } from './dom.ts'
import { createFrame, MARK, type Frame } from './frame.ts'
import { listenToKeys } from './keys.ts'
import { openInbox, type Inbox } from './inbox.ts'
import { approvalPage } from './pages/approval.ts'
import { approvalsPage } from './pages/approvals.ts'
import { activityPage } from './pages/activity.ts'
import { auditPage } from './pages/audit.ts'
import { callPage } from './pages/call.ts'
import { collisionsPage } from './pages/collisions.ts'
import { connectionsPage } from './pages/connections.ts'
import { eventPage } from './pages/event.ts'
import { grantsPage } from './pages/grants.ts'
import { serverPage, serversPage } from './pages/servers.ts'
import { signedOutPage } from './pages/sign-in.ts'
import { notice, tickTimes } from './words.ts'

/** The first part of an address, and whether it has a second. */
const PAGES: readonly (readonly [pattern: RegExp, page: Page])[] = [
  [/^\/console(?:\/approvals)?()$/, approvalsPage],
  [/^\/console\/approvals\/([A-Za-z0-9_-]+)$/, approvalPage],
  [/^\/console\/grants()$/, grantsPage],
  [/^\/console\/connections()$/, connectionsPage],
  [/^\/console\/servers()$/, serversPage],
  [/^\/console\/servers\/([A-Za-z0-9_-]+)$/, serverPage],
  [/^\/console\/collisions()$/, collisionsPage],
  [/^\/console\/activity()$/, activityPage],
  [/^\/console\/audit()$/, auditPage],
  [/^\/console\/audit\/(\d{1,15})$/, eventPage],
  [/^\/console\/call\/([A-Za-z0-9_-]+)$/, callPage],
]

let session: Session | undefined
let roles: ReadonlySet<string> = new Set()
let frame: Frame | undefined
let inbox: Inbox | undefined
let leaving: (() => void)[] = []
/** Grows with each page: what an older one still brings comes too late. */
let turn = 0

function go(path: string): void {
  if (path !== location.pathname + location.search) history.pushState(undefined, '', path)
  frame?.hush()
  void show(true)
}

async function show(isMoved: boolean): Promise<void> {
  const mine = ++turn
  for (const leave of leaving.splice(0)) leave()
  try {
    if (!session) {
      session = await openSession()
      roles = new Set((await get<{ roles: string[] }>('whoami')).roles)
      frame = createFrame({ session, roles, signOut: () => void signOut() })
      inbox = await openInbox(failed)
      inbox.watch(count)
      count()
      fill(document.body, frame.element)
    }
    const path = location.pathname
    const found = PAGES.flatMap(([pattern, page]) => {
      const match = pattern.exec(path)
      return match ? [{ page, id: match[1] ?? '' }] : []
    })[0]
    if (!found) {
      frame?.show(path, [h('h1', {}, 'Nothing is here'), h('p', {}, 'The address names no page of the console.')])
      return
    }
    const context = contextOf(mine)
    const content = await found.page(context, found.id)
    if (mine !== turn) return
    frame?.show(path, content)
    count()
    if (isMoved) frame?.focus()
  } catch (error) {
    if (mine === turn) failed(error)
  }
}

/** What waits for this person, beside the name of its page and in front of the title. */
function count(): void {
  const waiting = inbox?.all().filter(({ state, mayDecide }) => state === 'pending' && mayDecide).length ?? 0
  frame?.count('/console', waiting)
  document.title = `${waiting > 0 ? `(${waiting}) ` : ''}${document.title.replace(/^\(\d+\) /, '')}`
}

function contextOf(mine: number): Context {
  const here = session
  if (!here || !inbox) throw new Error('nobody is signed in')
  return {
    session: here,
    roles,
    inbox,
    go,
    say: (tone, ...content) => frame?.say(notice(tone, ...content)),
    failed: error => {
      if (mine === turn) failed(error)
    },
    onLeave: listener => {
      if (mine === turn) leaving.push(listener)
      else listener()
    },
  }
}

function failed(error: unknown): void {
  if (error instanceof SignedOut) {
    leave(error.provider)
    return
  }
  const said: Child =
    error instanceof Refusal
      ? [h('p', {}, sentence(error.message)), error.fix !== undefined && h('p', {}, sentence(error.fix))]
      : h('p', {}, 'Something in this page went wrong. Load it again.')
  if (frame) frame.say(notice('bad', said))
  else fill(document.body, h('main', { class: 'alone' }, MARK(), h('h1', {}, 'Gatehouse'), notice('bad', said)))
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

/** Nothing of whoever was signed in stays on the page. */
function leave(provider: string): void {
  for (const each of leaving.splice(0)) each()
  turn += 1
  const was = session
  inbox?.close()
  session = frame = inbox = undefined
  document.title = 'Sign in · Gatehouse'
  fill(document.body, signedOutPage(provider || (was?.issuer ?? ''), location.pathname, was !== undefined))
  document.querySelector<HTMLElement>('[data-first]')?.focus()
}

async function signOut(): Promise<void> {
  try {
    await post('sign-out')
  } catch (error) {
    if (!(error instanceof SignedOut)) {
      failed(error)
      return
    }
  }
  history.replaceState(undefined, '', '/console')
  leave('')
}

addEventListener('popstate', () => {
  frame?.hush()
  void show(true)
})
document.addEventListener('click', event => {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  const path = link?.getAttribute('href') ?? ''
  if (link?.target !== '' || !/^\/console(?:\/(?!enter)|$)/.test(path)) return
  event.preventDefault()
  go(path)
})
listenToKeys(go)
tickTimes()
leaving = []
void show(false)
