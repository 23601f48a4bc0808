// One legacy Streamable HTTP session: keyed by its caller, initialised once, ended with DELETE (R45-R51).

import type { IncomingHttpHeaders } from 'node:http'
import type { Caller, CallerCredential, SubscriptionFilter, UpstreamCall, UpstreamFace } from '../../bridge/upstream.ts'
import { ShortLived } from '../../kernel/short-lived.ts'
import type { RequestMessage } from '../../mcp/message.ts'
import { INTERACTIVE_METHODS, isInteractive } from './capabilities.ts'
import { readChallenge } from './challenge.ts'
import { isChange } from './changes.ts'
import type { Drops } from './drops.ts'
import type { Exchange } from './exchange.ts'
import { HttpCall, type HttpWire } from './http-call.ts'
import { HttpChanges } from './http-changes.ts'
import type { HttpOrigin } from './http-origin.ts'
import type { HttpReply } from './http-reply.ts'
import type { LinkEvents, PooledLink } from './link-pool.ts'
import type { Link, Watch, Watcher } from './link.ts'
import { rankOf } from './log-levels.ts'
import { errorBytes, legacyRequest, notificationBytes, resultBytes } from './request-bytes.ts'
import { Resumption } from './resumption.ts'

export type SessionOptions = {
  readonly origin: HttpOrigin
  readonly drops: Drops
  readonly floodPerSecond: number
  readonly events: LinkEvents
  /** makes a request of our own in this session */
  ask(session: Link, method: string, params: Buffer): Exchange
  /** sends a call once more in a fresh session */
  again(exchange: Exchange): void
}

/** R46: visible ASCII; longer ones are refused. */
const SESSION_ID = /^[\x21-\x7e]{1,512}$/
/** Errors with which servers say that they do not know a session, where they do not use status 404. */
const SESSION_ERRORS: ReadonlySet<number> = new Set([-32000, -32001])
const EMPTY = Buffer.from('{}')
/** Time for a POST that only needs a status. */
const POST_MS = 10_000

export class HttpSession implements PooledLink {
  face: UpstreamFace | undefined
  isGone = false
  readonly #options: SessionOptions
  readonly #wire: HttpWire
  readonly #calls = new ShortLived<HttpCall>()
  readonly #resumptions = new Map<HttpCall, Resumption>()
  readonly #changes: HttpChanges
  #sessionId: string | undefined
  #hasBadId = false
  #lastId = 0
  #logRank = 8
  /** calls that wait for a level to be set or a stream to open */
  #preparing = 0
  #isInteractive: boolean | undefined
  /** the credential of its caller, as the last call brought it; all callers of a session have the same one */
  #credential: CallerCredential | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    const { origin, drops, floodPerSecond } = options
    this.#wire = {
      drops,
      ticker: origin.ticker,
      floodPerSecond,
      hasBatches: true,
      over: call => this.#over(call),
      head: (call, status, headers) => this.#head(call, status, headers),
      unmatched: (call, status, code) => status === 400 && SESSION_ERRORS.has(code) && this.#ended(call),
      request: (call, message) => this.#request(call, message),
      change: message => 'method' in message && isChange(message.method) && this.#changes.change(message),
      resume: (call, reply) => this.#resume(call, reply),
      again: call => {
        this.#calls.delete(call.exchange.id)
        this.#start(call.exchange)
      },
    }
    this.#changes = new HttpChanges(this, { ...options, refuse: message => this.#refuse(message) })
  }

  get isBusy(): boolean {
    return this.#calls.size > 0 || this.#preparing > 0
  }
  get isWatched(): boolean {
    return this.#changes.isWatched
  }
  /** the upstream sent a session id that no header may carry */
  get hasBadId(): boolean {
    return this.#hasBadId
  }

  send(exchange: Exchange): void {
    exchange.link = this
    this.#credential = exchange.call.caller.credential
    if (this.isGone) {
      this.#elsewhere(exchange)
      return
    }
    const { logLevel } = exchange.call
    const rank = logLevel === undefined ? -1 : rankOf(logLevel)
    if (logLevel === undefined || rank < 0 || rank >= this.#logRank || this.face?.capabilities['logging'] === undefined) {
      this.#post(exchange)
      return
    }
    // One session has one level: the lowest anybody wanted, set before the call that wants it (protocol.md section 2, logging).
    this.#logRank = rank
    const params = Buffer.from(JSON.stringify({ level: logLevel }))
    this.#after(this.#options.ask(this, 'logging/setLevel', params).done, exchange, () => this.#post(exchange))
  }

  /** Goes on with a call once something else is done, if anybody still wants it. */
  #after(done: Promise<unknown>, exchange: Exchange, go: () => void): void {
    this.#preparing++
    void done.then(() => {
      this.#preparing--
      if (exchange.isDone) {
        if (!this.isBusy) this.#options.events.idle()
      } else if (this.isGone) this.#elsewhere(exchange)
      else go()
    })
  }

  /** The session ended before the call was sent: whatever it is, a new session may take it, once. */
  #elsewhere(exchange: Exchange): void {
    if (exchange.isReplay || exchange.home.isOwn) exchange.stop('upstream-lost', 'the session ended', 'lost')
    else this.#options.again(exchange)
  }

  /** A call that may be asked something first makes sure that it can hear the question, wherever the server asks it. */
  #post(exchange: Exchange): void {
    const ready = this.#mayBeAsked(exchange) ? this.#changes.ready() : undefined
    if (ready) this.#after(ready, exchange, () => this.#start(exchange))
    else this.#start(exchange)
  }

  /** All callers of a session have the same capabilities: they are part of its key. */
  #mayBeAsked({ call }: Exchange): boolean {
    return INTERACTIVE_METHODS.has(call.method) && (this.#isInteractive ??= isInteractive(call.caller.capabilities))
  }

  #start(exchange: Exchange): void {
    exchange.id = ++this.#lastId
    const call = new HttpCall(exchange, this.#wire)
    this.#calls.set(exchange.id, call)
    call.reply = this.#options.origin.post(legacyRequest(exchange), this.headers(exchange.call), call)
  }

  /** Headers of every POST of this session. */
  headers({ traceparent, tracestate }: Partial<Pick<UpstreamCall, 'traceparent' | 'tracestate'>> = {}): string[] {
    const headers = [...this.credentialNow(), 'content-type', 'application/json', 'accept', 'application/json, text/event-stream']
    headers.push(...this.#own())
    if (traceparent !== undefined && traceparent !== '') headers.push('traceparent', traceparent)
    if (tracestate !== undefined) headers.push('tracestate', tracestate)
    return headers
  }

  /** Headers of a GET; with an event id it resumes that stream (R50). */
  streamHeaders(lastEventId?: string): string[] {
    const headers = [...this.credentialNow(), 'accept', 'text/event-stream', ...this.#own()]
    if (lastEventId !== undefined) headers.push('last-event-id', lastEventId)
    return headers
  }

  get lane(): string | undefined {
    return this.#credential?.id
  }
  credentialNow(): readonly string[] {
    return this.#credential?.headers() ?? []
  }

  /** Its GET stream was refused; the next one finds a fresh credential, or none. */
  refused(status: 401 | 403, headers: IncomingHttpHeaders, sent: readonly string[]): void {
    void this.#credential?.refused({ status, sent, isAgain: false, challenge: readChallenge(headers) })
  }

  #own(): string[] {
    const headers: string[] = []
    if (this.#sessionId !== undefined) headers.push('mcp-session-id', this.#sessionId)
    if (this.face) headers.push('mcp-protocol-version', this.face.protocolVersion)
    return headers
  }

  abandon(exchange: Exchange, reason: string): void {
    const call = this.#calls.get(exchange.id)
    if (call?.exchange !== exchange) return
    this.#over(call)
    call.reply?.abort()
    // 25L: a client must not cancel `initialize`; R51: closing the stream alone would not cancel.
    if (exchange.call.method === 'initialize' || this.isGone) return
    const params = JSON.stringify({ requestId: exchange.id, reason: reason.slice(0, 200) })
    void this.post(notificationBytes('notifications/cancelled', params))
  }

  /** Posts something that is answered by a status only; once more where the credential had run out meanwhile. */
  async post(message: Buffer): Promise<number> {
    const sent = this.credentialNow()
    const status = await this.#options.origin.status({ method: 'POST', body: message, lane: this.lane }, this.headers(), POST_MS)
    if (status !== 401 || !this.#credential) return status
    if (await this.#credential.refused({ status, sent, isAgain: false, challenge: {} })) return status
    return this.#options.origin.status({ method: 'POST', body: message, lane: this.lane }, this.headers(), POST_MS)
  }

  watch(_caller: Caller, filter: SubscriptionFilter, watcher: Watcher): Watch {
    return this.#changes.open(filter, watcher)
  }

  #over(call: HttpCall): void {
    if (!this.#calls.delete(call.exchange.id)) return
    this.#resumptions.delete(call)
    if (!this.isBusy) this.#options.events.idle()
  }

  #head(call: HttpCall, status: number, headers: IncomingHttpHeaders): boolean {
    if (call.exchange.call.method === 'initialize' && status < 300) {
      const id: unknown = headers['mcp-session-id']
      if (typeof id === 'string' && SESSION_ID.test(id)) this.#sessionId = id
      else if (id !== undefined) this.#hasBadId = true
      return false
    }
    // R46: 404 says that the session is unknown or over.
    return status === 404 && this.#sessionId !== undefined && this.#ended(call)
  }

  /** The upstream no longer knows this session: others get a new one; this call only if running it twice can do no harm. */
  #ended(call: HttpCall): boolean {
    const { exchange } = call
    if (this.#sessionId === undefined) return false
    this.lose('the session ended')
    this.#over(call)
    if (exchange.isDone) return true
    if (exchange.call.method === 'tools/call' || exchange.isReplay || exchange.home.isOwn)
      exchange.stop('upstream-lost', 'its session had ended; a tool call is never sent again by itself', 'reached')
    else this.#options.again(exchange)
    return true
  }

  /** No new calls; those under way have streams of their own and may still end well. */
  lose(detail: string): void {
    if (this.isGone) return
    this.isGone = true
    this.#changes.lost(detail)
    this.#options.events.gone(false)
  }

  #request(call: HttpCall, message: RequestMessage): void {
    const { id, method, doc, params } = message
    if (method === 'ping') return void this.post(resultBytes(id, EMPTY))
    const send = async (message: Buffer): Promise<void> => {
      const status = await this.post(message)
      // It will wait for this answer for ever: better an error now than a timeout.
      if ((status === 0 || status >= 400) && call.exchange.stop('upstream-lost', 'did not take the answer to its own request'))
        this.abandon(call.exchange, '')
    }
    call.exchange.request(doc, method, params, {
      answer: result => void send(resultBytes(id, result)),
      refuse: (code, text) => void send(errorBytes(id, code, text)),
    })
  }

  /**
   * A question on the GET stream names no call. R100: outside a call nobody can be asked, so it belongs to the one call of this session that may be
   * asked; with none, or several, it is refused.
   */
  #refuse(message: RequestMessage): void {
    if (message.method === 'ping') return void this.post(resultBytes(message.id, EMPTY))
    const asked = [...this.#calls.values()].filter(call => this.#mayBeAsked(call.exchange))
    const [sole, ...others] = asked
    if (sole && others.length === 0) {
      this.#request(sole, message)
      return
    }
    this.#options.drops.count('request-unattributed')
    void this.post(errorBytes(message.id, -32601, 'Method not found'))
  }

  /** The call's stream broke after an event id was seen: the upstream may still be working, and replays what was missed (R50). */
  #resume(call: HttpCall, reply: HttpReply): boolean {
    const resumption = this.#resumptions.get(call) ?? new Resumption()
    const waitMs = this.isGone ? undefined : resumption.next(reply, call.heard)
    if (waitMs === undefined) return false
    this.#resumptions.set(call, resumption)
    call.exchange.events.interrupted?.(waitMs)
    this.#options.origin.ticker.after(waitMs, () => {
      if (call.exchange.isDone || !this.#calls.has(call.exchange.id)) return
      call.isResumed = true
      call.reply = this.#options.origin.resume(this.streamHeaders(resumption.lastEventId), call)
    })
    return true
  }

  /** DELETE, within the grace; no server has to support it (R46). */
  async stop(graceMs: number): Promise<void> {
    const isKnown = !this.isGone && this.#sessionId !== undefined
    this.isGone = true
    this.#changes.lost('the session was ended')
    for (const call of [...this.#calls.values()]) {
      call.exchange.stop('upstream-lost', 'the session was ended')
      this.abandon(call.exchange, 'the session was ended')
    }
    if (!isKnown) return
    await this.#options.origin.status({ method: 'DELETE', lane: this.lane }, this.streamHeaders(), Math.max(graceMs, 100))
  }
}
