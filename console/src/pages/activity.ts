// The last hour of this gateway: what passed, what was refused and why, how long it took; and how its audit log stands. For operators and auditors.

import type { Activity } from '../../../src/kernel/measure.ts'
import { get, Refusal } from '../api.ts'
import { bars, lines, type Series } from '../charts.ts'
import type { Context, Page } from '../context.ts'
import { draw, fill, h, type Child } from '../dom.ts'
import { searchOf } from '../filters.ts'
import { code, empty, notice, tag } from '../words.ts'
import { stateOf, type State } from './log-state.ts'

/** Each look is an event of its own, so it is one a minute. */
const LOOK_MS = 60_000
const CLASSES = ['a', 'b', 'c', 'd', 'e'] as const
/** No quantile is good or bad by itself. */
const LINES = ['d', 'b', 'c'] as const

export const activityPage: Page = async context => {
  const content = h('div', {})
  const load = async (): Promise<void> => {
    const [activity, log] = await Promise.all([get<Activity>('activity/list'), logOf()])
    fill(
      content,
      shownActivity(activity, context),
      h('section', { class: 'card', 'aria-label': 'Audit log' }, h('h2', {}, 'Audit log'), log),
    )
  }
  await load()
  const timer = setInterval(() => void load().catch(context.failed), LOOK_MS)
  context.onLeave(() => clearInterval(timer))
  return [
    h('h1', {}, 'Activity'),
    h('p', { class: 'lead' }, 'The last hour of this gateway, by minute. A replica beside it has its own.'),
    content,
  ]
}

/** A log that cannot be read now leaves the charts where they are. */
async function logOf(): Promise<Child> {
  try {
    return stateOf(await get<State>('audit/state'))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return notice('bad', h('p', {}, error.message), error.fix !== undefined && h('p', {}, error.fix))
  }
}

const milliseconds = (seconds: number): string =>
  seconds < 1 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
const amount = (n: number): string => n.toLocaleString('en', { maximumFractionDigits: n < 10 ? 1 : 0 })
const plural = (n: number, one: string, many: string): string => `${amount(n)} ${n === 1 ? one : many}`

function shownActivity({ minutes, quantiles }: Activity, { roles }: Context): Child {
  const labels = minutes.map(({ at }) => `${at.slice(11, 16)} UTC`)
  const refused = minutes.map(each => Object.values(each.refused).reduce((sum, n) => sum + n, 0))
  const [passedSum, refusedSum] = [minutes.reduce((sum, { passed }) => sum + passed, 0), refused.reduce((sum, n) => sum + n, 0)]
  const reasons = byReason(minutes)
  const times = minutes.flatMap(({ latency }) => (latency.length > 0 ? [latency] : []))
  return [
    bars({
      title: 'Passed and refused',
      summary: `${plural(passedSum, 'request', 'requests')} passed within the hour, ${plural(refusedSum, 'was', 'were')} refused.`,
      labels,
      format: amount,
      series: [
        { name: 'passed', className: 'good', values: minutes.map(({ passed }) => passed) },
        { name: 'refused', className: 'bad', values: refused },
      ],
    }),
    reasons.length === 0
      ? [h('h2', {}, 'Refused by reason'), empty('Nothing was refused', 'Not within the last hour.')]
      : [
          bars({
            title: 'Refused by reason',
            summary: `Most often ${reasons[0]?.reason ?? ''}: ${amount(reasons[0]?.count ?? 0)} of ${amount(refusedSum)}.`,
            labels,
            format: amount,
            series: seriesOf(minutes, reasons),
          }),
          reasonList(reasons, roles.has('auditor')),
        ],
    times.length === 0
      ? [h('h2', {}, 'Time of calls'), empty('Nothing was called', 'Not within the last hour.')]
      : lines({
          title: 'Time of calls',
          summary: `From the last byte received to the answer, upstream included. At worst ${quantiles.map((q, i) => `${milliseconds(Math.max(...times.map(each => each[i] ?? 0)))} (p${q * 100})`).join(', ')}; estimated within buckets.`,
          labels,
          format: milliseconds,
          series: quantiles.map((q, i) => ({
            name: `p${q * 100}`,
            className: LINES[i] ?? 'e',
            values: minutes.map(({ latency }) => latency[i]),
          })),
        }),
  ]
}

type Counted = { readonly reason: string; readonly count: number }
function byReason(minutes: Activity['minutes']): readonly Counted[] {
  const counts = new Map<string, number>()
  for (const { refused } of minutes) for (const [reason, n] of Object.entries(refused)) counts.set(reason, (counts.get(reason) ?? 0) + n)
  return [...counts].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count)
}

/** The four most frequent, and the rest as one. */
function seriesOf(minutes: Activity['minutes'], reasons: readonly Counted[]): readonly Series[] {
  const named = reasons.slice(0, 4).map(({ reason }) => reason)
  const series: Series[] = named.map((reason, i) => ({
    name: reason,
    className: CLASSES[i] ?? 'e',
    values: minutes.map(({ refused }) => refused[reason] ?? 0),
  }))
  if (reasons.length <= named.length) return series
  const rest = minutes.map(({ refused }) =>
    Object.entries(refused).reduce((sum, [reason, n]) => (named.includes(reason) ? sum : sum + n), 0),
  )
  return [...series, { name: 'others', className: 'e', values: rest }]
}

function reasonList(reasons: readonly Counted[], mayLook: boolean): Child {
  const most = reasons[0]?.count ?? 1
  return h(
    'ul',
    { class: 'reasons' },
    reasons.map(({ reason, count }) =>
      h(
        'li',
        {},
        mayLook ? h('a', { href: `/console/audit${searchOf({ reason })}`, 'data-entry': true }, code(reason)) : code(reason),
        draw(
          'svg',
          { class: 'share', viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
          draw('rect', { class: 'series bad', width: Math.max(1, Math.round((count / most) * 100)), height: 8 }),
        ),
        tag(amount(count)),
      ),
    ),
  )
}
