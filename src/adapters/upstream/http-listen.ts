// One subscriptions/listen stream over HTTP: acknowledged first, then only what carries its own subscription id (R79, R80).

import type { IncomingHttpHeaders } from 'node:http'
import type { Caller, SubscriptionFilter } from '../../bridge/upstream.ts'
import { member } from '../../mcp/json.ts'
import { isMessageFault, readMessage } from '../../mcp/message.ts'
import { META } from '../../mcp/revisions.ts'
import { codeOf } from './answers.ts'
import { readChallenge } from './challenge.ts'
import { listenParams, unstamped } from './changes.ts'
import type { Drops } from './drops.ts'
import { Flood } from './flood.ts'
import type { HttpReply, ReplyFailure, ReplySink } from './http-reply.ts'
import { mediaTypeOf, stopOf, stopOfFailure } from './http-status.ts'
import type { Watcher } from './link.ts'
import { integerOf } from './progress.ts'
import type { Outgoing } from './request-bytes.ts'
import type { Ticker } from './ticker.ts'

const METHOD_NOT_FOUND = -32601

export type ListenOptions = { readonly caller: Caller; readonly drops: Drops; readonly ticker: Ticker; readonly floodPerSecond: number }

/** The way out of one modern origin. */
type ListenLine = { nextId(): number; listen(outgoing: Outgoing, sink: HttpListen): HttpReply }

export class HttpListen implements ReplySink {
  readonly #link: ListenLine
  readonly #watcher: Watcher
  readonly #options: ListenOptions
  readonly #id: number
  /** what of the caller's credential its request carries */
  readonly sent: readonly string[]
  readonly lane: string | undefined
  readonly #reply: HttpReply
  readonly #flood: Flood
  /** the stream this one replaces once it is acknowledged */
  #old: HttpListen | undefined
  #isOpen = false
  #isOver = false
  #status = 200

  constructor(link: ListenLine, filter: SubscriptionFilter, watcher: Watcher, options: ListenOptions) {
    this.#link = link
    this.#watcher = watcher
    this.#options = options
    this.#id = link.nextId()
    this.lane = options.caller.credential?.id
    this.sent = options.caller.credential?.headers() ?? []
    const call = { caller: options.caller, method: 'subscriptions/listen', params: listenParams(filter), traceparent: '' }
    this.#reply = link.listen({ id: this.#id, call, token: undefined }, this)
    this.#flood = new Flood(options.ticker, options.floodPerSecond, this.#reply)
  }

  /** A stream with another filter; this one goes on until the new one is acknowledged. */
  replacedBy(filter: SubscriptionFilter): HttpListen {
    const next = new HttpListen(this.#link, filter, this.#watcher, this.#options)
    if (next.#isOver) return this
    next.#old = this
    return next
  }

  close(): void {
    this.#isOver = true
    this.#reply.abort()
    this.#old?.close()
    this.#old = undefined
  }

  head(status: number, headers: IncomingHttpHeaders): 'json' | 'events' | 'skip' {
    this.#status = status
    const type = mediaTypeOf(headers)
    if (status === 200 && type === 'text/event-stream') return 'events'
    if (type === 'application/json' && status !== 401 && status !== 403) return 'json'
    // Whoever opens the next one shortly finds a fresh credential, or none.
    if (status === 401 || status === 403)
      void this.#options.caller.credential?.refused({ status, sent: this.sent, isAgain: false, challenge: readChallenge(headers) })
    this.#over(stopOf(status, headers).detail)
    return 'skip'
  }

  message(bytes: Buffer): void {
    const { drops } = this.#options
    if (bytes.length === 0 || this.#isOver) return
    this.#flood.hit()
    const message = readMessage(bytes)
    if (isMessageFault(message) || message.kind === 'batch') {
      drops.count('message-invalid')
      return
    }
    if (message.kind === 'request') {
      drops.count('request-era')
      return
    }
    if (message.kind === 'response') {
      const isOurs = message.id === String(this.#id) || (message.id === undefined && this.#status >= 400)
      if (!isOurs) {
        drops.count('response-unknown')
        return
      }
      const code = codeOf(message)
      this.#over(code === 0 ? 'the upstream closed the stream' : `the upstream refused the stream (${code})`, code === METHOD_NOT_FOUND)
      return
    }
    const stamp = member(message.meta, META.subscriptionId)
    if (!stamp || integerOf(message.doc, stamp) !== this.#id) {
      drops.count('subscription-unknown')
      return
    }
    if (message.method === 'notifications/subscriptions/acknowledged') this.#opened()
    else if (this.#isOpen) this.#watcher.change(message.method, unstamped(message.doc))
    else drops.count('subscription-unknown')
  }

  #opened(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#old?.close()
    this.#old = undefined
    this.#watcher.opened()
  }

  end(): void {
    this.#over('the stream ended')
  }

  failed(failure: ReplyFailure): void {
    this.#over(stopOfFailure(failure).detail)
  }

  #over(detail: string, isUnsupported = false): void {
    if (this.#isOver) return
    this.close()
    if (isUnsupported) this.#watcher.unsupported(detail)
    else this.#watcher.broken(detail)
  }
}
