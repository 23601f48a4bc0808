// Pauses between attempts: growing, with jitter, so that many gateways do not come back to a sink together.

const FIRST_MS = 500
/** A sink that is back after hours is found within this. */
const LONGEST_MS = 30_000
/** What a sink may ask for, at most: an answer of its must not stop delivery for good. */
const ASKED_MS = 3_600_000

/** Milliseconds before attempt `failures` + 1; `failures` from 1 on, `random` in [0, 1). At least what the sink asked for. */
export function pauseMs(failures: number, random: number, askedSeconds = 0): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(20, failures - 1))
  return Math.max(Math.min(ASKED_MS, askedSeconds * 1000), Math.round(whole / 2 + (whole / 2) * random))
}
