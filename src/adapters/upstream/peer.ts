// JSON-RPC over a channel that many requests share: our own ids, and attribution of what comes back.

import type { Caller, SubscriptionFilter, UpstreamFace } from '../../bridge/upstream.ts'
import { isMessageFault, readMessage, type NotificationMessage, type RequestMessage, type ResponseMessage } from '../../mcp/message.ts'
import { member } from '../../mcp/json.ts'
import { ShortLived } from '../../kernel/short-lived.ts'
import { META, type Era } from '../../mcp/revisions.ts'
import { answerOf } from './answers.ts'
import { CallLine } from './call-line.ts'
import { isInteractive, INTERACTIVE_METHODS } from './capabilities.ts'
import { isChange } from './changes.ts'
import { isFailure, type Failure } from './calls.ts'
import type { Channel, Loss } from './channel.ts'
import type { Drops } from './drops.ts'
import { TIMED_OUT, type Exchange } from './exchange.ts'
import type { Flood } from './flood.ts'
import type { Link, Watch, Watcher } from './link.ts'
import { rankOf } from './log-levels.ts'
import { integerOf } from './progress.ts'
import { errorBytes, legacyRequest, modernRequest, notificationBytes, resultBytes, sizeOf } from './request-bytes.ts'
import { ChannelWatches } from './channel-watches.ts'

export type PeerOptions = {
  readonly caller: Caller
  readonly drops: Drops
  /** raw JSON text of the gateway's clientInfo */
  readonly ownInfo: string
  /** makes a request of our own on this link, as part of something that is recorded already */
  ask(link: Link, method: string, params: Buffer): Exchange
  /** does it within a record of its own */
  check(method: string, ask: () => Promise<Sign | Failure>): Promise<Sign | Failure>
  /** no call is in flight any more */
  idle(): void
}

/** What became of the question whether anybody is there. */
type Sign = { readonly isAlive: boolean }

export class Peer implements Link {
  face: UpstreamFace | undefined
  /** how requests are built; set by the handshake */
  era: Era | undefined
  isGone = false
  readonly #channel: Channel
  readonly #options: PeerOptions
  readonly #flood: Flood
  readonly #watches: ChannelWatches
  readonly #inFlight = new ShortLived<Exchange>()
  readonly #isInteractive: boolean
  /** calls that server requests can belong to (protocol.md section 2 no. 4) */
  readonly #line = new CallLine()
  /** calls that wait until the channel has room: their own memory is what they hold, no more */
  #blocked: Exchange[] = []
  #lastId = 0
  #logRank = 8
  #heard = 0
  #isDoubted = false

  constructor(channel: Channel, flood: Flood, options: PeerOptions) {
    this.#channel = channel
    this.#flood = flood
    this.#options = options
    this.#isInteractive = isInteractive(options.caller.capabilities)
    this.#watches = new ChannelWatches(this, options, { nextId: () => ++this.#lastId, write: bytes => channel.write(bytes) })
  }

  get isBusy(): boolean {
    return this.#inFlight.size > 0 || !this.#line.isEmpty || this.#blocked.length > 0
  }
  get isHeld(): boolean {
    return this.#line.isHeld
  }
  get heldSince(): number {
    return this.#line.heldSince
  }
  /** Its parked call gives way to a newer one: whoever still answers it learns that it is over. */
  giveWay(): void {
    const exchange = this.#line.current
    if (!exchange) return
    exchange.stop('upstream-overloaded', 'it waited for an answer while its place was needed')
    this.abandon(exchange, 'its place was needed by a newer call')
  }
  get isWatched(): boolean {
    return this.#watches.size > 0
  }

  send(exchange: Exchange): void {
    exchange.link = this
    if (this.isGone) return void exchange.stop('upstream-lost', 'the connection ended', 'lost')
    const isAskable = this.era === 'legacy' && this.#isInteractive && INTERACTIVE_METHODS.has(exchange.call.method)
    if (!isAskable || this.#line.enter(exchange)) this.#write(exchange)
  }

  #write(exchange: Exchange): void {
    if (this.#blocked.length > 0 || !this.#channel.hasRoom(roomOf(exchange))) this.#blocked.push(exchange)
    else this.#transmit(exchange)
  }

  /** The channel has room again. */
  drained(): void {
    for (let next = this.#blocked[0]; next; next = this.#blocked[0]) {
      if (!next.isDone && !this.#channel.hasRoom(roomOf(next))) return
      this.#blocked.shift()
      if (!next.isDone) this.#transmit(next)
    }
  }

  #transmit(exchange: Exchange): void {
    const { method, logLevel } = exchange.call
    if (logLevel !== undefined && this.era === 'legacy' && this.#options.caller.principal !== '*')
      this.#lowerLogLevel(rankOf(logLevel), logLevel)
    exchange.id = ++this.#lastId
    const isModern = this.era === 'modern' || method === 'server/discover'
    const bytes = isModern ? modernRequest(exchange, this.#options.ownInfo) : legacyRequest(exchange)
    if (!this.#channel.write(bytes)) {
      this.#ended(exchange)
      return void exchange.stop('upstream-lost', 'the connection is ending')
    }
    exchange.mark = this.#heard
    this.#inFlight.set(exchange.id, exchange)
  }

  /** One connection has one level: the lowest anybody wanted; each call's own level filters what arrives (protocol.md section 2, logging). */
  #lowerLogLevel(rank: number, level: string): void {
    if (rank < 0 || rank >= this.#logRank || this.face?.capabilities['logging'] === undefined) return
    this.#logRank = rank
    this.#options.ask(this, 'logging/setLevel', Buffer.from(JSON.stringify({ level })))
  }

  abandon(exchange: Exchange, reason: string): void {
    if (this.#inFlight.get(exchange.id) === exchange) {
      this.#inFlight.delete(exchange.id)
      // 25L: a client must not cancel `initialize`.
      if (exchange.call.method !== 'initialize' && !this.isGone)
        this.#channel.write(
          notificationBytes('notifications/cancelled', JSON.stringify({ requestId: exchange.id, reason: reason.slice(0, 200) })),
        )
    }
    if (reason === TIMED_OUT) this.#doubt(exchange)
    this.#ended(exchange)
  }

  /** A call timed out: where nothing at all was heard meanwhile, or nothing is taken any more, the upstream may be stuck for good. */
  #doubt(exchange: Exchange): void {
    if (this.isGone || this.#isDoubted || exchange.home.isOwn) return
    if (this.#blocked.includes(exchange)) return this.#channel.fail('it does not read what it is sent')
    if (exchange.id === 0 || exchange.mark !== this.#heard) return
    this.#isDoubted = true
    const method = this.era === 'modern' ? 'server/discover' : 'ping'
    void this.#options
      .check(method, () => this.#signOf(method))
      .then(sign => {
        this.#isDoubted = false
        if (!isFailure(sign) && !sign.isAlive) this.#channel.fail('it does not answer any more')
      })
  }
  async #signOf(method: string): Promise<Sign> {
    const exchange = this.#options.ask(this, method, EMPTY)
    const answer = await exchange.done
    return { isAlive: answer.kind !== 'stop' || exchange.mark !== this.#heard }
  }

  watch(_caller: Caller, filter: SubscriptionFilter, watcher: Watcher): Watch {
    return this.#watches.open(filter, watcher)
  }

  notify(method: string): void {
    this.#channel.write(notificationBytes(method))
  }

  /** One message of the upstream, as it came. */
  receive(bytes: Buffer): void {
    this.#heard++
    const message = readMessage(bytes)
    if (isMessageFault(message)) {
      this.#unreadable(message.id, message.detail)
      return
    }
    if (message.kind === 'batch') {
      for (const item of message.items) {
        if ('reason' in item) this.#unreadable(item.id, item.detail)
        else this.#receive(item)
      }
    } else this.#receive(message)
  }

  #receive(message: RequestMessage | NotificationMessage | ResponseMessage): void {
    if (message.kind === 'response') this.#response(message)
    else {
      this.#flood.hit()
      if (message.kind === 'notification') this.#notification(message)
      else this.#request(message)
    }
  }

  /** Not JSON-RPC: whoever waits for that very id gets an error at once instead of a timeout. */
  #unreadable(id: string | undefined, detail: string): void {
    this.#options.drops.count('message-invalid')
    this.#flood.hit()
    const exchange = id === undefined ? undefined : this.#take(id)
    if (!exchange) return
    exchange.settle({ kind: 'stop', stop: 'upstream-invalid', detail: `unusable answer: ${detail}` }, 'reached')
    this.#ended(exchange)
  }

  #response(message: ResponseMessage): void {
    const exchange = message.id === undefined ? undefined : this.#take(message.id)
    if (exchange) {
      exchange.answer(answerOf(message))
      this.#ended(exchange)
      return
    }
    if (message.id !== undefined && this.#watches.response(message.id, message)) return
    // N098, N099: an id is never used twice, so a known one that nobody waits for was answered, cancelled or timed out.
    this.#options.drops.count(this.#wasIssued(message.id) ? 'response-duplicate' : 'response-unknown')
    this.#flood.hit()
  }

  #wasIssued(id: string | undefined): boolean {
    return id !== undefined && /^[1-9][0-9]{0,15}$/.test(id) && Number(id) <= this.#lastId
  }

  #take(id: string): Exchange | undefined {
    const exchange = this.#inFlight.get(id)
    if (exchange) this.#inFlight.delete(id)
    return exchange
  }

  #ended(exchange: Exchange): void {
    const next = this.#line.leave(exchange)
    if (next) {
      next.touch()
      this.#write(next)
    }
    if (exchange.id === 0) this.#blocked = this.#blocked.filter(waiting => waiting !== exchange)
    if (!this.isBusy) this.#options.idle()
  }

  #notification(message: NotificationMessage): void {
    const { method, params, doc } = message
    const { drops } = this.#options
    if (method === 'notifications/progress') {
      const token = member(params, 'progressToken')
      const exchange = token && this.#inFlight.get(String(integerOf(doc, token)))
      if (exchange) exchange.notification(doc, method, params)
      else drops.count('progress-unknown')
      return
    }
    if (member(message.meta, META.subscriptionId) !== undefined || method === 'notifications/cancelled') {
      this.#watches.stamped(message)
      return
    }
    if (isChange(method) && this.era === 'legacy') {
      this.#watches.legacyChange(message)
      return
    }
    const exchange = this.#sole()
    if (exchange) exchange.notification(doc, method, params)
    else drops.count('notification-unattributed')
  }

  /**
   * One pipe and no request id on logs: with two calls in flight nobody knows whose a message is, and where principals share the pipe, never
   * (R43). Lists and our own requests beside one call do not count: they say nothing.
   */
  #sole(): Exchange | undefined {
    if (this.#options.caller.principal === '*') return undefined
    let sole: Exchange | undefined
    for (const exchange of this.#inFlight.values()) {
      if (!INTERACTIVE_METHODS.has(exchange.call.method)) continue
      if (sole) return undefined
      sole = exchange
    }
    return sole
  }

  #request(message: RequestMessage): void {
    const { id, method, doc, params } = message
    const { drops } = this.#options
    // R39: a modern server writes no requests, a modern client no responses.
    if (this.era === 'modern') {
      drops.count('request-era')
      return
    }
    if (method === 'ping') return void this.#channel.write(resultBytes(id, EMPTY))
    // A caller who may be asked nothing has no line of calls: the refusal is still told to the one call it can belong to, which records it.
    const exchange = this.#isInteractive ? this.#line.current : this.#sole()
    if (!exchange || exchange.id === 0) {
      drops.count('request-unattributed')
      return void this.#channel.write(errorBytes(id, -32601, 'Method not found'))
    }
    const answered = this.#line.asked(exchange)
    const reply = (bytes: Buffer): void => {
      answered()
      this.#channel.write(bytes)
    }
    exchange.request(doc, method, params, {
      answer: result => reply(resultBytes(id, result)),
      refuse: (code, text) => reply(errorBytes(id, code, text)),
    })
  }

  /** The channel is gone: everything in flight is lost, and is never sent again. */
  lost(loss: Loss): void {
    if (this.isGone) return
    this.isGone = true
    const open = [...this.#inFlight.values(), ...this.#line.clear(), ...this.#blocked]
    this.#inFlight.clear()
    this.#blocked = []
    for (const exchange of open) exchange.stop(loss.reason, loss.detail, 'lost')
    this.#watches.lost(loss.detail)
  }

  stop(graceMs: number): Promise<void> {
    return this.#channel.stop(graceMs)
  }
}

const EMPTY = Buffer.from('{}')
const roomOf = ({ call: { params } }: Exchange): number => (params ? sizeOf(params) : 0)
