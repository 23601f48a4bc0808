// The long suites of tests (test/support/sizes.ts): all of them, or the short size, as in `npm test`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { SHORT_OF_LONG } from '../support/sizes.ts'
import type { Summary } from './summary.ts'

export function suites(isShort: boolean): Promise<Summary> {
  return summed('suites', isShort, ['--mode', 'long', ...(isShort ? SHORT_OF_LONG : [])])
}

/** All tests, the long suites too, with coverage, against the floors of vitest.config.ts. */
export const coverage = (isShort: boolean): Promise<Summary> =>
  summed('coverage', isShort, ['--coverage', ...(isShort ? ['test/kernel'] : [])])

async function summed(name: string, isShort: boolean, args: readonly string[]): Promise<Summary> {
  const child = spawn('vitest', ['run', ...args], { stdio: ['ignore', 'pipe', 'inherit'], shell: process.platform === 'win32' })
  child.stdout.pipe(process.stderr, { end: false }) // how far it is
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
  const lines = output.replaceAll(/\x1b\[[0-9;]*m/g, '').split('\n')
  const said = lines.filter(
    line =>
      /^ *(?:[✓❯×] .*|Test Files|Tests|Duration|Statements|Branches|Functions|Lines|egress:|ERROR|FAIL|AssertionError)/.test(line) &&
      !/^ {3,}✓/.test(line),
  )
  return { name, isShort, hasPassed: child.exitCode === 0, lines: said.map(line => line.trim()) }
}
