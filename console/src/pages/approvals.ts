// The inbox: what waits for this person, what waits for others, and what was decided lately. It changes while one looks.

import type { ApprovalSummary } from '../../../src/approvals/shapes.ts'
import type { Context, Page } from '../context.ts'
import { fill, h, type Child } from '../dom.ts'
import { code, empty, moment, pieces, tag, type Tone } from '../words.ts'

const MAX_LATELY = 50

export const approvalsPage: Page = context => {
  const { inbox } = context
  const live = h('span', { class: 'live', role: 'status' })
  const body = h('div', {})
  const draw = (): void => {
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.getAttribute('href') : null
    const isLive = inbox.state() === 'live'
    fill(live, tag(isLive ? 'live' : 'connecting…', isLive ? 'good' : 'warn'))
    fill(body, content(context))
    // Whoever moves through the list by keys stays where they were.
    if (focused !== null) [...body.querySelectorAll('a')].find(link => link.getAttribute('href') === focused)?.focus()
  }
  draw()
  context.onLeave(inbox.watch(draw))
  return Promise.resolve([h('div', { class: 'head' }, h('h1', {}, 'Approvals'), live), body])
}

function content({ inbox }: Context): Child {
  const all = inbox.all()
  const pending = all.filter(each => each.state === 'pending')
  const [mine, others] = [pending.filter(each => each.mayDecide), pending.filter(each => !each.mayDecide)]
  const lately = all.filter(each => each.state !== 'pending')
  return [
    h('h2', {}, 'Waiting for you ', tag(String(mine.length), mine.length > 0 ? 'warn' : 'good')),
    mine.length === 0 ? empty('Nothing waits for you', 'What does appears here by itself.') : list(mine),
    others.length > 0 && [h('h2', {}, 'Waiting for others ', tag(String(others.length))), list(others)],
    lately.length > 0 && [h('h2', {}, 'Decided lately'), list(lately.slice(0, MAX_LATELY))],
    (inbox.hasMore() || lately.length > MAX_LATELY) && h('p', { class: 'soft' }, 'There are more: gatehouse approvals list'),
  ]
}

const list = (approvals: readonly ApprovalSummary[]): Child => h('ul', { class: 'list' }, approvals.map(row))

const row = (approval: ApprovalSummary): Child => {
  const { id, name, server, requester, isOwn, openedAt, expiresAt, state, kind, method } = approval
  return h(
    'li',
    {},
    h(
      'a',
      { class: 'row', href: `/console/approvals/${id}`, 'data-entry': true },
      h(
        'span',
        { class: 'what' },
        h('strong', { class: 'call' }, pieces(name)),
        ' at ',
        server,
        kind === 'question' && [' asks for ', code(method)],
        h('span', { class: 'soft line' }, isOwn ? 'you' : requester.subject, applicationOf(requester.client), ', ', moment(openedAt)),
      ),
      h(
        'span',
        { class: 'act tags' },
        votesOf(approval),
        state === 'pending' ? h('span', { class: 'soft' }, 'ends ', moment(expiresAt)) : tag(STATES[state], STATE_TONES[state]),
      ),
    ),
  )
}

/** In a list only what people know an application by: the host of its document, or a short name. The page of one approval has all of it. */
const MAX_NAME = 24
function applicationOf(client: string): Child {
  const name = URL.parse(client)?.host ?? client
  return name !== '' && name.length <= MAX_NAME && [', by ', name]
}

export const STATES: Readonly<Record<ApprovalSummary['state'], string>> = {
  pending: 'waiting',
  approved: 'approved, not used yet',
  rejected: 'rejected',
  spent: 'approved and used',
  expired: 'nobody decided in time',
}
export const STATE_TONES: Readonly<Record<ApprovalSummary['state'], Tone>> = {
  pending: 'info',
  approved: 'good',
  rejected: 'bad',
  spent: 'good',
  expired: 'plain',
}

export const votesOf = ({ quorum, votes, state }: ApprovalSummary): Child =>
  quorum > 1 && state === 'pending' && tag(`${votes.length} of ${quorum} said yes`, 'info')
