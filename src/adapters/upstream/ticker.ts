// One coarse clock for every deadline of every upstream: a call costs no timer of its own.

/** What the ticker needs of the world; tests pass a hand-driven one. */
export type Clock = {
  /** milliseconds, monotonic */
  now(): number
  /** calls back once after about `ms`; returns a function that forgets it; must not keep the process alive */
  wake(ms: number, call: () => void): () => void
}

/** A single alarm; `cancel` is idempotent. */
export type Alarm = { cancel(): void }

/** Looked at every `SWEEP_MS` while it returns true; returning false ends it. */
export type Sweep = (now: number) => boolean

/** How late a swept deadline may be noticed, milliseconds. */
export const SWEEP_MS = 100

type Entry = { readonly due: number; readonly call: () => void }

export class Ticker {
  readonly #clock: Clock
  readonly #alarms = new Set<Entry>()
  readonly #sweeps = new Set<Sweep>()
  #sleeping: { readonly until: number; readonly forget: () => void } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  /** One callback after at least `ms`. For the few long waits (idle, backoff), never for each call. */
  after(ms: number, call: () => void): Alarm {
    const entry = { due: this.#clock.now() + ms, call }
    this.#alarms.add(entry)
    this.#sleepUntil(entry.due)
    return { cancel: () => void this.#alarms.delete(entry) }
  }

  /** Adds a sweep; adding one that is there already changes nothing. */
  sweep(sweep: Sweep): void {
    if (this.#sweeps.has(sweep)) return
    this.#sweeps.add(sweep)
    this.#sleepUntil(this.#clock.now() + SWEEP_MS)
  }

  #sleepUntil(until: number): void {
    if (this.#sleeping) {
      if (this.#sleeping.until <= until) return
      this.#sleeping.forget()
    }
    const ms = Math.max(1, Math.ceil(until - this.#clock.now()))
    this.#sleeping = { until, forget: this.#clock.wake(ms, () => this.#tick()) }
  }

  #tick(): void {
    this.#sleeping = undefined
    const now = this.#clock.now()
    for (const entry of this.#alarms) {
      if (entry.due > now) continue
      this.#alarms.delete(entry)
      entry.call()
    }
    for (const sweep of this.#sweeps) if (!sweep(now)) this.#sweeps.delete(sweep)
    let next = this.#sweeps.size > 0 ? now + SWEEP_MS : Infinity
    for (const entry of this.#alarms) if (entry.due < next) next = entry.due
    if (next !== Infinity) this.#sleepUntil(next)
  }
}

/** The real clock: `performance.now`, and timers that never keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wake(ms, call) {
    const timer = setTimeout(call, Math.min(ms, 0x7fffffff)).unref()
    return () => clearTimeout(timer)
  },
}
