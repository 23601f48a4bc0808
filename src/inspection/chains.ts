// The state of all chains of phrases.ts while the words of one document go by.

import { COMPILED, hashWord, WARNING, type Step } from './phrases.ts'
import type { Found } from './finding.ts'
import { PLACE_WORDS } from './signs.ts'

const NEVER = -0x40000000

/** Words that are looked up get through a filter of bits first. */
const FILTER = new Uint8Array(8192)
for (const hash of COMPILED.words.keys()) FILTER[hash & 8191] = 1
/** Ends of places of secrets, where the signs around them say so. */
export const PLACES: ReadonlySet<number> = new Set(PLACE_WORDS.map(hashWord))
export const BEGIN = hashWord('begin')
export const JAVASCRIPT = hashWord('javascript')
for (const hash of [...PLACES, BEGIN, JAVASCRIPT]) FILTER[hash & 8191] = 1

/** False: no word that anything here knows has this hash. */
export const mayMatter = (hash: number): boolean => FILTER[hash & 8191] === 1

export class Chains {
  /** per step the number of the word that last reached it; words are numbered over all texts of a document */
  readonly #reached = new Int32Array(COMPILED.steps).fill(NEVER)
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

  /** Counts a word that may not matter. */
  pass(): void {
    this.#word++
  }
  /** The word just counted. */
  word(hash: number, length: number, at: number): void {
    const known = COMPILED.words.get(hash)
    if (known?.length === length) this.#advance(known.steps, at)
  }
  /** What is no word but was seen here. */
  mark(mark: string, at: number): void {
    this.#word++
    const steps = COMPILED.marks.get(mark)
    if (steps) this.#advance(steps, at)
  }

  #advance(steps: readonly Step[], at: number): void {
    const reached = this.#reached
    const word = this.#word
    for (const step of steps) {
      if (step.before >= 0) {
        const before = reached[step.before] ?? NEVER
        if (word - before > step.gap || before < (step.crosses ? this.#textFrom : this.#sentenceFrom)) continue
      }
      reached[step.id] = word
      if (step.code === undefined) continue
      if (step.code === WARNING) this.#warnedIn = this.#sentenceFrom
      else if (step.code === 'asks-for-credentials') this.#asked = at
      else this.#found(step.code, at)
    }
  }
}
