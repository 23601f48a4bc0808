// The dashboard and the alert rules in docs/monitoring against the page of a real gateway: every metric, label and reason they name exists there, and every
// expression parses: with promtool, where it is installed, and by a check of our own in any case.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reasonsPage } from '../docs/reasons.ts'
import { callTool, startWorld, type World } from './attacks/world.ts'

const read = (name: string): string => readFileSync(new URL(`../docs/monitoring/${name}`, import.meta.url), 'utf8')
type Panel = {
  readonly type: string
  readonly title: string
  readonly gridPos: { x: number; y: number; w: number; h: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}
const dashboard = JSON.parse(read('dashboard.json')) as {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { query: any }[] }
}
const rules = (
  parse(read('alerts.yaml')) as { groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[] }
).groups.flatMap(g => g.rules)

/** What Grafana puts in for its variables. */
const plain = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*').replaceAll('$job', 'gatehouse')
const expressions: [where: string, expr: string][] = [
  ...rules.map(({ alert, expr }): [string, string] => [`alert ${alert}`, expr]),
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }): [string, string] => [`panel ${title}`, plain(expr)])),
  ...dashboard.templating.list.flatMap(({ query }): [string, string][] => {
    const [, metric] = /^label_values\((\w+), \w+\)$/.exec(query?.query ?? '') ?? []
    return metric === undefined ? [] : [[`variable of ${metric}`, metric]]
  }),
]
const hasPromtool = spawnSync('promtool', ['--version']).status === 0

let world: World
let page: string
beforeAll(async () => {
  world = await startWorld()
  await callTool(world, 'forbidden')
  page = await (await fetch(`${world.gateway.url}/metrics`)).text()
})
afterAll(() => world.stop())

/** Names of series on the page: of histograms those of their parts. */
const names = (): ReadonlySet<string> =>
  new Set(
    [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name, type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map(end => `${name}${end}`) : [name!],
    ),
  )
const labels = (name: string): ReadonlySet<string> =>
  new Set(
    [...page.matchAll(new RegExp(`^${name}\\{([^}]*)\\}`, 'gm'))].flatMap(([, list]) =>
      [...list!.matchAll(/(\w+)="/g)].map(([, label]) => label!),
    ),
  )

/** Added by whoever scrapes. */
const OF_SCRAPES = new Set(['job', 'instance'])
const WORDS = new Set(['sum', 'min', 'max', 'by', 'rate', 'increase', 'delta', 'topk', 'histogram_quantile'])

/** Tokens of PromQL, as far as ours go. Throws at what is none. */
function tokensOf(expr: string): string[] {
  const tokens = expr.match(/\s+|"(?:[^"\\]|\\.)*"|[A-Za-z_:][\w:]*|\d+(?:\.\d+)?(?:[smhd])?|=~|!~|!=|==|>=|<=|[-+*/(){}[\],=<>]/g) ?? []
  if (tokens.join('') !== expr) throw new SyntaxError(`no PromQL: ${expr}`)
  return tokens.filter(token => token.trim() !== '')
}

describe.each(expressions)('%s', (_where, expr) => {
  it('names only what is on the page', () => {
    const tokens = tokensOf(expr)
    const depth: string[] = []
    let metric = ''
    const grouped: string[] = []
    for (const [i, token] of tokens.entries()) {
      if ('({['.includes(token)) depth.push(tokens[i - 1] === 'by' ? 'by' : token)
      else if (')}]'.includes(token)) {
        const opened = depth.pop()
        expect(opened === 'by' ? ')' : { '(': ')', '{': '}', '[': ']' }[opened!], 'brackets').toBe(token)
      } else if (/^[A-Za-z_]/.test(token)) {
        if (depth.at(-1) === '{') {
          if (!OF_SCRAPES.has(token))
            expect([...labels(metric), ...(metric.startsWith('gatehouse_trace') ? ['outcome'] : [])]).toContain(token)
          // A reason that does not exist would never fire.
          const value = tokens[i + 2] ?? ''
          if (token === 'reason') for (const reason of value.slice(1, -1).split('|')) expect(reasonsPage()).toContain(`\`${reason}\``)
        } else if (depth.at(-1) === 'by') grouped.push(token)
        else if (!WORDS.has(token)) {
          metric = token
          if (token !== 'up') expect(names()).toContain(token)
        }
      }
    }
    expect(depth).toEqual([])
    expect(metric).not.toBe('')
    for (const label of grouped) if (!OF_SCRAPES.has(label) && labels(metric).size > 0) expect([...labels(metric), 'le']).toContain(label)
  })
})

it('the rest of the page is shown as well: a metric that nobody looks at is a question', () => {
  const shown = expressions.map(([, expr]) => expr).join('\n')
  const unseen = [...page.matchAll(/^# TYPE (\S+) \S+$/gm)].map(([, name]) => name!).filter(name => !shown.includes(name))
  expect(unseen.sort()).toEqual(UNSEEN)
})
/** For whoever looks into one thing, on the page alone. */
const UNSEEN = ['gatehouse_audit_group_rows', 'gatehouse_body_bytes', 'gatehouse_limit_keys', 'process_start_time_seconds']

it('panels do not cover each other', () => {
  const cells = new Map<string, string>()
  for (const {
    title,
    gridPos: { x, y, w, h },
  } of dashboard.panels) {
    expect(x + w).toBeLessThanOrEqual(24)
    for (let i = x; i < x + w; i += 1)
      for (let j = y; j < y + h; j += 1) {
        expect(cells.get(`${i},${j}`), title).toBeUndefined()
        cells.set(`${i},${j}`, title)
      }
  }
})

describe.skipIf(!hasPromtool)('promtool', () => {
  let folder: string
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'gatehouse-promtool-'))))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('takes the alert rules', () => {
    const file = new URL('../docs/monitoring/alerts.yaml', import.meta.url).pathname
    expect(execFileSync('promtool', ['check', 'rules', file]).toString()).toContain(`${rules.length} rules found`)
  })
  it('takes every expression of the dashboard', () => {
    const file = join(folder, 'dashboard.yaml')
    const recorded = expressions.map(([, expr], i) => ({ record: `panel:${i}`, expr }))
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: recorded }] }))
    expect(execFileSync('promtool', ['check', 'rules', file]).toString()).toContain(`${recorded.length} rules found`)
  })
  it('takes the page', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' })
    expect(status === 0 || status === 3, `${stdout}${stderr}`).toBe(true)
    expect(stderr).not.toContain('error while linting')
  })
})
