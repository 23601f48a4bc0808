// The running requests of one upstream: admission, deadlines, breaker and counters around every exchange.

import type { Caller, CallEvents, UpstreamCall } from '../../bridge/upstream.ts'
import type { UpstreamSettings } from '../../config/schema.ts'
import type { Reason } from '../../kernel/errors.ts'
import { ShortLived } from '../../kernel/short-lived.ts'
import { Breaker, type Contact } from './breaker.ts'
import type { Drops } from './drops.ts'
import { Exchange, type ExchangeHome } from './exchange.ts'
import { Gate } from './gate.ts'
import { HeldSecrets } from './held-secrets.ts'
import type { Link } from './link.ts'
import type { Ticker } from './ticker.ts'

/** Why no link could be had. */
export type Failure = { readonly stop: Reason; readonly detail: string; readonly contact: Contact; readonly retryAfterSeconds?: number }
export const isFailure = (value: object): value is Failure => 'stop' in value && 'contact' in value

/** No events are wanted (our own requests). */
const SILENT: CallEvents = { notification: () => {}, request: request => request.refuse(-32601, 'method not found') }

export class Calls {
  readonly drops: Drops
  readonly secrets: HeldSecrets
  readonly breaker = new Breaker()
  readonly #ticker: Ticker
  readonly #live = new ShortLived<Exchange>()
  #places = 0
  readonly #gate: Gate
  readonly #home: ExchangeHome
  readonly #ownHome: ExchangeHome
  #isEnded = false
  #drained: (() => void) | undefined
  readonly #sweep = (now: number): boolean => {
    for (const exchange of this.#live.values()) exchange.expire(now)
    return this.#live.size > 0
  }

  /** `link` finds the way for an admitted call; it never rejects. */
  constructor(settings: UpstreamSettings, ticker: Ticker, drops: Drops, link: (exchange: Exchange) => Link | Promise<Link | Failure>) {
    this.drops = drops
    this.#ticker = ticker
    const { timeouts, limits } = settings
    this.#gate = new Gate(limits, exchange => this.#run(exchange, link(exchange)))
    const now = (): number => ticker.now()
    const secrets = (this.secrets = new HeldSecrets(settings.transport))
    const common = { drops, secrets, now, notificationsPerSecond: limits.notificationsPerSecond }
    this.#home = {
      ...common,
      isOwn: false,
      times: timeouts,
      settled: (exchange, contact) => this.#settled(exchange, contact),
      parked: exchange => this.#gate.park(exchange),
      unparked: exchange => this.#gate.unpark(exchange),
    }
    this.#ownHome = {
      ...common,
      isOwn: true,
      times: { callMs: timeouts.connectMs, hardMs: timeouts.connectMs, parkMs: timeouts.connectMs },
      settled: exchange => {
        this.#live.delete(exchange.number)
        this.#left()
      },
      parked: () => {},
      unparked: () => {},
    }
  }

  get running(): number {
    return this.#gate.running
  }
  get waiting(): number {
    return this.#gate.waiting
  }

  /** A call of a host. */
  start(call: UpstreamCall, events: CallEvents): Exchange {
    const exchange = new Exchange(this.#home, call, events, call.owner ?? call.caller.principal)
    if (this.#isEnded) {
      exchange.stop('draining', 'the gateway is stopping')
      return exchange
    }
    const waitMs = this.breaker.waitMs(this.#ticker.now())
    if (waitMs > 0) {
      const retryAfterSeconds = Math.ceil(waitMs / 1000)
      exchange.settle({ kind: 'stop', stop: 'upstream-unavailable', detail: 'repeated failures to reach it', retryAfterSeconds })
      return exchange
    }
    this.#add(exchange)
    if (!this.#gate.enter(exchange)) exchange.stop('upstream-overloaded', 'too many calls wait already')
    return exchange
  }

  /** A request of our own, outside admission, within `timeouts.connectMs`. */
  ask(link: Link, caller: Caller, method: string, params?: Buffer): Exchange {
    const call = { caller, method, ...(params && { params }), traceparent: '' }
    const exchange = new Exchange(this.#ownHome, call, SILENT, call.caller.principal)
    this.#add(exchange)
    exchange.link = link
    link.send(exchange)
    return exchange
  }

  /** Lets no more calls in; resolves once none is left, or that much later. */
  drain(ms: number): Promise<void> {
    this.#isEnded = true
    return new Promise(resolve => {
      const alarm = this.#ticker.after(ms, resolve)
      this.#drained = () => {
        alarm.cancel()
        resolve()
      }
      this.#left()
    })
  }

  /** Ends everything that runs or waits, and lets no more calls in; or only what runs for these callers. */
  end(stop: Reason, detail: string, isOf?: (caller: Caller) => boolean): void {
    if (!isOf) this.#isEnded = true
    for (const exchange of this.#live.values()) {
      if (isOf?.(exchange.call.caller) === false) continue
      const { link } = exchange
      exchange.stop(stop, detail)
      link?.abandon(exchange, detail)
    }
  }

  /** Tries the way again for a call whose legacy session had ended before it was taken up. */
  again(exchange: Exchange, way: Link | Promise<Link | Failure>): void {
    exchange.isReplay = true
    exchange.link = undefined
    this.#run(exchange, way)
  }

  #add(exchange: Exchange): void {
    exchange.number = this.#places += 1
    this.#live.set(exchange.number, exchange)
    this.#ticker.sweep(this.#sweep)
  }

  #run(exchange: Exchange, way: Link | Promise<Link | Failure>): void {
    if (way instanceof Promise) {
      void way.then(link => {
        if (exchange.isDone) return
        if (!isFailure(link)) {
          this.#send(exchange, link)
          return
        }
        const { stop, detail, contact, retryAfterSeconds } = link
        exchange.settle({ kind: 'stop', stop, detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) }, contact)
      })
    } else this.#send(exchange, way)
  }

  #send(exchange: Exchange, link: Link): void {
    exchange.link = link
    link.send(exchange)
  }

  #settled(exchange: Exchange, contact: Contact): void {
    this.#live.delete(exchange.number)
    this.breaker.ended(contact, exchange.owner, contact === 'unreached' || contact === 'lost' ? this.#ticker.now() : 0)
    this.#gate.leave(exchange)
    this.#left()
  }

  #left(): void {
    if (this.#live.size === 0) this.#drained?.()
  }
}
