// The story of one call: everything the log has of it, in order, with the time between.

import type { Found } from '../../../src/audit/reading.ts'
import { post } from '../api.ts'
import type { Page } from '../context.ts'
import { h, type Child } from '../dom.ts'
import { lineOf, shown, short, tagsOf, textAt, type Shown } from '../events.ts'
import { code, empty, facts, moment } from '../words.ts'

const MAX = 1000

export const callPage: Page = async (_context, id) => {
  const { events } = await post<{ readonly events: readonly Found[] }>('audit/show', { call: id })
  const all = events.map(shown)
  const [first] = all
  const about = all.find(one => textAt(one, 'subject', 'name') !== undefined) ?? first
  const back = h('p', { class: 'crumbs' }, h('a', { href: '/console/audit', 'data-key': 'back' }, 'Audit log'))
  if (!first || !about)
    return [back, h('h1', {}, 'One call'), empty('Nothing is on record of it', ['No event names the call ', code(id), '.'])]
  const last = all.at(-1) ?? first
  return [
    back,
    h('h1', {}, 'One call'),
    h('p', { class: 'lead' }, lineOf(about)),
    facts([
      ['Call', code(id)],
      ['Began', moment(textAt(first, 'time') ?? '')],
      ['Lasted', spanOf(first, last)],
      ['Ended', endOf(all)],
    ]),
    h(
      'ol',
      { class: 'timeline' },
      all.map((one, i) => entry(one, { first, before: all[i - 1] })),
    ),
    all.length >= MAX && h('p', { class: 'soft' }, `It has more events than the ${MAX} that are shown here: gatehouse audit show --call`),
  ]
}

const msOf = (one: Shown): number => Date.parse(textAt(one, 'time') ?? '')

/** As people say it. */
function amount(ms: number): string {
  if (!Number.isFinite(ms)) return '?'
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}
const spanOf = (from: Shown, to: Shown): string => amount(msOf(to) - msOf(from))

function endOf(all: readonly Shown[]): Child {
  const end = all.findLast(one => ['outcome', 'refusal', 'decision'].includes(textAt(one, 'type') ?? ''))
  return end ? tagsOf(end) : 'not yet, or not on record'
}

/** What an event says beyond its line. */
const DETAILS: readonly (readonly [path: readonly string[], label: string])[] = [
  [['stage'], 'stopped at'],
  [['detail'], 'because'],
  [['subject', 'paramsDigest'], 'arguments'],
  [['subject', 'paramsBytes'], 'bytes sent'],
  [['resultDigest'], 'result'],
  [['resultBytes'], 'bytes back'],
  [['errorCode'], 'error code'],
  [['ms'], 'milliseconds since it came'],
  [['trace'], 'trace'],
]

function entry(one: Shown, { first, before }: { readonly first: Shown; readonly before: Shown | undefined }): Child {
  const reason = textAt(one, 'reason')
  const rules = Array.isArray(one.event['rules']) ? one.event['rules'].filter(rule => typeof rule === 'string') : []
  return h(
    'li',
    { class: reason !== undefined ? 'bad' : textAt(one, 'outcome') === 'ok' ? 'good' : undefined },
    h(
      'div',
      { class: 'when' },
      `+${spanOf(first, one)}`,
      before && msOf(one) - msOf(before) >= 1000 && h('span', { class: 'soft' }, ` after ${spanOf(before, one)}`),
    ),
    h(
      'div',
      { class: 'what' },
      h('a', { href: `/console/audit/${one.seq}`, 'data-entry': true }, `#${one.seq}`),
      ' ',
      tagsOf(one),
      h('div', {}, lineOf(one)),
      rules.length > 0 &&
        h(
          'div',
          { class: 'soft' },
          'by ',
          rules.map((rule, i) => [i > 0 && ', ', short(rule)]),
        ),
      h(
        'dl',
        { class: 'inline' },
        DETAILS.flatMap(([path, label]) => {
          const text = textAt(one, ...path)
          return text === undefined ? [] : [h('div', {}, h('dt', {}, label), h('dd', {}, short(text)))]
        }),
      ),
    ),
  )
}
