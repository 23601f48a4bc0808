// Every string and key of judged JSON in document order, with where it stands, without building anything: pointers are made only for what was found.

import { isAscii } from 'node:buffer'
import { inertAscii } from '../kernel/json-string.ts'

/** Deepest nesting the strict reader lets through (mcp/json-scan.ts). */
const DEPTH = 257
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const OPEN_ARRAY = 0x5b
const CLOSE_OBJECT = 0x7d
const CLOSE_ARRAY = 0x5d
const COMMA = 0x2c
const MAX_POINTER = 200
const MAX_KEY = 64
const NO_BYTES = new Uint8Array(0)

/** What `next` came to: a text, its limit, or the end of the value. */
export const TEXT = 1
export const PAUSED = 2
export const ENDED = 0

export class Walk {
  /** containers open around the current text; the root is at 0 */
  depth = 0
  /** deepest nesting so far */
  deepest = 0
  /** the current text between its quotes; `isPlain`: ASCII without escapes, the bytes are the text */
  textStart = 0
  textEnd = 0
  isPlain = true
  isKey = false
  readonly #isObject = new Uint8Array(DEPTH)
  readonly #keyStart = new Int32Array(DEPTH)
  readonly #keyEnd = new Int32Array(DEPTH)
  readonly #index = new Int32Array(DEPTH)
  #bytes: Uint8Array = NO_BYTES
  /** where `next` goes on, and up to where */
  #at = 0
  #end = 0
  #isInText = false
  #isKeyNext = false
  #bits = 0

  /** Walks one complete value at [start, end). The bytes must have passed the strict reader. It may end within a value. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.#isInText = false
    this.#isKeyNext = false
    this.depth = this.deepest = 0
  }

  /** how far it is */
  get at(): number {
    return this.#at
  }
  /** On to the next string or key, whose place and kind stand in the fields then; or as far as `limit`. */
  next(limit: number): typeof TEXT | typeof PAUSED | typeof ENDED {
    const bytes = this.#bytes
    const end = Math.min(limit, this.#end)
    if (this.#isInText) return this.#text(end)
    let isKey = this.#isKeyNext
    for (let at = this.#at; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte === QUOTE) {
        this.#isInText = true
        this.textStart = this.#at = at + 1
        this.#bits = 0
        this.isKey = isKey
        this.#isKeyNext = false
        return this.#text(end)
      }
      if (byte === COMMA) {
        isKey = this.#isObject[this.depth] === 1
        this.#index[this.depth] = (this.#index[this.depth] ?? 0) + 1
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (++this.depth > this.deepest) this.deepest = this.depth
        isKey = byte === OPEN_OBJECT
        this.#isObject[this.depth] = isKey ? 1 : 0
        this.#index[this.depth] = 0
        this.#keyStart[this.depth] = this.#keyEnd[this.depth] = 0
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        this.depth--
        isKey = false
      }
    }
    this.#at = end
    this.#isKeyNext = isKey
    return end < this.#end ? PAUSED : ENDED
  }

  /** To the end of the string that is open. */
  #text(limit: number): typeof TEXT | typeof PAUSED {
    const bytes = this.#bytes
    let bits = this.#bits
    let at = this.#at
    // A document that is cut within a string ends it where the bytes end.
    const end = limit < this.#end ? limit : bytes.length
    const near = Math.min(end, at + NEAR)
    for (; at < near; at++) {
      const inside = bytes[at] ?? QUOTE
      if (inside === QUOTE) break
      if (inside === BACKSLASH) {
        bits |= 0x100
        at++
      } else bits |= inside
    }
    if (at >= near && at < end) {
      const plain = bits < 0x80 ? plainEnd(bytes, at, end) : -1
      if (plain >= 0) at = plain
      else
        for (; at < end; at++) {
          const inside = bytes[at] ?? QUOTE
          if (inside === QUOTE) break
          if (inside === BACKSLASH) {
            bits |= 0x100
            at++
          } else bits |= inside
        }
    }
    if (at >= end && end < bytes.length) {
      this.#bits = bits
      this.#at = at
      return PAUSED
    }
    this.#isInText = false
    this.#at = at + 1
    this.textEnd = at
    this.isPlain = bits < 0x80
    if (this.isKey) {
      this.#keyStart[this.depth] = this.textStart
      this.#keyEnd[this.depth] = at
    }
    return TEXT
  }
  /** All texts of one complete value, one after the other. */
  run(bytes: Uint8Array, start: number, end: number, onText: (start: number, end: number, isPlain: boolean, isKey: boolean) => void): void {
    this.begin(bytes, start, end)
    while (this.next(Infinity) === TEXT) onText(this.textStart, this.textEnd, this.isPlain, this.isKey)
  }
  /** Forgets the document. */
  end(): void {
    this.#bytes = NO_BYTES
  }

  /** The key that leads to what stands `up` containers above the current text: 0 its own (or the key itself), 1 that of its container. Compared as raw bytes. */
  isUnder(up: number, key: string): boolean {
    const level = this.depth - up
    if (level < 1 || this.#isObject[level] !== 1) return false
    const start = this.#keyStart[level] ?? 0
    if ((this.#keyEnd[level] ?? 0) - start !== key.length) return false
    for (let i = 0; i < key.length; i++) if (this.#bytes[start + i] !== key.charCodeAt(i)) return false
    return true
  }

  /** The current key is this one, however it is written. */
  isCalled(key: string): boolean {
    const { textStart: start, textEnd: end } = this
    if (this.isPlain) return end - start === key.length && this.isUnder(0, key)
    // Six bytes are the longest a character of `key` can be written in.
    if (end - start < key.length || end - start > key.length * 6) return false
    return JSON.parse(`"${Buffer.from(this.#bytes.subarray(start, end)).toString('utf8')}"`) === key
  }
  /** The container around the current text stands under this key, however it is written. */
  isWithin(key: string): boolean {
    const level = this.depth - 1
    const start = this.#keyStart[level] ?? 0
    const end = this.#keyEnd[level] ?? 0
    if (this.isUnder(1, key)) return true
    if (end - start < key.length || end - start > key.length * 6) return false
    return JSON.parse(`"${Buffer.from(this.#bytes.subarray(start, end)).toString('utf8')}"`) === key
  }

  /** The current text is a member of an item of a list with one of these names. */
  isListed(lists: readonly string[]): boolean {
    const level = this.depth - 1
    return level > 1 && this.#isObject[level] === 0 && lists.some(list => this.isUnder(2, list))
  }

  /** JSON pointer (RFC 6901) of the current text; inert ASCII, long keys and long pointers cut. `isSecret`: its last key is not shown. */
  pointer(isSecret = false): string {
    let pointer = ''
    for (let level = 1; level <= this.depth && pointer.length < MAX_POINTER; level++) {
      if (this.#isObject[level] !== 1) pointer += `/${this.#index[level] ?? 0}`
      else if (isSecret && level === this.depth) pointer += '/…'
      else pointer += `/${this.#key(level)}`
    }
    return pointer.length > MAX_POINTER ? `${pointer.slice(0, MAX_POINTER - 1)}…` : pointer
  }
  #key(level: number): string {
    const start = this.#keyStart[level] ?? 0
    const end = this.#keyEnd[level] ?? 0
    // Cut before decoding: an attacker chooses its length; a cut escape is no JSON, so such keys are named by their length.
    if (end - start > MAX_KEY * 6) return `(${end - start} bytes)`
    const key = JSON.parse(`"${Buffer.from(this.#bytes.subarray(start, end)).toString('utf8')}"`) as string
    // A key may be a secret as well, and pointers are written down and told.
    return isSecretLike(key) ? '…' : inertAscii(key.replaceAll('~', '~0').replaceAll('/', '~1'), MAX_KEY)
  }
}

/** Bytes of a text that are looked at one by one before it counts as long. */
const NEAR = 64

/** Where a text of ASCII without escapes ends, as the platform finds it: at a quote, or at `end`. -1 for any other text. */
function plainEnd(bytes: Uint8Array, from: number, end: number): number {
  const rest = Buffer.from(bytes.buffer, bytes.byteOffset + from, end - from)
  const quote = rest.indexOf(QUOTE)
  const text = quote < 0 ? rest : rest.subarray(0, quote)
  return text.includes(BACKSLASH) || !isAscii(text) ? -1 : from + text.length
}

/** Long, or with digits as keys, codes and numbers have them (a Slack token may have 15 characters and one digit), or an address with somebody's name in it. */
export function isSecretLike(word: string): boolean {
  if (word.includes('@') && word.includes('://')) return true
  let digits = 0
  for (let i = 0; i < word.length; i++) if (word.charCodeAt(i) >= 0x30 && word.charCodeAt(i) <= 0x39) digits++
  return digits > 3 || (word.length > 14 && digits > 0) || word.length > 48
}
