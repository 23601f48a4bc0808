// Numbers of JSON as they are written, not as a double rounds them: 9007199254740993 is not 9007199254740992, and 1e999 is larger than 100.

/** `digits` without zeros at either end; the value is `0.digits` times ten to the power of `exponent`. Zero has no digits. */
export type Decimal = { readonly isNegative: boolean; readonly digits: string; readonly exponent: number }

/** Longer numbers are not judged: nobody counts with them. */
const MAX_LENGTH = 1_000
/** Digits that a division may take. */
const MAX_SPAN = 1_000

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Expects a judged number; undefined when it is too long to be compared. */
export function decimalOf(token: string): Decimal | undefined {
  if (token.length > MAX_LENGTH) return undefined
  const [, sign, whole = '', fraction = '', power = '0'] = NUMBER.exec(token) ?? []
  const all = whole + fraction
  const first = all.search(/[1-9]/)
  if (first < 0) return { isNegative: false, digits: '', exponent: 0 }
  const exponent = Number(power) + whole.length - first
  if (!Number.isSafeInteger(exponent)) return undefined
  let end = all.length
  while (all[end - 1] === '0') end--
  return { isNegative: sign === '-', digits: all.slice(first, end), exponent }
}

/** Negative, zero or positive, as `a` is smaller, equal or larger. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.digits === '' || b.digits === '') return signOf(a) - signOf(b)
  if (a.isNegative !== b.isNegative) return a.isNegative ? -1 : 1
  const size = a.exponent === b.exponent ? (a.digits < b.digits ? -1 : a.digits > b.digits ? 1 : 0) : a.exponent - b.exponent
  return a.isNegative ? -size : size
}
const signOf = ({ digits, isNegative }: Decimal): number => (digits === '' ? 0 : isNegative ? -1 : 1)

/** 1.0 and 1e2 are integers, as JSON Schema counts (section 6.1.1). */
export const isWhole = ({ digits, exponent }: Decimal): boolean => exponent >= digits.length

/** Undefined where the two lie so far apart that dividing them is work. */
export function isMultiple(value: Decimal, of: Decimal): boolean | undefined {
  if (of.digits === '') return undefined
  if (value.digits === '') return true
  const scale = Math.min(value.exponent - value.digits.length, of.exponent - of.digits.length)
  if (value.exponent - scale > MAX_SPAN || of.exponent - scale > MAX_SPAN) return undefined
  return scaled(value, scale) % scaled(of, scale) === 0n
}
const scaled = ({ digits, exponent }: Decimal, scale: number): bigint => BigInt(digits + '0'.repeat(exponent - digits.length - scale))

/** Equal numbers have equal texts. */
export const decimalText = ({ isNegative, digits, exponent }: Decimal): string =>
  digits === '' ? '0' : `${isNegative ? '-' : ''}${digits}e${exponent}`
