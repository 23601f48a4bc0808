// `npm run check`: types, lint, format and dead code. Lint takes as long as all the others together, so it runs beside them; all faults are told, not the first alone.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

type Command = readonly [string, ...string[]]

const LANES: readonly (readonly Command[])[] = [
  [['eslint', '.']],
  [['tsc'], ['tsc', '-p', 'console'], ['prettier', '--check', '.'], ['knip']],
]

/** Whether it found nothing. npm puts the commands of the packages on the path. */
async function passes([program, ...args]: Command): Promise<boolean> {
  // lint with types needs nearly the 4 GB that Node takes by itself, and then collects garbage more than it lints
  const env = { ...process.env, NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --max-old-space-size=8192`.trim() }
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32', env })
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  process.stdout.write(`${child.exitCode === 0 ? 'ok     ' : 'FAILED '} ${[program, ...args].join(' ')}\n`)
  if (child.exitCode !== 0) process.stdout.write(`${out}${err}\n`)
  return child.exitCode === 0
}

async function run(commands: readonly Command[]): Promise<boolean> {
  let isGood = true
  for (const command of commands) isGood = (await passes(command)) && isGood
  return isGood
}

const verdicts = await Promise.all(LANES.map(run))
process.exitCode = verdicts.every(Boolean) ? 0 : 1
