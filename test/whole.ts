// `npm test`: types, lint, format and dead code beside the tests, which leave a core idle now and then; at last, with the machine to themselves, those that bound
// processor time. Everything is run, whatever failed before. Coverage, which takes two fifths more, is `npm run soak -- --only coverage`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

async function passes(program: string, ...args: readonly string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'inherit', shell: process.platform === 'win32' })
  await once(child, 'close')
  return child.exitCode === 0
}

const beside = await Promise.all([passes('node', 'test/check.ts'), passes('vitest', 'run')])
const hasPassed = [...beside, await passes('vitest', 'run', '--mode', 'bounds')].every(Boolean)
process.exitCode = hasPassed ? 0 : 1
