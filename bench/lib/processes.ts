// Starts and stops what the bench measures: each in a process of its own, pinned to one core, with the load and the upstreams on the other.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, openSync, closeSync, readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

const TASKSET = '/usr/bin/taskset'
/** undefined where pinning is not possible: then the scheduler places everything. */
export const CORES: { readonly proxy: string; readonly load: string; readonly any: string } | undefined =
  availableParallelism() > 1 && isExecutable(TASKSET)
    ? { proxy: '0', load: availableParallelism() > 2 ? `1-${availableParallelism() - 1}` : '1', any: `0-${availableParallelism() - 1}` }
    : undefined

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The words that start a command on the cores of its role. taskset replaces itself by the command, so the pid stays. */
export function pinned(role: 'proxy' | 'load', command: readonly string[]): string[] {
  return CORES ? [TASKSET, '-c', CORES[role], ...command] : [...command]
}
/** Moves this process, and with it what it forks later. */
export function pinSelf(role: 'proxy' | 'load' | 'any'): void {
  if (CORES) spawnSync(TASKSET, ['-cp', CORES[role], String(process.pid)])
}

export type Running = { readonly pid: number; readonly child: ChildProcess; stop(): Promise<void> }

const running = new Set<Running>()
process.on('exit', () => {
  for (const { child } of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

export type StartOptions = {
  readonly role: 'proxy' | 'load'
  readonly command: readonly string[]
  /** where its standard output and error go, when not read here */
  readonly logFile?: string
  readonly env?: Record<string, string>
  readonly cwd?: string
  readonly isOutputRead?: boolean
}

export function start(options: StartOptions): Running {
  const [command = '', ...args] = pinned(options.role, options.command)
  const log = options.logFile === undefined ? 'ignore' : openSync(options.logFile, 'a')
  const child = spawn(command, args, {
    stdio: ['ignore', options.isOutputRead ? 'pipe' : log, log],
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/tmp', ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  })
  if (typeof log === 'number') closeSync(log)
  const { pid } = child
  if (pid === undefined) throw new Error(`could not start ${options.command.join(' ')}`)
  const stop = async (): Promise<void> => {
    running.delete(self)
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 12_000)
    await gone
    clearTimeout(late)
  }
  const self = { pid, child, stop }
  running.add(self)
  return self
}

/** Starts a process that prints its port as its first line. */
export async function startPrinting(options: StartOptions): Promise<Running & { readonly port: number }> {
  const process = start({ ...options, isOutputRead: true })
  const port = await new Promise<number>((resolve, reject) => {
    process.child.stdout?.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())))
    process.child.once('exit', code => reject(new Error(`${options.command.join(' ')} ended with ${code}`)))
  })
  process.child.stdout?.resume()
  return { ...process, port }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Waits until `isReady` says so; names the end of the log when the process ends or the time is over. */
export async function untilReady(
  process: Running,
  isReady: () => Promise<boolean>,
  options: { readonly logFile: string; readonly withinMs?: number },
): Promise<number> {
  const from = performance.now()
  const withinMs = options.withinMs ?? 30_000
  for (;;) {
    if (await isReady()) return performance.now() - from
    const hasEnded = process.child.exitCode !== null || process.child.signalCode !== null
    if (hasEnded || performance.now() - from > withinMs) {
      const log = readFileSync(options.logFile, 'utf8').slice(-2000)
      throw new Error(`${hasEnded ? `ended with ${process.child.exitCode}` : `not ready within ${withinMs} ms`}; its log ends:\n${log}`)
    }
    await delay(5)
  }
}

export function canConnect(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

export async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}
