// One approval: what will run, whole, and why it is asked for; then yes or no.

import type { ApprovalDetail, ApprovalSummary, Change, Decided, Leaf, Shown, Text } from '../../../src/approvals/shapes.ts'
import { post } from '../api.ts'
import type { Context, Page } from '../context.ts'
import { fill, h, shownPieces, type Child } from '../dom.ts'
import { code, copyable, facts, moment, notice, pieces, tag, value } from '../words.ts'
import { decisionOf } from './decide.ts'
import { STATES, STATE_TONES, votesOf } from './approvals.ts'
import { shortened } from './leaves.ts'

export const approvalPage: Page = async (context, id) => {
  const body = h('div', { class: 'approval' })
  let shown = await show(id)
  const decided = (done: Decided): void => {
    context.inbox.put(done.approval)
    if (done.grant)
      context.say(
        'good',
        h(
          'p',
          {},
          'A standing grant was given besides, until ',
          moment(done.grant.expiresAt),
          '. It stands under Grants, and can be revoked there.',
        ),
      )
    else if (!done.isYours) context.say('good', h('p', {}, 'That had been said before: it counts once.'))
  }
  const draw = (note?: Child): void => void fill(body, content(context, shown, { decided, note }))
  draw()
  context.onLeave(
    context.inbox.watch(changed => {
      if (changed?.id !== id || changed.version <= shown.approval.version) return
      show(id).then(detail => {
        const isSame = detail.approval.digest === shown.approval.digest && detail.approval.state === shown.approval.state
        shown = detail
        draw(isSame ? notice('info', h('p', {}, 'Somebody else decided meanwhile.')) : undefined)
      }, context.failed)
    }),
  )
  return body
}

const show = (id: string): Promise<ApprovalDetail> => post('approvals/show', { id })

type Deciding = { readonly decided: (done: Decided) => void; readonly note: Child }

function content(context: Context, { approval, shown, difference, recent }: ApprovalDetail, { decided, note }: Deciding): Child {
  const { name, server, requester, isOwn, openedAt, state, digest } = approval
  return [
    h('p', { class: 'crumbs' }, h('a', { href: '/console', 'data-key': 'back' }, 'Approvals')),
    h('h1', {}, pieces(name), ' at ', server),
    h(
      'p',
      { class: 'lead' },
      isOwn ? 'You asked' : h('strong', {}, requester.subject),
      !isOwn && ' asks',
      requester.client !== '' && [', by ', code(requester.client)],
      ', ',
      moment(openedAt),
      state === 'pending' ? '. Nothing has run yet.' : '.',
    ),
    h(
      'p',
      { class: 'tags' },
      tag(STATES[state], STATE_TONES[state]),
      votesOf(approval),
      approval.kind === 'question' && tag(`the server asks: ${approval.method}`, 'warn'),
    ),
    note,
    outcome(approval),
    shown ? whatRuns(shown, approval) : notice('warn', h('p', {}, 'What was to run is kept no longer.')),
    difference &&
      h(
        'section',
        { 'aria-label': 'Against the last time' },
        h('h2', {}, 'Against what was approved last, ', moment(difference.against.at)),
        difference.changes.length === 0 ? h('p', {}, 'The same arguments.') : changesOf(difference.changes),
      ),
    shown && [serverOf(shown), policyOf(shown, approval), fromOf(shown, approval)],
    recent.length > 0 && recentOf(recent),
    h('details', {}, h('summary', {}, 'Digest of everything shown'), copyable(digest, 'the digest')),
    state === 'pending' && (approval.mayDecide || approval.mayReject || approval.isOwn)
      ? decisionOf(context, approval, decided)
      : state === 'pending' && approval.whyNot !== undefined && h('p', { class: 'soft' }, sentence(approval.whyNot)),
  ]
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

function outcome({ state, rejected, votes, expiresAt }: ApprovalSummary): Child {
  const by = votes.map(({ subject, at }, i) => [i > 0 && ', ', h('strong', {}, subject), ' ', moment(at)])
  if (state === 'rejected' && rejected)
    return notice(
      'bad',
      h('p', {}, 'Rejected by ', h('strong', {}, rejected.subject), ' ', moment(rejected.at), ': “', pieces(rejected.why), '”'),
    )
  if (state === 'approved')
    return notice(
      'good',
      h('p', {}, 'Approved by ', by, '. It runs when the host calls again, once, and no longer than ', moment(expiresAt), '.'),
    )
  if (state === 'spent') return notice('good', h('p', {}, 'Approved by ', by, ', and used.'))
  if (state === 'expired') return notice('info', h('p', {}, 'It ended without a decision, or without being used. That is a no.'))
  return votes.length > 0 && notice('info', h('p', {}, 'Said yes: ', by, '.'))
}

function whatRuns({ arguments: { leaves, bytes }, definition, findings }: Shown, approval: ApprovalSummary): Child {
  const { kind } = approval
  return h(
    'section',
    { 'aria-label': kind === 'call' ? 'What will run' : 'What is asked' },
    h(
      'h2',
      {},
      kind === 'call' ? 'What will run' : 'What the server asks',
      h('span', { class: 'soft small' }, `${bytes.toLocaleString('en')} bytes`),
    ),
    findings.length > 0 &&
      notice(
        'warn',
        h(
          'p',
          {},
          'Inspection found in it: ',
          findings.map(each => [tag(each, 'warn'), ' ']),
        ),
      ),
    leaves.length === 0
      ? h('p', { class: 'soft' }, 'No arguments.')
      : h('div', { class: 'leaves' }, shortened(leaves, approval).map(leafOf)),
    definition &&
      h(
        'details',
        {},
        h('summary', {}, 'What the server says of it'),
        facts([
          ['Title', definition.title.length > 0 && pieces(definition.title)],
          ['Description', definition.description.length > 0 && value(definition.description)],
          [
            'Hints',
            Object.entries(definition.hints).map(([hint, is]) => [
              tag(`${hint}: ${is ? 'yes' : 'no'}`, hint === 'destructiveHint' && is ? 'warn' : 'plain'),
              ' ',
            ]),
          ],
          ['Definition', code(definition.digest)],
        ]),
      ),
  )
}

function leafOf({ path, kind, text }: Leaf): Child {
  return h(
    'div',
    { class: 'leaf' },
    h('div', { class: 'path' }, path.length === 0 ? h('span', { class: 'soft' }, 'all of it') : pathOf(path)),
    h('div', { class: kind }, text.length > 0 ? value(text) : h('span', { class: 'soft' }, EMPTY[kind] ?? kind)),
  )
}

const EMPTY: Readonly<Partial<Record<Leaf['kind'], string>>> = { string: 'empty text', array: 'empty list', object: 'empty object' }
const pathOf = (path: readonly Text[]): Child =>
  path.map((key, i) => [i > 0 && h('span', { class: 'soft', 'aria-label': 'in it' }, ' › '), ...shownPieces(key)])

const changesOf = (changes: readonly Change[]): Child =>
  h(
    'div',
    { class: 'changes' },
    changes.map(({ path, before, after }) =>
      h(
        'div',
        { class: 'change' },
        h('div', { class: 'pointer' }, path.length === 0 ? 'all of it' : pathOf(path)),
        before && h('div', { class: 'before' }, h('span', { class: 'sign', role: 'img', 'aria-label': 'before' }, '−'), value(before)),
        after && h('div', { class: 'after' }, h('span', { class: 'sign', role: 'img', 'aria-label': 'now' }, '+'), value(after)),
      ),
    ),
  )

function serverOf({ server, account }: Shown): Child {
  const { alias, registryName, version, publisher, signature, standing, reviewer, labels, identity } = server
  return h(
    'section',
    { 'aria-label': 'Server' },
    h('h2', {}, 'Server'),
    facts([
      ['Name', [alias, registryName !== undefined && [' ', code(version === undefined ? registryName : `${registryName}@${version}`)]]],
      [
        'Signature',
        signature === 'verified'
          ? [tag('verified', 'good'), publisher !== undefined && [' published by ', publisher]]
          : tag('none', 'warn'),
      ],
      ['Standing', [standing, reviewer !== undefined && [', reviewed by ', reviewer]]],
      ['Labels', labels.length > 0 && labels.map(each => [tag(each), ' '])],
      ['Account', account === '' ? 'it takes none' : ['the requester’s own, ', code(account)]],
      ['Identity', code(identity)],
    ]),
  )
}

function policyOf({ policy }: Shown, { rules, escalatesAt }: ApprovalSummary): Child {
  return h(
    'section',
    { 'aria-label': 'Why it is asked' },
    h('h2', {}, 'Why it is asked'),
    facts([
      ...policy.rules.map(
        ({ id, title, advice, approvers }) =>
          [
            code(id),
            [
              title !== '' && h('div', {}, title),
              advice !== '' && h('div', { class: 'soft' }, advice),
              h('div', { class: 'soft' }, 'decided by ', approvers.join(', ') || 'nobody'),
            ],
          ] as const,
      ),
      ['Rules', policy.rules.length === 0 && rules.map(each => [code(each), ' '])],
      ['Further people', escalatesAt !== undefined && ['may decide ', moment(escalatesAt)]],
    ]),
  )
}

function fromOf({ from }: Shown, { requester }: ApprovalSummary): Child {
  return h(
    'section',
    { 'aria-label': 'Where it came from' },
    h('h2', {}, 'Where it came from'),
    facts([
      ['Person', [requester.subject, ' at ', code(requester.issuer)]],
      ['Application', from.client === '' ? 'not named by its token' : code(from.client)],
      ['It calls itself', from.clientInfo.length > 0 && pieces(from.clientInfo)],
      ['Endpoint', code(from.endpoint)],
      ['Address', code(from.address)],
      ['Request', code(from.request)],
    ]),
  )
}

const recentOf = (recent: ApprovalDetail['recent']): Child =>
  h(
    'details',
    {},
    h('summary', {}, `What this server was wanted for lately: ${recent.length}`),
    h(
      'ul',
      { class: 'list' },
      recent.map(({ id, at, state, name }) =>
        h(
          'li',
          {},
          h(
            'a',
            { class: 'row', href: `/console/approvals/${id}` },
            h('span', { class: 'what' }, pieces(name), ' ', h('span', { class: 'soft' }, moment(at))),
            h('span', { class: 'act' }, tag(STATES[state], STATE_TONES[state])),
          ),
        ),
      ),
    ),
  )
