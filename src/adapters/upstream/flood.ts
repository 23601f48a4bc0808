// Bounds what an upstream can make us read for nothing: beyond a rate of unasked messages its stream pauses until the second is over.

import type { Ticker } from './ticker.ts'

export type Tap = { pause(): void; resume(): void }

export class Flood {
  readonly #ticker: Ticker
  readonly #perSecond: number
  readonly #tap: Tap
  #windowAt = -Infinity
  #count = 0
  #isPaused = false

  constructor(ticker: Ticker, perSecond: number, tap: Tap) {
    this.#ticker = ticker
    this.#perSecond = perSecond
    this.#tap = tap
  }

  /** A message nobody waits for arrived (N104: 10^6/s, N109: endless comments). */
  hit(): void {
    const now = this.#ticker.now()
    if (now - this.#windowAt >= 1000) {
      this.#windowAt = now
      this.#count = 0
    }
    if (++this.#count < this.#perSecond || this.#isPaused) return
    this.#isPaused = true
    this.#tap.pause()
    this.#ticker.after(this.#windowAt + 1000 - now, () => {
      this.#isPaused = false
      this.#tap.resume()
    })
  }
}
