// The state database as the gateway has it: asynchronous, one commit for everything that was asked while the last one ran. The work is a thread's.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Fault } from '../../kernel/errors.ts'
import { bareThread } from '../bare-thread.ts'
import { migrationsFolder } from './migrations.ts'
import type { Answers, FromWorker, Outcome, Query, SqlValue, Statement, ToWorker, WorkerSettings } from './state-messages.ts'

export type { SqlValue, Statement } from './state-messages.ts'

/**
 * `<dataDir>/state.db`. Safe for any number of callers at once.
 *
 * Faults: `state-conflict` (an `expectChanges`, or a constraint of the schema), `state-statement-invalid` (a bug), `state-unavailable` (disk full, disk or file broken,
 * thread dead, closed, too much waiting). After `state-unavailable` the write is not acknowledged and may or may not be there: read before trying again.
 * A full disk heals by itself; whatever else made it unavailable needs a restart, and every call fails until then.
 */
export interface StateDb {
  /** Rows of one query, 100,000 and 32 MiB at most. Sees every write that was acknowledged before. */
  all<T>(sql: string, params?: readonly SqlValue[]): Promise<readonly T[]>
  /** One transaction; durable when it resolves; several callers share one commit but fail singly. Changed rows for each statement. */
  write(statements: readonly Statement[]): Promise<readonly number[]>
  /** Does what was asked before, then ends the thread. Idempotent. */
  close(): Promise<void>
}

export type StateOptions = {
  /** where the migrations are; default: this build's */
  readonly migrations?: string
  /** time without a request after which the write-ahead log is folded into the file and emptied; default 1000 */
  readonly quietMs?: number
  /** a group that takes longer means a stuck disk; default 30,000 */
  readonly answerMs?: number
}

type Waiting<Ask, Answer> = { readonly ask: Ask; readonly resolve: (value: Answer) => void; readonly reject: (fault: Fault) => void }
type Write = Waiting<readonly Statement[], readonly number[]>
type Read = Waiting<Query, readonly unknown[]>

/** Calls in one group, and calls that may wait. */
const MAX_GROUP = 1000
const MAX_WAITING = 20_000

/**
 * Opens the database, making it (0600) when it is not there and bringing its schema up to this build's. Throws Fault `state-file-unsafe`,
 * `state-unavailable`, `state-schema-newer`, `state-schema-changed` or `state-migrations-invalid`, which say what to mend.
 */
export async function openStateDb(file: string, options: StateOptions = {}): Promise<StateDb> {
  const settings: WorkerSettings = { file, migrations: options.migrations ?? migrationsFolder(), quietMs: options.quietMs ?? 1000 }
  const worker = new Worker(new URL(`./state-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: settings,
    ...bareThread(), // it needs nothing of the environment, so it gets none of the secrets in there
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  })
  await started(worker)
  return new ThreadedStateDb(worker, options.answerMs ?? 30_000)
}

function started(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (fault?: Fault): void => {
      for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event)
      if (fault === undefined) resolve()
      else void worker.terminate().then(() => reject(fault))
    }
    worker.once('message', (message: FromWorker) => end(message.type === 'failed' ? new Fault(message.code, message.message) : undefined))
    worker.once('error', cause => end(new Fault('state-unavailable', 'the thread of the state database did not start', { cause })))
    worker.once('exit', () => end(new Fault('state-unavailable', 'the thread of the state database did not start')))
  })
}

class ThreadedStateDb implements StateDb {
  readonly #worker: Worker
  readonly #answerMs: number
  #writes: Write[] = []
  #reads: Read[] = []
  #sent: { readonly writes: Write[]; readonly reads: Read[] } | undefined
  #isScheduled = false
  #stuck: NodeJS.Timeout | undefined
  #end: Fault | undefined
  #closing: Promise<void> | undefined
  #isIdle: () => void = () => {}

  constructor(worker: Worker, answerMs: number) {
    this.#worker = worker
    this.#answerMs = answerMs
    worker.unref() // an open database keeps no process alive; an unanswered call does
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'answers') this.#settle(message.answers)
    })
    worker.on('error', cause => this.#fail('the thread of the state database failed', cause))
    worker.on('exit', () => this.#fail('the thread of the state database ended'))
  }

  all<T>(sql: string, params: readonly SqlValue[] = []): Promise<readonly T[]> {
    return new Promise<readonly unknown[]>((resolve, reject) => {
      this.#admit()
      this.#reads.push({ ask: { sql, params: params.map(owned) }, resolve, reject })
      this.#schedule()
    }) as Promise<readonly T[]>
  }

  write(statements: readonly Statement[]): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      this.#admit()
      const ask = statements.map(statement => (statement.params ? { ...statement, params: statement.params.map(owned) } : statement))
      this.#writes.push({ ask, resolve, reject })
      this.#schedule()
    })
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    if (this.#end) return
    if (this.#waiting > 0 || this.#sent) await new Promise<void>(resolve => (this.#isIdle = resolve))
    // a failure while it waited ended the thread already
    if (this.#hasEnded()) return
    const gone = new Promise<void>(resolve => this.#worker.once('exit', () => resolve()))
    this.#end = new Fault('state-unavailable', 'the state database is closed')
    this.#worker.ref()
    this.#post({ type: 'close' })
    await gone
  }

  get #waiting(): number {
    return this.#writes.length + this.#reads.length
  }

  #hasEnded(): boolean {
    return this.#end !== undefined
  }

  #admit(): void {
    if (this.#end) throw this.#end
    if (this.#closing) throw new Fault('state-unavailable', 'the state database is being closed')
    if (this.#waiting >= MAX_WAITING) throw new Fault('state-unavailable', `more than ${MAX_WAITING} calls wait for the state database`)
  }

  /** What is asked in one turn goes together, and so does everything that is asked while a group is under way. */
  #schedule(): void {
    if (this.#sent || this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#send()
    })
  }

  /** False when nothing waits. */
  #send(): boolean {
    if (this.#sent || this.#waiting === 0 || this.#end) return false
    const writes = this.#writes.splice(0, MAX_GROUP)
    const reads = this.#reads.splice(0, MAX_GROUP)
    this.#sent = { writes, reads }
    this.#stuck = setTimeout(() => {
      void this.#worker.terminate()
      this.#fail(`the state database did not answer within ${this.#answerMs} ms`)
    }, this.#answerMs)
    this.#post({ type: 'group', group: { writes: writes.map(({ ask }) => ask), reads: reads.map(({ ask }) => ask) } })
    return true
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #settle(answers: Answers): void {
    clearTimeout(this.#stuck)
    const sent = this.#sent
    this.#sent = undefined
    sent?.writes.forEach((write, at) => settle(write, answers.writes[at]))
    const answered = sent?.reads.splice(0, Math.max(1, answers.reads.length)) ?? []
    answered.forEach((read, at) => settle(read, withBuffers(answers.reads[at])))
    // Their answers would have been too much at once: they are the first of the next group.
    this.#reads.unshift(...(sent?.reads ?? []))
    if (!this.#send()) this.#isIdle()
  }

  #fail(why: string, cause?: unknown): void {
    this.#end ??= new Fault('state-unavailable', why, { cause })
    clearTimeout(this.#stuck)
    const lost = [...(this.#sent?.writes ?? []), ...(this.#sent?.reads ?? []), ...this.#writes, ...this.#reads]
    this.#sent = undefined
    this.#writes = []
    this.#reads = []
    for (const { reject } of lost) reject(this.#end)
    this.#isIdle()
  }
}

function settle<Answer>({ resolve, reject }: Waiting<unknown, Answer>, outcome: Outcome<Answer> | undefined): void {
  if (outcome === undefined) reject(new Fault('state-unavailable', 'the state database left a call unanswered'))
  else if ('value' in outcome) resolve(outcome.value)
  else reject(new Fault(outcome.failure.code, outcome.failure.message))
}

/** A small Buffer is a view into a pool that holds other things: the thread gets a copy of these bytes alone. */
const owned = (value: SqlValue): SqlValue =>
  Buffer.isBuffer(value) && value.length !== value.buffer.byteLength ? Buffer.from(new Uint8Array(value).buffer) : value

/** A Buffer arrives from the other thread as plain bytes. */
function withBuffers(outcome: Outcome<readonly unknown[]> | undefined): Outcome<readonly unknown[]> | undefined {
  if (!outcome || 'failure' in outcome) return outcome
  for (const row of outcome.value as readonly Record<string, unknown>[]) {
    for (const [column, value] of Object.entries(row)) {
      if (value instanceof Uint8Array) row[column] = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
  }
  return outcome
}
