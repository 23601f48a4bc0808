// One HTTP upstream's connections: keep-alive, never shared with another upstream, no redirects, no cookies, no headers but ours.

import { Pool, type buildConnector } from 'undici'
import type { UpstreamSettings } from '../../config/schema.ts'
import { HttpReply, type ReplySink } from './http-reply.ts'
import type { Ticker } from './ticker.ts'

export type OriginSettings = {
  readonly url: string
  /** the configuration's own headers, e.g. a credential; sent with every request */
  readonly headers: Readonly<Record<string, string>>
  readonly connectMs: number
  /** most connections; further requests wait inside */
  readonly connections: number
  /** bytes of one message */
  readonly messageBytes: number
}

/** Calls, parked ones, streams of changes and small POSTs: the gate and the pool bound each of them, and so the connections. */
export const originSettings = (settings: UpstreamSettings, { url, headers }: Pick<OriginSettings, 'url' | 'headers'>): OriginSettings => ({
  url,
  headers,
  connectMs: settings.timeouts.connectMs,
  connections: 4 * settings.limits.concurrency + 4 * settings.limits.connections,
  messageBytes: settings.limits.messageBytes,
})

/** A stream whose answer has come may end by itself for this long, so that its connection can be used again. */
const DRAIN_MS = 2_000

export class HttpOrigin {
  readonly #pool: Pool
  readonly #path: string
  readonly #fixed: readonly string[]
  readonly #settings: OriginSettings
  readonly #ticker: Ticker
  readonly #draining = new Map<HttpReply, number>()
  readonly #sweep = (now: number): boolean => {
    for (const [reply, until] of this.#draining) {
      if (now < until) break
      this.#draining.delete(reply)
      reply.abort()
    }
    return this.#draining.size > 0
  }

  /** `connect` dials; it must refuse addresses that may not be reached (R120). Without it undici's own connector serves. */
  constructor(settings: OriginSettings, ticker: Ticker, connect?: buildConnector.connector) {
    const url = new URL(settings.url)
    this.#settings = settings
    this.#ticker = ticker
    this.#path = url.pathname + url.search
    this.#fixed = Object.entries(settings.headers).flat()
    this.#pool = new Pool(url.origin, {
      connections: settings.connections,
      // one call on one connection: a slow answer delays no other, and closing it cancels just that call (R17)
      pipelining: 1,
      allowH2: false,
      // deadlines are the exchanges' own
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: connect ?? { timeout: settings.connectMs },
    })
  }

  get ticker(): Ticker {
    return this.#ticker
  }

  /** `headers`: flat list of names and values. */
  post(body: Buffer, headers: string[], sink: ReplySink): HttpReply {
    return this.#dispatch({ path: this.#path, method: 'POST', body }, headers, sink)
  }
  get(headers: string[], sink: ReplySink): HttpReply {
    return this.#dispatch({ path: this.#path, method: 'GET' }, headers, sink)
  }
  delete(headers: string[], sink: ReplySink): HttpReply {
    return this.#dispatch({ path: this.#path, method: 'DELETE' }, headers, sink)
  }
  /** To another path of the same origin (the endpoint of HTTP+SSE). */
  postTo(path: string, body: Buffer, headers: string[], sink: ReplySink): HttpReply {
    return this.#dispatch({ path, method: 'POST', body }, headers, sink)
  }

  #dispatch(request: { path: string; method: 'POST' | 'GET' | 'DELETE'; body?: Buffer }, headers: string[], sink: ReplySink): HttpReply {
    const reply = new HttpReply(this, sink, this.#settings.messageBytes)
    for (const text of this.#fixed) headers.push(text)
    try {
      const { path, method, body = null } = request
      this.#pool.dispatch({ path, method, headers, body, idempotent: false }, reply)
    } catch {
      // a header or path undici refuses, or a closed pool: nothing was sent; the sink hears of it after its owner knows the reply
      queueMicrotask(() => reply.onResponseError(null, CLOSED))
    }
    return reply
  }

  /** The reply has served; what still comes is skipped for a moment, then its connection is closed. */
  drain(reply: HttpReply): void {
    this.#draining.set(reply, this.#ticker.now() + DRAIN_MS)
    this.#ticker.sweep(this.#sweep)
  }
  drained(reply: HttpReply): void {
    this.#draining.delete(reply)
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}

const CLOSED = new Error('not sent')
