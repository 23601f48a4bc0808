// A subscription at an upstream that takes a credential of each principal's own: there while there is one, opened anew when it changes.

import type { CallerCredential, SubscriptionFilter, UpstreamChanges, UpstreamSubscription } from '../bridge/upstream.ts'
import { isStop, type Stop } from '../kernel/errors.ts'

type Found = CallerCredential | Stop | undefined
type Source = {
  find(): Found | Promise<Found>
  open(credential: CallerCredential, filter: SubscriptionFilter): UpstreamSubscription
  readonly changes: UpstreamChanges
}

export class OwnSubscription implements UpstreamSubscription {
  readonly #source: Source
  readonly #unwatch: () => void
  #filter: SubscriptionFilter
  #current: UpstreamSubscription | undefined
  #isClosed = false
  /** counts openings: one that was overtaken is dropped */
  #turn = 0

  constructor(source: Source, filter: SubscriptionFilter, watch: (changed: () => void) => () => void) {
    this.#source = source
    this.#filter = filter
    this.#unwatch = watch(() => void this.#changed())
    void this.#open()
  }

  async #open(): Promise<void> {
    const turn = ++this.#turn
    const found = await this.#source.find()
    if (this.#isClosed || turn !== this.#turn || found === undefined || isStop(found)) return
    this.#current = this.#source.open(found, this.#filter)
  }

  /** Another account may have other lists; without one there are none. */
  async #changed(): Promise<void> {
    this.#current?.close()
    this.#current = undefined
    await this.#open()
    if (this.#isClosed) return
    for (const kind of ['tools', 'prompts', 'resources'] as const) this.#source.changes.listChanged(kind)
  }

  update(filter: SubscriptionFilter): void {
    this.#filter = filter
    this.#current?.update(filter)
  }

  close(): void {
    this.#isClosed = true
    this.#unwatch()
    this.#current?.close()
  }
}
