// What the inspection finds in the development cases, as the table of docs/detection.md. Run as a program it writes the table; a test compares it.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { collisionTable } from '../collision/score.ts'
import { RULES } from '../../src/inspection/finding.ts'
import { judge, wireCases, type Case, type Judged, type Verdict } from './vectors.ts'

export type Scored = { readonly found: Case; readonly judged: Judged }
export const score = (): Scored[] => wireCases().map(found => ({ found, judged: judge(found) }))

/** What servers describe themselves with. */
const METADATA = new Set([
  'tool_definition',
  'tools_list',
  'prompt_definition',
  'resource_definition',
  'initialize',
  'registry_entry',
  'drift_pair',
])
/** Captured from servers that people use; the rest of the benign cases was written for suites. */
const REAL = new Set(['npm-live', 'github-mcp-server', 'docker-mcp-registry', 'github-mcp-server-history', 'npm-history'])
export const isRealMetadata = ({ found }: Scored): boolean =>
  found.expected === 'pass' && METADATA.has(found.carrier) && REAL.has(found.source)

const classOf = ({ found }: Scored): string => (found.class.startsWith('atr:') ? found.class.split(':').slice(0, 2).join(':') : found.class)
const number = (rows: readonly Scored[], ...verdicts: readonly Verdict[]): number =>
  rows.filter(r => verdicts.includes(r.judged.verdict)).length
const percent = (part: number, whole: number): string => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`)

function grouped(rows: readonly Scored[], keyOf: (row: Scored) => string): readonly (readonly [string, readonly Scored[]])[] {
  const groups = new Map<string, Scored[]>()
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row])
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Recall counts what was found or stopped elsewhere, of what is supported. */
export function recallTable(rows: readonly Scored[]): string {
  const lines = grouped(
    rows.filter(r => r.found.expected === 'flag' && r.found.class !== 'benign-collision'),
    row => `${classOf(row)} | ${row.found.carrier}`,
  ).map(([key, of]) => {
    const stopped = number(of, 'block', 'hold', 'annotate', 'elsewhere')
    const figures = [
      of.length,
      number(of, 'block'),
      number(of, 'hold'),
      number(of, 'annotate'),
      number(of, 'elsewhere'),
      number(of, 'miss'),
      number(of, 'unsupported'),
    ]
    return `| ${key} | ${figures.join(' | ')} | ${percent(stopped, of.length - number(of, 'unsupported'))} |`
  })
  return [
    '| class | carrier | cases | block | hold | annotate | elsewhere | miss | unsupported | recall |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}

export function alarmTable(rows: readonly Scored[]): string {
  const lines = grouped(
    rows.filter(r => r.found.expected === 'pass' && r.judged.verdict !== 'unsupported'),
    row =>
      `${isRealMetadata(row) ? 'real metadata' : METADATA.has(row.found.carrier) ? 'metadata of suites' : 'results, arguments'} | ${row.found.source}`,
  ).map(
    ([key, of]) =>
      `| ${key} | ${[of.length, number(of, 'block'), number(of, 'hold'), number(of, 'annotate')].join(' | ')} | ${percent(number(of, 'block', 'hold'), of.length)} |`,
  )
  return ['| benign | source | cases | block | hold | annotate | block + hold |', '|---|---|---|---|---|---|---|', ...lines].join('\n')
}

const KINDS = ['definition', 'content', 'request', 'arguments'] as const
export function codeTable(): string {
  const lines = RULES.map(
    ({ code, about, severity, tiers }) => `| \`${code}\` | ${about} | ${severity} | ${KINDS.map(kind => tiers[kind] ?? '–').join(' | ')} |`,
  )
  return [`| code | what it says | severity | ${KINDS.join(' | ')} |`, '|---|---|---|---|---|---|---|', ...lines].join('\n')
}

const PAGE = new URL('../../docs/detection.md', import.meta.url)
const between = (name: string): RegExp => new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- end -->)`)
export const withCodes = (page: string): string =>
  page.replace(between('codes'), (_, from: string, to: string) => `${from}\n${codeTable()}\n\n${to}`)
/** The page with all tables as they are measured now. */
export function measured(page: string, rows: readonly Scored[]): string {
  return withCodes(page)
    .replace(between('recall'), (_, from: string, to: string) => `${from}\n${recallTable(rows)}\n\n${to}`)
    .replace(between('alarms'), (_, from: string, to: string) => `${from}\n${alarmTable(rows)}\n\n${to}`)
    .replace(between('collisions'), (_, from: string, to: string) => `${from}\n${collisionTable()}\n\n${to}`)
}
export const readPage = (): string => readFileSync(PAGE, 'utf8')

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, measured(readPage(), score()))
