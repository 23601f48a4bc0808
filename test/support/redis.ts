// A Redis of its own for a test, as the machine has it: on a free port of this machine, in a folder of its own, stopped and started again as the test says.

import { createClient } from '@redis/client'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

export const hasRedis = spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0
if (!hasRedis) console.warn('no redis-server on this machine: tests with a real Redis are skipped')

export type RedisEntry = { readonly id: string; readonly fields: Readonly<Record<string, string>> }

export class TestRedis {
  readonly port: number
  readonly #folder: string
  readonly #arguments: readonly string[]
  #process: ChildProcess | undefined

  private constructor(port: number, more: readonly string[]) {
    this.port = port
    this.#folder = mkdtempSync(join(tmpdir(), 'gatehouse-redis-'))
    this.#arguments = ['--port', String(port), '--bind', '127.0.0.1', '--dir', this.#folder, '--save', '', '--daemonize', 'no', ...more]
  }

  /** `more`: further arguments of redis-server. */
  static async start(...more: readonly string[]): Promise<TestRedis> {
    const redis = new TestRedis(await freePort(), more)
    await redis.start()
    return redis
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Resolves once it takes connections. */
  async start(): Promise<void> {
    const child = spawn('redis-server', this.#arguments, { stdio: ['ignore', 'pipe', 'ignore'] })
    this.#process = child
    await new Promise<void>((resolve, reject) => {
      let said = ''
      child.stdout.on('data', (data: Buffer) => {
        said += data.toString()
        if (said.includes('Ready to accept connections')) resolve()
      })
      child.once('exit', () => reject(new Error(`redis-server ended: ${said}`)))
    })
  }

  /** With a signal that leaves it no time, unless another is named. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child?.exitCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  /** It hangs, or goes on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  async remove(): Promise<void> {
    this.signal('SIGCONT')
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** One command, by a connection of its own. */
  async run(...command: readonly string[]): Promise<unknown> {
    const client = createClient({ url: this.url, RESP: 2 })
    client.on('error', () => {})
    await client.connect()
    try {
      return await client.sendCommand([...command])
    } finally {
      client.destroy()
    }
  }

  /** All entries of a stream, oldest first. */
  async entries(stream: string): Promise<readonly RedisEntry[]> {
    return entriesOf(await this.run('XRANGE', stream, '-', '+'))
  }
}

/** A reply of XRANGE, or the part of one stream of XREADGROUP. */
export const entriesOf = (reply: unknown): readonly RedisEntry[] =>
  (reply as [string, string[]][]).map(([id, flat]) => ({
    id,
    fields: Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []))),
  }))
