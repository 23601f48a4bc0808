// The notary as the gateway has it: a thread that follows the durable log, and the word whether the log may go on.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { AuditReader } from '../../audit/reading.ts'
import { Fault } from '../../kernel/errors.ts'
import { bareThread } from '../bare-thread.ts'
import { askingReader, type Answer } from './asking-reader.ts'
import type { Follower, FoundAtStart } from './flat-log.ts'
import type { EndedLog } from './floor.ts'
import type { NextKey } from './log-keys.ts'
import type { NotarySettings } from './notary.ts'
import { packed, type FromNotary, type NotaryAnswer, type NotaryAsk, type NotaryData, type ToNotary } from './notary-messages.ts'
import type { PruneAnswer, PruneAsk } from './retention.ts'
import { isBefore, type Place } from './segment-lines.ts'

/** What the start found. `isNew`: nothing of this log was ever signed. */
export type NotaryStart = {
  readonly isNew: boolean
  readonly found: FoundAtStart
  readonly origin: string
  readonly vkey: string
  readonly ended: readonly EndedLog[]
  /** a new key that waits for the log to name it */
  readonly unsaidKey: NextKey | undefined
}

export type NotaryParts = {
  readonly settings: NotarySettings
  /** monotonic, milliseconds */
  readonly now: () => number
  /** a checkpoint of `size` events was signed and is on disk */
  readonly onSigned?: (size: number) => void
  /** what stopped or hindered it, for the log of the gateway */
  readonly onTrouble: (message: string, fields: Readonly<Record<string, unknown>>) => void
  /** how long an event may be without a checkpoint, milliseconds; default 30,000 */
  readonly maxLagMs?: number
}

type Waiting = {
  readonly ask: NotaryAsk
  readonly resolve: (answer: NotaryAnswer) => void
  readonly reject: (fault: Fault) => void
}
const MAX_WAITING = 100
const MAX_LAG_MS = 30_000
/** A thread that ended is started again at most once in this time: long enough to hold the log against what was signed, and for events to be signed. */
const RESTART_MS = 60_000

/**
 * Fails closed: `refusal` says why no event may be appended, once the log was found changed, the thread is gone for good, or an event waits too long for a
 * checkpoint. A thread that ends by itself is started again, from what is on disk; the second time within a minute is final.
 */
export class NotaryThread implements Follower {
  readonly #parts: NotaryParts
  readonly #shared = new SharedArrayBuffer(8)
  readonly #durable = new BigInt64Array(this.#shared)
  #worker: Worker
  #place: Place = { segment: 0, offset: 0 }
  /** the durable place that a checkpoint must cover, and since when it is there */
  #mark: { readonly place: Place; readonly sinceMs: number } | undefined
  #fault: Fault | undefined
  #starting: PromiseWithResolvers<NotaryStart> | undefined
  /** when it was started again last, by the monotonic clock */
  #restartedMs = -Infinity
  #closing: PromiseWithResolvers<undefined> | undefined
  readonly #waiting: Waiting[] = []
  #asked: Waiting | undefined

  /** what `begin` found */
  started: NotaryStart | undefined

  /** questions about the log; see AuditReader */
  readonly reader: AuditReader = askingReader(async ask => (await this.#ask(ask)) as Answer)

  /** Starts the thread, which loads what it needs while the log's tail is read. */
  constructor(parts: NotaryParts) {
    this.#parts = parts
    this.#worker = this.#spawn()
  }

  /**
   * See Follower. Resolves once the log up to `place` was found to be what was signed. Rejects with Fault `audit-rolled-back`, `audit-changed`, or what opening its
   * files throws.
   */
  async begin(place: Place, carried: readonly string[] = []): Promise<FoundAtStart> {
    this.publish(place)
    const starting = (this.#starting = Promise.withResolvers<NotaryStart>())
    this.#worker.ref()
    this.#post({ type: 'begin', carried })
    try {
      this.started = await starting.promise
      return this.started.found
    } finally {
      this.#worker.unref()
    }
  }

  /** The log is durable up to `place`. For every group of rows: no message is sent. */
  publish(place: Place): void {
    this.#place = place
    this.#mark ??= { place, sinceMs: this.#parts.now() }
    Atomics.store(this.#durable, 0, packed(place))
    Atomics.notify(this.#durable, 0)
  }

  /** Why nothing may be appended; undefined while all is well. For every event: it asks no clock while everything is covered. */
  get refusal(): Fault | undefined {
    if (this.#fault !== undefined) return this.#fault
    if (this.#mark === undefined) return undefined
    const ms = this.#parts.now() - this.#mark.sinceMs
    const most = this.#parts.maxLagMs ?? MAX_LAG_MS
    if (ms <= most) return undefined
    return unavailable(
      `the audit log's checkpoints are behind by ${Math.round(ms / 1000)} s, at most ${most / 1000} are allowed; is the disk of the data directory full or stuck?`,
    )
  }

  /** See pruneLog. Rejects with Fault `audit-unreadable` where it could not be done: what was not removed is removed another time. */
  async prune(ask: PruneAsk): Promise<PruneAnswer> {
    return (await this.#ask(ask)) as PruneAnswer
  }

  /** Makes the next key of the log: it signs once the event that names it, the caller's to append, is signed. Rejects with Fault `audit-key-waiting`. */
  async rotateKey(): Promise<NextKey> {
    return (await this.#ask({ what: 'rotate-key' })) as NextKey
  }

  /** Signs what is durable, once more, and ends the thread. */
  async close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers()
      if (this.#fault !== undefined) this.#closing.resolve(undefined)
      else {
        this.#worker.ref()
        this.#post({ type: 'close' })
      }
    }
    await this.#closing.promise
    await this.#worker.terminate()
  }

  #spawn(): Worker {
    const data: NotaryData = { ...this.#parts.settings, shared: this.#shared }
    const worker = new Worker(new URL(`./notary-worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: data,
      ...bareThread(), // it needs nothing of the environment, so it gets none of the secrets in there
      resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 4 },
    })
    worker.unref()
    worker.on('message', (message: FromNotary) => this.#hear(message))
    worker.on('error', cause => this.#ended(worker, cause))
    worker.on('exit', () => this.#ended(worker))
    return worker
  }

  #hear(message: FromNotary): void {
    switch (message.type) {
      case 'ready': {
        const { isCovered, place, isNew, found, origin, vkey, ended, unsaidKey } = message
        // However long the start took, events wait for a checkpoint from now on; those too that came while it was started again.
        this.#mark = isCovered && !isBefore(place, this.#place) ? undefined : { place: this.#place, sinceMs: this.#parts.now() }
        this.#starting?.resolve({ isNew, found, origin, vkey, ended, unsaidKey })
        this.#starting = undefined
        break
      }
      case 'signed':
        this.#cover(message.place)
        this.#parts.onSigned?.(message.size)
        break
      case 'trouble':
        this.#parts.onTrouble('the audit log could not be signed; it is tried again', { code: message.code, error: message.message })
        break
      case 'witness':
        this.#parts.onTrouble(
          message.is === undefined
            ? 'a witness of the audit log signs again'
            : 'a witness of the audit log did not sign; nothing waits for it',
          { witness: message.name, ...(message.is !== undefined && { trouble: message.is, why: message.why }) },
        )
        break
      case 'failed':
        this.#fail(new Fault(message.code, message.message))
        break
      case 'answer':
        this.#settle(({ resolve }) => resolve(message.answer))
        break
      case 'refused':
        this.#settle(({ reject }) => reject(new Fault(message.code, message.message)))
        break
      case 'closed':
        this.#closing?.resolve(undefined)
    }
  }

  #cover(place: Place): void {
    if (this.#mark === undefined || isBefore(place, this.#mark.place)) return
    this.#mark = isBefore(place, this.#place) ? { place: this.#place, sinceMs: this.#parts.now() } : undefined
  }

  /** The thread ended without having been told to. */
  #ended(worker: Worker, cause?: unknown): void {
    if (worker !== this.#worker) return
    if (this.#fault !== undefined || this.#closing !== undefined) {
      this.#closing?.resolve(undefined)
      return
    }
    const nowMs = this.#parts.now()
    const isFirst = nowMs - this.#restartedMs >= RESTART_MS && this.#starting === undefined
    const why = cause instanceof Error ? cause.message : 'its thread ended'
    if (!isFirst) {
      this.#fail(unavailable(`the notary of the audit log is gone (${why}); restart the gateway`, cause))
      return
    }
    this.#restartedMs = nowMs
    this.#parts.onTrouble('the notary of the audit log ended and is started again', { error: why })
    this.#worker = this.#spawn()
    this.#post({ type: 'begin', carried: [] })
    // Only now: whoever asked next is heard by the thread that is there.
    this.#settle(({ reject }) => reject(unreadable('the notary ended')))
  }

  #fail(fault: Fault): void {
    if (this.#fault !== undefined) return
    this.#fault = fault.code === 'audit-unavailable' ? fault : unavailable(fault.message, fault)
    if (this.#starting === undefined)
      this.#parts.onTrouble('the audit log is not signed any more: nothing passes', { code: fault.code, error: fault.message })
    this.#starting?.reject(fault)
    this.#starting = undefined
    for (const { reject } of [...(this.#asked ? [this.#asked] : []), ...this.#waiting.splice(0)]) reject(unreadable(fault.message))
    this.#asked = undefined
    this.#closing?.resolve(undefined)
  }

  #ask(ask: NotaryAsk): Promise<NotaryAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== undefined || this.#closing !== undefined) reject(unreadable(this.#fault?.message ?? 'the audit log is closed'))
      else if (this.#waiting.length >= MAX_WAITING) reject(unreadable(`more than ${MAX_WAITING} questions wait for the audit log`))
      else {
        this.#waiting.push({ ask, resolve, reject })
        if (this.#asked === undefined) this.#next()
      }
    })
  }

  /** One question at a time: between two the notary does its own work. */
  #next(): void {
    this.#asked = this.#waiting.shift()
    if (this.#asked === undefined) {
      if (this.#closing === undefined && this.#starting === undefined) this.#worker.unref()
    } else {
      this.#worker.ref() // an open log keeps no process alive; an unanswered question does
      this.#post({ type: 'ask', ask: this.#asked.ask })
    }
  }

  #settle(settle: (waiting: Waiting) => void): void {
    if (this.#asked !== undefined) settle(this.#asked)
    this.#next()
  }

  #post(message: ToNotary): void {
    this.#worker.postMessage(message)
  }
}

const unavailable = (message: string, cause?: unknown): Fault => new Fault('audit-unavailable', message, { cause })
const unreadable = (message: string): Fault => new Fault('audit-unreadable', message)
