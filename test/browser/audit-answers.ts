// What an audit log might answer the console: an hour of a busy gateway, the story of a refused and a permitted call, and events that strangers had a hand in.

import type { Page } from 'playwright-core'
import type { Activity } from '../../src/kernel/measure.ts'
import type { Found, LogState, Query } from '../../src/audit/reading.ts'
import { BIDI, MARKUP } from './console-world.ts'

const at = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1000).toISOString()
const CALL = '019ac2f0-5b1e-7c3a-9f21-3f5d2c7a1e90'
const ALICE = { client: 'claude-code', issuer: 'https://idp.example.com', subject: 'alice' }
const refund = {
  endpoint: '/mcp',
  era: 'modern',
  method: 'tools/call',
  name: 'refund',
  server: 'billing',
  paramsBytes: 88,
  paramsDigest: 'q0lhYyM5cU5xN2Zq',
}
const common = {
  call: CALL,
  principal: ALICE,
  request: '019ac2f0-5b1e-7c3a-9f21-3f5d2c7a1e91',
  trace: '4bf92f3577b34da6a3ce929d0e0e4736',
  v: 1,
}

/** 10,000 characters. */
export const ENDLESS = 'tool-'.repeat(2000)

const EVENTS: readonly Readonly<Record<string, unknown>>[] = [
  { type: 'lifecycle', what: 'start', detail: { version: '0.1.0' }, time: at(3400), v: 1, id: 'e0' },
  {
    ...common,
    type: 'refusal',
    subject: refund,
    reason: 'approval-pending',
    stage: 'require-approval',
    detail: 'rule refunds asks for one of finance',
    time: at(320),
    id: 'e1',
  },
  { ...common, type: 'intent', subject: refund, round: 0, rules: ['refunds', 'staff'], time: at(241), id: 'e2' },
  {
    ...common,
    type: 'server-request',
    subject: refund,
    requestMethod: 'elicitation/create',
    decision: 'allowed',
    rules: ['billing/allow/1'],
    requestDigest: 'Zm9ybQ',
    time: at(240),
    id: 'e3',
  },
  {
    ...common,
    type: 'outcome',
    subject: refund,
    outcome: 'ok',
    ms: 3120.5,
    resultBytes: 412,
    resultDigest: 'cmVzdWx0',
    notifications: { count: 2, digest: 'bm90ZXM' },
    time: at(237.9),
    id: 'e4',
  },
  {
    ...common,
    call: 'c-hostile',
    type: 'intent',
    subject: { ...refund, name: MARKUP },
    rules: [MARKUP],
    round: 0,
    time: at(120),
    id: 'e5',
  },
  {
    ...common,
    call: 'c-hostile',
    type: 'outcome',
    subject: { ...refund, name: `pay${BIDI}diap` },
    outcome: 'stopped',
    reason: 'response-blocked',
    stage: 'inspect',
    ms: 12,
    time: at(119),
    id: 'e6',
  },
  {
    ...common,
    call: 'c-long',
    type: 'refusal',
    subject: { ...refund, name: ENDLESS, server: undefined },
    reason: 'unknown',
    stage: 'resolve-route',
    time: at(60),
    id: 'e7',
  },
  {
    type: 'aggregate',
    count: 4211,
    from: at(60),
    to: at(1),
    prefix: '203.0.113.0/24',
    reason: 'token-invalid',
    time: at(1),
    v: 1,
    id: 'e8',
  },
]
const found = (event: object, seq: number): Found => ({
  seq: 128_400 + seq,
  leaf: 'T2n0b2Vhc3k0bGVhZm9mYW5ldmVudGluYXRyZWUhISE=',
  event: JSON.stringify(event),
})
const ALL = EVENTS.map(found)
export const SEQ = { hostile: 128_405, bidi: 128_406, long: 128_407, last: 128_408, refused: 128_401 } as const
export { CALL }

export const STATE: LogState = {
  origin: 'gateway.example.com/3f0c12aa',
  vkeys: ['gateway.example.com/3f0c12aa+8c1d2e3f+AVmX0v8oXkq8t1o3yQp6bq4M2b7kTz5N0uWJ6xFh2a9c'],
  size: 128_409,
  checkpoint: {
    size: 128_408,
    root: 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=',
    time: at(1.2),
    note: 'gateway.example.com/3f0c12aa\n128408\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n\n— gateway.example.com/3f0c12aa jB0uPw...\n',
  },
  witnesses: [
    { name: 'witness.example.net/a', size: 128_390, time: at(22) },
    { name: 'audit-office.example.com/w1', size: 128_120, time: at(310) },
  ],
  lagMs: 640,
  prunedTo: 0,
  oldest: at(86_400 * 40),
}

const minuteOf = (i: number): Activity['minutes'][number] => {
  const wave = Math.round(40 + 25 * Math.sin(i / 7) + ((i * 37) % 11))
  const spike = i > 38 && i < 44 ? 60 + ((i * 13) % 30) : 0
  const refused = {
    'approval-pending': (i * 7) % 4,
    'policy-denied': (i * 5) % 3,
    ...(spike > 0 && { 'token-invalid': spike }),
    ...(i === 20 && { drifted: 9 }),
    ...(i % 9 === 0 && { 'scope-missing': 2, unknown: 1 }),
  }
  return {
    at: at((59 - i) * 60),
    passed: i < 3 ? 0 : wave,
    refused: i < 3 ? {} : refused,
    latency: i < 3 ? [] : [0.004 + (i % 5) / 1000, 0.03 + ((i * 3) % 7) / 200, 0.11 + (spike > 0 ? 0.3 : 0) + ((i * 11) % 9) / 100],
  }
}
const ACTIVITY: Activity = { quantiles: [0.5, 0.95, 0.99], minutes: Array.from({ length: 60 }, (_, i) => minuteOf(i)) }
export const QUIET: Activity = {
  ...ACTIVITY,
  minutes: ACTIVITY.minutes.map(({ at: begun }) => ({ at: begun, passed: 0, refused: {}, latency: [] })),
}

/** Answers the console's questions about the log instead of the gateway; `asked` holds what was looked for. */
export async function answerAudit(
  page: Page,
  over: { readonly activity?: Activity; readonly state?: LogState } = {},
): Promise<{ readonly asked: Query[] }> {
  const asked: Query[] = []
  const answers: Readonly<Record<string, (body: any) => object>> = {
    'activity/list': () => over.activity ?? ACTIVITY,
    'audit/state': () => over.state ?? STATE,
    'audit/search': query => {
      asked.push(query as Query)
      const { before, server, reason, principal, name } = query as Record<string, string>
      const is = (event: any): boolean =>
        (server === undefined || event.subject?.server === server) &&
        (reason === undefined || event.reason === reason) &&
        (principal === undefined || event.principal?.subject === principal) &&
        (name === undefined || event.subject?.name === name)
      const events = ALL.filter(({ seq, event }) => seq < Number(before ?? Infinity) && is(JSON.parse(event))).reverse()
      return { events: events.slice(0, Number(query.limit)), size: STATE.size, ...(before === undefined && { next: SEQ.refused }) }
    },
    'audit/show': ({ call }) => ({ events: ALL.filter(({ event }) => JSON.parse(event).call === call) }),
    'audit/proof': ({ seq }) => ({ proof: `c2sp.org/tlog-proof@v1\nindex ${seq}\n` }),
  }
  for (const [name, answer] of Object.entries(answers))
    await page.route(`**/console/api/${name}`, route => route.fulfill({ json: answer(route.request().postDataJSON()) }))
  return { asked }
}
