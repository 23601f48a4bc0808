// Names one keystroke apart, without comparing all pairs: two such names share a form with one letter left out, or one is such a form of the other.
//
// Every name is filed under the hash of itself and of each form with one letter left out (Mor and Fraenkel; SymSpell): its length plus one keys, in two flat
// arrays of numbers, because names are many. What meets under a key is compared letter by letter, so a hash that two forms share costs time and finds nothing.

import { isWithinOne } from '../kernel/look-alikes.ts'

/** Shorter names are one keystroke apart by chance. */
const MIN_LENGTH = 6
/** Of longer names, only what the other keys find is found. */
const MAX_LENGTH = 64
/** Entries kept under one key: as many as can differ from a later one in who they belong to. */
const PER_KEY = 4
/** A name of usual length has this many keys; half of the slots stay free. */
const SLOTS_PER_NAME = 40
/** Slots looked at for one key: only names made to meet need more, and those are not worth the time. */
const MAX_PROBES = 64

export type Sizing = { readonly names: number; readonly seed: number }

/** `isOther`: whether two entries belong to servers that are compared with each other. */
export class NearIndex<Entry> {
  readonly #isOther: (a: Entry, b: Entry) => boolean
  readonly #factor: number
  readonly #entries: Entry[] = []
  readonly #looks: string[] = []
  /** hash and number of the entry + 1, by slot; 0: free */
  #hashes: Int32Array<ArrayBuffer>
  #numbers: Int32Array<ArrayBuffer>
  #used = 0
  /** of the last word: it is sought, then filed */
  #forms: { readonly look: string; readonly hashes: readonly number[] } = { look: '', hashes: [] }

  /** `names`: about how many come. `seed`: what who chooses names does not choose alone, so that it is hard to make names that meet in one slot. */
  constructor({ names, seed }: Sizing, isOther: (a: Entry, b: Entry) => boolean) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(names, 16) * SLOTS_PER_NAME))
    this.#hashes = new Int32Array(slots)
    this.#numbers = new Int32Array(slots)
    this.#factor = (seed << 3) | 5
    this.#isOther = isOther
  }

  /** The first entry filed that is one keystroke from this one. */
  find(look: string, entry: Entry, isMatch: (other: Entry) => boolean): Entry | undefined {
    if (!isFiled(look)) return undefined
    const last = this.#numbers.length - 1
    let first: number | undefined
    for (const hash of this.#formsOf(look)) {
      for (let i = 0; i < MAX_PROBES; i++) {
        const slot = (hash + i) & last
        const number = (this.#numbers[slot] ?? 0) - 1
        if (number < 0) break
        if (this.#hashes[slot] !== hash) continue
        const other = this.#entries[number]
        if (!other || (first !== undefined && number >= first)) continue
        if (this.#isOther(entry, other) && isWithinOne(look, this.#looks[number] ?? '') && isMatch(other)) first = number
      }
    }
    return first === undefined ? undefined : this.#entries[first]
  }

  add(look: string, entry: Entry): void {
    if (!isFiled(look)) return
    const number = this.#entries.push(entry)
    this.#looks.push(look)
    for (const hash of this.#formsOf(look)) {
      if (this.#used * 2 >= this.#numbers.length) this.#grow()
      this.#file(hash, number, entry)
    }
  }

  #file(hash: number, number: number, entry: Entry): void {
    const last = this.#numbers.length - 1
    let under = 0
    for (let i = 0; i < MAX_PROBES; i++) {
      const slot = (hash + i) & last
      const filed = this.#numbers[slot] ?? 0
      if (filed === 0) {
        this.#hashes[slot] = hash
        this.#numbers[slot] = number
        this.#used++
        return
      }
      if (this.#hashes[slot] !== hash) continue
      const other = this.#entries[filed - 1]
      if (++under >= PER_KEY || (other && this.#looks[filed - 1] === this.#looks[number - 1] && !this.#isOther(entry, other))) return
    }
  }

  #formsOf(look: string): readonly number[] {
    if (this.#forms.look !== look) this.#forms = { look, hashes: formsOf(look, this.#factor) }
    return this.#forms.hashes
  }

  #grow(): void {
    const [hashes, numbers] = [this.#hashes, this.#numbers]
    this.#hashes = new Int32Array(hashes.length * 2)
    this.#numbers = new Int32Array(numbers.length * 2)
    const last = this.#numbers.length - 1
    for (let i = 0; i < numbers.length; i++) {
      const hash = hashes[i] ?? 0
      let slot = hash & last
      while (this.#numbers[slot] !== 0) slot = (slot + 1) & last
      this.#hashes[slot] = hash
      this.#numbers[slot] = numbers[i] ?? 0
    }
  }
}

const isFiled = (look: string): boolean => look.length >= MIN_LENGTH && look.length <= MAX_LENGTH

/** Hashes of the word and of each form of it with one letter left out, 32 bits; letters in a polynomial of `factor`. */
function formsOf(word: string, factor: number): readonly number[] {
  const { length } = word
  const after = new Int32Array(length + 1)
  for (let i = length - 1, power = 1; i >= 0; i--, power = Math.imul(power, factor)) {
    after[i] = (after[i + 1] ?? 0) + Math.imul(word.charCodeAt(i) + 1, power)
  }
  const powers = new Int32Array(length + 1)
  powers[0] = 1
  for (let i = 1; i <= length; i++) powers[i] = Math.imul(powers[i - 1] ?? 0, factor)
  const forms = [mixed(after[0] ?? 0)]
  let before = 0
  for (let i = 0; i < length; i++) {
    // Of equal neighbours it is the same which is left out.
    if (word[i] !== word[i + 1]) forms.push(mixed((Math.imul(before, powers[length - 1 - i] ?? 0) + (after[i + 1] ?? 0)) | 0))
    before = (Math.imul(before, factor) + word.charCodeAt(i) + 1) | 0
  }
  return forms
}
const mixed = (hash: number): number => {
  const once = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return (once ^ (once >>> 16)) | 0
}
