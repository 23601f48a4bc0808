// Every string and key of judged JSON in document order, with where it stands, without building anything: pointers are made only for what was found.

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

/** A string or key between its quotes at [start, end). `isPlain`: ASCII without escapes, the bytes are the text. */
export type OnText = (start: number, end: number, isPlain: boolean, isKey: boolean) => void

export class Walk {
  /** containers open around the current text; the root is at 0 */
  depth = 0
  /** deepest nesting so far */
  deepest = 0
  readonly #isObject = new Uint8Array(DEPTH)
  readonly #keyStart = new Int32Array(DEPTH)
  readonly #keyEnd = new Int32Array(DEPTH)
  readonly #index = new Int32Array(DEPTH)
  #bytes: Uint8Array = new Uint8Array(0)

  /** Walks one complete value at [start, end). The bytes must have passed the strict reader. It may end within a value. */
  run(bytes: Uint8Array, start: number, end: number, onText: OnText): void {
    this.#bytes = bytes
    this.depth = this.deepest = 0
    let isKey = false
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte === QUOTE) {
        const from = at + 1
        let bits = 0
        for (at = from; ; at++) {
          const inside = bytes[at] ?? QUOTE
          if (inside === QUOTE) break
          if (inside === BACKSLASH) {
            bits |= 0x100
            at++
          } else bits |= inside
        }
        if (isKey) {
          this.#keyStart[this.depth] = from
          this.#keyEnd[this.depth] = at
        }
        onText(from, at, bits < 0x80, isKey)
        isKey = false
      } else if (byte === COMMA) {
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
  }
  /** Forgets the document. */
  end(): void {
    this.#bytes = new Uint8Array(0)
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
    return inertAscii(key.replaceAll('~', '~0').replaceAll('/', '~1'), MAX_KEY)
  }
}
