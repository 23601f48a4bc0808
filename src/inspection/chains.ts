// The words that matter, in one table, and the state of all chains of phrases.ts while the words of one document go by.

import type { Found } from './finding.ts'
import { hashWord, STEPS, WARNING } from './phrases.ts'
import { PLACE_WORDS } from './signs.ts'

const NEVER = -0x40000000
const { before, gap, crosses, code } = STEPS
const NO_STEPS: readonly number[] = []

/** What the scanner looks at besides: ends of places of secrets, and words that begin a key or the address of a script. */
export const PLACE = 1
export const BEGIN = 2
export const JAVASCRIPT = 3

/** Words by hash: open addressing, so that a word that does not matter costs one look. Zero is no word's place. */
const MASK = 4095
const PLACES = new Uint16Array(MASK + 1)
const HASHES: number[] = [0]
const LENGTHS: number[] = [0]
const KINDS: number[] = [0]
const WORD_STEPS: (readonly number[])[] = [NO_STEPS]
const KIND_OF = new Map<string, number>([...PLACE_WORDS.map(word => [word, PLACE] as const), ['begin', BEGIN], ['javascript', JAVASCRIPT]])
for (const word of new Set([...STEPS.of.keys(), ...KIND_OF.keys()])) {
  if (word.startsWith('@')) continue
  let place = hashWord(word) & MASK
  while (PLACES[place] !== 0) place = (place + 1) & MASK
  PLACES[place] = HASHES.length
  HASHES.push(hashWord(word))
  LENGTHS.push(word.length)
  KINDS.push(KIND_OF.get(word) ?? 0)
  WORD_STEPS.push(STEPS.of.get(word) ?? NO_STEPS)
}
const HASH_OF = Int32Array.from(HASHES)

export class Chains {
  /** per step the number of the word that last reached it; words are numbered over all texts of a document */
  readonly #reached = new Int32Array(before.length).fill(NEVER)
  #found: Found = () => undefined
  #word = 0
  #textFrom = 0
  #sentenceFrom = 0
  #warnedIn = -1
  #asked = -1

  document(found: Found): void {
    this.#found = found
    this.#reached.fill(NEVER)
    this.#word = 0
  }
  text(): void {
    // Further than any chain reaches.
    this.#word += 100
    this.#textFrom = this.#sentenceFrom = this.#word
    this.#warnedIn = this.#asked = -1
  }
  sentenceEnds(): void {
    if (this.#asked >= 0 && this.#warnedIn !== this.#sentenceFrom) this.#found('asks-for-credentials', this.#asked)
    this.#asked = -1
    this.#sentenceFrom = this.#word + 1
  }

  /** The next word; answers what else it is, or 0. */
  word(hash: number, length: number, at: number): number {
    this.#word++
    for (let place = hash & MASK; ; place = (place + 1) & MASK) {
      const index = PLACES[place] ?? 0
      if (index === 0) return 0
      if (HASH_OF[index] !== hash || LENGTHS[index] !== length) continue
      this.#advance(WORD_STEPS[index] ?? NO_STEPS, at)
      return KINDS[index] ?? 0
    }
  }
  /** A word of digits alone. */
  pass(): void {
    this.#word++
  }
  /** What is no word but was seen here. */
  mark(mark: string, at: number): void {
    this.#word++
    this.#advance(STEPS.of.get(mark) ?? NO_STEPS, at)
  }

  #advance(steps: readonly number[], at: number): void {
    const reached = this.#reached
    const word = this.#word
    for (const step of steps) {
      const previous = before[step] ?? -1
      if (previous >= 0) {
        const from = reached[previous] ?? NEVER
        if (word - from > (gap[step] ?? 0) || from < (crosses[step] === 1 ? this.#textFrom : this.#sentenceFrom)) continue
      }
      reached[step] = word
      const found = code[step]
      if (found === undefined) continue
      if (found === WARNING) this.#warnedIn = this.#sentenceFrom
      else if (found === 'asks-for-credentials') this.#asked = at
      else this.#found(found, at)
    }
  }
}
