// A reader that goes away early (`| head -1`) ends no command with a stack trace.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

it('a command whose output nobody reads to its end still does what it does, and says nothing of it', { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, [cli, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const [code] = (await once(child, 'close')) as [number | null]
  expect([code, said]).toEqual([0, ''])
})
