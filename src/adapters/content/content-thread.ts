// A thread for one installation, or for all checks: jobs one after the other, each with a deadline. A thread that hangs or dies is given up with what it had to do.

import { extname } from 'node:path'
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import { deny, type Denial } from '../../trust/denial.ts'
import { bareThread } from '../bare-thread.ts'
import type { ContentAnswers, ContentJob, ContentSettings, FromContent, ToContent } from './content-messages.ts'
import type { ContentLimits } from './limits.ts'
import { thisPlatform } from './platform.ts'

type Waiting = { readonly resolve: (message: FromContent | Denial) => void; readonly deadline: NodeJS.Timeout }

export class ContentThread {
  readonly #limits: ContentLimits
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #port: MessagePort | undefined
  #next = 0

  constructor(limits: ContentLimits) {
    this.#limits = limits
  }

  /** The thread starts with the first job. `handOver`: bytes that the caller needs no more. Never rejects. */
  async ask<J extends ContentJob>(
    job: J,
    ms: number,
    handOver: readonly ArrayBuffer[] = [],
  ): Promise<{ readonly answer: ContentAnswers[J['kind']] } | Denial> {
    const id = this.#next++
    const message = await new Promise<FromContent | Denial>(resolve => {
      const deadline = setTimeout(() => this.#drop(deny('content-deadline', `it took longer than ${Math.round(ms)} ms`)), ms)
      this.#waiting.set(id, { resolve, deadline })
      this.#start().postMessage({ id, job } satisfies ToContent, [...handOver])
    })
    if ('denied' in message) return message
    if ('denial' in message) return message.denial
    if ('failed' in message) return deny('content-failed', `it cannot be read or written${message.failed && ` (${message.failed})`}`)
    return { answer: message.answer as ContentAnswers[J['kind']] }
  }

  /** Ends the thread, with whatever it is doing. Idempotent; another job would start it anew. */
  end(): void {
    this.#drop(deny('content-failed', 'it was given up'))
  }

  #start(): MessagePort {
    if (this.#port) return this.#port
    const { port1: port, port2 } = new MessageChannel()
    const worker = new Worker(new URL(`./content-worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: { limits: this.#limits, platform: thisPlatform(), port: port2 } satisfies ContentSettings,
      transferList: [port2],
      ...bareThread(), // it reads what strangers packed, so it gets none of the secrets in there
      resourceLimits: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32 },
      stderr: true,
    })
    this.#worker = worker
    this.#port = port
    port.on('message', (message: FromContent) => this.#settle(message.id, message))
    const ended = (): void => {
      if (this.#worker === worker) this.#drop(deny('content-failed', 'the thread that reads artifacts ended'))
    }
    worker.once('error', ended)
    worker.once('exit', ended)
    worker.unref() // an idle one keeps no process alive; a job under way does, by its deadline
    port.unref()
    return port
  }

  #settle(id: number, message: FromContent | Denial): void {
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    clearTimeout(waiting.deadline)
    this.#waiting.delete(id)
    waiting.resolve(message)
  }

  #drop(denial: Denial): void {
    const [worker, port] = [this.#worker, this.#port]
    this.#worker = undefined
    this.#port = undefined
    port?.removeAllListeners('message')
    port?.close()
    worker?.on('error', () => {}) // it is being ended; what else it says does not matter
    worker?.terminate().catch(() => {})
    for (const id of [...this.#waiting.keys()]) this.#settle(id, denial)
  }
}
