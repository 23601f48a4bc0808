// `gatehouse stdio`: carries the messages of one host, which speaks stdio, to one endpoint of the gateway, which speaks HTTP. It decides nothing and
// changes nothing: what is refused, is refused by the gateway. Each request says by its envelope which era it belongs to (R36).

import { member, rawOf } from '../mcp/json.ts'
import { isMessageFault, readMessage } from '../mcp/message.ts'
import type { NotificationMessage, RequestMessage, SingleMessage, MessageFault } from '../mcp/message.ts'
import { CODE, META } from '../mcp/revisions.ts'
import { Exchange, RELAYED } from './exchange.ts'
import { errorLine } from './failures.ts'
import { LegacyLink } from './legacy.ts'
import { Listening, type ListenOptions } from './listen.ts'
import type { LineSink } from './lines.ts'
import { modernHeaders, ModernLink } from './modern.ts'

/** Requests of the host under way; a host with more is broken. */
const REQUESTS_MAX = 1000
/** The only revision with batches (R52). */
const BATCH_VERSION = '2025-03-26'
const LISTEN = 'subscriptions/listen'
/** Time for the last words to the gateway. */
const CLOSE_MS = 1000

type Running = { readonly exchange: Exchange; readonly era: 'legacy' | 'modern'; readonly done: Promise<void> }

export class Bridge implements LineSink {
  readonly #options: ListenOptions
  readonly #legacy: LegacyLink
  readonly #modern: ModernLink
  /** by the exact text of the request id */
  readonly #running = new Map<string, Running>()
  readonly #hurry = new AbortController()
  #isEnding = false

  constructor(options: ListenOptions) {
    this.#options = options
    this.#legacy = new LegacyLink(options)
    this.#modern = new ModernLink(options)
  }

  line(bytes: Buffer): void {
    if (this.#isEnding) return
    const message = readMessage(bytes, RELAYED)
    if (isMessageFault(message)) return this.#invalid(message)
    if (message.kind !== 'batch') return this.#take(message)
    if (this.#legacy.version !== BATCH_VERSION) return this.#refuse(undefined, 'batches exist in 2025-03-26 only')
    for (const item of message.items) {
      if ('reason' in item) this.#invalid(item)
      else this.#take(item)
    }
  }

  tooLong(): void {
    this.#refuse(undefined, 'a line is longer than this bridge reads')
  }

  #invalid({ id, detail, code }: MessageFault): void {
    this.#refuse(id, `a message cannot be read in exactly one way: ${detail}`, code)
  }

  #refuse(id: string | undefined, message: string, code: number = CODE.invalidRequest): void {
    void this.#options.pipe.deliver(errorLine(id, { reason: 'message-invalid', message, code }))
  }

  #take(message: SingleMessage): void {
    if (message.kind === 'request') this.#request(message)
    else if (message.kind === 'notification') this.#notification(message)
    else this.#legacy.answer(message)
  }

  #request(message: RequestMessage): void {
    const { id, method } = message
    if (this.#running.has(id)) return this.#refuse(id, 'the request id is in use')
    if (this.#running.size >= REQUESTS_MAX)
      return void this.#options.pipe.deliver(
        errorLine(id, { reason: 'too-many-requests', message: `more than ${REQUESTS_MAX} requests at once`, fix: 'wait for answers' }),
      )
    const exchange = new Exchange(message, this.#options.pipe)
    const era = eraOf(message)
    const work = era === 'legacy' ? this.#legacy.request(exchange) : this.#modernRequest(exchange, method)
    const done = work.finally(() => {
      if (this.#running.get(id)?.exchange === exchange) this.#running.delete(id)
    })
    this.#running.set(id, { exchange, era, done })
  }

  #modernRequest(exchange: Exchange, method: string): Promise<void> {
    return method === LISTEN ? new Listening(exchange, this.#options).run() : this.#modern.request(exchange)
  }

  #notification(message: NotificationMessage): void {
    if (message.method === 'notifications/cancelled') this.#cancelled(message)
    else if (eraOf(message) === 'legacy' && this.#legacy.version !== undefined) this.#legacy.notify(message)
    else void this.#modernNotification(message)
  }

  /** 2026-07-28: closing the POST cancels (R17). 2025: the notification does, a disconnect would not (R51). */
  #cancelled(message: NotificationMessage): void {
    const { doc, params } = message
    const node = member(params, 'requestId')
    const id = node && rawOf(doc, node).toString()
    const running = id === undefined ? undefined : this.#running.get(id)
    // Its answer is on its way already: a race that both sides have to bear.
    if (id === undefined || !running || running.exchange.message.method === 'initialize') return
    running.exchange.cancel()
    this.#running.delete(id)
    if (running.era === 'legacy') this.#legacy.cancel(message, running.exchange)
    else running.exchange.abort.abort()
  }

  async #modernNotification(message: NotificationMessage): Promise<void> {
    const { http, pipe } = this.#options
    try {
      const outgoing = { method: 'POST', headers: modernHeaders(message), body: message.doc.bytes } as const
      const { status } = await http.send(outgoing, AbortSignal.timeout(10_000))
      if (status >= 400) pipe.note(`the gateway did not take a notification of the host (status ${status})`)
    } catch {
      pipe.note('a notification of the host was lost')
    }
  }

  /** The host is gone: what it asked may finish within `deadlineMs`, then everything is closed. Never rejects. */
  async end(deadlineMs: number): Promise<void> {
    this.#isEnding = true
    const { http, delay } = this.#options
    const left = [...this.#running.values()].filter(({ exchange }) => exchange.message.method !== LISTEN)
    for (const { exchange } of this.#running.values())
      if (exchange.message.method === LISTEN) {
        exchange.cancel()
        exchange.abort.abort()
      }
    const over = new AbortController()
    const deadline = delay(deadlineMs, AbortSignal.any([over.signal, this.#hurry.signal])).catch(() => {})
    await Promise.race([Promise.allSettled(left.map(({ done }) => done)), deadline])
    over.abort()
    for (const { exchange } of this.#running.values()) {
      exchange.fail({ reason: 'bridge-ending', message: 'the bridge is ending; the request may have been carried out' })
      exchange.abort.abort()
    }
    await this.#legacy.close(CLOSE_MS)
    http.close()
  }

  /** An `end` under way waits no longer for requests. */
  hurry(): void {
    this.#hurry.abort()
  }
}

const eraOf = ({ meta }: RequestMessage | NotificationMessage): 'legacy' | 'modern' =>
  member(meta, META.protocolVersion) === undefined ? 'legacy' : 'modern'
