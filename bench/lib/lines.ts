// Splits a byte stream into lines without copying the ones that arrive whole.

export class LineReader {
  readonly #onLine: (line: Buffer) => void
  #parts: Buffer[] = []

  constructor(onLine: (line: Buffer) => void) {
    this.#onLine = onLine
  }

  push(chunk: Buffer): void {
    let at = 0
    for (;;) {
      const end = chunk.indexOf(0x0a, at)
      if (end < 0) break
      const last = chunk.subarray(at, end)
      if (this.#parts.length === 0) this.#onLine(last)
      else {
        this.#parts.push(last)
        const line = Buffer.concat(this.#parts)
        this.#parts = []
        this.#onLine(line)
      }
      at = end + 1
    }
    if (at < chunk.length) this.#parts.push(at === 0 ? chunk : chunk.subarray(at))
  }
}
