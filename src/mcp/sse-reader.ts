// Server-sent events from upstreams (WHATWG HTML section 9.2.6), read incrementally. Hostile by default: every line and event is bounded.

/** `data`: the data lines joined by LF; it may share memory with the chunk it came in. `id`: only when this event set one. */
export type SseEvent = { readonly event?: string; readonly id?: string; readonly data: Buffer }
export type SseLimits = {
  /** default 16 MiB */
  readonly maxLineBytes?: number
  /** data of one event; default 16 MiB */
  readonly maxEventBytes?: number
  /** lines between two blank ones, comments aside; default 4096 */
  readonly maxFields?: number
}
export type SseFault = 'line-too-long' | 'event-too-large' | 'too-many-fields'

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const NEWLINE = Buffer.from('\n')
const EMPTY = Buffer.alloc(0)
const DEFAULT_MAX = 16 * 1024 * 1024
/** Longest `event` and `id` value kept; longer ones are ignored. */
const NAME_MAX = 1024

export class SseReader {
  /** last event id seen, for resumption; survives events without one */
  lastEventId: string | undefined
  /** last `retry` seen, milliseconds */
  retryMs: number | undefined
  readonly #emit: (event: SseEvent) => void
  readonly #maxLine: number
  readonly #maxEvent: number
  readonly #maxFields: number
  /** the beginning of a line whose end has not come yet */
  #pending = EMPTY
  #pendingLength = 0
  #isFirstLine = true
  #skipLf = false
  #fault: SseFault | undefined
  // the event being read
  #data: Buffer[] = []
  #dataLength = 0
  #event: string | undefined
  #id: string | undefined
  #fields = 0

  /** `emit` is called synchronously from `push`, in order. */
  constructor(emit: (event: SseEvent) => void, limits: SseLimits = {}) {
    this.#emit = emit
    this.#maxLine = limits.maxLineBytes ?? DEFAULT_MAX
    this.#maxEvent = limits.maxEventBytes ?? DEFAULT_MAX
    this.#maxFields = limits.maxFields ?? 4096
  }

  /** Feeds bytes. A fault is final: the stream must be closed. An event not finished by a blank line is never emitted. */
  push(chunk: Buffer): SseFault | undefined {
    if (this.#fault) return this.#fault
    let at = 0
    if (this.#skipLf && chunk.length > 0) {
      if (chunk[0] === LF) at = 1
      this.#skipLf = false
    }
    let lf = chunk.indexOf(LF, at)
    let cr = chunk.indexOf(CR, at)
    while (lf >= 0 || cr >= 0) {
      const end = cr < 0 || (lf >= 0 && lf < cr) ? lf : cr
      this.#line(this.#complete(chunk, at, end))
      if (this.#isFaulty()) return this.#release()
      at = end + 1
      if (end === cr) {
        if (at === chunk.length) this.#skipLf = true
        else if (chunk[at] === LF) at++
      }
      if (lf >= 0 && lf < at) lf = chunk.indexOf(LF, at)
      if (cr >= 0 && cr < at) cr = chunk.indexOf(CR, at)
    }
    this.#keep(chunk, at)
    return this.#isFaulty() ? this.#release() : undefined
  }
  #isFaulty(): boolean {
    return this.#fault !== undefined
  }

  /** A refused stream must not hold memory until its socket is gone. */
  #release(): SseFault | undefined {
    this.#pending = EMPTY
    this.#pendingLength = 0
    this.#data = []
    return this.#fault
  }

  /** Keeps the beginning of a line, in a buffer that doubles: linear however small the chunks are. */
  #keep(chunk: Buffer, from: number): void {
    const length = this.#pendingLength + chunk.length - from
    if (length > this.#maxLine) {
      this.#fault = 'line-too-long'
      return
    }
    if (length > this.#pending.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, Math.min(this.#maxLine, this.#pending.length * 2), 256))
      this.#pending.copy(grown, 0, 0, this.#pendingLength)
      this.#pending = grown
    }
    chunk.copy(this.#pending, this.#pendingLength, from)
    this.#pendingLength = length
  }

  /** A whole line: usually a view of the chunk; else what was kept, together with this chunk's part. */
  #complete(chunk: Buffer, from: number, to: number): Buffer {
    let line = chunk.subarray(from, to)
    if (this.#pendingLength > 0) {
      this.#keep(line, 0)
      line = this.#pending.subarray(0, this.#pendingLength)
      this.#pending = EMPTY
      this.#pendingLength = 0
    } else if (line.length > this.#maxLine) this.#fault = 'line-too-long'
    if (this.#isFirstLine) {
      this.#isFirstLine = false
      if (line.length >= 3 && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf) return line.subarray(3)
    }
    return line
  }

  #line(line: Buffer): void {
    if (this.#fault || line[0] === COLON) return
    if (line.length === 0) {
      this.#dispatch()
      return
    }
    if (++this.#fields > this.#maxFields) {
      this.#fault = 'too-many-fields'
      return
    }
    const colon = line.indexOf(COLON)
    const nameEnd = colon < 0 ? line.length : colon
    const start = colon < 0 ? line.length : line[colon + 1] === SPACE ? colon + 2 : colon + 1
    if (nameEnd <= 5) this.#field(line.toString('latin1', 0, nameEnd), line, start)
  }

  #field(name: string, line: Buffer, start: number): void {
    if (name === 'data') {
      this.#dataLength += line.length - start + (this.#data.length > 0 ? 1 : 0)
      if (this.#dataLength > this.#maxEvent) this.#fault = 'event-too-large'
      else this.#data.push(line.subarray(start))
    } else if (name === 'event') this.#event = line.length - start > NAME_MAX ? undefined : line.toString('utf8', start)
    else if (name === 'id') {
      if (line.length - start <= NAME_MAX && !line.includes(0, start)) this.#id = line.toString('utf8', start)
    } else if (name === 'retry') {
      const text = line.toString('latin1', start, Math.min(line.length, start + 16))
      if (/^[0-9]{1,15}$/.test(text)) this.retryMs = Number(text)
    }
  }

  #dispatch(): void {
    const [first] = this.#data
    if (this.#id !== undefined) this.lastEventId = this.#id
    if (first) {
      const data = this.#data.length === 1 ? first : Buffer.concat(this.#data.flatMap((part, i) => (i === 0 ? [part] : [NEWLINE, part])))
      const event: { event?: string; id?: string; data: Buffer } = { data }
      if (this.#event) event.event = this.#event
      if (this.#id !== undefined) event.id = this.#id
      this.#emit(event)
    }
    this.#data = []
    this.#dataLength = 0
    this.#event = undefined
    this.#id = undefined
    this.#fields = 0
  }
}
