// Bounded replay of a legacy session's event streams (R50): events are numbered per stream, kept while they fit, replayed only to their own session.

/** Bytes held by all sessions together; shared by every buffer. */
export class ReplayBudget {
  used = 0
  readonly limit: () => number
  constructor(limit: () => number) {
    this.limit = limit
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
    this.#events.push({ n, message })
    this.#bytes += message.length
    this.#budget.used += message.length
    while (
      this.#events.length > 1 &&
      (this.#events.length > this.#limits.events || this.#bytes > this.#limits.bytes || this.#budget.used > this.#budget.limit())
    )
      this.#dropOldest()
    return this.#sink?.send(`${this.id}-${n}`, message) ?? false
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
  free(): void {
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
  constructor(budget: ReplayBudget, limits: ReplayLimits) {
    this.#budget = budget
    this.#limits = limits
  }
  open(): ReplayStream {
    const stream = new ReplayStream(`s${(this.#count += 1)}`, this.#budget, this.#limits)
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
  close(): void {
    for (const stream of [...this.#streams.values()]) {
      stream.end()
      this.drop(stream)
    }
  }
}
