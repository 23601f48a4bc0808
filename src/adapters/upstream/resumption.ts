// When a broken event stream may be taken up again (R50; MCP 2025-11-25 transports: Last-Event-ID, retry).

/** Attempts in a row that brought nothing. */
const ATTEMPTS_MAX = 5
const DEFAULT_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000

type Stream = { readonly lastEventId: string | undefined; readonly retryMs: number | undefined }

export class Resumption {
  #lastEventId: string | undefined
  #retryMs: number | undefined
  #attempts = 0
  #heard = 0

  get lastEventId(): string | undefined {
    return this.#lastEventId
  }

  /** Milliseconds to wait before the next attempt, or undefined: give up. `heard` counts the messages of all its streams. */
  next(stream: Stream, heard: number): number | undefined {
    this.#lastEventId = stream.lastEventId ?? this.#lastEventId
    this.#retryMs = stream.retryMs ?? this.#retryMs
    if (heard > this.#heard) this.#attempts = 0
    this.#heard = heard
    if (this.#lastEventId === undefined || ++this.#attempts > ATTEMPTS_MAX) return undefined
    return Math.min(this.#retryMs ?? DEFAULT_RETRY_MS, LONGEST_RETRY_MS)
  }
}
