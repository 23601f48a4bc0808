// Child processes of the harness: each in a process group of its own, so that stopping one stops what it started as well.

import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'

export type Launched = { readonly child: ChildProcess; stop(): Promise<void> }

const running = new Set<ChildProcess>()

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // the group is gone already
  }
}

process.on('exit', () => {
  for (const child of running) kill(child, 'SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

export type LaunchOptions = {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** file that stdout and stderr are appended to; default: discarded */
  readonly log?: string
  /** keep stdout as a pipe for the caller */
  readonly stdout?: 'pipe'
}

/** Starts `node ARGS` with this process's own Node. */
export function launchNode(args: readonly string[], options: LaunchOptions = {}): Launched {
  const log = options.log === undefined ? 'ignore' : openSync(options.log, 'a')
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', options.stdout ?? log, log],
    env: { ...process.env, ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  })
  if (typeof log === 'number') closeSync(log)
  running.add(child)
  const gone = new Promise<void>(resolve => {
    child.once('exit', () => {
      running.delete(child)
      resolve()
    })
    child.once('error', () => resolve())
  })
  return {
    child,
    async stop() {
      kill(child, 'SIGTERM')
      const hard = setTimeout(() => kill(child, 'SIGKILL'), 3_000)
      await gone
      clearTimeout(hard)
      kill(child, 'SIGKILL')
    },
  }
}

/** Starts a fixture and waits for its `listening <url>` line; rejects when it exits first. */
export async function launchListening(args: readonly string[], options: LaunchOptions = {}): Promise<Launched & { readonly url: string }> {
  const launched = launchNode(args, { ...options, stdout: 'pipe' })
  const { stdout } = launched.child
  if (!stdout) throw new Error('no stdout')
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: stdout }).on('line', line => {
      if (line.startsWith('listening ')) resolve(line.slice('listening '.length))
    })
    launched.child.once('exit', code => reject(new Error(`${args.join(' ')} exited with ${String(code)} before it listened`)))
  })
  return { ...launched, url }
}
