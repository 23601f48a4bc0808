// News of approvals: to whoever waits for one, and to whoever watches. Nobody polls. Listeners are told once what they are told about is durable.

import type { PrincipalKey } from '../kernel/principal.ts'
import type { Approval, StandingGrant } from './approval.ts'

export type News =
  | { readonly type: 'approval'; readonly approval: Approval }
  | { readonly type: 'grant'; readonly grant: StandingGrant; readonly what: 'given' | 'revoked' }

/** Calls that may wait for people at one time: each holds the exchange of its host, and nothing of an upstream. */
export type WaitLimits = { readonly total: number; readonly perPrincipal: number }

/** `decided`: look at it again; `late`: nothing was heard in time; `full`: as many wait as may */
export type Waited = 'decided' | 'late' | 'full' | 'cancelled'

export type Timers = { set(callback: () => void, ms: number): NodeJS.Timeout; clear(timer: NodeJS.Timeout): void }

export class ApprovalNews {
  readonly #watchers = new Set<(news: News) => void>()
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #perPrincipal = new Map<PrincipalKey, number>()
  readonly #timers: Timers
  readonly #limits: () => WaitLimits
  #total = 0

  constructor(timers: Timers, limits: () => WaitLimits) {
    this.#timers = timers
    this.#limits = limits
  }

  get waiting(): number {
    return this.#total
  }

  /** Until the function it answers is called. A listener must not throw. */
  watch(listener: (news: News) => void): () => void {
    this.#watchers.add(listener)
    return () => void this.#watchers.delete(listener)
  }

  tell(news: News): void {
    for (const watcher of [...this.#watchers]) watcher(news)
    if (news.type !== 'approval' || news.approval.state === 'pending') return
    for (const done of [...(this.#waiting.get(news.approval.id) ?? [])]) done()
  }

  /** Once, when it is pending no more; until the function it answers is called. */
  once(id: string, listener: () => void): () => void {
    const waiting = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, waiting.add(listener))
    return () => {
      waiting.delete(listener)
      if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id)
    }
  }

  /**
   * Until it is pending no more, or `ms` are over. `look` is asked once the listener stands, so that nothing decided in between is missed. `onCancel`: see
   * kernel/cancellation.ts. Never rejects unless `look` does.
   */
  async wait(
    { id, principal, ms }: { readonly id: string; readonly principal: PrincipalKey; readonly ms: number },
    look: () => Promise<boolean>,
    onCancel: (listener: () => void) => () => void,
  ): Promise<Waited> {
    const limits = this.#limits()
    const own = this.#perPrincipal.get(principal) ?? 0
    if (this.#total >= limits.total || own >= limits.perPrincipal) return 'full'
    this.#total += 1
    this.#perPrincipal.set(principal, own + 1)
    const { promise, resolve } = Promise.withResolvers<Waited>()
    const leave = this.once(id, () => resolve('decided'))
    const timer = this.#timers.set(() => resolve('late'), ms)
    const forget = onCancel(() => resolve('cancelled'))
    try {
      if (await look()) resolve('decided')
      return await promise
    } finally {
      forget()
      this.#timers.clear(timer)
      leave()
      this.#total -= 1
      const left = (this.#perPrincipal.get(principal) ?? 1) - 1
      if (left > 0) this.#perPrincipal.set(principal, left)
      else this.#perPrincipal.delete(principal)
    }
  }
}
