// A JSON string as the bytes a reader would take it for: escapes and UTF-8 decoded, look-alike letters as ASCII, hidden characters dropped and remembered.

import { DROP, HIDDEN_CODES, tablesOf, type HiddenCode, type Tables } from './characters.ts'

/** Stands for any letter or sign that has no ASCII reading. */
const OTHER = 0x80

/** Joiners belong between emoji, marks and the letters of scripts that use them. */
const isJoinable = (cp: number): boolean =>
  cp >= 0x1f000 ||
  (cp >= 0x590 && cp <= 0x1fff) ||
  (cp >= 0x300 && cp <= 0x36f) ||
  (cp >= 0x2190 && cp <= 0x2bff) ||
  (cp >= 0xa800 && cp <= 0xabff) ||
  cp === 0xfe0f
/** Look-alikes from other alphabets; Greek and Cyrillic letters that resemble none stand in formulas. */
const isForeignAlike = (cp: number, folded: number): boolean => cp >= 0x370 && cp <= 0x58f && folded >= 0x41

const FLAGS = new Set(['gbeng', 'gbsct', 'gbwls'])
const FLAG = 0x1f3f4
const HEX = (byte: number): number => (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57)
const SIMPLE: Readonly<Record<number, number>> = { 0x62: 8, 0x66: 12, 0x6e: 10, 0x72: 13, 0x74: 9 }
/** Scratch memory that stays between documents. */
const KEPT = 262_144

const NO_BYTES = new Uint8Array(0)
const NO_TABLES: Tables = { folds: NO_BYTES, hides: NO_BYTES }

export class Folder {
  bytes: Uint8Array = new Uint8Array(4096)
  length = 0
  /** where in `bytes` each hidden thing was first seen, or -1; in the order of HIDDEN_CODES */
  readonly seen = new Int32Array(HIDDEN_CODES.length).fill(-1)
  /** how far of the string it is */
  at = 0
  #json: Uint8Array = NO_BYTES
  #end = 0
  #tables: Tables = NO_TABLES
  #before = 0
  #joiner = false
  #flag: string | undefined
  #styled = 0
  #letters = 0
  #latin = false
  #alike = false

  /** The string between its quotes at [start, end) of judged JSON; `step` does the work. */
  begin(json: Uint8Array, start: number, end: number): void {
    if (this.bytes.length < end - start || (this.bytes.length > KEPT && end - start <= KEPT))
      this.bytes = new Uint8Array(Math.max(end - start, 4096))
    this.#json = json
    this.at = start
    this.#end = end
    this.length = 0
    this.seen.fill(-1)
    this.#tables = tablesOf()
    this.#before = 0
    this.#joiner = false
    this.#flag = undefined
    this.#styled = this.#letters = 0
    this.#latin = this.#alike = false
  }
  /** The whole string at once. */
  fold(json: Uint8Array, start: number, end: number): void {
    this.begin(json, start, end)
    this.step(Infinity)
  }
  /** As far as `limit`, or the character that stands there; true once the whole string is folded. */
  step(limit: number): boolean {
    const json = this.#json
    const { folds } = this.#tables
    const end = Math.min(limit, this.#end)
    let at = this.at
    while (at < end) {
      const byte = json[at] ?? 0
      if (byte < 0x80 && byte !== 0x5c) {
        // Where nothing special stands open, letters only have to be counted.
        if (!this.#alike && this.#before < 0x80) at = this.#plain(json, at, end)
        else {
          this.#ascii(byte)
          at++
        }
      } else if (byte === 0x5c) at = this.#escape(json, at, folds)
      else at = this.#utf8(json, at, byte, folds)
    }
    this.at = at
    if (at < this.#end) return false
    this.#wordEnds()
    if (this.#before > 0x7f) this.#after()
    this.#json = NO_BYTES
    return true
  }

  #see(code: HiddenCode): void {
    const index = HIDDEN_CODES.indexOf(code)
    if ((this.seen[index] ?? 0) < 0) this.seen[index] = this.length
  }

  /** ASCII without escapes from `at`; returns where it ends. */
  #plain(json: Uint8Array, from: number, end: number): number {
    const { bytes } = this
    let length = this.length
    let letters = this.#letters
    let latin = this.#latin
    let at = from
    for (; at < end; at++) {
      const byte = json[at] ?? 0
      if (byte > 0x7f || byte === 0x5c) break
      bytes[length++] = byte
      const lower = byte | 0x20
      if (lower >= 0x61 && lower <= 0x7a) {
        latin = true
        letters++
      } else {
        latin = false
        letters = 0
      }
    }
    this.length = length
    this.#letters = letters
    this.#latin = latin
    this.#before = json[at - 1] ?? 0
    return at
  }

  #ascii(byte: number): void {
    this.bytes[this.length++] = byte
    if ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a) {
      this.#latin = true
      this.#letters++
    } else if (this.#letters > 0) this.#wordEnds()
    if (this.#before > 0x7f) this.#after()
    this.#before = byte
  }
  /** What a special character before this one still waited for did not come. */
  #after(): void {
    if (this.#joiner) this.#see('zero-width')
    this.#joiner = false
    if (this.#flag !== undefined && this.#flag !== '') this.#see('tag-characters')
    this.#flag = undefined
    this.#styled = 0
  }
  #wordEnds(): void {
    if (this.#alike && this.#latin && this.#letters >= 3) this.#see('mixed-alphabets')
    this.#letters = 0
    this.#latin = this.#alike = false
  }

  #escape(json: Uint8Array, at: number, folds: Uint8Array): number {
    const letter = json[at + 1] ?? 0
    if (letter !== 0x75) {
      this.#ascii(SIMPLE[letter] ?? letter)
      return at + 2
    }
    const unit = (i: number): number =>
      (HEX(json[i] ?? 0) << 12) | (HEX(json[i + 1] ?? 0) << 8) | (HEX(json[i + 2] ?? 0) << 4) | HEX(json[i + 3] ?? 0)
    const high = unit(at + 2)
    if (high >= 0xd800 && high <= 0xdbff) {
      this.#take(0x10000 + ((high & 0x3ff) << 10) + (unit(at + 8) & 0x3ff), folds)
      return at + 12
    }
    this.#take(high, folds)
    return at + 6
  }
  #utf8(json: Uint8Array, at: number, first: number, folds: Uint8Array): number {
    const next = (i: number): number => (json[at + i] ?? 0) & 0x3f
    if (first < 0xe0) this.#take(((first & 0x1f) << 6) | next(1), folds)
    else if (first < 0xf0) this.#take(((first & 0x0f) << 12) | (next(1) << 6) | next(2), folds)
    else this.#take(((first & 0x07) << 18) | (next(1) << 12) | (next(2) << 6) | next(3), folds)
    return at + (first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4)
  }

  #take(cp: number, folds: Uint8Array): void {
    if (cp < 0x80) return this.#ascii(cp)
    if (this.#joiner && cp !== 0x200c && cp !== 0x200d) {
      if (!isJoinable(cp)) this.#see('zero-width')
      this.#joiner = false
    }
    if (this.#flag !== undefined && (cp < 0xe0000 || cp > 0xe007f)) this.#after()
    const folded = cp < 0x10000 ? (folds[cp] ?? 0) : this.#beyond(cp)
    if (cp < 0x10000) this.#hidden(cp)
    if (folded === DROP) {
      this.#before = cp
      return
    }
    this.bytes[this.length++] = folded === 0 ? OTHER : folded
    this.#letter(cp, folded)
    this.#before = cp
  }

  #letter(cp: number, folded: number): void {
    const isStyled = (cp >= 0xff21 && cp <= 0xff5a && folded >= 0x41) || (cp >= 0x1d400 && cp <= 0x1d7ff)
    this.#styled = isStyled ? this.#styled + 1 : 0
    if (this.#styled === 3) this.#see('styled-latin')
    if (isForeignAlike(cp, folded)) this.#alike = true
    if ((cp >= 0xc0 && cp < 0x2000) || (cp >= 0x2c00 && cp < 0xfe00 && cp > 0x303f)) this.#letters++
    else this.#wordEnds()
  }

  #hidden(cp: number): void {
    const hides = this.#tables.hides[cp] ?? 0
    if (hides !== 0) this.#see(HIDDEN_CODES[hides - 1] ?? 'invisible-filler')
    if (cp === 0x200c || cp === 0x200d) {
      if (!isJoinable(this.#before)) this.#see('zero-width')
      // Half forms of Indic letters may end a word with one.
      this.#joiner = this.#before < 0x900 || this.#before > 0xdff
    } else if (cp === 0xfe0f && this.#before >= 0xfe00 && this.#before <= 0xfe0f) this.#see('variation-selectors')
  }

  /** Characters beyond the first plane: tags spell ASCII, mathematical letters are letters. Returns what it folds to. */
  #beyond(cp: number): number {
    if (cp >= 0xe0000 && cp <= 0xe007f) {
      if (this.#flag === undefined) this.#see('tag-characters')
      else if (cp === 0xe007f) {
        if (!FLAGS.has(this.#flag)) this.#see('tag-characters')
        this.#flag = undefined
        return DROP
      } else if (this.#flag.length < 6) this.#flag += String.fromCharCode(cp - 0xe0000)
      else this.#see('tag-characters')
      return cp >= 0xe0020 && cp < 0xe007f ? cp - 0xe0000 : DROP
    }
    if (cp === FLAG) this.#flag = ''
    else if (cp >= 0xe0100 && cp <= 0xe01ef) {
      this.#see('variation-selectors')
      return DROP
    } else if (cp >= 0xf0000) this.#see('private-characters')
    else if (cp >= 0x1d400 && cp <= 0x1d7ff) {
      const plain = String.fromCodePoint(cp).normalize('NFKD').charCodeAt(0)
      return plain < 0x80 ? plain : 0
    }
    return 0
  }
}
