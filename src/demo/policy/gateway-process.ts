// The gateway of the policy demo: `gatehouse serve`, a process of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Fault } from '../../kernel/errors.ts'

export type GatewayProcess = {
  readonly url: string
  /** what it printed on standard error */
  readonly log: readonly string[]
  stop(): Promise<void>
}

/** `program`: what starts this command line. Throws Fault `demo-gateway` where it ends before it serves. */
export async function startGatewayProcess(
  program: { readonly command: string; readonly script: string },
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<GatewayProcess> {
  const child = spawn(program.command, [program.script, 'serve', '--json'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const log: string[] = []
  createInterface({ input: child.stderr }).on('line', line => void log.push(line))
  const closed = once(child, 'close')
  const ready = await Promise.race([readyOf(child.stdout), closed.then(() => undefined)])
  if (ready === undefined) throw new Fault('demo-gateway', `the gateway did not start:\n${log.slice(-20).join('\n')}`)
  return {
    url: ready,
    log,
    async stop() {
      child.kill('SIGTERM')
      await closed
    },
  }
}

async function readyOf(out: NodeJS.ReadableStream): Promise<string | undefined> {
  for await (const line of createInterface({ input: out })) {
    const said = JSON.parse(line) as { readonly event?: string; readonly url?: string }
    if (said.event === 'ready') return said.url
  }
  return undefined
}
