// An upstream's process as a channel: spawned into its own process group, lines in, lines out, killed as a group.

import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Caller } from '../../bridge/upstream.ts'
import type { UpstreamTransport } from '../../config/schema.ts'
import type { Channel, ChannelEvents, Loss } from './channel.ts'
import { childEnvironment } from './child-environment.ts'
import { Fault } from '../../kernel/errors.ts'
import { Lines } from './lines.ts'
import { lineOf } from './request-bytes.ts'
import { drainStderr } from './stderr-log.ts'
import type { Ticker } from './ticker.ts'
import type { TransportContext } from './transport.ts'

type StdioTransport = Extract<UpstreamTransport, { kind: 'stdio' }>
type Child = ChildProcessByStdio<Writable, Readable, Readable>

export type ProcessSettings = {
  readonly command: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  /** bytes of one line, and of what may wait in either direction */
  readonly messageBytes: number
  readonly bufferBytes: number
}

export type ProcessOptions = {
  readonly ticker: Ticker
  readonly events: ChannelEvents
  /** a stdout line that is not JSON was ignored */
  garbage(): void
  stderr: (line: string, dropped: number) => void
}

/** Stdout lines that are not JSON: this many are tolerated (banners), and one more per second. */
const GARBAGE_LINES = 64
/** Batches up to this size are joined into one write. */
const JOIN_MAX = 65_536
/** After the process itself has ended, how long its last words may take; a forked child that keeps stdout gets no longer. */
const LAST_WORDS_MS = 300
/** Beyond `bufferBytes`: cancellations and answers must find their way when calls no longer do. */
const OWN_ROOM = 1024 * 1024
const NEWLINE = Buffer.from('\n')
const OPEN_OBJECT = 0x7b
const OPEN_ARRAY = 0x5b

export class ProcessChannel implements Channel {
  readonly #child: Child
  readonly #settings: ProcessSettings
  readonly #options: ProcessOptions
  readonly #lines: Lines
  readonly #gone = Promise.withResolvers<undefined>()
  #pending: Buffer[] = []
  #pendingBytes = 0
  #garbage = 0
  #garbageAt: number
  #loss: Loss | undefined
  #isStopping = false
  #isEnded = false

  /** A command that cannot be started is reported as lost; throws only for settings no operating system takes, or without descriptors. */
  constructor(settings: ProcessSettings, options: ProcessOptions) {
    this.#settings = settings
    this.#options = options
    this.#garbageAt = options.ticker.now()
    this.#lines = new Lines(settings.messageBytes, line => this.#line(line))
    this.#child = spawn(settings.command, [...settings.args], {
      env: { ...settings.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
      // its own session and group: a kill reaches what it forked, a terminal's Ctrl-C does not reach it
      detached: process.platform !== 'win32',
      windowsHide: true,
      ...(settings.cwd !== undefined && { cwd: settings.cwd }),
      ...(settings.uid !== undefined && { uid: settings.uid }),
      ...(settings.gid !== undefined && { gid: settings.gid }),
    })
    this.#child.on('error', (error: NodeJS.ErrnoException) => this.#notStarted(error))
    // Without descriptors there is a child object without streams.
    if (!hasStreams(this.#child)) throw new Fault('process-not-started', 'no pipes for a process')
    drainStderr(this.#child.stderr, options.ticker, options.stderr)
    this.#listen()
  }

  #listen(): void {
    const { stdin, stdout } = this.#child
    stdout.on('data', (chunk: Buffer) => {
      if (!this.#loss && !this.#lines.push(chunk)) this.#fail('upstream-invalid', 'wrote a line longer than `limits.messageSize`')
    })
    stdout.on('error', () => this.#fail('upstream-lost', 'its stdout broke'))
    stdout.on('end', () => {
      this.#hasEnded = true
      // Its exit code, which usually follows at once, says more than its silence.
      if (this.#isReaped) this.#end()
      else this.#options.ticker.after(LAST_WORDS_MS, () => this.#end())
    })
    stdin.on('drain', () => this.#options.events.drained())
    stdin.on('error', () => this.#fail('upstream-lost', 'its stdin broke'))
    this.#child.on('exit', (code, signal) => {
      // Whatever it left behind in its group goes too; what it had already written is still read. Later its number may be another's.
      this.#kill('SIGKILL')
      this.#isReaped = true
      this.#exit = signal === null ? `exited with code ${code ?? 0}` : `was ended by ${signal}`
      if (this.#hasEnded) this.#end()
      else this.#options.ticker.after(LAST_WORDS_MS, () => this.#end())
      this.#gone.resolve(undefined)
    })
  }
  /** The code is the operating system's (ENOENT, EACCES), never text of the upstream. */
  #notStarted(error: NodeJS.ErrnoException): void {
    if (this.#child.pid !== undefined) return
    this.#lose({ reason: 'upstream-unavailable', detail: `could not be started (${error.code ?? 'error'})`, isCrash: true })
    this.#gone.resolve(undefined)
  }
  #exit = 'closed its stdout'
  #isReaped = false
  #hasEnded = false

  #line(line: Buffer): void {
    const first = line[0]
    if (this.#loss) return
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      this.#options.events.message(line)
      return
    }
    this.#options.garbage()
    const now = this.#options.ticker.now()
    this.#garbage = Math.max(0, this.#garbage - (now - this.#garbageAt) / 1000) + 1
    this.#garbageAt = now
    if (this.#garbage > GARBAGE_LINES) this.#fail('upstream-invalid', 'wrote too many lines that are not JSON to stdout')
  }

  hasRoom(bytes: number): boolean {
    const waiting = this.#pendingBytes + this.#child.stdin.writableLength
    return waiting === 0 || waiting + bytes <= this.#settings.bufferBytes
  }

  write(message: Buffer): boolean {
    if (this.#loss || this.#isStopping || !this.hasRoom(message.length - OWN_ROOM)) return false
    if (this.#pending.length === 0) setImmediate(this.#flush)
    const line = lineOf(message)
    this.#pending.push(line, NEWLINE)
    this.#pendingBytes += line.length + 1
    return true
  }

  /** One write for everything that was queued in this turn of the event loop. */
  readonly #flush = (): void => {
    const { stdin } = this.#child
    const pending = this.#pending
    this.#pending = []
    const bytes = this.#pendingBytes
    this.#pendingBytes = 0
    if (this.#loss || stdin.destroyed || stdin.writableEnded) return
    if (bytes <= JOIN_MAX) return void stdin.write(Buffer.concat(pending, bytes))
    stdin.cork()
    for (const piece of pending) stdin.write(piece)
    stdin.uncork()
  }

  pause(): void {
    this.#child.stdout.pause()
  }
  resume(): void {
    if (!this.#loss) this.#child.stdout.resume()
  }

  fail(detail: string): void {
    this.#fail('upstream-lost', detail)
  }

  /** stdin ends, then SIGTERM, then SIGKILL, each to the whole group (R41). */
  async stop(graceMs: number): Promise<void> {
    if (!this.#isStopping) {
      if (this.#pending.length > 0) this.#flush()
      this.#isStopping = true
      this.#child.stdin.end()
      this.#options.ticker.after(graceMs / 3, () => this.#kill('SIGTERM'))
      this.#options.ticker.after(graceMs, () => this.#kill('SIGKILL'))
    }
    await this.#gone.promise
  }

  #fail(reason: Loss['reason'], detail: string): void {
    if (this.#isStopping) return
    this.#lose({ reason, detail, isCrash: true })
    this.#kill('SIGKILL')
  }

  /** stdout is over: the process has gone, or has nothing more to say. */
  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#lose({ reason: 'upstream-lost', detail: `the process ${this.#exit}`, isCrash: !this.#isStopping })
    this.#kill('SIGKILL')
  }

  #lose(loss: Loss): void {
    if (this.#loss) return
    this.#loss = loss
    this.#pending = []
    // A forked child may hold the other ends: ours are closed whatever it does.
    this.#child.stdout.destroy()
    this.#child.stdin.destroy()
    this.#child.stderr.destroy()
    this.#options.events.lost(loss)
  }

  #kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = this.#child
    if (pid === undefined || this.#isReaped) return
    try {
      if (process.platform === 'win32') this.#child.kill(signal)
      else process.kill(-pid, signal)
    } catch {
      // ESRCH: the whole group is gone already
    }
  }
}

const hasStreams = (child: Partial<Child>): boolean => Boolean(child.stdin && child.stdout && child.stderr)

/** A process is started for one caller: its credential is in this one's environment and in no other's. */
type Opening = { readonly events: ChannelEvents; readonly caller: Caller }
/** Shorter values would blot out ordinary words. */
const SHORTEST_SECRET = 4

/** Starts the configured command, confined by its launcher where it has one. Throws where not even a process could be tried. */
export function openProcess(context: TransportContext, transport: StdioTransport, { events, caller }: Opening): ProcessChannel {
  const { settings, ticker, drops, log, environment } = context
  const own = caller.credential?.environment ?? {}
  const secrets = Object.values(own).filter(secret => secret.length >= SHORTEST_SECRET)
  const { messageBytes, bufferBytes } = settings.limits
  const { cwd, uid, gid } = transport
  const [command = transport.command, ...args] = [...(transport.launcher ?? []), transport.command, ...transport.args]
  return new ProcessChannel(
    {
      command,
      args,
      environment: childEnvironment(environment, { ...transport.env, ...own }),
      messageBytes,
      bufferBytes,
      ...(cwd !== undefined && { cwd }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    },
    {
      ticker,
      events,
      garbage: () => drops.count('line-invalid'),
      stderr: (line, dropped) => {
        const shown = secrets.reduce((text, secret) => text.replaceAll(secret, '[hidden]'), line)
        log('debug', 'upstream-stderr', { alias: settings.alias, line: shown, dropped })
      },
    },
  )
}
