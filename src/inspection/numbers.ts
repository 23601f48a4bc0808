// Numbers and pairs of hex digits as they go by: payment cards in groups, text written as bytes.

import { hexValue, Readable } from './encoded.ts'
import type { Found } from './finding.ts'
import { isCard } from './secrets.ts'

const PAIRS = 20
const CARD_MIN = 13
const CARD_MAX = 19

export class Numbers {
  #found: Found = () => undefined
  #pairs = 0
  #pairEnd = -9
  readonly #pairText = new Readable()
  readonly #digits = new Uint8Array(CARD_MAX)
  #count = 0
  #digitsFrom = 0
  #digitsEnd = -9

  document(found: Found): void {
    this.#found = found
  }
  text(): void {
    this.#pairs = 0
    this.#count = 0
    this.#pairEnd = this.#digitsEnd = -9
    this.#pairText.clear()
  }
  textEnds(): void {
    this.#card()
  }

  /** Two letters or digits between other characters. */
  pair(bytes: Uint8Array, from: number): void {
    const byte = (hexValue(bytes[from] ?? 0) << 4) | hexValue(bytes[from + 1] ?? 0)
    if (byte < 0) return
    if (from - this.#pairEnd > 2) {
      this.#pairs = 0
      this.#pairText.clear()
    }
    this.#pairEnd = from + 2
    this.#pairText.add(byte)
    if (++this.#pairs >= PAIRS && this.#pairText.is) this.#found('encoded-text', from)
  }

  /** A run of digits; groups with one blank or hyphen between them are one number. */
  number(bytes: Uint8Array, from: number, end: number): void {
    const length = end - from
    if (length < 3 || length > CARD_MAX) return
    const between = bytes[from - 1]
    const isNext = from - this.#digitsEnd === 1 && (between === 0x20 || between === 0x2d) && this.#count + length <= CARD_MAX
    if (!isNext) this.#card()
    if (this.#count === 0) this.#digitsFrom = from
    for (let at = from; at < end; at++) this.#digits[this.#count++] = (bytes[at] ?? 0) - 0x30
    this.#digitsEnd = end
  }
  #card(): void {
    if (this.#count >= CARD_MIN && isCard(this.#digits.subarray(0, this.#count)))
      this.#found('payment-card', this.#digitsFrom, 'payment card', this.#digitsEnd)
    this.#count = 0
  }
}
