// The demo in words: what was started, each step as it ends, the audit entries as a table, and the verdict.

import type { Row, Step } from './walk.ts'

export type Setting = {
  readonly url: string
  readonly servers: readonly { readonly alias: string; readonly title: string }[]
  readonly version: string
  readonly person: string
}

export function opening({ url, servers, version, person }: Setting): string {
  const width = Math.max(...servers.map(({ alias }) => alias.length))
  return `One host, ${servers.length} MCP servers and the gateway between them. All of it runs on this machine and is gone at the end.

  gateway   ${url}
  host      the official SDK (@modelcontextprotocol/client), MCP ${version}, signed in as ${person}
  servers   ${servers.map(({ alias, title }) => `${alias.padEnd(width)}  ${title}`).join('\n            ')}
`
}

export function stepText({ number, title, story, checks, rows }: Step): string {
  const verdicts = checks.map(({ claim, isTrue }) => `  ${isTrue ? 'ok    ' : 'FAILED'}  ${claim}`)
  return ['', `${number}. ${title}`, '', ...story, ...(rows ? ['', ...table(rows)] : []), '', ...verdicts, ''].join('\n')
}

function table(rows: readonly Row[]): string[] {
  const columns = ['step', 'entry', 'what', 'what it means'] as const
  const cells = rows.map(({ step, type, what, meaning }) => [String(step), type, what, meaning] as const)
  const widths = columns.map((name, i) => Math.max(name.length, ...cells.map(row => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')}`
  return [line(columns), line(widths.map(width => '-'.repeat(Math.min(width, 60)))), ...cells.map(line)]
}

export function closing(steps: readonly Step[], expected: number): string {
  const failed = steps.flatMap(({ number, checks }) =>
    checks.filter(({ isTrue }) => !isTrue).map(({ claim }) => `step ${number}: ${claim}`),
  )
  if (failed.length > 0) return `\nNot everything is as it should be:\n${failed.map(claim => `  ${claim}\n`).join('')}`
  if (steps.length < expected) return '\nThe demo did not come to its end.\n'
  return '\nEvery step did what it says. `npm start` runs the same gateway with three of these servers for hosts of your own; docs/hosts.md connects them.\n'
}
