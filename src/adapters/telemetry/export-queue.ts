// What waits to be sent to a collector: bounded, sent in batches behind everything else, counted where it is lost.

import type { Sent } from './otlp-sender.ts'

export type QueueOptions<T> = {
  /** one batch as bytes; on the main thread, so a batch is small */
  readonly encode: (batch: readonly T[]) => Uint8Array | Promise<Uint8Array>
  readonly send: (body: Uint8Array) => Promise<Sent>
  /** how many reached the collector, or never will */
  readonly counted: (outcome: 'sent' | 'dropped', n: number) => void
  /** one attempt ended */
  readonly attempted?: (sent: Sent) => void
  readonly maxQueued?: number
  readonly maxBatch?: number
  /** time that things may wait for others before they are sent */
  readonly waitMs?: number
  /** calls once after so many milliseconds; returns how to stop it. Default: a timer that keeps no process alive */
  readonly after?: (ms: number, run: () => void) => () => void
}

const MAX_QUEUED = 16_384
const MAX_BATCH = 256
const WAIT_MS = 1_000
const FIRST_PAUSE_MS = 1_000
const LAST_PAUSE_MS = 60_000
/** A batch that nobody took so often is given up, so that what comes after it has a chance. */
const MAX_ATTEMPTS = 6

/** One batch is on its way at a time. A collector that is slow or gone makes the queue full, and what finds no place is counted and forgotten. */
export class ExportQueue<T> {
  readonly #options: QueueOptions<T>
  readonly #after: NonNullable<QueueOptions<T>['after']>
  #queued: T[] = []
  #sending: Promise<void> | undefined
  #stopTimer: (() => void) | undefined
  #isClosed = false

  constructor(options: QueueOptions<T>) {
    this.#options = options
    this.#after = options.after ?? unrefTimer
  }

  get size(): number {
    return this.#queued.length
  }

  /** All of it or nothing: half a trace says what did not happen. */
  push(things: readonly T[]): void {
    const { maxQueued = MAX_QUEUED, maxBatch = MAX_BATCH, waitMs = WAIT_MS } = this.#options
    if (this.#isClosed || this.#queued.length + things.length > maxQueued) {
      this.#options.counted('dropped', things.length)
      return
    }
    for (const thing of things) this.#queued.push(thing)
    if (this.#sending) return
    if (this.#queued.length >= maxBatch) this.#begin()
    else this.#stopTimer ??= this.#after(waitMs, () => this.#begin())
  }

  /** Sends what is there, once, as far as that goes within `ms`, and takes nothing more. */
  async close(ms: number): Promise<void> {
    this.#isClosed = true
    const late = Promise.withResolvers<undefined>()
    const stop = this.#after(ms, () => late.resolve(undefined))
    this.#begin()
    await Promise.race([this.#sending, late.promise])
    stop()
    const left = this.#queued.length
    this.#queued = []
    if (left > 0) this.#options.counted('dropped', left)
  }

  #begin(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    this.#sending ??= this.#run().finally(() => {
      this.#sending = undefined
      // Whatever came between the last look and now waits as all else does.
      if (this.#queued.length > 0 && !this.#isClosed) this.push([])
    })
  }

  async #run(): Promise<void> {
    const { maxBatch = MAX_BATCH } = this.#options
    while (this.#queued.length > 0) {
      const batch = this.#queued.slice(0, maxBatch)
      this.#queued = this.#queued.slice(batch.length)
      const isTaken = await this.#send(batch)
      this.#options.counted(isTaken ? 'sent' : 'dropped', batch.length)
    }
  }

  async #send(batch: readonly T[]): Promise<boolean> {
    const { encode, send, attempted } = this.#options
    let body: Uint8Array
    try {
      body = await encode(batch)
    } catch {
      // What cannot be encoded is lost alone.
      return false
    }
    for (let attempt = 1, pauseMs = FIRST_PAUSE_MS; ; attempt += 1, pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS)) {
      const sent = await send(body)
      attempted?.(sent)
      if (sent.is !== 'later') return sent.is === 'taken'
      if (this.#isClosed || attempt === MAX_ATTEMPTS) return false
      await new Promise<void>(resolve => void this.#after(pauseMs, resolve))
    }
  }
}

function unrefTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms)
  timer.unref()
  return () => clearTimeout(timer)
}
