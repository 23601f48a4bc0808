// When the repository of trust is asked, by whom that is heard, and what went wrong with it last.

import type { Logger } from '../adapters/telemetry/logs.ts'
import type { TrustRepository } from '../trust/freshness.ts'
import { whyOf, type TrustPublishing } from './trust-publishing.ts'

type Parts = {
  readonly client: TrustRepository
  /** where this gateway publishes it */
  readonly publishing: TrustPublishing | undefined
  readonly logger: Pick<Logger, 'warn' | 'info'>
  readonly now: () => number
  /** time between two looks at most; followers come at different times, up to a fifth earlier each */
  readonly everyMs: number
  readonly random: () => number
}

export class TrustLooks {
  readonly #parts: Parts
  readonly #listeners = new Set<() => void>()
  #isLooking = false
  #dueMs = 0
  /** why it is not as it should be */
  failure: string | undefined

  constructor(parts: Parts) {
    this.#parts = parts
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** At the next tick. */
  soon(): void {
    this.#dueMs = 0
  }

  async tick(): Promise<void> {
    const nowMs = this.#parts.now()
    // After a sleep of the machine it is long due; a clock that was set back must not put it off.
    if (nowMs >= this.#dueMs || nowMs < this.#dueMs - this.#parts.everyMs) await this.look()
  }

  async look(): Promise<void> {
    if (this.#isLooking) return // a slow repository must not pile up looks
    this.#isLooking = true
    const { client, logger, now, everyMs, random } = this.#parts
    const before = this.failure
    const { documents } = client.seen()
    this.#dueMs = now() + everyMs * (1 - random() / 5)
    this.failure = await this.#ask()
    this.#isLooking = false
    if (client.seen().documents !== documents) for (const listener of this.#listeners) listener()
    if (this.failure !== undefined && this.failure !== before)
      logger.warn('the trust repository is not as it should be', { detail: this.failure })
    if (this.failure === undefined && before !== undefined) logger.info('the trust repository is as it should be again')
  }

  async #ask(): Promise<string | undefined> {
    const { client, publishing, now } = this.#parts
    const unpublished = await publishing?.publishDue(now())
    try {
      const { refused } = await client.refresh()
      return refused.length === 0 ? unpublished : `not believed: ${refused.map(({ part }) => part).join(', ')}`
    } catch (error) {
      return whyOf(error)
    }
  }
}
