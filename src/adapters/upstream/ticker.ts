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
/** Alarms ring in steps of this many milliseconds: thousands of them cost one look each, when they are due. */
const STEP_MS = 50

export class Ticker {
  readonly #clock: Clock
  /** alarms by the step they ring in */
  readonly #steps = new Map<number, Set<() => void>>()
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
    const step = Math.ceil((this.#clock.now() + Math.max(0, ms)) / STEP_MS)
    // a function of its own, so that the same callback may be given twice
    const entry = (): void => call()
    const alarms = this.#steps.get(step)
    if (alarms) alarms.add(entry)
    else this.#steps.set(step, new Set([entry]))
    this.#sleepUntil(step * STEP_MS)
    return { cancel: () => this.#cancel(step, entry) }
  }

  #cancel(step: number, entry: () => void): void {
    const alarms = this.#steps.get(step)
    if (alarms?.delete(entry) === true && alarms.size === 0) this.#steps.delete(step)
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
    for (const [step, alarms] of this.#steps) {
      if (step * STEP_MS > now) continue
      this.#steps.delete(step)
      for (const call of alarms) call()
    }
    for (const sweep of this.#sweeps) if (!sweep(now)) this.#sweeps.delete(sweep)
    let next = this.#sweeps.size > 0 ? now + SWEEP_MS : Infinity
    for (const step of this.#steps.keys()) next = Math.min(next, step * STEP_MS)
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
