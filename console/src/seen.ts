// Text of strangers as people may look at it: what draws nothing, turns the direction of reading or passes for another letter stands there as its code.

import { latinOf } from '../../src/kernel/look-alikes.ts'

/** Its pieces in order are the text; one that is no string is a character that is shown as its code. The form the gateway itself sends (src/approvals/shapes.ts). */
export type Piece = string | { readonly code: string; readonly character: string; readonly like?: string }

/**
 * Controls but line feed and tab, format characters, separators and spaces but the one, private and unassigned ones, surrogates without a partner, fillers,
 * variation selectors. The same in src/approvals/text.ts.
 */
const ODD = /(?![\n\t ])(?:[\p{Cc}\p{Cf}\p{Z}\p{Co}\p{Cs}\p{Cn}\u2800]|\p{Default_Ignorable_Code_Point}|[\u{16fe4}\u{1d159}])/u
const WORD = /[\p{L}\p{M}\p{N}_]+/gu
const PLAIN = /^[\t\n\x20-\x7e]*$/

const codeOf = (character: string): string => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`

/** Cuts a text into what may be shown and what is shown as a code. Linear in the text. */
export function piecesOf(text: string): readonly Piece[] {
  if (PLAIN.test(text)) return text === '' ? [] : [text]
  const alike = lookAlikes(text)
  const pieces: Piece[] = []
  let plain = ''
  let at = 0
  for (const character of text) {
    const like = alike.get(at)
    at += character.length
    if (like === undefined && !ODD.test(character)) {
      plain += character
      continue
    }
    if (plain !== '') pieces.push(plain)
    plain = ''
    pieces.push({ code: codeOf(character), character, ...(like !== undefined && { like }) })
  }
  if (plain !== '') pieces.push(plain)
  return pieces
}

/**
 * Letters of other alphabets that pass for Latin ones, by where they stand: in words that have Latin letters beside them, and in words that would be read as
 * Latin as a whole. Honest words of another alphabet have letters that pass for none.
 */
function lookAlikes(text: string): ReadonlyMap<number, string> {
  const found = new Map<number, string>()
  for (const { 0: word, index } of text.matchAll(WORD)) {
    if (PLAIN.test(word)) continue
    const isMixed = /[a-zA-Z]/.test(word) && /(?!\p{Script=Latin})\p{L}/u.test(word)
    if (!isMixed && !/^[a-zA-Z0-9_]+$/.test(latinOf(word))) continue
    let at = index
    for (const letter of word) {
      const like = letter > '\x7f' && !/\p{Script=Latin}/u.test(letter) ? latinOf(letter) : letter
      if (like !== letter && /^[\x21-\x7e]$/.test(like)) found.set(at, like)
      at += letter.length
    }
  }
  return found
}

/** The same where only a string can stand: titles of the window, labels for those who listen. */
export const flat = (text: string): string =>
  piecesOf(text)
    .map(piece => (typeof piece === 'string' ? piece : `[${piece.code}]`))
    .join('')
