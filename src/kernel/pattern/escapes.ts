// Escapes and classes of patterns: `\d`, `\u{1F600}`, `\p{Letter}`, `[^a-z\-]`.

import { PatternFault, type Reader } from './reader.ts'
import { complement, DIGIT, isProperty, MAX_CODE_POINT, SPACE, WORD, type CharacterSet } from './sets.ts'

const SHORTHANDS: Readonly<Record<string, CharacterSet['ranges']>> = {
  d: DIGIT,
  D: complement(DIGIT),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
}
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 }

const HEX_ESCAPE = /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|c([A-Za-z]))/y
const PROPERTY_ESCAPE = /\\([pP])\{([^}]{1,130})\}/y

const single = (code: number): CharacterSet => ({ ranges: [[code, code]], properties: [], isNegated: false })

/** One escape, at its backslash. Within a class `\b` is backspace. */
export function escapeAt(r: Reader, isClass: boolean): CharacterSet {
  const letter = r.source[r.at + 1]
  if (letter === undefined) throw new PatternFault('it ends with a backslash')
  const ranges = Object.hasOwn(SHORTHANDS, letter) ? SHORTHANDS[letter] : undefined
  if (ranges) {
    r.at += 2
    return { ranges, properties: [], isNegated: false }
  }
  if (/[1-9k]/.test(letter)) throw new PatternFault('a backreference cannot be judged in linear time')
  if (letter === '0' && /[0-9]/.test(r.source[r.at + 2] ?? '')) throw new PatternFault('an octal escape is not supported')
  const control = Object.hasOwn(CONTROLS, letter) ? CONTROLS[letter] : undefined
  if (control !== undefined || (isClass && letter === 'b')) {
    r.at += 2
    return single(control ?? 8)
  }
  if (letter === 'p' || letter === 'P') return propertyAt(r)
  return single(characterAt(r))
}

/** `\x2d`, `\u002d`, `\u{2d}`, `\cA`, or a sign that stands for itself. */
function characterAt(r: Reader): number {
  HEX_ESCAPE.lastIndex = r.at
  const hex = HEX_ESCAPE.exec(r.source)
  if (hex) {
    r.at += hex[0].length
    return codeOf(r, hex)
  }
  const code = r.source.codePointAt(r.at + 1) ?? 0
  const letter = String.fromCodePoint(code)
  if (/[A-Za-z]/.test(letter)) throw new PatternFault('an escape is not known')
  r.at += 1 + letter.length
  return code
}

function codeOf(r: Reader, [, two, four, braces, control]: RegExpExecArray): number {
  if (control !== undefined) return control.charCodeAt(0) % 32
  const code = Number.parseInt(two ?? four ?? braces ?? '', 16)
  if (code > MAX_CODE_POINT) throw new PatternFault('an escape names no character')
  if (code < 0xd800 || code > 0xdbff || four === undefined) return code
  // A pair of escapes is one character.
  HEX_ESCAPE.lastIndex = r.at
  const low = HEX_ESCAPE.exec(r.source)?.[2]
  const unit = low === undefined ? 0 : Number.parseInt(low, 16)
  if (unit < 0xdc00 || unit > 0xdfff) return code
  r.at += 6
  return (code - 0xd800) * 0x400 + (unit - 0xdc00) + 0x10000
}

function propertyAt(r: Reader): CharacterSet {
  PROPERTY_ESCAPE.lastIndex = r.at
  const found = PROPERTY_ESCAPE.exec(r.source)
  const name = found?.[2] ?? ''
  if (!found || !isProperty(name)) throw new PatternFault('a Unicode property is not known')
  r.at += found[0].length
  return { ranges: [], properties: [{ name, isNegated: found[1] === 'P' }], isNegated: false }
}

/** A class, at its bracket. */
export function classAt(r: Reader): CharacterSet {
  r.at++
  const isNegated = r.source[r.at] === '^'
  if (isNegated) r.at++
  const ranges: (readonly [number, number])[] = []
  const properties: CharacterSet['properties'][number][] = []
  for (;;) {
    const next = r.source[r.at]
    if (next === undefined) throw new PatternFault('a class is not closed')
    if (next === ']') break
    const from = memberAt(r)
    const first = onlyOf(from)
    const isRange = r.source[r.at] === '-' && r.source[r.at + 1] !== ']' && r.source[r.at + 1] !== undefined
    if (first === undefined || !isRange) {
      ranges.push(...from.ranges)
      properties.push(...from.properties)
      continue
    }
    r.at++
    const last = onlyOf(memberAt(r))
    if (last === undefined || last < first) throw new PatternFault('a range of a class is out of order')
    ranges.push([first, last])
  }
  r.at++
  return { ranges, properties, isNegated }
}

function memberAt(r: Reader): CharacterSet {
  if (r.source[r.at] === '\\') return escapeAt(r, true)
  const code = r.source.codePointAt(r.at) ?? 0
  r.at += String.fromCodePoint(code).length
  return single(code)
}

/** The one character it is, where it is one. */
function onlyOf({ ranges, properties }: CharacterSet): number | undefined {
  const [range, ...more] = ranges
  return range && more.length === 0 && properties.length === 0 && range[0] === range[1] ? range[0] : undefined
}
