// Standard input of a host, cut into lines (R39). A line that is too long is skipped to its end: the next one is read as usual.

const NEWLINE = 0x0a
const RETURN = 0x0d

export type LineSink = {
  /** each line that is not blank, without its end; a view into a chunk where it lay in one */
  line(bytes: Buffer): void
  /** once for each line beyond the cap, as soon as it is known */
  tooLong(): void
}

export class LineReader {
  readonly #maxBytes: number
  readonly #sink: LineSink
  #parts: Buffer[] = []
  #held = 0
  #isSkipping = false

  constructor(maxBytes: number, sink: LineSink) {
    this.#maxBytes = maxBytes
    this.#sink = sink
  }

  push(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end))
      this.#finish()
      start = end + 1
    }
    if (start < chunk.length) this.#keep(start === 0 ? chunk : chunk.subarray(start))
  }

  /** The input ended: what stands after the last line break is a line too. */
  end(): void {
    this.#finish()
  }

  #keep(part: Buffer): void {
    if (this.#isSkipping) return
    this.#held += part.length
    if (this.#held <= this.#maxBytes) {
      this.#parts.push(part)
      return
    }
    this.#isSkipping = true
    this.#parts = []
    this.#sink.tooLong()
  }

  #finish(): void {
    const [first] = this.#parts
    const line = this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts)
    this.#parts = []
    this.#held = 0
    this.#isSkipping = false
    const length = line[line.length - 1] === RETURN ? line.length - 1 : line.length
    if (line.subarray(0, length).some(byte => byte !== 0x20 && byte !== 0x09)) this.#sink.line(line.subarray(0, length))
  }
}
