// Ids and times of events without a system call or a Date per event.

const POOL_BYTES = 4096
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const MILLIS: readonly string[] = Array.from({ length: 1000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`)

/** Fills the whole array with bytes of a cryptographically secure generator (node:crypto `randomFillSync`). */
export type FillRandom = (bytes: Uint8Array) => unknown

/**
 * UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds, then 74 random bits drawn from a pool that is refilled every 400 ids. Unique also when the
 * clock stands still or goes back; order in the log is the log's own, not the ids'.
 */
export function createUuidV7(now: () => number, fillRandom: FillRandom): () => string {
  const pool = new Uint8Array(POOL_BYTES)
  let at = POOL_BYTES
  let stampMs = -1
  let stamp = ''
  const hex = (i: number): string => HEX[pool[at + i] ?? 0] ?? ''
  return () => {
    const ms = now()
    if (ms !== stampMs) {
      const digits = Math.trunc(ms).toString(16).padStart(12, '0')
      stamp = `${digits.slice(0, 8)}-${digits.slice(8, 12)}-7`
      stampMs = ms
    }
    if (at + 10 > POOL_BYTES) {
      fillRandom(pool)
      at = 0
    }
    const variant = HEX[((pool[at + 2] ?? 0) & 0x3f) | 0x80] ?? ''
    const id = `${stamp}${hex(0).charAt(0)}${hex(1)}-${variant}${hex(3)}-${hex(4)}${hex(5)}${hex(6)}${hex(7)}${hex(8)}${hex(9)}`
    at += 10
    return id
  }
}

/** RFC 3339 UTC with milliseconds; the text of the second is kept until the second changes. Throws RangeError for a time that is not a date. */
export function createTimeText(): (ms: number) => string {
  let second = Number.NaN
  let text = ''
  return ms => {
    const whole = Math.floor(ms / 1000)
    if (whole !== second) {
      text = new Date(whole * 1000).toISOString().slice(0, -4)
      second = whole
    }
    return text + (MILLIS[Math.floor(ms) - whole * 1000] ?? '000Z')
  }
}
