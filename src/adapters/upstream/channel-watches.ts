// Change notifications on a shared channel: subscriptions/listen by subscription id (modern), unsolicited ones (legacy).

import type { Caller, SubscriptionFilter } from '../../bridge/upstream.ts'
import { member, type JsonNode } from '../../mcp/json.ts'
import type { NotificationMessage, ResponseMessage } from '../../mcp/message.ts'
import { META, type Era } from '../../mcp/revisions.ts'
import { codeOf } from './answers.ts'
import { listenParams, unstamped } from './changes.ts'
import type { Drops } from './drops.ts'
import type { Link, Watch, Watcher } from './link.ts'
import { integerOf } from './progress.ts'
import { modernRequest, notificationBytes } from './request-bytes.ts'
import { ResourceSubscriptions } from './resource-subscriptions.ts'

type Line = { nextId(): number; write(message: Buffer): boolean }
/** The channel's far end as it is known by now. */
type FarEnd = Link & { readonly era: Era | undefined; readonly isGone: boolean }
type Options = {
  readonly caller: Caller
  readonly drops: Drops
  readonly ownInfo: string
  ask(link: Link, method: string, params: Buffer): { readonly done: Promise<unknown> }
}
type Listen = { readonly id: number; readonly watcher: Watcher; isOpen: boolean; replaces: number }

const METHOD_NOT_FOUND = -32601

export class ChannelWatches {
  readonly #peer: FarEnd
  readonly #options: Options
  readonly #line: Line
  readonly #listens = new Map<number, Listen>()
  readonly #legacy = new Set<Watcher>()

  constructor(peer: FarEnd, options: Options, line: Line) {
    this.#peer = peer
    this.#options = options
    this.#line = line
  }

  get size(): number {
    return this.#listens.size + this.#legacy.size
  }

  open(filter: SubscriptionFilter, watcher: Watcher): Watch {
    if (this.#peer.era === 'legacy') return this.#openLegacy(filter, watcher)
    let id = this.#listen(filter, watcher, 0)
    return {
      // R79: the new stream is acknowledged before the old one ends, so nothing falls between them.
      update: wanted => (id = this.#listen(wanted, watcher, id)),
      close: () => this.#cancel(id),
    }
  }

  #openLegacy(filter: SubscriptionFilter, watcher: Watcher): Watch {
    this.#legacy.add(watcher)
    const canSubscribe = this.#peer.face?.capabilities['resources'] !== undefined
    const resources = new ResourceSubscriptions(
      (method, uri) => this.#options.ask(this.#peer, method, Buffer.from(JSON.stringify({ uri }))).done,
    )
    if (canSubscribe) resources.want(filter.resourceSubscriptions ?? [])
    watcher.opened()
    return {
      update: wanted => canSubscribe && resources.want(wanted.resourceSubscriptions ?? []),
      close: () => {
        this.#legacy.delete(watcher)
        if (!this.#peer.isGone) resources.want([])
      },
    }
  }

  #listen(filter: SubscriptionFilter, watcher: Watcher, replaces: number): number {
    const id = this.#line.nextId()
    this.#listens.set(id, { id, watcher, isOpen: false, replaces })
    const call = { caller: this.#options.caller, method: 'subscriptions/listen', params: listenParams(filter), traceparent: '' }
    if (!this.#line.write(modernRequest({ id, call, token: undefined }, this.#options.ownInfo)))
      this.#end(id, 'too much data waits for it already')
    return id
  }

  #cancel(id: number): void {
    const listen = this.#listens.get(id)
    if (!listen) return
    this.#listens.delete(id)
    if (listen.replaces !== 0) this.#cancel(listen.replaces)
    if (!this.#peer.isGone) this.#line.write(notificationBytes('notifications/cancelled', `{"requestId":${id}}`))
  }

  #end(id: number, detail: string, isUnsupported = false): void {
    const listen = this.#listens.get(id)
    if (!listen) return
    this.#listens.delete(id)
    if (listen.replaces !== 0) this.#cancel(listen.replaces)
    // A stream that is being replaced ends without a word: the new one decides.
    for (const other of this.#listens.values()) if (other.replaces === id) return
    if (isUnsupported) listen.watcher.unsupported(detail)
    else listen.watcher.broken(detail)
  }

  /** The final result or an error of a listen request; false when the id is none of ours. */
  response(id: string, message: ResponseMessage): boolean {
    const number = /^[0-9]{1,15}$/.test(id) ? Number(id) : -1
    if (!this.#listens.has(number)) return false
    const code = codeOf(message)
    this.#end(
      number,
      code === 0 ? 'the upstream closed the stream' : `the upstream refused the stream (${code})`,
      code === METHOD_NOT_FOUND,
    )
    return true
  }

  /** A notification that names a subscription (or, on teardown, the cancelled listen request). */
  stamped(message: NotificationMessage): void {
    const { method, doc, params } = message
    const isCancel = method === 'notifications/cancelled'
    const node: JsonNode | undefined = isCancel ? member(params, 'requestId') : member(message.meta, META.subscriptionId)
    const listen = node && this.#listens.get(integerOf(doc, node))
    if (!listen) {
      if (!isCancel) this.#options.drops.count('subscription-unknown')
    } else if (isCancel) this.#end(listen.id, 'the upstream closed the stream')
    else if (method === 'notifications/subscriptions/acknowledged') {
      if (listen.isOpen) return
      listen.isOpen = true
      const { replaces } = listen
      listen.replaces = 0
      if (replaces !== 0) this.#cancel(replaces)
      listen.watcher.opened()
    } else if (listen.isOpen) listen.watcher.change(method, unstamped(doc))
    else this.#options.drops.count('subscription-unknown')
  }

  legacyChange(message: NotificationMessage): void {
    if (this.#legacy.size === 0) this.#options.drops.count('notification-unattributed')
    for (const watcher of this.#legacy) watcher.change(message.method, message.doc)
  }

  lost(detail: string): void {
    const watchers = new Set([...this.#legacy, ...[...this.#listens.values()].map(listen => listen.watcher)])
    this.#legacy.clear()
    this.#listens.clear()
    for (const watcher of watchers) watcher.broken(detail)
  }
}
