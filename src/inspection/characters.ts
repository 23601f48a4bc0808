// Characters that hide, and characters that look like others: tables over the first plane of Unicode.

export const HIDDEN_CODES = [
  'tag-characters',
  'zero-width',
  'direction-control',
  'control-character',
  'terminal-sequence',
  'invisible-filler',
  'variation-selectors',
  'private-characters',
  'mixed-alphabets',
  'styled-latin',
] as const
export type HiddenCode = (typeof HIDDEN_CODES)[number]

/** Folds to nothing. */
export const DROP = 1
const BLANK = 0x20

/** Letters that look like Latin ones (a part of the UTS 39 confusables). */
const ALIKE: readonly (readonly [string, string])[] = [
  ['аеорсухіјѕһԁԛѡոս', 'aeopcyxijshdqwnu'],
  ['ντιαο', 'vtiao'],
  ['ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ', 'ABEZHIKMNOPTYX'],
  ['АВЕКМНОРСТХІ', 'ABEKMHOPCTXI'],
]
/** What other forms of ASCII stand in (NFKD): accents, super- and subscripts, letter-like, enclosed, full width. */
const FORMS = [0xa0, 0x24f, 0x1d2c, 0x1d6a, 0x1e00, 0x1eff, 0x2070, 0x209c, 0x2100, 0x214f, 0x2460, 0x24ff, 0xff01, 0xff5e]

/** By character of the first plane: what it folds to (0: nothing known), and the number of the code it is, from 1. */
export type Tables = { readonly folds: Uint8Array; readonly hides: Uint8Array }
let tables: Tables | undefined
/** Built when the first text beyond ASCII comes: 128 KiB and about a millisecond. */
export const tablesOf = (): Tables => (tables ??= { folds: foldTable(), hides: hideTable() })

function foldTable(): Uint8Array {
  const made = new Uint8Array(0x10000)
  for (let i = 0; i < FORMS.length; i += 2) {
    for (let cp = FORMS[i] ?? 0; cp <= (FORMS[i + 1] ?? 0); cp++) {
      const first = String.fromCharCode(cp).normalize('NFKD').replace(/^\(/, '').charCodeAt(0)
      if (first < 0x80) made[cp] = first
    }
  }
  for (const [from, to] of ALIKE) for (let i = 0; i < from.length; i++) made[from.charCodeAt(i)] = to.charCodeAt(i)
  for (const [cp, letter] of SINGLE) made[cp] = letter
  for (const [from, to, folded] of RANGES) made.fill(folded, from, to + 1)
  return made
}
/** Dotless i, script g, apostrophes, quotes. */
const SINGLE: readonly (readonly [number, number])[] = [
  [0x131, 0x69],
  [0x261, 0x67],
  [0x2bc, 0x27],
  [0x2018, 0x27],
  [0x2019, 0x27],
  [0x201c, 0x22],
  [0x201d, 0x22],
]
/** Blanks and dashes; combining marks and what draws nothing are dropped, so that they split no word. */
const RANGES: readonly (readonly [from: number, to: number, folded: number])[] = [
  [0x2000, 0x200a, BLANK],
  [0xa0, 0xa0, BLANK],
  [0x2028, 0x2029, BLANK],
  [0x202f, 0x202f, BLANK],
  [0x205f, 0x205f, BLANK],
  [0x3000, 0x3000, BLANK],
  [0x2010, 0x2015, 0x2d],
  [0x300, 0x36f, DROP],
  [0xfe00, 0xfe0f, DROP],
  [0x200b, 0x200f, DROP],
  [0x202a, 0x202e, DROP],
  [0x2060, 0x206f, DROP],
  [0xad, 0xad, DROP],
  [0x61c, 0x61c, DROP],
  [0x115f, 0x1160, DROP],
  [0x17b4, 0x17b5, DROP],
  [0x180e, 0x180e, DROP],
  [0x3164, 0x3164, DROP],
  [0xfeff, 0xfeff, DROP],
  [0xffa0, 0xffa0, DROP],
]

/** Characters of the first plane that hide something by being there at all; joiners and variation selectors depend on what stands beside them. */
const HIDES: readonly (readonly [HiddenCode, ...(readonly [from: number, to: number])[]])[] = [
  ['control-character', [0x80, 0x9a], [0x9c, 0x9f]],
  ['terminal-sequence', [0x9b, 0x9b]],
  ['zero-width', [0x200b, 0x200b], [0x2060, 0x2060], [0xfeff, 0xfeff], [0x180e, 0x180e]],
  ['direction-control', [0x202a, 0x202e], [0x2066, 0x2069]],
  ['private-characters', [0xe000, 0xf8ff]],
  ['variation-selectors', [0xfe00, 0xfe0e]],
  [
    'invisible-filler',
    [0xad, 0xad],
    [0x34f, 0x34f],
    [0x115f, 0x1160],
    [0x17b4, 0x17b5],
    [0x2061, 0x2064],
    [0x206a, 0x206f],
    [0x3164, 0x3164],
    [0xffa0, 0xffa0],
    [0xfff0, 0xfffb],
  ],
]
function hideTable(): Uint8Array {
  const made = new Uint8Array(0x10000)
  for (const [code, ...ranges] of HIDES) for (const [from, to] of ranges) made.fill(HIDDEN_CODES.indexOf(code) + 1, from, to + 1)
  return made
}
