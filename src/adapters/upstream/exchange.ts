// One running request to an upstream: its deadlines, its own progress token, what may be delivered to it, and settling exactly once.

import type { Reason } from '../../kernel/errors.ts'
import type { JsonDoc, JsonNode } from '../../mcp/json.ts'
import type { CallEvents, RunningCall, UpstreamAnswer, UpstreamCall } from '../../bridge/upstream.ts'
import type { Contact } from './breaker.ts'
import type { Drops } from './drops.ts'
import type { HeldSecrets } from './held-secrets.ts'
import { admitsLog } from './log-levels.ts'
import { progressOf, restoreToken } from './progress.ts'

/** Server requests of one call that may be open at once; further ones are refused. */
const OPEN_REQUESTS_MAX = 32

/** Whoever asks the host gives up after `timeouts.park` and tells the upstream so; only when he does not, the call ends here. */
const PARK_GRACE_MS = 5_000

/** What an exchange tells its upstream. */
export type ExchangeHome = {
  readonly drops: Drops
  readonly secrets: HeldSecrets
  readonly times: { readonly callMs: number; readonly hardMs: number; readonly parkMs: number }
  readonly notificationsPerSecond: number
  /** requests of the gateway itself: never repeated, never in the gate */
  readonly isOwn: boolean
  now(): number
  settled(exchange: Exchange, contact: Contact): void
  /** it waits for the host: its place may go to another call */
  parked(exchange: Exchange): void
  unparked(exchange: Exchange): void
}

/** Why a link is told to abandon an exchange whose deadline has passed; upstreams may see it. */
export const TIMED_OUT = 'timed out'

export type StopAnswer = Extract<UpstreamAnswer, { kind: 'stop' }>

export class Exchange implements RunningCall {
  readonly done: Promise<UpstreamAnswer>
  readonly call: UpstreamCall
  readonly events: CallEvents
  readonly home: ExchangeHome
  /** who it counts against */
  readonly owner: string
  readonly hardAt: number
  /** given up when this passes without progress */
  silenceAt: number
  /** JSON-RPC id and progress token on this hop; set by the link, 0 = not sent */
  id = 0
  /** among all of its upstream, whatever they run on; set by Calls */
  number = 0
  /** the host's own progress token, raw JSON; set when the request is built */
  token: Buffer | undefined
  /** the way it went, so that it can be abandoned there */
  link: { abandon(exchange: Exchange, reason: string): void } | undefined
  /** the link's count of messages heard when it was sent */
  mark = 0
  /** sent once more after its legacy session had ended (never tools/call) */
  isReplay = false
  /** sent once more with a fresh credential after a 401 */
  isAuthorizedAgain = false
  /** HTTP status of its answer, 0 where there is none */
  status = 0
  /** the gate's mark */
  place: 'none' | 'queued' | 'running' | 'parked' = 'none'

  readonly #resolve: (answer: UpstreamAnswer) => void
  #isDone = false
  #openRequests = 0
  #progress = -Infinity
  #windowAt = -Infinity
  #windowCount = 0

  constructor(home: ExchangeHome, call: UpstreamCall, events: CallEvents, owner: string) {
    let resolve: (answer: UpstreamAnswer) => void = () => {}
    this.done = new Promise(r => (resolve = r))
    this.#resolve = resolve
    this.home = home
    this.call = call
    this.events = events
    this.owner = owner
    const now = home.now()
    this.silenceAt = now + home.times.callMs
    this.hardAt = now + home.times.hardMs
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** Returns false when it had been settled before. */
  settle(answer: UpstreamAnswer, contact: Contact = 'none'): boolean {
    if (this.#isDone) return false
    this.#isDone = true
    this.home.settled(this, contact)
    this.#resolve(answer)
    return true
  }

  /** The upstream's own answer. */
  answer(answer: UpstreamAnswer): void {
    const isShown =
      answer.kind === 'result' ? this.#showsSecret(answer.result.doc) : answer.kind === 'error' && this.#showsSecret(answer.error.doc, true)
    if (isShown) this.stop('upstream-invalid', 'its answer repeats the credential it was given', 'reached')
    else this.settle(answer, 'reached')
  }

  #showsSecret({ bytes }: JsonDoc, isError = false): boolean {
    const { secrets, drops } = this.home
    const { credential } = this.call.caller
    if (!(isError ? secrets.ownStandsIn(bytes, credential) : secrets.standIn(bytes, credential))) return false
    drops.count('credential-shown')
    return true
  }

  stop(stop: Reason, detail: string, contact: Contact = 'none'): boolean {
    return this.settle({ kind: 'stop', stop, detail }, contact)
  }

  cancel(reason: string): void {
    if (this.#isDone) return
    const { link } = this
    this.stop('cancelled', 'cancelled by the host')
    link?.abandon(this, reason)
  }

  /** Settles it when one of its deadlines has passed (R85). */
  expire(now: number): void {
    if (this.#isDone || (now < this.silenceAt && now < this.hardAt)) return
    const { link } = this
    if (this.place === 'queued') this.stop('upstream-overloaded', 'waited too long for a free place')
    else if (now >= this.hardAt) this.stop('upstream-timeout', 'ran longer than `timeouts.hard`')
    else this.stop('upstream-timeout', 'no answer and no progress within `timeouts.call`')
    link?.abandon(this, TIMED_OUT)
  }

  /** It left the queue, or its connection is there: the silence starts now. */
  touch(): void {
    this.silenceAt = this.home.now() + this.home.times.callMs
  }

  /** A notification that arrived for this exchange and no other. */
  notification(doc: JsonDoc, method: string, params: JsonNode | undefined): void {
    const { drops } = this.home
    if (this.#isDone) {
      drops.count(method === 'notifications/progress' ? 'progress-unknown' : 'notification-unattributed')
      return
    }
    if (this.#showsSecret(doc)) return
    if (method === 'notifications/progress') {
      this.#progressed(doc, params)
      return
    }
    if (method === 'notifications/message' && !admitsLog(doc, params, this.call.logLevel)) {
      drops.count('log-unwanted')
      return
    }
    if (this.#isWithinRate()) this.events.notification(method, doc)
    else drops.count('notification-rate')
  }

  #progressed(doc: JsonDoc, params: JsonNode | undefined): void {
    const { drops } = this.home
    const progress = progressOf(doc, params)
    if (this.token === undefined || progress?.token !== this.id) {
      drops.count('progress-unknown')
      return
    }
    // R84: progress MUST increase; what does not is no sign of life either.
    if (!(progress.value > this.#progress)) {
      drops.count('progress-stale')
      return
    }
    this.#progress = progress.value
    if (this.#openRequests === 0) this.touch()
    if (!this.#isWithinRate()) {
      drops.count('notification-rate')
      return
    }
    const restored = restoreToken(doc, progress.node, this.token)
    if (restored) this.events.notification('notifications/progress', restored)
  }

  #isWithinRate(): boolean {
    const now = this.home.now()
    if (now - this.#windowAt >= 1000) {
      this.#windowAt = now
      this.#windowCount = 0
    }
    return ++this.#windowCount <= this.home.notificationsPerSecond
  }

  /** A server request for this exchange; `reply` sends to the upstream, at most once, and never after the exchange has settled. */
  request(doc: JsonDoc, method: string, params: JsonNode | undefined, reply: ServerReply): void {
    if (this.#isDone || this.#openRequests >= OPEN_REQUESTS_MAX) {
      this.home.drops.count('request-limit')
      reply.refuse(-32603, 'too many open requests')
      return
    }
    if (this.#showsSecret(doc)) {
      reply.refuse(-32603, 'the request repeats the credential it was given')
      return
    }
    this.#openRequests++
    if (this.#openRequests === 1) {
      this.silenceAt = this.home.now() + this.home.times.parkMs + PARK_GRACE_MS
      this.home.parked(this)
    }
    let isAnswered = false
    const once = (send: () => void): void => {
      if (isAnswered) return
      isAnswered = true
      this.#openRequests--
      if (this.#isDone) return
      if (this.#openRequests === 0) {
        this.touch()
        this.home.unparked(this)
      }
      send()
    }
    this.events.request({
      method,
      ...(params && { params: { doc, node: params } }),
      answer: result => once(() => reply.answer(result)),
      refuse: (code, message) => once(() => reply.refuse(code, message)),
    })
  }
}

/** Where the answer to a server request goes. */
export type ServerReply = {
  answer(result: Buffer): void
  refuse(code: number, message: string): void
}
