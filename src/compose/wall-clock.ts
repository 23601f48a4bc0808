// The wall clock as the gateway trusts it: it never runs backwards, so that a clock set back revives no token, sign-in or state that had ended.

/** Slewing by a time service is no setting back: this much in milliseconds, and this part of the time since the last look. */
const SLACK_MS = 1000
const SLACK_PART = 0.001

export type WallClock = {
  /** milliseconds since the epoch; never less than it answered before, and never behind by more than the slack */
  readonly now: () => number
  /** milliseconds the machine's clock is behind this one now; 0 while they agree */
  readonly behindMs: () => number
}

type Parts = {
  /** the machine's clock, milliseconds since the epoch */
  readonly read: () => number
  /** milliseconds, never set */
  readonly monotonic: () => number
  /** told once, when the clock is found set back by so many milliseconds, until it is right again */
  readonly setBack: (ms: number) => void
}

/**
 * While the machine's clock is behind, time goes on by the monotonic clock from where it was. A clock that was wrong before it was set back keeps the
 * gateway ahead until its restart: what is judged by it ends too early, never too late.
 */
export function createWallClock({ read, monotonic, setBack }: Parts): WallClock {
  let last = read()
  let lastMonotonic = monotonic()
  let behind = 0
  const now = (): number => {
    const wall = read()
    const at = monotonic()
    const passed = at - lastMonotonic
    const least = last + passed
    const isBack = wall < least - SLACK_MS - passed * SLACK_PART
    if (isBack && behind === 0) setBack(Math.round(least - wall))
    behind = isBack ? least - wall : 0
    last = isBack ? least : Math.max(wall, last)
    lastMonotonic = at
    return Math.floor(last)
  }
  return { now, behindMs: () => (now(), Math.round(behind)) }
}
