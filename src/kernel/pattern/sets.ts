// Sets of characters of a pattern: ranges of code points, and Unicode properties asked one character at a time.

/** `ranges`: pairs first, last. `properties`: as written between the braces of `\p{…}`. */
export type CharacterSet = {
  readonly ranges: readonly (readonly [first: number, last: number])[]
  readonly properties: readonly { readonly name: string; readonly isNegated: boolean }[]
  readonly isNegated: boolean
}

export const MAX_CODE_POINT = 0x10ffff
export const DIGIT: CharacterSet['ranges'] = [[0x30, 0x39]]
export const WORD: CharacterSet['ranges'] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
]
/** ECMA-262 WhiteSpace and LineTerminator. */
export const SPACE: CharacterSet['ranges'] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]
export const LINE_ENDS: CharacterSet['ranges'] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]

/** Everything outside of these ranges. */
export function complement(ranges: CharacterSet['ranges']): CharacterSet['ranges'] {
  const out: (readonly [number, number])[] = []
  let next = 0
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (first > next) out.push([next, first - 1])
    next = Math.max(next, last + 1)
  }
  if (next <= MAX_CODE_POINT) out.push([next, MAX_CODE_POINT])
  return out
}

const PROPERTY = /^[A-Za-z0-9_]{1,64}(?:=[A-Za-z0-9_]{1,64})?$/

/** Whether the engine knows this Unicode property. */
export function isProperty(name: string): boolean {
  if (KNOWN.has(name)) return true
  if (!PROPERTY.test(name)) return false
  try {
    new RegExp(`\\p{${name}}`, 'u').test('')
    KNOWN.add(name)
    return true
  } catch {
    return false
  }
}
/** Only what the engine knows, so it ends. */
const KNOWN = new Set<string>()

/** Asks for one code point. Constant time: ASCII by table, the rest by halving, a property by an expression over that one character. */
export function testerOf(set: CharacterSet): (code: number) => boolean {
  const sorted = merged(set.ranges)
  // One expression for all of them: what one character costs does not grow with their number.
  const escapes = new Set(set.properties.map(({ name, isNegated }) => `\\${isNegated ? 'P' : 'p'}{${name}}`))
  const properties = escapes.size === 0 ? undefined : new RegExp(`^[${[...escapes].join('')}]$`, 'u')
  const slow = (code: number): boolean => {
    const isIn = within(sorted, code) || properties?.test(String.fromCodePoint(code)) === true
    return isIn !== set.isNegated
  }
  const ascii = Uint8Array.from({ length: 128 }, (_, code) => (slow(code) ? 1 : 0))
  return code => (code < 128 ? ascii[code] === 1 : slow(code))
}

function merged(ranges: CharacterSet['ranges']): readonly (readonly [number, number])[] {
  const out: [number, number][] = []
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = out.at(-1)
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else out.push([first, last])
  }
  return out
}

function within(sorted: readonly (readonly [number, number])[], code: number): boolean {
  let low = 0
  let high = sorted.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const [first, last] = sorted[middle] ?? [0, 0]
    if (code < first) high = middle - 1
    else if (code > last) low = middle + 1
    else return true
  }
  return false
}
