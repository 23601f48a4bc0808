// Text of strangers for people's eyes: whole, with what draws nothing, turns the direction of reading or passes for another letter shown for what it is (N120).

import { latinOf } from '../kernel/look-alikes.ts'
import type { Piece, Text } from './shapes.ts'

/** Cc without line feed and tab, Cf, Zl, Zp, Co, Cs, Cn, fillers and selectors that draw nothing, spaces but the one. The same in console/src/seen.ts. */
const UNSEEN = /(?![\n\t ])(?:[\p{Cc}\p{Cf}\p{Z}\p{Co}\p{Cs}\p{Cn}\u2800]|\p{Default_Ignorable_Code_Point}|[\u{16fe4}\u{1d159}])/u
const PLAIN = /^[\n\t\x20-\x7e]*$/
const WORD = /[\p{L}\p{N}\p{M}]+|[^\p{L}\p{N}\p{M}]/gu
const ASCII_LETTER = /[A-Za-z]/

function likeFor(character: string, isInWord: boolean): string | undefined {
  const like = likeOf(character)
  return like !== undefined && (isInWord || PARTS.test(like)) ? like : undefined
}

/** Its pieces in order are the text, every character of it. */
export function piecesOf(text: string): Text {
  if (PLAIN.test(text)) return text === '' ? [] : [text]
  const pieces: Piece[] = []
  let plain = ''
  const mark = (piece: Piece): void => {
    if (plain !== '') pieces.push(plain)
    plain = ''
    pieces.push(piece)
  }
  for (const [word] of text.matchAll(WORD)) {
    const imitates = ASCII_LETTER.test(word) || passesForLatin(word)
    for (const character of word) {
      const like = likeFor(character, imitates)
      if (like !== undefined) mark({ code: codeOf(character), character, like })
      else if (UNSEEN.test(character)) mark({ code: codeOf(character), character })
      else plain += character
    }
  }
  if (plain !== '') pieces.push(plain)
  return pieces
}

/** Characters of a text in front of people: as many as UTF-16 has. */
export const charactersOf = (text: Text): number =>
  text.reduce((sum, piece) => sum + (typeof piece === 'string' ? piece.length : piece.character.length), 0)

/** A word of letters or digits that all look Latin and none of which is. */
function passesForLatin(word: string): boolean {
  const letters = Array.from(word).filter(character => /[\p{L}\p{N}]/u.test(character))
  return letters.length > 1 && letters.every(letter => likeOf(letter) !== undefined)
}

/** The ASCII that it looks like, if it is none itself: forms of Latin letters, and letters of other alphabets. Accents are what they are. */
function likeOf(character: string): string | undefined {
  if (character.charCodeAt(0) < 0x80) return undefined
  const form = character.normalize('NFKC')
  if (VISIBLE.test(form)) return form
  if (/[\p{Script=Latin}\p{M}]/u.test(character)) return undefined
  const like = latinOf(character)
  return VISIBLE.test(like) ? like : undefined
}
const VISIBLE = /^[\x21-\x7e]+$/
/** Signs that part addresses and paths: another one in their place makes another address. */
const PARTS = /^[/:.@\\]$/

const codeOf = (character: string): string => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
