// Recorded values as the gateway has them: a thread that is started when the first one is asked for. Where no rule records anything, there is none.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { FoundValue, KeptValue, ValueStore } from '../../audit/values.ts'
import { Fault } from '../../kernel/errors.ts'
import type { PrincipalKey } from '../../kernel/principal.ts'
import { bareThread } from '../bare-thread.ts'
import type { FromValueWorker, ToValueWorker, ValueAnswer, ValueWorkerData } from './value-messages.ts'

type Waiting = { readonly ask: ToValueWorker; readonly resolve: (answer: ValueAnswer) => void; readonly reject: (fault: Fault) => void }
/** Questions that wait; at most 64 MiB of values. */
const MAX_WAITING = 1000
/** Values in one commit. */
const MAX_GROUP = 64

/** Values that come while one commit is under way share the next. A thread that ends fails what it was asked; the next question starts another. */
export class SqliteValueStore implements ValueStore {
  readonly #dataDir: string
  #worker: Worker | undefined
  readonly #waiting: Waiting[] = []
  #asked: readonly Waiting[] = []
  #isClosed = false

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  async keep(value: KeptValue): Promise<void> {
    const { salt, bytes } = value
    await this.#ask({ type: 'keep', group: [{ ...value, salt: own(salt), ...(bytes && { bytes: own(bytes) }) }] })
  }

  async read({ event, kind, digest }: Pick<KeptValue, 'event' | 'kind' | 'digest'>): Promise<FoundValue> {
    const answer = await this.#ask({ type: 'read', which: { event, kind, digest } })
    if (answer.type !== 'found') throw unexpected()
    const { found } = answer
    if (found.is !== 'value') return found
    return { is: 'value', salt: Buffer.from(found.salt), ...(found.bytes && { bytes: Buffer.from(found.bytes) }) }
  }

  count(subject: PrincipalKey): Promise<number> {
    return this.#counted({ type: 'count', subject })
  }

  erase(subject: PrincipalKey): Promise<number> {
    return this.#counted({ type: 'erase', subject })
  }

  async rotate(): Promise<{ readonly rewrapped: number; readonly unreadable: number }> {
    const answer = await this.#ask({ type: 'rotate' })
    if (answer.type !== 'rotated') throw unexpected()
    return { rewrapped: answer.rewrapped, unreadable: answer.unreadable }
  }

  /** After everything that was asked. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    if (this.#worker) await this.#ask({ type: 'close' }).catch(() => undefined) // it is gone by itself
    this.#isClosed = true
    await this.#worker?.terminate()
  }

  async #counted(ask: ToValueWorker): Promise<number> {
    const answer = await this.#ask(ask)
    if (answer.type !== 'counted') throw unexpected()
    return answer.count
  }

  #ask(ask: ToValueWorker): Promise<ValueAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) reject(unavailable('recorded values are closed'))
      else if (this.#waiting.length >= MAX_WAITING) reject(unavailable(`more than ${MAX_WAITING} values wait to be recorded`))
      else {
        this.#waiting.push({ ask, resolve, reject })
        if (this.#asked.length === 0) this.#next()
      }
    })
  }

  #next(): void {
    const keeping = this.#waiting.findIndex(({ ask }) => ask.type !== 'keep')
    const keeps = Math.min(keeping < 0 ? this.#waiting.length : keeping, MAX_GROUP)
    this.#asked = this.#waiting.splice(0, Math.max(1, keeps))
    const [first] = this.#asked
    if (!first) {
      this.#worker?.unref()
      return
    }
    const ask: ToValueWorker =
      first.ask.type === 'keep'
        ? { type: 'keep', group: this.#asked.flatMap(({ ask }) => (ask.type === 'keep' ? ask.group : [])) }
        : first.ask
    this.#worker ??= this.#spawn()
    this.#worker.ref()
    this.#worker.postMessage(ask)
  }

  #spawn(): Worker {
    const data: ValueWorkerData = { dataDir: this.#dataDir }
    const worker = new Worker(new URL(`./value-worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: data,
      ...bareThread(), // it needs nothing of the environment, so it gets none of the secrets in there
      resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 },
    })
    worker.on('message', (answer: FromValueWorker) => {
      const asked = this.#asked
      for (const { resolve, reject } of asked) {
        if (answer.type === 'failed') reject(unavailable(answer.message))
        else resolve(answer)
      }
      this.#next()
    })
    let cause: unknown
    worker.on('error', (error: unknown) => {
      cause = error
    })
    worker.on('exit', () => {
      if (worker !== this.#worker) return
      this.#worker = undefined
      for (const { reject } of this.#asked) reject(unavailable('the thread of recorded values ended', cause))
      if (!this.#isClosed) this.#next()
    })
    return worker
  }
}

/** A view of a larger buffer would take all of that along, and change when that is used again. */
function own(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  return copy
}

const unavailable = (message: string, cause?: unknown): Fault => new Fault('audit-unavailable', message, { cause })
const unexpected = (): Fault => unavailable('the thread of recorded values answered something else')
