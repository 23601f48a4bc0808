// Secrets and personal data by their well-known forms: prefixes, lengths, checksums. Only what kind it was leaves this file, never a character of it.

type Format = {
  readonly prefix: string
  /** of what follows the prefix */
  readonly min: number
  readonly max: number
  /** characters after the prefix: `A` upper case and digits, `w` letters and digits, `-` those with `_` and `-` */
  readonly of: 'A' | 'w' | '-'
  readonly kind: string
}
type Row = readonly [kind: string, prefix: string, of: Format['of'], min: number, max?: number]
const LONGEST = 512

/** Formats that their makers document. */
const ROWS: readonly Row[] = [
  ['AWS access key', 'AKIA', 'A', 16, 16],
  ['AWS access key', 'ASIA', 'A', 16, 16],
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((prefix): Row => ['GitHub token', prefix, 'w', 36]),
  ['GitHub token', 'github_pat_', '-', 40],
  ...['xoxa-', 'xoxb-', 'xoxp-', 'xoxr-', 'xoxs-'].map((prefix): Row => ['Slack token', prefix, '-', 10]),
  ['model provider key', 'sk-ant-', '-', 20],
  ['model provider key', 'sk-proj-', '-', 20],
  ['model provider key', 'sk-test-', 'w', 20],
  ['model provider key', 'sk-', 'w', 32],
  ['payment provider key', 'sk_live_', 'w', 16],
  ['payment provider key', 'rk_live_', 'w', 16],
  ['Google API key', 'AIza', '-', 35, 35],
  ['GitLab token', 'glpat-', '-', 20],
  ['npm token', 'npm_', 'w', 36, 36],
  ['PyPI token', 'pypi-AgE', '-', 50],
  ['model hub token', 'hf_', 'w', 30],
]
const FORMATS: readonly Format[] = ROWS.map(([kind, prefix, of, min, max = LONGEST]) => ({ kind, prefix, of, min, max }))

/** A token of a well-known format that its maker's documentation shows. */
export const EXAMPLE = 'example of a token'

const BY_FIRST = new Map<number, Format[]>()
for (const f of FORMATS) BY_FIRST.set(f.prefix.charCodeAt(0), [...(BY_FIRST.get(f.prefix.charCodeAt(0)) ?? []), f])

const isUpper = (b: number): boolean => b >= 0x41 && b <= 0x5a
const isLower = (b: number): boolean => b >= 0x61 && b <= 0x7a
const isDigit = (b: number): boolean => b >= 0x30 && b <= 0x39
const isOf = (b: number, of: Format['of']): boolean =>
  isDigit(b) || isUpper(b) || (of !== 'A' && isLower(b)) || (of === '-' && (b === 0x5f || b === 0x2d))

const startsWith = (bytes: Uint8Array, at: number, end: number, text: string): boolean => {
  if (at + text.length > end) return false
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}

/** What kind of token stands at `at` of a run of token characters that ends at `end`, if any, and where it ends. Work is bounded by the length of one token. */
export function tokenAt(bytes: Uint8Array, at: number, end: number): { readonly kind: string; readonly end: number } | undefined {
  const formats = BY_FIRST.get(bytes[at] ?? 0)
  if (!formats) return undefined
  for (const { prefix, of, min, max, kind } of formats) {
    if (!startsWith(bytes, at, end, prefix)) continue
    const from = at + prefix.length
    let to = from
    let digits = 0
    while (to < end && to - from <= max && isOf(bytes[to] ?? 0, of)) if (isDigit(bytes[to++] ?? 0)) digits++
    const length = to - from
    // Samples in documentation say so themselves.
    if (length >= min && length <= max && digits > 0) return { kind: startsWith(bytes, to - 7, to, 'EXAMPLE') ? EXAMPLE : kind, end: to }
  }
  return undefined
}

/** `eyJ….eyJ….`: the header of a JSON Web Token ends at `dot`. */
export const isJwt = (bytes: Uint8Array, start: number, dot: number, end: number): boolean =>
  dot - start >= 10 && startsWith(bytes, start, dot, 'eyJ') && bytes[dot] === 0x2e && startsWith(bytes, dot + 1, end, 'eyJ')

/** Where a JSON Web Token ends that begins at `start`. */
export function jwtEnd(bytes: Uint8Array, start: number, limit: number): number {
  let at = start
  while (at < limit && (isOf(bytes[at] ?? 0, '-') || bytes[at] === 0x2e || bytes[at] === 0x3d)) at++
  return at
}

/** Beyond every text. */
export const NO_END = 0x7fffffff

/** Where a private key ends whose `BEGIN` stands at `from`: behind its last line, or NO_END where that is not in the text. */
export function privateKeyEnd(bytes: Uint8Array, from: number, limit: number): number {
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, limit).indexOf('-----END', from)
  if (end < 0) return NO_END
  let at = end + 8
  while (at < limit && bytes[at] !== 0x2d && at - end < 64) at++
  while (at < limit && bytes[at] === 0x2d) at++
  return at
}

/** `-----BEGIN … PRIVATE KEY-----` with `BEGIN` at [start, end). */
export function isPrivateKey(bytes: Uint8Array, start: number, end: number, limit: number): boolean {
  if (start < 5 || bytes[start - 1] !== 0x2d || bytes[start - 5] !== 0x2d) return false
  for (let at = end; at < Math.min(limit, end + 24); at++) if (startsWith(bytes, at, limit, 'PRIVATE KEY-----')) return true
  return false
}

/** Schemes of cards: how long their numbers are, and the range of their first four digits. */
const SCHEMES: readonly (readonly [length: number, from: number, to: number])[] = [
  [16, 4000, 4999],
  [16, 5100, 5599],
  [16, 2221, 2720],
  [15, 3400, 3499],
  [15, 3700, 3799],
  [16, 6011, 6011],
  [16, 6440, 6599],
  [16, 3528, 3589],
]
/** Digits as numbers, 13 to 19 of them: a card of a known scheme whose check digit holds (ISO/IEC 7812). */
export function isCard(digits: Uint8Array): boolean {
  const first = digits.subarray(0, 4).reduce((sum, digit) => sum * 10 + digit, 0)
  if (!SCHEMES.some(([length, from, to]) => digits.length === length && first >= from && first <= to)) return false
  let sum = 0
  for (const [i, digit] of digits.entries()) {
    const doubled = (digits.length - i) % 2 === 0 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** Lengths by country (ISO 13616 registry). */
const IBAN_LENGTHS: Readonly<Record<string, number>> = Object.fromEntries(
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IS26 IT27 JO30 KW30 KZ20 LB28 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TN24 TR26 UA29 VA22 XK20'
    .split(' ')
    .map(row => [row.slice(0, 2), Number(row.slice(2))]),
)

/** Where an IBAN ends that begins at `at`, with single blanks between groups or without, or -1; its check digits hold. At most 50 bytes are looked at. */
export function ibanEnd(bytes: Uint8Array, at: number, end: number): number {
  if (!isUpper(bytes[at] ?? 0) || !isUpper(bytes[at + 1] ?? 0) || !isDigit(bytes[at + 2] ?? 0) || !isDigit(bytes[at + 3] ?? 0)) return -1
  const length = IBAN_LENGTHS[String.fromCharCode(bytes[at] ?? 0, bytes[at + 1] ?? 0)]
  if (length === undefined) return -1
  const groups = groupsOf(bytes, at, end, length)
  return groups !== undefined && remainder([...groups.taken.slice(4), ...groups.taken.slice(0, 4)]) === 1 ? groups.end : -1
}
/** `length` digits and capitals in groups, and nothing of the kind behind them. */
function groupsOf(
  bytes: Uint8Array,
  at: number,
  end: number,
  length: number,
): { readonly taken: readonly number[]; readonly end: number } | undefined {
  const limit = Math.min(end, at + 50)
  const taken: number[] = []
  let i = at
  for (; i < limit && taken.length < length; i++) {
    const byte = bytes[i] ?? 0
    if (isOf(byte, 'A')) taken.push(byte)
    else if (byte !== BLANK || bytes[i - 1] === BLANK) return undefined
  }
  return taken.length === length && (i >= end || !isOf(bytes[i] ?? 0, 'w')) ? { taken, end: i } : undefined
}
/** Modulo 97, letters as two digits (ISO 7064). */
function remainder(text: readonly number[]): number {
  let rest = 0
  for (const byte of text) {
    const value = isDigit(byte) ? byte - 0x30 : byte - 0x37
    rest = (value > 9 ? rest * 100 + value : rest * 10 + value) % 97
  }
  return rest
}
const BLANK = 0x20
