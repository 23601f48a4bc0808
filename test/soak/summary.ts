// What every soak test hands back, and where its output is kept.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Summary = { readonly name: string; readonly isShort: boolean; readonly hasPassed: boolean; readonly lines: readonly string[] }

/** bench/results/soak-NAME.txt; short runs get a file of their own and leave the long one alone. */
export function keep(summary: Summary): string {
  const file = join(import.meta.dirname, '../../bench/results', `soak-${summary.name}${summary.isShort ? '-short' : ''}.txt`)
  writeFileSync(file, `${textOf(summary)}\n`)
  return file
}
export const textOf = ({ name, hasPassed, lines }: Summary): string => [`${hasPassed ? 'PASSED' : 'FAILED'} ${name}`, ...lines].join('\n')
