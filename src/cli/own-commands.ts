// The commands of this program, each run as a process of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { EXIT, type Io } from './command.ts'
import { ownProgram } from './self.ts'

export type OwnCommand = (
  argv: readonly string[],
  cwd: string,
) => Promise<{ readonly code: number; readonly out: string; readonly err: string }>

/** `home`: stands for the person's home, so that nobody's login is used. */
export const ownCommands =
  ({ env }: Io, home: string): OwnCommand =>
  async (argv, cwd) => {
    const { command, script } = ownProgram()
    const child = spawn(command, [script, ...argv], {
      cwd,
      env: { PATH: env['PATH'], HOME: home, XDG_CONFIG_HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    return { code: child.exitCode ?? EXIT.failed, out, err }
  }
