// The courier as the gateway has it: a thread that runs while there are sinks, started anew where it dies. Nothing of a request ever waits for it.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { AuditReader } from '../../audit/reading.ts'
import type { DeadLetters } from '../../delivery/ledger.ts'
import type { Level } from '../../delivery/route.ts'
import { pauseMs } from '../../delivery/pause.ts'
import type { SinkSettings } from '../../delivery/settings.ts'
import { Fault } from '../../kernel/errors.ts'
import { bareThread } from '../bare-thread.ts'
import type { CourierAnswer, CourierAsk, CourierSettings, FromCourier, LogAnswer, LogAsk, ToCourier } from './courier-messages.ts'

export type CourierParts = CourierSettings & {
  readonly reader: Pick<AuditReader, 'state' | 'read'>
  /** 0 up to 1 */
  readonly random: () => number
  readonly tell: (what: string, detail: Readonly<Record<string, unknown>>) => void
}

type Waiting = { readonly resolve: (answer: CourierAnswer) => void; readonly reject: (fault: Fault) => void }

/** A sink as it is known here. `isRunning`: the thread speaks of it; else numbers are the last that it said, and nothing is sent. */
export type KnownLevel = Level & Pick<SinkSettings, 'kind'> & { readonly isRunning: boolean }

/** A thread that is well speaks each second. */
const SILENT_MS = 30_000
const UNHEARD: Omit<Level, 'name'> = { state: 'waiting', cursor: 0, lagEvents: 0, lagSeconds: 0, dead: 0, taken: 0, failures: 0 }

export class Courier implements DeadLetters {
  readonly #parts: CourierParts
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #sinks: readonly SinkSettings[] = []
  /** as the thread said last, by name; those of a thread that ended stay */
  readonly #levels = new Map<string, Level>()
  #heardAtMs = -Infinity
  #next = 0
  #deaths = 0
  #again: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(parts: CourierParts) {
    this.#parts = parts
  }

  /** Takes effect soon; what is under way to a sink that is not there any more is given up. Never throws for what a sink does. */
  configure(sinks: readonly SinkSettings[]): void {
    this.#sinks = sinks
    for (const name of this.#levels.keys()) if (!sinks.some(sink => sink.name === name)) this.#levels.delete(name)
    if (sinks.length > 0 && !this.#worker && !this.#again) this.#start()
    else this.#post({ type: 'configure', sinks })
  }

  /** Every configured sink, as the thread said a second ago at most; where it does not speak, as one that takes nothing: whoever watches must see that. */
  get levels(): readonly KnownLevel[] {
    const isHeard = performance.now() - this.#heardAtMs < SILENT_MS
    return this.#sinks.map(({ name, kind }) => {
      const level = this.#levels.get(name)
      if (level && isHeard) return { ...level, kind, isRunning: true }
      return { ...(level ?? UNHEARD), name, kind, state: 'waiting', why: 'the courier is being started, or hangs', isRunning: false }
    })
  }

  async list(sink: string | undefined, limit: number): Promise<Awaited<ReturnType<DeadLetters['list']>>> {
    return (await this.#ask({ what: 'list', ...(sink !== undefined && { sink }), limit })) as Awaited<ReturnType<DeadLetters['list']>>
  }
  async replay(which: Parameters<DeadLetters['replay']>[0]): Promise<number> {
    return (await this.#ask({ what: 'replay', which })) as number
  }
  async drop(which: Parameters<DeadLetters['drop']>[0]): Promise<number> {
    return (await this.#ask({ what: 'drop', which })) as number
  }

  /** Lets each sink finish what is under way, within `ms`; what was not sent is sent after the next start. */
  async close(ms: number): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#again)
    const worker = this.#worker
    if (!worker) return
    const gone = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    worker.ref()
    this.#post({ type: 'close' })
    const timer = setTimeout(() => void worker.terminate(), ms)
    await gone
    clearTimeout(timer)
  }

  #ask(ask: CourierAsk): Promise<CourierAnswer> {
    return new Promise((resolve, reject) => {
      if (!this.#worker) {
        reject(new Fault('delivery-unavailable', this.#sinks.length === 0 ? 'no sinks are configured' : 'the courier is being started'))
        return
      }
      const id = this.#next++
      this.#waiting.set(id, { resolve, reject })
      this.#post({ type: 'ask', id, ask })
    })
  }

  #start(): void {
    const { file, version, hostname } = this.#parts
    const worker = new Worker(new URL(`./courier-worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: { file, version, hostname } satisfies CourierSettings,
      ...bareThread(), // what it needs of the environment's secrets it is told
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 16 },
    })
    worker.unref()
    this.#worker = worker
    worker.on('message', (message: FromCourier) => this.#hear(message))
    worker.on('error', cause => this.#parts.tell('the courier failed', { cause: cause instanceof Fault ? cause.code : 'thread' }))
    worker.on('exit', () => this.#died(worker))
    this.#post({ type: 'configure', sinks: this.#sinks })
  }

  /** Cursors are on disk: another goes on where this one was. */
  #died(worker: Worker): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#heardAtMs = -Infinity
    for (const { reject } of this.#waiting.values()) reject(new Fault('delivery-unavailable', 'the courier ended'))
    this.#waiting.clear()
    if (this.#isClosed || this.#sinks.length === 0) return
    this.#deaths += 1
    const ms = pauseMs(this.#deaths, this.#parts.random())
    this.#parts.tell('the courier ended and is started again; events wait in the log', { afterMs: ms })
    this.#again = setTimeout(() => {
      this.#again = undefined
      this.#start()
    }, ms).unref()
  }

  #hear(message: FromCourier): void {
    switch (message.type) {
      case 'levels':
        this.#deaths = 0
        this.#heardAtMs = performance.now()
        for (const level of message.levels) this.#levels.set(level.name, level)
        return
      case 'tell':
        this.#parts.tell(message.what, message.detail)
        return
      case 'failed':
        this.#parts.tell('events cannot be delivered', { code: message.code, why: message.message })
        return
      case 'answered': {
        const waiting = this.#waiting.get(message.id)
        this.#waiting.delete(message.id)
        if ('value' in message.outcome) waiting?.resolve(message.outcome.value)
        else waiting?.reject(new Fault(message.outcome.failure.code, message.outcome.failure.message))
        return
      }
      case 'log': {
        const { id } = message
        this.#read(message.ask).then(
          value => this.#post({ type: 'log', id, outcome: { value } }),
          (error: unknown) => {
            const { code, message: why } = error instanceof Fault ? error : new Fault('audit-unreadable', 'the log cannot be read')
            this.#post({ type: 'log', id, outcome: { failure: { code, message: why } } })
          },
        )
      }
    }
  }

  async #read(ask: LogAsk): Promise<LogAnswer> {
    const { reader } = this.#parts
    if (ask.what === 'read') return reader.read(ask.from, ask.max)
    const { origin, checkpoint, prunedTo } = await reader.state()
    return { origin, covered: checkpoint?.size ?? 0, prunedTo }
  }

  #post(message: ToCourier): void {
    this.#worker?.postMessage(message)
  }
}
