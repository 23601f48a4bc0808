// Keys of JSON objects: decoded once, duplicates refused at every depth after unescaping.

import { PLAIN, QUOTE } from './json-lex.ts'
import type { Lexer } from './json-lex.ts'
import { hashOf, knownWord } from './known-words.ts'

/** Keys of one object compared one by one; a Set takes over beyond (V8 seeds its string hashes, so keys cannot be made to collide). */
const LINEAR_KEYS = 32

/** The keys of the objects that are open, by depth. */
export class Keys {
  /** the key last read, decoded if asked for; its span includes the quotes */
  key = ''
  keyStart = 0
  keyEnd = 0
  readonly #lexer: Lexer
  readonly #count: Int32Array
  /** all keys of an object once they are many */
  readonly #set: (Set<string> | undefined)[]
  /** per open object its first LINEAR_KEYS keys: hash and span of the bytes between the quotes, decoded text when escaped */
  readonly #hash: Int32Array
  readonly #from: Int32Array
  readonly #to: Int32Array
  readonly #text: (string | undefined)[]
  #hasTexts = false

  constructor(lexer: Lexer, depths: number) {
    this.#lexer = lexer
    this.#count = new Int32Array(depths)
    this.#set = new Array<Set<string> | undefined>(depths).fill(undefined)
    this.#hash = new Int32Array(depths * LINEAR_KEYS)
    this.#from = new Int32Array(depths * LINEAR_KEYS)
    this.#to = new Int32Array(depths * LINEAR_KEYS)
    this.#text = new Array<string | undefined>(depths * LINEAR_KEYS).fill(undefined)
  }

  open(depth: number): void {
    this.#count[depth] = 0
  }
  close(depth: number): void {
    if ((this.#count[depth] ?? 0) >= LINEAR_KEYS) this.#set[depth] = undefined
  }
  /** Forgets everything, also what a document that was refused half-way left behind. */
  end(depth: number): void {
    this.key = ''
    for (let open = 0; open < depth; open++) this.#set[open] = undefined
    if (this.#hasTexts) this.#text.fill(undefined)
    this.#hasTexts = false
  }

  /** Reads `"key" :` of the object open at `depth` and returns where the value starts, or -1. */
  member(start: number, depth: number, isDecoded: boolean): number {
    const { bytes } = this.#lexer
    if (bytes[start] !== QUOTE) return this.#lexer.fail('syntax', start)
    const from = start + 1
    let at = from
    let hash = 0
    let bits = 0
    let byte = bytes[at]
    while (byte !== undefined && PLAIN[byte] === 1) {
      hash = (Math.imul(hash, 31) + byte) | 0
      bits |= byte
      byte = bytes[++at]
    }
    let text: string | undefined
    if (byte !== QUOTE) {
      at = this.#lexer.string(start) - 1
      if (at < 0) return -1
      text = JSON.parse(bytes.toString('utf8', start, at + 1)) as string
      const plain = Buffer.from(text, 'utf8')
      hash = hashOf(plain, 0, plain.length)
    }
    this.keyStart = start
    this.keyEnd = at + 1
    if (isDecoded) this.key = text ?? knownWord(bytes, from, at, hash) ?? bytes.toString(bits < 0x80 ? 'latin1' : 'utf8', from, at)
    if (!this.#isNewKey(depth, hash, text)) return this.#lexer.fail('duplicate-key', start)
    at = this.#lexer.space(at + 1)
    return bytes[at] === 0x3a ? this.#lexer.space(at + 1) : this.#lexer.fail('syntax', at)
  }

  /** Remembers the key just read in its object; false when the object has it already, compared after unescaping. */
  #isNewKey(depth: number, hash: number, text: string | undefined): boolean {
    const count = this.#count[depth] ?? 0
    const base = depth * LINEAR_KEYS
    if (count < LINEAR_KEYS) {
      for (let slot = base; slot < base + count; slot++) if (this.#hash[slot] === hash && this.#isKeyAt(slot, text)) return false
      const slot = base + count
      this.#hash[slot] = hash
      this.#from[slot] = this.keyStart + 1
      this.#to[slot] = this.keyEnd - 1
      if (text !== undefined) this.#hasTexts = true
      if (this.#hasTexts) this.#text[slot] = text
      this.#count[depth] = count + 1
      return true
    }
    let set = this.#set[depth]
    if (!set) {
      set = new Set()
      for (let slot = base; slot < base + LINEAR_KEYS; slot++) set.add(this.#textAt(slot))
      this.#set[depth] = set
    }
    const size = set.size
    set.add(text ?? this.#lexer.bytes.toString('utf8', this.keyStart + 1, this.keyEnd - 1))
    return set.size > size
  }

  #isKeyAt(slot: number, text: string | undefined): boolean {
    if (text !== undefined || this.#text[slot] !== undefined) {
      return (text ?? this.#lexer.bytes.toString('utf8', this.keyStart + 1, this.keyEnd - 1)) === this.#textAt(slot)
    }
    const from = this.#from[slot] ?? 0
    return this.#lexer.bytes.compare(this.#lexer.bytes, from, this.#to[slot], this.keyStart + 1, this.keyEnd - 1) === 0
  }
  #textAt(slot: number): string {
    return this.#text[slot] ?? this.#lexer.bytes.toString('utf8', this.#from[slot], this.#to[slot])
  }
}
