// An upstream that is not started, connected to or asked for anything while its launch is not admitted. The one place everything towards it passes.

import type {
  Caller,
  CallEvents,
  RevokedCredential,
  RunningCall,
  SubscriptionFilter,
  Upstream,
  UpstreamCall,
  UpstreamChanges,
  UpstreamFace,
  UpstreamStatus,
  UpstreamSubscription,
} from '../bridge/upstream.ts'
import type { Reason, Stop } from '../kernel/errors.ts'

export class HeldUpstream implements Upstream {
  readonly #inner: Upstream
  readonly #why: () => Stop | undefined
  readonly #sleeping = new Set<SleepingSubscription>()

  /** `why`: it is not to be started now; asked each time, so a decision counts at once. */
  constructor(inner: Upstream, why: () => Stop | undefined) {
    this.#inner = inner
    this.#why = why
  }

  get alias(): string {
    return this.#inner.alias
  }
  get isHeld(): boolean {
    return this.#why() !== undefined
  }
  /** something of it runs */
  get isBusy(): boolean {
    const { connections, inFlight, queued } = this.#inner.status()
    return connections + inFlight + queued > 0
  }

  async face(caller: Caller): Promise<UpstreamFace | { readonly stop: Reason; readonly detail: string }> {
    const held = this.#why()
    return held ? { stop: held.stop, detail: held.detail ?? '' } : this.#inner.face(caller)
  }

  call(call: UpstreamCall, events: CallEvents): RunningCall {
    const held = this.#why()
    if (!held) return this.#inner.call(call, events)
    return { done: Promise.resolve({ kind: 'stop', stop: held.stop, detail: held.detail ?? '' }), cancel() {} }
  }

  /** While it is held nothing is opened; `wake` opens it. */
  subscribe(caller: Caller, filter: SubscriptionFilter, changes: UpstreamChanges): UpstreamSubscription {
    if (!this.isHeld) return this.#inner.subscribe(caller, filter, changes)
    const sleeping = new SleepingSubscription({ caller, changes, forget: () => this.#sleeping.delete(sleeping) }, filter)
    this.#sleeping.add(sleeping)
    return sleeping
  }

  /** It may be started now: what waited for that is opened. */
  wake(): void {
    if (this.isHeld) return
    for (const sleeping of [...this.#sleeping]) sleeping.open(this.#inner)
  }

  status(): UpstreamStatus {
    return this.#inner.status()
  }
  release(whom: Caller | RevokedCredential): void {
    this.#inner.release(whom)
  }
  close(deadlineMs: number, drainMs?: number): Promise<void> {
    for (const sleeping of [...this.#sleeping]) sleeping.end()
    return this.#inner.close(deadlineMs, drainMs)
  }
}

type Asked = { readonly caller: Caller; readonly changes: UpstreamChanges; readonly forget: () => void }

class SleepingSubscription implements UpstreamSubscription {
  readonly #asked: Asked
  #filter: SubscriptionFilter
  #real: UpstreamSubscription | undefined

  constructor(asked: Asked, filter: SubscriptionFilter) {
    this.#asked = asked
    this.#filter = filter
  }

  open(upstream: Upstream): void {
    this.#asked.forget()
    this.#real = upstream.subscribe(this.#asked.caller, this.#filter, this.#asked.changes)
  }
  end(): void {
    this.#asked.forget()
    this.#asked.changes.ended('the upstream was closed')
  }
  update(filter: SubscriptionFilter): void {
    this.#filter = filter
    this.#real?.update(filter)
  }
  close(): void {
    this.#asked.forget()
    this.#real?.close()
  }
}
