// A process's stderr: always drained, logged in bounded, escaped lines at a bounded rate, never shown to hosts.

import type { Readable } from 'node:stream'
import type { Ticker } from './ticker.ts'

/** Reads `stream` to its end. `write` gets printable ASCII of at most 512 characters, and how many lines were dropped before it. */
export function drainStderr(stream: Readable, ticker: Ticker, write: (line: string, dropped: number) => void): void {
  const log = new StderrLog(ticker, write)
  stream.on('data', (chunk: Buffer) => log.push(chunk))
  stream.on('error', () => {}) // the process is going; its exit tells more
}

/** Lines and bytes of a line that are logged per second; the rest is counted. */
const LINES_PER_SECOND = 20
const LINE_MAX = 512

class StderrLog {
  readonly #ticker: Ticker
  readonly #write: (line: string, dropped: number) => void
  #partial = ''
  #windowAt = -Infinity
  #lines = 0
  #dropped = 0

  constructor(ticker: Ticker, write: (line: string, dropped: number) => void) {
    this.#ticker = ticker
    this.#write = write
  }

  push(chunk: Buffer): void {
    // Only the part that may be logged is decoded: a flood costs a scan for line ends, no more.
    let start = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      if (this.#isOverRate()) {
        this.#dropped += 1
        this.#partial = ''
        return
      }
      this.#line(this.#partial + chunk.toString('latin1', start, Math.min(end, start + LINE_MAX)))
      this.#partial = ''
      start = end + 1
    }
    if (this.#partial.length < LINE_MAX) this.#partial += chunk.toString('latin1', start, Math.min(chunk.length, start + LINE_MAX))
  }

  #isOverRate(): boolean {
    const now = this.#ticker.now()
    if (now - this.#windowAt >= 1000) {
      this.#windowAt = now
      this.#lines = 0
    }
    return this.#lines >= LINES_PER_SECOND
  }

  #line(raw: string): void {
    // attacker-controlled: nothing but printable ASCII may reach a log (N107)
    const line = raw
      .slice(0, LINE_MAX)
      .replace(/[^\x20-\x7e]/g, '.')
      .trimEnd()
    if (line === '') return
    this.#lines += 1
    this.#write(line, this.#dropped)
    this.#dropped = 0
  }
}
