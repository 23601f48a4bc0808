// What could not be fetched or installed is tried again after a growing while: nobody's registry is asked twice a minute for what it does not have.

import type { Denial } from '../trust/denial.ts'

const FIRST_MS = 20_000
const LONGEST_MS = 10 * 60_000

type Failure = { readonly what: string; readonly denial: Denial; readonly againMs: number; readonly waitMs: number }

export class Retries {
  readonly #failures = new Map<string, Failure>()

  /** Why it is not tried now: it failed, and not long ago. */
  denial(alias: string, what: string, nowMs: number): Denial | undefined {
    const failure = this.#failures.get(alias)
    // A clock that was set back puts nothing off.
    const waits = failure?.what === what && nowMs < failure.againMs && nowMs >= failure.againMs - failure.waitMs
    return waits ? failure.denial : undefined
  }
  failed(alias: string, what: string, denial: Denial, nowMs: number): void {
    const before = this.#failures.get(alias)
    const waitMs = before?.what === what ? Math.min(before.waitMs * 2, LONGEST_MS) : FIRST_MS
    this.#failures.set(alias, { what, denial, waitMs, againMs: nowMs + waitMs })
  }
  done(alias: string): void {
    this.#failures.delete(alias)
  }
  /** Somebody may have mended it. */
  clear(): void {
    this.#failures.clear()
  }
}
