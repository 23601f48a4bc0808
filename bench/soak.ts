// `npm run soak [-- --short] [-- --only isolation,crash,sync,policy,sinks,bundle,suites,coverage]`: hours of trouble in minutes. Each test prints its summary and keeps it in bench/results/.

import { parseArgs } from 'node:util'
import { pinSelf } from './lib/processes.ts'
import { bundle } from '../test/soak/bundle.ts'
import { crash } from '../test/soak/crash.ts'
import { isolation } from '../test/soak/isolation.ts'
import { sinks } from '../test/soak/sinks.ts'
import { policy } from '../test/soak/policy.ts'
import { keep, textOf, type Summary } from '../test/soak/summary.ts'
import { coverage, suites } from '../test/soak/suites.ts'
import { sync } from '../test/soak/sync.ts'

const TESTS: Readonly<Record<string, (isShort: boolean) => Promise<Summary>>> = {
  isolation,
  crash,
  sync,
  policy,
  sinks,
  bundle,
  suites,
  coverage,
}
const { values } = parseArgs({
  options: { short: { type: 'boolean', default: false }, only: { type: 'string', default: Object.keys(TESTS).join(',') } },
})

/** Not one gateway under load, but many tests side by side. */
const SPREAD: readonly string[] = ['suites', 'coverage']

for (const name of values.only.split(',')) {
  const test = TESTS[name]
  if (!test) throw new Error(`no soak test \`${name}\`; known: ${Object.keys(TESTS).join(', ')}`)
  pinSelf(SPREAD.includes(name) ? 'any' : 'load')
  const summary = await test(values.short)
  console.log(`${textOf(summary)}\n  kept in ${keep(summary)}\n`)
  if (!summary.hasPassed) process.exitCode = 1
}
