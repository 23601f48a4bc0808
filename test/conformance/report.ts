// The result of a leg, and the table a person reads.

import type { Allowance, Loss } from './score.ts'

type Tally = {
  readonly total: number
  /** scenarios that pass when the fixture is asked directly: the most that can be kept */
  readonly direct: number
  readonly kept: number
  readonly degraded: number
  readonly lost: number
}

export type LegReport = {
  readonly name: string
  readonly title: string
  readonly scored: Tally
  readonly unscored: Tally
  /** scored scenarios that do not even pass directly: the fixture or the machine is at fault */
  readonly directFailures: readonly string[]
  readonly unexpected: readonly { readonly scenario: string; readonly loss: Loss }[]
  readonly stale: readonly { readonly scenario: string; readonly id: string }[]
  readonly expected: readonly Allowance[]
  /** scenarios that were kept only on a second try */
  readonly retried: readonly string[]
  readonly isDirectOnly: boolean
  /** what has to be kept does not hang on what was kept directly */
  readonly isAlone?: boolean
  readonly notes?: readonly string[]
  readonly seconds: number
}

const HEAD = ['leg', 'what', 'direct', 'kept', 'degraded', 'lost', 'unscored', 'seconds']

function rowOf(report: LegReport): string[] {
  const { scored } = report
  const through = (value: number): string => (report.isDirectOnly ? '-' : String(value))
  return [
    report.name,
    report.title,
    `${scored.direct}/${scored.total}`,
    report.isDirectOnly ? '-' : `${scored.kept}/${report.isAlone ? scored.total : scored.direct}`,
    through(scored.degraded),
    through(scored.lost),
    unscoredOf(report),
    report.seconds.toFixed(0),
  ]
}

function unscoredOf({ unscored, isDirectOnly, isAlone }: LegReport): string {
  const most = isAlone ? unscored.total : unscored.direct
  return most === 0 ? '-' : `${isDirectOnly ? '-' : unscored.kept}/${most}`
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = HEAD.map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
}

const short = (message: string): string => message.replace(/\s+/g, ' ').slice(0, 300)

/** One line a scenario: its first loss in the suite's words, the others by id. */
function lossLines(report: LegReport): string[] {
  const byScenario = new Map<string, Loss[]>()
  for (const { scenario, loss } of report.unexpected) byScenario.set(scenario, [...(byScenario.get(scenario) ?? []), loss])
  return [...byScenario].map(([scenario, [first, ...others]]) => {
    const more = others.length === 0 ? '' : ` (and ${[...new Set(others.map(loss => loss.id))].join(', ')})`
    return `  LOST ${scenario}: ${first?.id ?? ''} ${first?.status ?? ''}: ${short(first?.message ?? '')}${more}`
  })
}

/** The table, then what needs a person: expected losses with reasons, surprises with check ids. */
export function printReport(reports: readonly LegReport[]): void {
  printTable([HEAD, ...reports.map(rowOf)])
  for (const report of reports) {
    const lines = [
      ...report.directFailures.map(scenario => `  does not pass directly: ${scenario}`),
      ...(report.notes ?? []).map(note => `  ${note}`),
      ...report.retried.map(scenario => `  kept on the second try: ${scenario}`),
      ...report.expected.map(entry => `  expected loss: ${entry.scenario} [${entry.checks.join(', ')}]: ${entry.reason}`),
      ...lossLines(report),
      ...report.stale.map(({ scenario, id }) => `  NOT LOST although expected.json says so: ${scenario} ${id}`),
    ]
    if (lines.length > 0) console.log(`\n${report.name}: ${report.title}\n${lines.join('\n')}`)
  }
}
