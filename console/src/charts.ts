// Charts of our own: bars and lines in SVG, their colours by the style sheet, their numbers once more as a table for who does not see them.

import { draw, h, type Child } from './dom.ts'

const WIDTH = 720
const HEIGHT = 200
const LEFT = 66
const BOTTOM = 30
const TOP = 14
const PLOT = { width: WIDTH - LEFT - 4, height: HEIGHT - BOTTOM - TOP }

/** One series by its place in the legend; `values` as many as there are labels, undefined where there is none. */
export type Series = { readonly name: string; readonly className: string; readonly values: readonly (number | undefined)[] }
type Chart = {
  readonly title: string
  /** what it shows, in a sentence with its numbers */
  readonly summary: string
  /** of the values along it */
  readonly labels: readonly string[]
  readonly series: readonly Series[]
  readonly format: (value: number) => string
}

/** Values on top of each other. */
export const bars = (chart: Chart): HTMLElement => {
  const totals = chart.labels.map((_, i) => chart.series.reduce((sum, { values }) => sum + (values[i] ?? 0), 0))
  const scale = scaleOf(Math.max(...totals, 0))
  const step = PLOT.width / chart.labels.length
  const columns = chart.labels.map((_, i) => {
    let below = 0
    return chart.series.map(({ values, className }) => {
      const height = ((values[i] ?? 0) / scale.top) * PLOT.height
      below += height
      return (
        height > 0 &&
        draw('rect', {
          class: `series ${className}`,
          x: round(LEFT + i * step + 1),
          y: round(TOP + PLOT.height - below),
          width: round(Math.max(1, step - 2)),
          height: round(height),
        })
      )
    })
  })
  return framed(chart, scale, columns)
}

/** Values side by side; a gap where there is none. */
export const lines = (chart: Chart): HTMLElement => {
  const scale = scaleOf(Math.max(...chart.series.flatMap(({ values }) => values.map(value => value ?? 0)), 0))
  const step = PLOT.width / Math.max(1, chart.labels.length - 1)
  const at = (value: number, i: number): string => `${round(LEFT + i * step)} ${round(TOP + PLOT.height * (1 - value / scale.top))}`
  const paths = chart.series.map(({ values, className }) => {
    const path = values.map((value, i) => (value === undefined ? '' : `${values[i - 1] === undefined ? 'M' : 'L'}${at(value, i)}`)).join('')
    const alone = values.flatMap((value, i) => {
      if (value === undefined || values[i - 1] !== undefined || values[i + 1] !== undefined) return []
      const [x, y] = at(value, i).split(' ')
      return [draw('circle', { class: `series ${className}`, cx: x, cy: y, r: 2 })]
    })
    return [path !== '' && draw('path', { class: `line-series ${className}`, d: path }), alone]
  })
  return framed(chart, scale, paths)
}

type Scale = { readonly top: number; readonly ticks: readonly number[] }
/** A top of one, two or five times a power of ten, in four steps. */
function scaleOf(most: number): Scale {
  if (!(most > 0)) return { top: 1, ticks: [0, 1] }
  const power = 10 ** Math.floor(Math.log10(most))
  const top = power * (most / power <= 1 ? 1 : most / power <= 2 ? 2 : most / power <= 5 ? 5 : 10)
  return { top, ticks: [0, top / 2, top] }
}
const round = (value: number): number => Math.round(value * 10) / 10

function framed({ title, summary, labels, series, format }: Chart, { top, ticks }: Scale, content: Child): HTMLElement {
  const y = (value: number): number => round(TOP + PLOT.height * (1 - value / top))
  const marks = [0, Math.floor((labels.length - 1) / 2), labels.length - 1]
  return h(
    'figure',
    { class: 'chart' },
    h('figcaption', {}, h('h2', {}, title), legend(series)),
    draw(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': summary },
      ticks.map(value => [
        draw('line', { class: 'grid', x1: LEFT, x2: WIDTH - 4, y1: y(value), y2: y(value) }),
        draw('text', { class: 'tick', x: LEFT - 6, y: y(value) + 4, 'text-anchor': 'end' }, format(value)),
      ]),
      content,
      marks.map((i, n) =>
        draw(
          'text',
          {
            class: 'tick',
            x: n === 0 ? LEFT : n === 1 ? LEFT + PLOT.width / 2 : WIDTH - 4,
            y: HEIGHT - 8,
            'text-anchor': n === 0 ? 'start' : n === 1 ? 'middle' : 'end',
          },
          labels[i] ?? '',
        ),
      ),
    ),
    h('p', { class: 'soft' }, summary),
  )
}

const legend = (series: readonly Series[]): Child =>
  h(
    'ul',
    { class: 'legend' },
    series.map(({ name, className }) =>
      h(
        'li',
        {},
        draw(
          'svg',
          { class: `key ${className}`, viewBox: '0 0 10 10', 'aria-hidden': 'true' },
          draw('rect', { class: `series ${className}`, width: 10, height: 10 }),
        ),
        name,
      ),
    ),
  )
