// One request over Streamable HTTP: its POST, its own stream, and what on that stream may reach the caller.

import type { IncomingHttpHeaders } from 'node:http'
import { isMessageFault, readMessage, type RequestMessage, type SingleMessage } from '../../mcp/message.ts'
import type { Stop } from '../../kernel/errors.ts'
import { answerOf } from './answers.ts'
import { readChallenge } from './challenge.ts'
import type { Drops } from './drops.ts'
import type { Exchange, StopAnswer } from './exchange.ts'
import { Flood } from './flood.ts'
import type { HttpReply, ReplyFailure, ReplySink } from './http-reply.ts'
import { mediaTypeOf, stopOf, stopOfFailure } from './http-status.ts'
import type { Ticker } from './ticker.ts'

/** What differs between the eras. */
export type HttpWire = {
  readonly drops: Drops
  readonly ticker: Ticker
  readonly floodPerSecond: number
  /** revisions in which a body or event may be a batch (R52) */
  readonly hasBatches: boolean
  /** the call is over, one way or another */
  over(call: HttpCall): void
  /** the status and headers came; true when it has dealt with them and the body is not wanted */
  head?(call: HttpCall, status: number, headers: IncomingHttpHeaders): boolean
  /** an error without our id came with a 4xx status; true when it has dealt with it */
  unmatched?(call: HttpCall, status: number, code: number): boolean
  /** a request of the upstream on the call's stream; absent = none may come (R15) */
  request?(call: HttpCall, message: RequestMessage): void
  /** a change notification on the call's stream */
  change?(message: SingleMessage): boolean
  /** the stream ended or broke without an answer; true when it is being resumed */
  resume?(call: HttpCall, reply: HttpReply): boolean
  /** the upstream refused the credential before it did anything, and there is another one now: the request goes once more */
  again(call: HttpCall): void
}

export class HttpCall implements ReplySink {
  readonly exchange: Exchange
  reply: HttpReply | undefined
  readonly #wire: HttpWire
  readonly #id: string
  #status = 200
  #headers: IncomingHttpHeaders = {}
  #isStream = false
  /** the wire has taken the exchange elsewhere: this reply no longer speaks for it */
  #isGivenUp = false
  #flood: Flood | undefined
  /** messages of its stream so far: a resumption that brought none makes no progress */
  heard = 0
  /** what of the caller's credential its request carried */
  readonly sent: readonly string[]
  readonly lane: string | undefined
  /** its stream was taken up again: the call itself is long under way and must not be sent twice */
  isResumed = false

  constructor(exchange: Exchange, wire: HttpWire) {
    this.exchange = exchange
    this.#wire = wire
    this.#id = String(exchange.id)
    this.lane = exchange.call.caller.credential?.id
    this.sent = exchange.call.caller.credential?.headers() ?? NOTHING
  }

  head(status: number, headers: IncomingHttpHeaders): 'json' | 'events' | 'skip' {
    this.#status = status
    this.exchange.status = status
    if (this.#wire.head?.(this, status, headers) === true) {
      this.#isGivenUp = true
      return 'skip'
    }
    if (status === 401 || status === 403) return this.#unauthorized(status, headers)
    const type = mediaTypeOf(headers)
    if (status === 200) {
      if (type === 'application/json') return 'json'
      if (type === 'text/event-stream') {
        this.#isStream = true
        return 'events'
      }
      this.#stop('upstream-invalid', 'answered with another content type than json or an event stream')
      return 'skip'
    }
    if (status >= 400 && type === 'application/json') {
      this.#headers = headers
      return 'json'
    }
    return this.#refused(status, headers)
  }

  /** R109: consumed here, whatever it says; a 401 says that nothing was done, so the request may go once more with a fresh credential. */
  #unauthorized(status: 401 | 403, headers: IncomingHttpHeaders): 'skip' {
    const { exchange } = this
    const { credential } = exchange.call.caller
    if (!credential) return this.#refused(status, headers)
    this.#isGivenUp = true
    const { sent } = this
    const isAgain = exchange.isAuthorizedAgain
    void credential.refused({ status, sent, isAgain, challenge: readChallenge(headers) }).then(stop => {
      if (exchange.isDone) return
      const mayRepeat = stop === undefined && !isAgain && status === 401
      if (mayRepeat && !this.isResumed) {
        exchange.isAuthorizedAgain = true
        this.#wire.again(this)
        return
      }
      exchange.settle(stop ? { kind: 'stop', ...detailed(stop) } : REFUSED_MIDWAY, 'reached')
      this.#wire.over(this)
    })
    return 'skip'
  }

  #refused(status: number, headers: IncomingHttpHeaders): 'skip' {
    this.exchange.settle(stopOf(status, headers), status >= 500 ? 'none' : 'reached')
    this.#wire.over(this)
    return 'skip'
  }

  #stop(reason: 'upstream-invalid' | 'upstream-lost', detail: string): void {
    this.exchange.stop(reason, detail, reason === 'upstream-lost' ? 'lost' : 'reached')
    this.#wire.over(this)
  }

  message(bytes: Buffer): void {
    if (bytes.length === 0 || this.#isGivenUp) return // an empty event only carries an id (R50)
    this.heard++
    const message = readMessage(bytes)
    if (isMessageFault(message)) {
      this.#unreadable(message.id, message.detail)
      return
    }
    if (message.kind !== 'batch') {
      this.#receive(message)
      return
    }
    if (!this.#wire.hasBatches) {
      this.#unreadable(undefined, 'a batch')
      return
    }
    for (const item of message.items) {
      if ('reason' in item) this.#unreadable(item.id, item.detail)
      else this.#receive(item)
    }
  }

  #unreadable(id: string | undefined, detail: string): void {
    this.#wire.drops.count('message-invalid')
    if (id === this.#id) this.#stop('upstream-invalid', `unusable answer: ${detail}`)
    else this.#hit()
  }

  #receive(message: SingleMessage): void {
    if (message.kind === 'response') {
      const isOurs = message.id === this.#id || (message.id === undefined && this.#status >= 400 && message.error !== undefined)
      if (!isOurs || this.exchange.isDone) {
        // N098: another id, another type, or once more
        this.#wire.drops.count(message.id === this.#id ? 'response-duplicate' : 'response-unknown')
        this.#hit()
        return
      }
      const answer = answerOf(message)
      if (message.id === undefined && answer.kind === 'error' && this.#wire.unmatched?.(this, this.#status, answer.code) === true) {
        this.#isGivenUp = true
        return
      }
      this.exchange.answer(answer)
      this.#wire.over(this)
      return this.reply?.finish()
    }
    this.#hit()
    if (message.kind === 'request') {
      if (this.#wire.request && !this.exchange.isDone) this.#wire.request(this, message)
      else this.#wire.drops.count('request-era')
    } else if (this.#wire.change?.(message) !== true) this.exchange.notification(message.doc, message.method, message.params)
  }

  #hit(): void {
    const { reply } = this
    if (!reply || this.#status !== 200) return
    this.#flood ??= new Flood(this.#wire.ticker, this.#wire.floodPerSecond, reply)
    this.#flood.hit()
  }

  end(): void {
    if (this.exchange.isDone || this.#isGivenUp) return
    if (this.#status !== 200) {
      this.exchange.settle(stopOf(this.#status, this.#headers), this.#status >= 500 ? 'none' : 'reached')
      this.#wire.over(this)
      return
    }
    if (!this.#isStream) {
      this.#stop('upstream-invalid', 'answered with something else than a response to the request')
      return
    }
    if (this.reply && this.#wire.resume?.(this, this.reply) === true) return
    this.#stop('upstream-lost', 'ended its stream without a response to the request')
  }

  failed(failure: ReplyFailure): void {
    if (this.exchange.isDone || this.#isGivenUp) return
    if (failure.kind === 'lost' && this.reply && this.#wire.resume?.(this, this.reply) === true) return
    const contact = failure.kind === 'unreached' || failure.kind === 'lost' ? failure.kind : 'reached'
    this.exchange.settle(stopOfFailure(failure), contact)
    this.#wire.over(this)
  }
}

const NOTHING: readonly string[] = []
const REFUSED_MIDWAY: StopAnswer = {
  kind: 'stop',
  stop: 'upstream-lost',
  detail: 'its stream could not be taken up again: the credential was refused',
}
const detailed = ({ stop, detail = '', retryAfterSeconds }: Stop): Omit<StopAnswer, 'kind'> => ({
  stop,
  detail,
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
})
