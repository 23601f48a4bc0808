// What a hasty reader takes a name for. Names that are compared by what they look like are all compared by the functions here.

/**
 * Characters that look like one ASCII character, by code point in hexadecimal: the single ones of Unicode's confusables (UTS 39, Unicode 15.0) that compatibility
 * normalisation (NFKC) does not already turn into ASCII, and a few more.
 */
const ALIKE: readonly (readonly [ascii: string, codePoints: string])[] = [
  ['-', '2d7 6d4 2010 2012 2013 2043 2212 2796 2cba'],
  ['.', '660 6f0 701 702 a4f8 a60e 10a50 1d16d'],
  ['/', '1735 2041 2044 2215 2571 27cb 29f8 2cc6 3033 30ce 31d3 4e3f 1d23a'],
  ['2', '1a7 3e8 14bf a644 a6ef a75a'],
  ['3', '1b7 21c 417 4e0 2ccc a76a a7ab 118ca 16f3b 1d206'],
  ['4', '13ce 118af'],
  ['5', '1bc 118bb'],
  ['6', '431 13ee 2cd2 118d5'],
  ['7', '104d2 118c6 1d212'],
  ['8', '223 9ea a6a b03 1031a 1e8cb'],
  ['9', '9ed a67 b68 d6d 2cca a76e 118cc 118d6'],
  [':', '2d0 2f8 589 5c3 703 704 903 a83 16ec 1803 1809 205a 2236 a4fd a789'],
  ['_', '7fa'],
  ['a', '251 3b1 430 13aa 15c5 237a a4ee 102a0 16f40'],
  ['b', '184 392 412 42c 13cf 13f4 1472 15af 15f7 a4d0 a7b4 10282 102a1 10301'],
  ['c', '3f2 3f9 441 1d04 2ca5 a4da abaf 102a2 10302 1043d 1051c 118e9 118f2 1f74c'],
  ['d', '501 13a0 13e7 146f 15de 15ea a4d2 a4d3'],
  ['e', '395 435 4bd 13ac 212e 22ff 2d39 a4f0 ab32 10286 118a6 118ae'],
  ['f', '3dc 584 15b4 1e9d a4dd a799 ab35 10287 102a5 10525 118c2 1d213'],
  ['g', '18d 261 50c 581 13c0 13f3 1d83 a4d6'],
  ['h', '397 41d 4bb 570 13bb 13c2 157c 2c8e a4e7 102cf'],
  ['i', '131 269 26a 3b9 456 4cf 2373 a647 ab75 118c3'],
  ['j', '3f3 458 13ab 148d a4d9 a7b2'],
  ['k', '39a 41a 13e6 16d5 2c94 a4d7 10518'],
  [
    'l',
    '196 1c0 399 406 4c0 5c0 5d5 5df 627 661 6f1 7ca 13de 14aa 16c1 2223 23fd 2c92 2cd0 2d4f a4e1 a4f2 1028a 10309 10320 1041b 10526 118a3 118b2 16f16 16f28 1d22a 1e8c7',
  ],
  ['m', '39c 3fa 41c 13b7 15f0 16d6 2c98 a4df 102b0 10311 11700 118e3'],
  ['n', '39d 578 57c 2c9a a4e0 10513'],
  [
    'o',
    '3bf 3c3 43e 585 5e1 647 665 6be 6c1 6d5 6f5 7c0 966 9e6 a66 ae6 b20 b66 be6 c02 c66 c82 ce6 d02 d20 d66 d82 e50 ed0 101d 1040 10ff 12d0 1d0f 1d11 2c9f 2d54 3007 a4f3 ab3d 10292 102ab 1042c 104ea 10516 114d0 118b5 118c8 118d7 118e0',
  ],
  ['p', '3c1 440 13e2 146d 2374 2ca3 a4d1 10295'],
  ['q', '51b 563 566 2d55'],
  ['r', '1a6 433 13a1 13d2 1587 1d26 2c85 a4e3 ab47 ab48 ab81 104b4 16f35 1d216'],
  ['s', '1bd 455 54f 13d5 a4e2 a731 abaa 10296 10448 118c1 16f3a'],
  ['t', '3a4 422 13a2 22a4 27d9 2ca6 a4d4 10297 102b1 10315 118bc 16f0a 1f768'],
  ['u', '28b 3c5 57d 1200 144c 1d1c 222a 22c3 a4f4 a79f ab4e ab52 104f6 118d8 16f42'],
  ['v', '3bd 475 5d8 667 6f7 142f 1d20 2228 22c1 2d38 a4e6 a6df aba9 1051d 11706 118c0 16f08 1d20d'],
  ['w', '26f 461 51d 561 13d4 1d21 a4ea ab83 1170a 1170e 1170f 118e6 118ef'],
  ['x', 'd7 3a7 445 1541 157d 166d 166e 16b7 2573 292b 292c 2a2f 2cac 2d5d a4eb a7b3 10290 102b4 10317 10322 10527 118ec'],
  ['y', '263 28f 3a5 3b3 443 4af 10e7 13a9 13bd 1d8c 1eff 2ca8 a4ec ab5a 102b2 118a4 118dc 16f43'],
  ['z', '396 1d22 a4dc ab93 102f5 118a9 118c4 118e5'],
  // alike in common typefaces, though not by UTS 39: small capitals of Cyrillic, Greek, strokes
  ['-', '2014 2015'],
  ['b', '432 3b2'],
  ['h', '43d'],
  ['k', '43a 3ba'],
  ['m', '43c'],
  ['n', '3b7'],
  ['r', '433'],
  ['t', '442 3c4'],
  ['w', '3c9'],
  ['x', '3c7'],
  ['b', '180'],
  ['d', '111'],
  ['h', '127'],
  ['l', '142'],
  ['o', 'f8'],
  ['t', '167'],
]
let table: ReadonlyMap<string, string> | undefined
const tableOf = (): ReadonlyMap<string, string> =>
  (table ??= new Map(
    ALIKE.flatMap(([ascii, codePoints]) =>
      codePoints.split(' ').map(hex => [String.fromCodePoint(Number.parseInt(hex, 16)), ascii] as const),
    ),
  ))

const ASCII = /^[\x20-\x7e]*$/
/** What draws nothing: default ignorable, format and control characters. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/gu
const ACCENTS = /[\u0300-\u036f]/g

/** The text without what nobody sees. */
export const seenOf = (text: string): string => (ASCII.test(text) ? text : text.replace(UNSEEN, ''))

/** The text in the plain form of its letters (NFKC), without what nobody sees. */
export const formOf = (text: string): string => (ASCII.test(text) ? text : text.replace(UNSEEN, '').normalize('NFKC').replace(UNSEEN, ''))

/** The text as ASCII where it looks like ASCII: forms, accents and letters of other alphabets taken for Latin ones. Case stays where the letter is Latin. */
export function latinOf(text: string): string {
  if (ASCII.test(text)) return text
  return asAscii(formOf(asAscii(text)).normalize('NFKD').replace(ACCENTS, '')).normalize('NFC')
}
function asAscii(text: string): string {
  const alike = tableOf()
  let read = ''
  for (const letter of text) read += alike.get(letter) ?? alike.get(letter.toLowerCase()) ?? letter
  return read
}

const LOOKS_LIKE: Readonly<Record<string, string>> = { '0': 'o', '1': 'l', i: 'l', _: '-', '.': '-' }

/**
 * What a name in ASCII is taken for: case, 0 and o, 1 l and i, rn and m, vv and w, and `-` `_` `.` folded together. Equal skeletons look alike. Idempotent;
 * stored by the registry, so it stays as it is.
 */
export const skeletonOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[01i_.]/g, character => LOOKS_LIKE[character] ?? character)
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')

/** Whether one insertion, deletion, substitution or exchange of neighbours, or nothing, leads from one to the other. */
export function isWithinOne(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a]
  if (long.length - short.length > 1) return false
  let at = 0
  while (at < short.length && short[at] === long[at]) at++
  if (short.length < long.length) return short.slice(at) === long.slice(at + 1)
  if (short.slice(at + 1) === long.slice(at + 1)) return true
  return short[at] === long[at + 1] && short[at + 1] === long[at] && short.slice(at + 2) === long.slice(at + 2)
}
