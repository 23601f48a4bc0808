// What a chat or another system is told of an approval: enough to know whether to look, never an argument. In three shapes.

import { inertAscii } from '../kernel/json-string.ts'
import { principalOf } from '../kernel/principal.ts'
import type { Approval, ApprovalState } from './approval.ts'

/** `escalated`: it is still pending, and further people may decide it. */
export type NoticeKind = ApprovalState | 'escalated'
export const NOTICE_KINDS: readonly NoticeKind[] = ['pending', 'escalated', 'approved', 'rejected', 'spent', 'expired']

/** `json`: as of Standard Webhooks, `{type, timestamp, data}`. `slack`: a message of an incoming webhook. `teams`: an Adaptive Card. */
export type NoticeFormat = 'json' | 'slack' | 'teams'
export const NOTICE_FORMATS: readonly NoticeFormat[] = ['json', 'slack', 'teams']

export type Webhook = {
  /** names it in rows, records and files */
  readonly name: string
  readonly format: NoticeFormat
  readonly on: ReadonlySet<NoticeKind>
}

const MAX_NAME = 128

/** What there is to tell of it at this moment; undefined = nothing new: one more vote of several. */
export function kindOf({ state, votes, demands, openedSeconds }: Approval, nowSeconds: number): NoticeKind | undefined {
  if (state !== 'pending') return state
  const isEscalated = demands.some(({ escalation }) => escalation && nowSeconds - openedSeconds >= escalation.afterSeconds)
  if (isEscalated) return 'escalated'
  return votes.length === 0 ? 'pending' : undefined
}

/** `at`: seconds since the epoch. `link`: to the page where people decide; it decides nothing by itself. */
type Told = { readonly approval: Approval; readonly kind: NoticeKind; readonly link: string; readonly at: number }

/** The body, as JSON text in ASCII. Names are their servers' and their issuers': nothing in them is markup, in any of the shapes. */
export function noticeBody(format: NoticeFormat, told: Told): string {
  const facts = factsOf(told)
  switch (format) {
    case 'json':
      return JSON.stringify({ type: `approval.${told.kind}`, timestamp: facts.at, data: facts })
    case 'slack':
      return JSON.stringify(slackMessage(told, facts))
    case 'teams':
      return JSON.stringify(teamsMessage(told, facts))
  }
}

type Facts = ReturnType<typeof factsOf>
function factsOf({ approval, kind, link, at }: Told) {
  const { id, digest, binding, demands, quorum, votes, expiresSeconds, state } = approval
  const { issuer, subject } = principalOf(binding.principal)
  return {
    id,
    digest,
    kind: binding.kind,
    state,
    ...(kind === 'escalated' && { isEscalated: true }),
    requester: { issuer: inert(issuer), subject: inert(subject) },
    client: inert(binding.client),
    server: inert(binding.server),
    method: inert(binding.method),
    name: inert(binding.name),
    rules: demands.map(({ rule }) => inert(rule)),
    votes: votes.length,
    quorum,
    at: time(at),
    expiresAt: time(expiresSeconds),
    link,
  }
}
const inert = (text: string): string => inertAscii(text, MAX_NAME)
const time = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`

const TITLES: Readonly<Record<NoticeKind, string>> = {
  pending: 'Approval wanted',
  escalated: 'Still not decided: others may decide it now',
  approved: 'Approved',
  rejected: 'Rejected',
  spent: 'Used',
  expired: 'Ended without a decision, or unused',
}
const titleOf = (kind: NoticeKind, { server, name, method }: Facts): string => `${TITLES[kind]}: ${server} ${name === '' ? method : name}`
const rowsOf = ({ requester, client, method, rules, votes, quorum, expiresAt }: Facts): readonly (readonly [string, string])[] => [
  ['Asked by', `${requester.subject} at ${requester.issuer}${client === '' ? '' : ` with ${client}`}`],
  ['Method', method],
  ['Rules', rules.join(', ').slice(0, 500)],
  ...(quorum > 1 ? [['Approved by', `${votes} of ${quorum}`] as const] : []),
  ['Until', expiresAt],
]

/** Plain text throughout: Slack reads markup, mentions and links in `mrkdwn` alone. */
function slackMessage({ kind, link }: Told, facts: Facts): object {
  const title = titleOf(kind, facts)
  return {
    text: plainSlack(title),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: title.slice(0, 150), emoji: false } },
      {
        type: 'section',
        fields: rowsOf(facts).map(([name, value]) => ({ type: 'plain_text', text: `${name}\n${value}`, emoji: false })),
      },
      {
        type: 'actions',
        elements: [{ type: 'button', text: { type: 'plain_text', text: 'Look at it', emoji: false }, url: link }],
      },
    ],
  }
}
/** The line of the notification is markup: what begins mentions, links and formatting has been escaped (`inertAscii`), or is taken out. */
const plainSlack = (text: string): string => text.replace(/[*_~]/g, '')

/** Text runs: an Adaptive Card reads Markdown in text blocks and facts, and none in runs. */
function teamsMessage({ kind, link }: Told, facts: Facts): object {
  const run = (text: string, more: object = {}): object => ({ type: 'TextRun', text, ...more })
  const line = (...inlines: object[]): object => ({ type: 'RichTextBlock', inlines })
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            line(run(titleOf(kind, facts), { weight: 'Bolder', size: 'Medium' })),
            ...rowsOf(facts).map(([name, value]) => line(run(`${name}: `, { isSubtle: true }), run(value))),
          ],
          actions: [{ type: 'Action.OpenUrl', title: 'Look at it', url: link }],
        },
      },
    ],
  }
}
