// One HTTP upstream's connections: keep-alive, never shared with another upstream, no redirects, no cookies, no headers but ours.

import { Pool, type buildConnector } from 'undici'
import { HttpReply, type ReplySink } from './http-reply.ts'
import { upstreamConnector } from './pinned-connector.ts'
import type { Ticker } from './ticker.ts'
import type { TransportContext } from './transport.ts'

export type OriginSettings = {
  readonly url: string
  /** the configuration's own headers, e.g. a credential; sent with every request */
  readonly headers: Readonly<Record<string, string>>
  /** SHA-256 of the public keys (SPKI, DER) its certificate may have, in lower-case hexadecimal; absent = any that the certificate authorities vouch for */
  readonly spkiSha256?: readonly string[]
  readonly connectMs: number
  /** bytes of one message */
  readonly messageBytes: number
  /** asked before each connection; absent = none has to be (transport.ts) */
  readonly verify?: TransportContext['verify']
}

/** Where it answers, what it is sent, and the keys it may answer with. */
export type OriginTarget = Pick<OriginSettings, 'url' | 'headers' | 'spkiSha256'>

export const originSettings = (
  { settings, verify }: Pick<TransportContext, 'settings' | 'verify'>,
  { url, headers, spkiSha256 }: OriginTarget,
): OriginSettings => ({
  url,
  headers,
  ...(spkiSha256 && { spkiSha256 }),
  connectMs: settings.timeouts.connectMs,
  messageBytes: settings.limits.messageBytes,
  ...(verify && { verify }),
})

/** A stream whose answer has come may end by itself for this long, so that its connection can be used again. */
const DRAIN_MS = 2_000
/** Standing streams of one upstream; a further one is refused, and tried again later by who wanted it. */
const STREAMS_MAX = 4_096
/** Requests that only need a status (cancellations, answers) under way at once; a stuck server holds no more than these. */
const SMALL_MAX = 512

/** Lanes without a connection are let go of beyond this number. */
const LANES_MAX = 256

type Request = { readonly path: string; readonly method: 'POST' | 'GET' | 'DELETE'; readonly body?: Buffer }
type SmallRequest = Pick<Request, 'method' | 'body'> & { readonly path?: string; readonly lane?: string | undefined }
/** The connections that requests with one credential share; those without one have a lane too (N027). */
type Lane = {
  /** calls: the gate bounds them, and whoever parks them */
  readonly calls: Pool
  /** standing streams: however many there are, no call waits for a connection of theirs */
  readonly streams: Pool
}

export class HttpOrigin {
  readonly #open: () => Pool
  /** by credential id, '' without one */
  readonly #lanes = new Map<string, Lane>()
  #isClosed = false
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

  /** `connect` dials; it must refuse addresses that may not be reached (R120). Without it undici's own connector serves. Pinned keys are checked either way. */
  constructor(settings: OriginSettings, ticker: Ticker, connect?: buildConnector.connector) {
    const url = new URL(settings.url)
    this.#settings = settings
    this.#ticker = ticker
    this.#path = url.pathname + url.search
    this.#fixed = Object.entries(settings.headers).flat()
    const options = {
      // one exchange on one connection: a slow answer delays no other, and closing it cancels just that call (R17)
      pipelining: 1,
      allowH2: false,
      // deadlines are the exchanges' own
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: upstreamConnector(settings, connect),
    }
    this.#open = () => new Pool(url.origin, options)
  }

  #lane(id = ''): Lane {
    const known = this.#lanes.get(id)
    if (known) return known
    if (this.#lanes.size >= LANES_MAX) this.#forgetIdle()
    const lane = { calls: this.#open(), streams: this.#open() }
    this.#lanes.set(id, lane)
    return lane
  }

  #forgetIdle(): void {
    for (const [id, { calls, streams }] of this.#lanes) {
      if (calls.stats.size + calls.stats.connected + streams.stats.size + streams.stats.connected > 0) continue
      this.#lanes.delete(id)
      void calls.destroy()
      void streams.destroy()
    }
  }

  get ticker(): Ticker {
    return this.#ticker
  }

  /** A call. `headers`: flat list of names and values. */
  post(body: Buffer, headers: string[], sink: ReplySink): HttpReply {
    return this.#dispatch(this.#lane(sink.lane).calls, { path: this.#path, method: 'POST', body }, headers, sink)
  }

  /** Takes up the broken stream of a call. */
  resume(headers: string[], sink: ReplySink): HttpReply {
    return this.#dispatch(this.#lane(sink.lane).calls, { path: this.#path, method: 'GET' }, headers, sink)
  }

  /** A standing stream: with a body subscriptions/listen, without one a GET. */
  stream(body: Buffer | undefined, headers: string[], sink: ReplySink): HttpReply {
    const request: Request = body ? { path: this.#path, method: 'POST', body } : { path: this.#path, method: 'GET' }
    return this.#dispatch(this.#standing() < STREAMS_MAX ? this.#lane(sink.lane).streams : undefined, request, headers, sink)
  }

  #standing(): number {
    let count = 0
    for (const { streams } of this.#lanes.values()) count += streams.stats.size
    return count
  }

  /** Something that only needs a status, to another path of the same origin if given. Resolves with the status, 0 when none came in time. */
  async status(request: SmallRequest, headers: string[], ms: number): Promise<number> {
    if (this.#small >= SMALL_MAX) return 0
    this.#small++
    const { promise, resolve } = Promise.withResolvers<number>()
    const { lane, ...rest } = request
    const reply = this.#dispatch(this.#lane(lane).calls, { path: this.#path, ...rest }, headers, {
      head: status => {
        resolve(status)
        return 'skip'
      },
      message: () => {},
      end: () => {},
      failed: () => resolve(0),
    })
    const alarm = this.#ticker.after(ms, () => {
      reply.abort()
      resolve(0)
    })
    const status = await promise
    alarm.cancel()
    this.#small--
    return status
  }
  #small = 0

  #dispatch(pool: Pool | undefined, request: Request, headers: string[], sink: ReplySink): HttpReply {
    const reply = new HttpReply(this, sink, this.#settings.messageBytes)
    for (const text of this.#fixed) headers.push(text)
    const { path, method, body = null } = request
    try {
      if (!pool || this.#isClosed) throw NOT_SENT
      pool.dispatch({ path, method, headers, body, idempotent: false }, reply)
    } catch {
      // a header or path undici refuses, a closed pool, too many streams: nothing was sent; the sink hears of it after its owner knows the reply
      queueMicrotask(() => reply.onResponseError(null, NOT_SENT))
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
    this.#isClosed = true
    await Promise.all([...this.#lanes.values()].flatMap(({ calls, streams }) => [calls.destroy(), streams.destroy()]))
  }
}

const NOT_SENT = new Error('not sent')
