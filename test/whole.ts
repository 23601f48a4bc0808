// `npm test`: types, lint, format and dead code beside the tests, which leave a core idle now and then; then the short size of the long suites; at last, with the
// machine to themselves, the tests that bound processor time. Everything is run, whatever failed before. Coverage, which takes two fifths more, is
// `npm run soak -- --only coverage`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { SHORT_OF_LONG } from './support/sizes.ts'
import { quickFolder } from './support/quick-folder.ts'

const folder = quickFolder()
const env = { ...process.env, ...(folder !== undefined && { TMPDIR: folder }) }

async function passes(program: string, ...args: readonly string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'inherit', shell: process.platform === 'win32', env })
  await once(child, 'close')
  return child.exitCode === 0
}

try {
  const verdicts = await Promise.all([passes('node', 'test/check.ts'), passes('vitest', 'run')])
  verdicts.push(await passes('vitest', 'run', '--mode', 'long', ...SHORT_OF_LONG))
  verdicts.push(await passes('vitest', 'run', '--mode', 'bounds'))
  process.exitCode = verdicts.every(Boolean) ? 0 : 1
} finally {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}
