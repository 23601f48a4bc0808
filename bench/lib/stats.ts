// Medians and ratios: the machine is noisy, so every figure is a median and every ratio is taken within one round, where both met the same noise.

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** `part`: 0 to 1. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN
}

/** Median of a[i] / b[i]. */
export const pairRatio = (a: readonly number[], b: readonly number[]): number =>
  median(a.slice(0, Math.min(a.length, b.length)).map((value, i) => value / b[i]!))

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits))
