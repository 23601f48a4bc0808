// Bounded replay of a legacy session's event streams (R50): events are numbered per stream, kept while they fit, replayed only to their own session.

/** Bytes held by all sessions together; shared by every buffer. */
export class ReplayBudget {
  used = 0
  readonly limit: () => number
  /** finished streams, oldest first */
  readonly #ended = new Set<ReplayStream>()
  constructor(limit: () => number) {
    this.limit = limit
  }
  /** A finished stream waits for a resume only while everything fits: the oldest of all give way, so that large answers cannot fill the memory. */
  keep(stream: ReplayStream): void {
    this.#ended.add(stream)
    for (const oldest of this.#ended) {
      if (this.used <= this.limit()) return
      oldest.free()
    }
  }
  forget(stream: ReplayStream): void {
    this.#ended.delete(stream)
  }
}

export type ReplayLimits = { readonly events: number; readonly bytes: number }

/** Where a stream's events go right now; false = it cannot take more. */
export type Sink = { send(eventId: string, message: Buffer): boolean; end(): void }

/** One stream of a session: a POST's answer stream, or the standalone GET stream. */
export class ReplayStream {
  readonly id: string
  #events: { n: number; message: Buffer }[] = []
  #bytes = 0
  #next = 1
  #ended = false
  #isFreed = false
  #sink: Sink | undefined
  readonly #budget: ReplayBudget
  readonly #limits: ReplayLimits

  constructor(id: string, budget: ReplayBudget, limits: ReplayLimits) {
    this.id = id
    this.#budget = budget
    this.#limits = limits
  }
  get isEnded(): boolean {
    return this.#ended
  }
  get isAttached(): boolean {
    return this.#sink !== undefined
  }
  /** Numbers, keeps and sends a message. The oldest kept ones give way; the newest (a final answer above all) stays. */
  send(message: Buffer): boolean {
    const n = this.#next++
    if (!this.#isFreed) this.#keep(n, message)
    return this.#sink?.send(`${this.id}-${n}`, message) ?? false
  }
  #keep(n: number, message: Buffer): void {
    this.#events.push({ n, message })
    this.#bytes += message.length
    this.#budget.used += message.length
    while (
      this.#events.length > 1 &&
      (this.#events.length > this.#limits.events || this.#bytes > this.#limits.bytes || this.#budget.used > this.#budget.limit())
    )
      this.#dropOldest()
  }
  #dropOldest(): void {
    const oldest = this.#events.shift()
    if (!oldest) return
    this.#bytes -= oldest.message.length
    this.#budget.used -= oldest.message.length
  }
  /** No more messages will come; kept ones can still be replayed until the stream is dropped. */
  end(): void {
    this.#ended = true
    this.#sink?.end()
    this.#sink = undefined
    if (!this.#isFreed) this.#budget.keep(this)
  }
  /** Sends everything after event `n`, then what comes. A sink attached before is let go. */
  attach(sink: Sink, after: number): void {
    this.#sink = undefined
    for (const event of this.#events) if (event.n > after) sink.send(`${this.id}-${event.n}`, event.message)
    if (this.#ended) sink.end()
    else this.#sink = sink
  }
  /** number of the newest event; 0 before the first */
  get last(): number {
    return this.#next - 1
  }
  /** Lets the attached sink go; what comes is kept for a resume. */
  leave(): void {
    this.#sink = undefined
  }
  detach(sink: Sink): void {
    if (this.#sink === sink) this.#sink = undefined
  }
  /** Nothing is kept of it any more, not even of what is still sent. */
  free(): void {
    this.#isFreed = true
    this.#budget.forget(this)
    this.#budget.used -= this.#bytes
    this.#bytes = 0
    this.#events = []
  }
}

const MAX_ENDED = 16

/** All streams of one session. Ended streams are kept for a resume, the oldest giving way. */
export class SessionStreams {
  readonly #streams = new Map<string, ReplayStream>()
  readonly #budget: ReplayBudget
  readonly #limits: ReplayLimits
  #count = 0
  #isClosed = false
  constructor(budget: ReplayBudget, limits: ReplayLimits) {
    this.#budget = budget
    this.#limits = limits
  }
  open(): ReplayStream {
    const stream = new ReplayStream(`s${(this.#count += 1)}`, this.#budget, this.#limits)
    if (this.#isClosed) {
      stream.free()
      return stream
    }
    this.#streams.set(stream.id, stream)
    let ended = 0
    for (const s of this.#streams.values()) if (s.isEnded) ended++
    for (const s of this.#streams.values()) {
      if (ended <= MAX_ENDED) break
      if (!s.isEnded) continue
      this.drop(s)
      ended--
    }
    return stream
  }
  drop(stream: ReplayStream): void {
    stream.free()
    this.#streams.delete(stream.id)
  }
  /** The stream and position a Last-Event-ID names, or undefined. attacker-controlled: compared as a literal, never as a pattern. */
  find(lastEventId: string): { readonly stream: ReplayStream; readonly after: number } | undefined {
    const dash = lastEventId.lastIndexOf('-')
    const stream = this.#streams.get(lastEventId.slice(0, dash))
    const digits = lastEventId.slice(dash + 1)
    const after = Number(digits)
    return stream && Number.isSafeInteger(after) && String(after) === digits ? { stream, after } : undefined
  }
  /** Streams of requests that outlive the session keep nothing. */
  close(): void {
    this.#isClosed = true
    for (const stream of [...this.#streams.values()]) {
      stream.end()
      this.drop(stream)
    }
  }
}
