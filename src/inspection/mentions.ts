// What definitions say of tools by name, and whether they order about them. Whose names those are is asked of the inventory (inventory.ts), so that another server
// costs a look per mention and no second reading. One pass over the bytes; what is kept is bounded.

import { Folder } from './fold.ts'
import { Walk } from './walk.ts'

/** Two names with one key are one name to a model: `send-email`, `sendEmail`, `Send_Email`. A digest of 53 bits. */
export type NameKey = number

/** A name in a definition. `isOrdered`: beside a verb of calling and a word of order. `pointer` from the read value. */
export type Mention = { readonly key: NameKey; readonly isOrdered: boolean; readonly pointer: string }
export type Mentions = {
  readonly named: readonly Mention[]
  /** more was ordered than is kept */
  readonly isCut: boolean
}

/** Different names of one definition: of those in an order more is a finding, of others it is not. */
const MAX_ORDERED = 1024
const MAX_MENTIONED = 256
/** Words between a name and its verb, and between a name and the word of order. */
const VERB_REACH = 4
const ORDER_REACH = 12
/** Letters and digits that make a name. */
const MIN_NAME = 3

const step = (hash: number, letter: number): number => (Math.imul(hash, 31) + letter) | 0
const step2 = (hash: number, letter: number): number => (Math.imul(hash ^ letter, 0x01000193) + 0x9e37) | 0

const VERB = 1
const ORDER = 2
const TOOL = 4
const WORDS = new Map<number, number>()
const words = (bits: number, text: string): void => {
  for (const word of text.split(' ')) WORDS.set(hashOf(word), (WORDS.get(hashOf(word)) ?? 0) | bits)
}
words(
  VERB,
  'use uses using used call calls calling called invoke invokes invoking invoked run runs running execute executes executing executed trigger triggers replace replaces prefer preferred avoid disable ignore skip bypass override overrides',
)
words(
  ORDER,
  'before after prior instead rather whenever always must never first only then should ensure required shall when once until not dont avoid',
)
words(TOOL, 'tool tools function functions server servers')

/** Letters and digits in lower case; 1 joins the parts of a name; 2 ends a sentence; 3 quotes. */
const CLASS = new Uint8Array(256)
for (let b = 0x61; b <= 0x7a; b++) CLASS[b] = CLASS[b - 32] = b
for (let b = 0x30; b <= 0x39; b++) CLASS[b] = b
for (const sign of '_./-') CLASS[sign.charCodeAt(0)] = 1
for (const sign of '!?;\n') CLASS[sign.charCodeAt(0)] = 2
for (const sign of '`"') CLASS[sign.charCodeAt(0)] = 3
const JOINT = 1
const END = 2
const QUOTE = 3
const APOSTROPHE = 0x27
const DOT = 0x2e

const keyFrom = (hash: number, hash2: number): NameKey => (hash >>> 0) * 0x200000 + (hash2 & 0x1fffff)
function hashOf(word: string): number {
  let hash = 0
  for (let i = 0; i < word.length; i++) hash = step(hash, word.charCodeAt(i))
  return hash
}

/** The key of a name, or of several in a row; undefined where it is too short to mean anything. */
export function nameKey(...names: readonly string[]): NameKey | undefined {
  let [hash, hash2, length] = [0, 0, 0]
  for (const name of names) {
    for (let i = 0; i < name.length; i++) {
      const letter = CLASS[name.charCodeAt(i)] ?? 0
      if (letter <= QUOTE) continue
      hash = step(hash, letter)
      hash2 = step2(hash2, letter)
      length++
    }
  }
  return length < MIN_NAME ? undefined : keyFrom(hash, hash2)
}

const NONE: Mentions = { named: [], isCut: false }
const folder = new Folder()
const walk = new Walk()

/** What the texts of a definition mention: bytes that passed the strict reader. Never yields; time is linear. */
export function mentionsIn(json: Uint8Array): Mentions {
  const reading = new Reading()
  walk.run(json, 0, json.length, (start, end, isPlain, isKey) => {
    if (isKey || end - start < MIN_NAME) return
    if (isPlain) reading.text(json, start, end)
    else {
      folder.fold(json, start, end)
      reading.text(folder.bytes, 0, folder.length)
    }
  })
  walk.end()
  return reading.done()
}

type Pending = { readonly key: NameKey; readonly at: number; isCalled: boolean; isOrdered: boolean }
const LONG_AGO = -1000

class Reading {
  readonly #ordered = new Map<NameKey, Mention>()
  readonly #mentioned = new Map<NameKey, Mention>()
  #isCut = false
  /** names whose verb or order may still come */
  readonly #pending: Pending[] = []
  /** number of the word, and of the last of its kind */
  #at = 0
  #verbAt = LONG_AGO
  #orderAt = LONG_AGO
  /** the word before, where it is a name if `tool` follows it, or if it was called within quotes */
  #plain: NameKey | undefined
  #plainAt = LONG_AGO

  done(): Mentions {
    if (this.#ordered.size + this.#mentioned.size === 0) return NONE
    return { named: [...this.#ordered.values(), ...this.#mentioned.values()], isCut: this.#isCut }
  }

  text(bytes: Uint8Array, start: number, end: number): void {
    this.#sentenceEnds()
    let hash = 0
    let hash2 = 0
    let length = 0
    let isIdentifier = false
    let isQuoted = false
    for (let at = start; at <= end; at++) {
      const byte = at < end ? (bytes[at] ?? 0) : 0x20
      const kind = CLASS[byte] ?? 0
      if (kind > QUOTE) {
        // A capital within: it is not a word of any language.
        if (length > 0 && byte < 0x5b && byte > 0x40 && (bytes[at - 1] ?? 0) > 0x5a) isIdentifier = true
        hash = step(hash, kind)
        hash2 = step2(hash2, kind)
        length++
        continue
      }
      if (length > 0) {
        if (byte === APOSTROPHE) continue
        if (kind === JOINT && joins(bytes, at, end)) {
          isIdentifier = true
          continue
        }
        this.#word(hash, hash2, length, isIdentifier)
        if (kind === QUOTE && isQuoted) this.#quotedWord()
        hash = hash2 = length = 0
        isIdentifier = false
      }
      if (kind === END || byte === DOT) this.#sentenceEnds()
      isQuoted = kind === QUOTE
    }
    this.#sentenceEnds()
  }

  #word(hash: number, hash2: number, length: number, isIdentifier: boolean): void {
    this.#at += 1
    const bits = isIdentifier ? 0 : (WORDS.get(hash) ?? 0)
    const key = keyFrom(hash, hash2)
    if (bits === 0) {
      if (isIdentifier) this.#name(key, length)
      else if (length >= MIN_NAME) {
        this.#plain = key
        this.#plainAt = this.#at
      }
      return
    }
    if ((bits & TOOL) !== 0 && this.#plain !== undefined && this.#plainAt === this.#at - 1) this.#name(this.#plain, length)
    if ((bits & ORDER) !== 0) this.#heard('isOrdered', ORDER_REACH)
    if ((bits & VERB) !== 0) this.#heard('isCalled', VERB_REACH)
  }
  /** `call "search"`: quotes alone name parameters as well. */
  #quotedWord(): void {
    if (this.#plain !== undefined && this.#plainAt === this.#at && this.#verbAt === this.#at - 1) this.#name(this.#plain, MIN_NAME)
  }

  #heard(what: 'isCalled' | 'isOrdered', reach: number): void {
    if (what === 'isCalled') this.#verbAt = this.#at
    else this.#orderAt = this.#at
    for (const each of this.#pending) {
      if (this.#at - each.at > reach || each[what]) continue
      each[what] = true
      if (each.isCalled && each.isOrdered) this.#order(each.key)
    }
  }

  #name(key: NameKey, length: number): void {
    if (length < MIN_NAME) return
    const isCalled = this.#at - this.#verbAt <= VERB_REACH
    const isOrdered = this.#at - this.#orderAt <= ORDER_REACH
    if (isCalled && isOrdered) return this.#order(key)
    if (this.#mentioned.size < MAX_MENTIONED && !this.#mentioned.has(key) && !this.#ordered.has(key))
      this.#mentioned.set(key, { key, isOrdered: false, pointer: walk.pointer() })
    // Further back than this nothing is reached.
    if (this.#pending.length === ORDER_REACH) this.#pending.shift()
    this.#pending.push({ key, at: this.#at, isCalled, isOrdered })
  }

  #order(key: NameKey): void {
    if (this.#ordered.has(key)) return
    if (this.#ordered.size >= MAX_ORDERED) this.#isCut = true
    else {
      this.#mentioned.delete(key)
      this.#ordered.set(key, { key, isOrdered: true, pointer: walk.pointer() })
    }
  }

  #sentenceEnds(): void {
    if (this.#pending.length > 0) this.#pending.length = 0
    this.#verbAt = this.#orderAt = this.#plainAt = LONG_AGO + this.#at
    this.#plain = undefined
  }
}

/** A joint, or several, and the name goes on behind it. Three at most are looked at. */
function joins(bytes: Uint8Array, at: number, end: number): boolean {
  let next = at + 1
  while (next < at + 3 && next < end && CLASS[bytes[next] ?? 0] === JOINT) next++
  return next < end && (CLASS[bytes[next] ?? 0] ?? 0) > QUOTE
}
