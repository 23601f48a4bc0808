// Signature verification off the event loop: one thread, one bundle at a time, and a deadline. A thread that hangs or dies is replaced; its bundle is refused.

import { extname } from 'node:path'
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads'
import { Fault } from '../../kernel/errors.ts'
import { deny, isDenial, type Denial } from '../../trust/denial.ts'
import type { TrustedRootFile } from '../../trust/trusted-root.ts'
import type { SignatureJob, SignatureVerifier, VerifiedSignature } from '../../trust/verification.ts'
import { bareThread } from '../bare-thread.ts'
import type { Answer, FromVerifier, Job } from './verify-messages.ts'

export type VerifierOptions = {
  /** longest time for one bundle; default 500 */
  readonly deadlineMs?: number
  /** longest time a new thread may take to load; default 30,000 */
  readonly startMs?: number
  /** bundles that may wait; default 256 */
  readonly maxWaiting?: number
  /** for tests: another thread */
  readonly worker?: URL
}

type Waiting = { readonly job: SignatureJob; readonly resolve: (answer: VerifiedSignature | Denial) => void }
type Thread = { readonly worker: Worker; readonly port: MessagePort }

/** Starts the thread and waits until it has loaded, so that the first bundle is as fast as the others. Throws Fault `verifier-unavailable`. */
export async function startVerifier(root: TrustedRootFile, options: VerifierOptions = {}): Promise<ThreadedVerifier> {
  const verifier = new ThreadedVerifier(root, options)
  await verifier.start()
  return verifier
}

export class ThreadedVerifier implements SignatureVerifier {
  readonly rootDigest: string
  readonly #root: string
  readonly #options: Required<Omit<VerifierOptions, 'worker'>> & { readonly worker: URL }
  readonly #waiting: Waiting[] = []
  #thread: Thread | undefined
  #starting: Promise<void> | undefined
  #current: Waiting | undefined
  #deadline: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(root: TrustedRootFile, { deadlineMs = 500, startMs = 30_000, maxWaiting = 256, worker }: VerifierOptions) {
    this.rootDigest = root.digest
    this.#root = root.json
    const own = new URL(`./verify-worker${extname(import.meta.url)}`, import.meta.url)
    this.#options = { deadlineMs, startMs, maxWaiting, worker: worker ?? own }
  }

  verify(job: SignatureJob): Promise<VerifiedSignature | Denial> {
    if (this.#isClosed) return Promise.resolve(deny('verifier-failed', 'the verifier is closed'))
    if (this.#waiting.length >= this.#options.maxWaiting)
      return Promise.resolve(deny('verifier-busy', `more than ${this.#options.maxWaiting} bundles wait to be verified`))
    return new Promise(resolve => {
      this.#waiting.push({ job, resolve })
      this.#next()
    })
  }

  /** Refuses what waits and ends the thread. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    const { worker } = this.#thread ?? {}
    this.#drop(deny('verifier-failed', 'the verifier was closed'))
    this.#refuseWaiting('the verifier was closed')
    await worker?.terminate()
  }

  start(): Promise<void> {
    return (this.#starting ??= this.#start().finally(() => (this.#starting = undefined)))
  }

  async #start(): Promise<void> {
    const { port1: port, port2 } = new MessageChannel()
    const worker = new Worker(this.#options.worker, {
      workerData: { root: this.#root, port: port2 },
      transferList: [port2],
      ...bareThread(), // it reads what strangers wrote, so it gets none of the secrets in there
      resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16 },
      stderr: true,
    })
    const isReady = await loaded(worker, port, this.#options.startMs)
    if (!isReady || this.#isClosed) {
      port.close()
      await worker.terminate()
      throw new Fault('verifier-unavailable', 'the thread that verifies signatures did not start')
    }
    this.#thread = { worker, port }
    port.on('message', (message: FromVerifier) => this.#answered(message))
    worker.once('error', () => this.#ended(worker))
    worker.once('exit', () => this.#ended(worker))
    worker.unref() // an idle verifier keeps no process alive; a bundle under way does, by its deadline
    port.unref()
  }

  #next(): void {
    if (this.#current || this.#waiting.length === 0 || this.#isClosed) return
    if (!this.#thread) {
      this.start().then(
        () => this.#next(),
        () => this.#refuseWaiting('the thread that verifies signatures does not start'),
      )
      return
    }
    this.#current = this.#waiting.shift()
    if (!this.#current) return
    const { bundle, keys, file } = this.#current.job
    this.#deadline = setTimeout(() => this.#late(), this.#options.deadlineMs)
    this.#thread.port.postMessage({ bundle, keys, ...(file && { file }) } satisfies Job)
  }

  #answered(message: FromVerifier): void {
    if (message.type === 'answer') this.#settle(verified(message.answer))
  }

  /** A busy event loop runs this before it hands over an answer that came in time. */
  #late(): void {
    const received = this.#thread && (receiveMessageOnPort(this.#thread.port) as { readonly message: FromVerifier } | undefined)
    if (received) this.#answered(received.message)
    else this.#drop(deny('verifier-deadline', `it took longer than ${this.#options.deadlineMs} ms`))
  }

  #ended(worker: Worker): void {
    if (this.#thread?.worker === worker) this.#drop(deny('verifier-failed', 'the thread that verifies signatures ended'))
  }

  /** Gives the thread up, and with it what it was working on. */
  #drop(denial: Denial): void {
    const thread = this.#thread
    this.#thread = undefined
    thread?.port.removeAllListeners('message')
    thread?.port.close()
    thread?.worker.terminate().catch(() => {}) // it is gone either way
    this.#settle(denial)
  }

  #settle(answer: VerifiedSignature | Denial): void {
    clearTimeout(this.#deadline)
    const current = this.#current
    this.#current = undefined
    current?.resolve(answer)
    this.#next()
  }

  #refuseWaiting(why: string): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(deny('verifier-failed', why))
  }
}

/** Buffers come out of a thread as plain arrays of bytes. */
function verified(answer: Answer): VerifiedSignature | Denial {
  if (isDenial(answer)) return answer
  const { payload, ...rest } = answer
  return { ...rest, ...(payload && { payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength) }) }
}

function loaded(worker: Worker, port: MessagePort, startMs: number): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => end(false), startMs)
    const end = (isReady: boolean): void => {
      clearTimeout(timer)
      port.removeAllListeners('message')
      worker.removeAllListeners('error')
      worker.removeAllListeners('exit')
      if (!isReady) worker.on('error', () => {}) // it is being ended; what else it says does not matter
      resolve(isReady)
    }
    port.once('message', () => end(true))
    worker.once('error', () => end(false))
    worker.once('exit', () => end(false))
  })
}
