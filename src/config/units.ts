// Durations and sizes as people write them: `60s`, `5m`, `4MiB`. The unit is never left out, so no number is ever taken for the wrong one.

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

export const DURATION_PATTERN = '^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$'
export const SIZE_PATTERN = '^(0|[1-9][0-9]{0,11})(B|KiB|MiB|GiB)$'

/** Milliseconds, or undefined when it is not a duration. */
export const parseDuration = (text: string): number | undefined => parse(text, DURATION_PATTERN, MS)

/** Bytes, or undefined when it is not a size. */
export const parseSize = (text: string): number | undefined => parse(text, SIZE_PATTERN, BYTES)

function parse(text: string, pattern: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, count, unit] = new RegExp(pattern).exec(text) ?? []
  const factor = unit === undefined ? undefined : units[unit]
  return count === undefined || factor === undefined ? undefined : Number(count) * factor
}
