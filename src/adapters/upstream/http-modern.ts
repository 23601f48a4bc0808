// Streamable HTTP of 2026-07-28: every request its own POST, no session, closing the POST cancels (R23-R28).

import type { Caller, SubscriptionFilter, UpstreamCall } from '../../bridge/upstream.ts'
import { ShortLived } from '../../kernel/short-lived.ts'
import { encodeHeaderValue } from '../../mcp/header-values.ts'
import { MODERN_VERSION } from '../../mcp/revisions.ts'
import type { Drops } from './drops.ts'
import type { Exchange } from './exchange.ts'
import { HttpCall, type HttpWire } from './http-call.ts'
import { HttpListen } from './http-listen.ts'
import type { HttpOrigin } from './http-origin.ts'
import type { HttpReply } from './http-reply.ts'
import type { Link, Watch, Watcher } from './link.ts'
import { modernRequest, type Outgoing } from './request-bytes.ts'

export type ModernOptions = {
  readonly origin: HttpOrigin
  readonly drops: Drops
  /** raw JSON text of the gateway's clientInfo */
  readonly ownInfo: string
  readonly floodPerSecond: number
}

export class ModernHttp implements Link {
  /** faces differ by caller and come from server/discover; see faces.ts */
  readonly face = undefined
  readonly #options: ModernOptions
  readonly #wire: HttpWire
  readonly #calls = new ShortLived<HttpCall>()
  #lastId = 0

  constructor(options: ModernOptions) {
    this.#options = options
    const { drops, origin, floodPerSecond } = options
    this.#wire = {
      drops,
      ticker: origin.ticker,
      floodPerSecond,
      hasBatches: false,
      over: call => void this.#calls.delete(call.exchange.id),
      again: call => {
        this.#calls.delete(call.exchange.id)
        this.send(call.exchange)
      },
    }
  }

  send(exchange: Exchange): void {
    exchange.link = this
    exchange.id = ++this.#lastId
    const call = new HttpCall(exchange, this.#wire)
    this.#calls.set(exchange.id, call)
    call.reply = this.#options.origin.post(modernRequest(exchange, this.#options.ownInfo), headersOf(exchange.call, call.sent), call)
  }

  /** Opens a standing stream with its request. */
  listen(outgoing: Outgoing, sink: HttpListen): HttpReply {
    const { origin, ownInfo } = this.#options
    return origin.stream(modernRequest(outgoing, ownInfo), headersOf(outgoing.call, sink.sent), sink)
  }

  nextId(): number {
    return ++this.#lastId
  }

  abandon(exchange: Exchange): void {
    const call = this.#calls.get(exchange.id)
    if (call?.exchange !== exchange) return
    this.#calls.delete(exchange.id)
    call.reply?.abort()
  }

  watch(caller: Caller, filter: SubscriptionFilter, watcher: Watcher): Watch {
    const { drops, origin, floodPerSecond } = this.#options
    let stream = new HttpListen(this, filter, watcher, { caller, drops, ticker: origin.ticker, floodPerSecond })
    return {
      update: wanted => (stream = stream.replacedBy(wanted)),
      close: () => stream.close(),
    }
  }
}

/** R6-R9, R24, R25. `credential`: the caller's own, as it is now. */
function headersOf(call: UpstreamCall, credential: readonly string[]): string[] {
  const headers = [
    ...credential,
    'content-type',
    'application/json',
    'accept',
    'application/json, text/event-stream',
    'mcp-protocol-version',
    MODERN_VERSION,
    'mcp-method',
    encodeHeaderValue(call.method),
  ]
  if (call.name !== undefined) headers.push('mcp-name', encodeHeaderValue(call.name))
  if (call.headerParams) for (const [name, value] of call.headerParams) headers.push(`mcp-param-${name}`, value)
  if (call.traceparent !== '') headers.push('traceparent', call.traceparent)
  if (call.tracestate !== undefined) headers.push('tracestate', call.tracestate)
  return headers
}
