// Cuts a byte stream into lines, holding at most one line's cap of bytes.

import { noteMessage } from '../../kernel/large-buffers.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d

export class Lines {
  readonly #maxBytes: number
  readonly #line: (line: Buffer) => void
  #parts: Buffer[] = []
  #held = 0

  /** `line` gets each non-empty line without its end; a view into a chunk where it lay in one. */
  constructor(maxBytes: number, line: (line: Buffer) => void) {
    this.#maxBytes = maxBytes
    this.#line = line
  }

  /** False as soon as a line exceeds the cap; nothing may be pushed afterwards. */
  push(chunk: Buffer): boolean {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      if (this.#held + end - start > this.#maxBytes) return this.#overflow()
      this.#emit(chunk.subarray(start, end))
      start = end + 1
    }
    if (start === chunk.length) return true
    this.#held += chunk.length - start
    if (this.#held > this.#maxBytes) return this.#overflow()
    this.#parts.push(start === 0 ? chunk : chunk.subarray(start))
    return true
  }

  #emit(tail: Buffer): void {
    let line = tail
    if (this.#held > 0) {
      this.#parts.push(tail)
      noteMessage(this.#held + tail.length)
      line = Buffer.concat(this.#parts, this.#held + tail.length)
      this.#parts = []
      this.#held = 0
    }
    const length = line[line.length - 1] === RETURN ? line.length - 1 : line.length
    if (length > 0) this.#line(length === line.length ? line : line.subarray(0, length))
  }

  #overflow(): false {
    this.#parts = []
    this.#held = 0
    return false
  }
}
