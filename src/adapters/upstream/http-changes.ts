// Changes in a legacy session: its one GET stream, opened only while somebody listens, and its resource subscriptions (R49, R100).

import type { IncomingHttpHeaders } from 'node:http'
import type { SubscriptionFilter } from '../../bridge/upstream.ts'
import { isMessageFault, readMessage, type RequestMessage, type SingleMessage } from '../../mcp/message.ts'
import type { Drops } from './drops.ts'
import { Flood } from './flood.ts'
import type { HttpOrigin } from './http-origin.ts'
import type { HttpReply, ReplySink } from './http-reply.ts'
import { mediaTypeOf } from './http-status.ts'
import type { Link, Watch, Watcher } from './link.ts'
import { ResourceSubscriptions } from './resource-subscriptions.ts'
import { Resumption } from './resumption.ts'

/** Longest a call or a resource subscription waits for the stream to open. */
const READY_MS = 1000

/** The legacy session whose GET stream this is. */
type Home = Link & {
  readonly isGone: boolean
  streamHeaders(lastEventId?: string): string[]
  lose(detail: string): void
  readonly lane: string | undefined
  credentialNow(): readonly string[]
  refused(status: 401 | 403, headers: IncomingHttpHeaders, sent: readonly string[]): void
}

export type HttpChangesOptions = {
  readonly origin: HttpOrigin
  readonly drops: Drops
  readonly floodPerSecond: number
  ask(session: Link, method: string, params: Buffer): { readonly done: Promise<unknown> }
  refuse(message: RequestMessage): void
}

export class HttpChanges implements ReplySink {
  readonly #session: Home
  readonly #options: HttpChangesOptions
  readonly #resources: ResourceSubscriptions
  #watcher: Watcher | undefined
  #filter: SubscriptionFilter = {}
  #reply: HttpReply | undefined
  #flood: Flood | undefined
  #resumption = new Resumption()
  #heard = 0
  /** settles when the stream's head has come; undefined while none is being opened */
  #opening: PromiseWithResolvers<undefined> | undefined
  #sent: readonly string[] = []
  #isUnsupported = false
  #hasOpened = false

  constructor(session: Home, options: HttpChangesOptions) {
    this.#session = session
    this.#options = options
    this.#resources = new ResourceSubscriptions((method, uri) => options.ask(session, method, Buffer.from(JSON.stringify({ uri }))).done)
  }

  get lane(): string | undefined {
    return this.#session.lane
  }
  get isWatched(): boolean {
    return this.#watcher !== undefined
  }

  /** One watcher at a time: all subscribers of a caller share it (subscriptions.ts). */
  open(filter: SubscriptionFilter, watcher: Watcher): Watch {
    this.#watcher = watcher
    this.#want(filter)
    // A legacy upstream acknowledges nothing; whether it offers a stream shows in the status.
    watcher.opened()
    return {
      update: wanted => this.#want(wanted),
      close: () => {
        if (this.#watcher !== watcher) return
        this.#watcher = undefined
        this.#close()
        if (!this.#session.isGone) this.#resources.want([])
      },
    }
  }

  /**
   * Some 2025 servers ask their questions on the GET stream instead of the call's own. Before a call that may be asked something, the stream stands
   * open, or is known not to exist. Undefined = go ahead; the wait is bounded.
   */
  ready(): Promise<undefined> | undefined {
    if (this.#isUnsupported) return undefined
    if (!this.#reply) this.#get(this.#resumption.lastEventId)
    return this.#opening?.promise
  }

  /** Resources are subscribed to once what is said of them can be heard; the last filter wins. */
  #want(filter: SubscriptionFilter): void {
    this.#filter = filter
    const ready = this.ready()
    if (ready) void ready.then(() => this.#subscribe())
    else this.#subscribe()
  }
  #subscribe(): void {
    if (this.#watcher && !this.#session.isGone && this.#session.face?.capabilities['resources'] !== undefined)
      this.#resources.want(this.#filter.resourceSubscriptions ?? [])
  }

  #get(lastEventId?: string): void {
    const { origin, floodPerSecond } = this.#options
    const opening = (this.#opening = Promise.withResolvers<undefined>())
    origin.ticker.after(READY_MS, () => opening.resolve(undefined))
    this.#sent = this.#session.credentialNow()
    const reply = origin.stream(undefined, this.#session.streamHeaders(lastEventId), this)
    this.#reply = reply
    this.#flood = new Flood(origin.ticker, floodPerSecond, reply)
  }

  #close(): void {
    this.#opened()
    this.#reply?.abort()
    this.#reply = undefined
  }
  #opened(): void {
    this.#opening?.resolve(undefined)
    this.#opening = undefined
  }

  /** A change that came on a call's own stream. */
  change(message: SingleMessage): boolean {
    if (message.kind === 'notification') this.#watcher?.change(message.method, message.doc)
    return true
  }

  head(status: number, headers: IncomingHttpHeaders): 'events' | 'skip' {
    this.#opened()
    if (status === 200 && mediaTypeOf(headers) === 'text/event-stream') {
      this.#hasOpened = true
      return 'events'
    }
    // What its body says is nobody's business, and its end not that of the next stream.
    this.#reply?.finish()
    this.#reply = undefined
    // R49: 405, or 404 where no stream ever opened, means that this server has none; subscriptions and changes on call streams still work.
    this.#isUnsupported = status === 405 || (status === 404 && !this.#hasOpened)
    if (this.#isUnsupported) return 'skip'
    if (status === 401 || status === 403) this.#session.refused(status, headers, this.#sent)
    if (status === 404) this.#session.lose('the session ended')
    else this.#broken(`answered GET with status ${status}`)
    return 'skip'
  }

  message(bytes: Buffer): void {
    const { drops } = this.#options
    if (bytes.length === 0) return
    this.#heard++
    this.#flood?.hit()
    const message = readMessage(bytes)
    if (isMessageFault(message)) {
      drops.count('message-invalid')
      return
    }
    for (const item of message.kind === 'batch' ? message.items : [message]) {
      if ('reason' in item) drops.count('message-invalid')
      else this.#receive(item)
    }
  }

  #receive(message: SingleMessage): void {
    if (message.kind === 'request') {
      this.#options.refuse(message)
      return
    }
    // Responses belong on the stream of their request (R49), progress and logs to a call: here they have no owner.
    if (message.kind === 'response') {
      this.#options.drops.count('response-unknown')
      return
    }
    if (message.method === 'notifications/progress' || message.method === 'notifications/message') {
      this.#options.drops.count('notification-unattributed')
      return
    }
    this.#watcher?.change(message.method, message.doc)
  }

  end(): void {
    this.#again('the stream ended')
  }
  failed(): void {
    this.#again('the stream broke')
  }

  #again(detail: string): void {
    this.#opened()
    const reply = this.#reply
    this.#reply = undefined
    if (!reply || !this.#watcher || this.#session.isGone) return
    const waitMs = this.#resumption.next(reply, this.#heard)
    if (waitMs === undefined) {
      this.#broken(detail)
      return
    }
    this.#options.origin.ticker.after(waitMs, () => {
      if (this.#watcher && !this.#reply && !this.#session.isGone) this.#get(this.#resumption.lastEventId)
    })
  }

  #broken(detail: string): void {
    const watcher = this.#watcher
    this.#watcher = undefined
    this.#resumption = new Resumption()
    watcher?.broken(detail)
  }

  lost(detail: string): void {
    this.#close()
    this.#broken(detail)
  }
}
