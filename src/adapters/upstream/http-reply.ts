// One HTTP response, read with bounds: a JSON body, or server-sent events, or nothing but its status.

import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { noteMessage } from '../../kernel/large-buffers.ts'
import { SseReader } from '../../mcp/sse-reader.ts'

/** Why no more comes. `unreached`: no byte of the request left. `code`: the system's or undici's error code, never text of the upstream. */
export type ReplyFailure = { readonly kind: 'unreached' | 'lost' | 'too-large' | 'encoded'; readonly code: string }

export type ReplySink = {
  /** id of the credential its request carries: it shares connections only with requests of the same one (N027) */
  readonly lane?: string | undefined
  /** how to read the body; `skip` reads nothing of it */
  head(status: number, headers: IncomingHttpHeaders): 'json' | 'events' | 'skip'
  /** the whole JSON body, or the data of one event */
  message(bytes: Buffer, event: string | undefined): void
  /** the response is complete */
  end(): void
  /** instead of `end` */
  failed(failure: ReplyFailure): void
}

/** The connections a reply belongs to: told when its rest is nobody's business any more, and when that rest has come. */
type ReplyHome = { drain(reply: HttpReply): void; drained(reply: HttpReply): void }

/** What is read of a body nobody wants before its connection is given up instead. */
const SKIP_MAX = 65_536
const ABORTED = new Error('aborted by the gateway')

type Mode = 'head' | 'json' | 'events' | 'skip' | 'over'

export class HttpReply implements Dispatcher.DispatchHandler {
  readonly #origin: ReplyHome
  readonly #sink: ReplySink
  readonly #maxBytes: number
  #controller: Dispatcher.DispatchController | undefined
  #mode: Mode = 'head'
  #isAborted = false
  #first: Buffer | undefined
  #more: Buffer[] | undefined
  #bytes = 0
  #events: SseReader | undefined

  constructor(origin: ReplyHome, sink: ReplySink, maxBytes: number) {
    this.#origin = origin
    this.#sink = sink
    this.#maxBytes = maxBytes
  }

  /** Resumption of an event stream (R50). */
  get lastEventId(): string | undefined {
    return this.#events?.lastEventId
  }
  get retryMs(): number | undefined {
    return this.#events?.retryMs
  }

  /** Closes its connection: the cancel signal of 2026-07-28 (R17). The sink hears nothing more. Idempotent. */
  abort(): void {
    this.#mode = 'over'
    if (this.#isAborted) return
    this.#isAborted = true
    this.#controller?.abort(ABORTED)
  }

  /** The sink has what it needs: lets the response end by itself for a moment. The sink hears nothing more. */
  finish(): void {
    if (this.#mode === 'over') return
    this.#mode = 'skip'
    this.#first = undefined
    this.#more = undefined
    this.#bytes = 0
    this.#isFinished = true
    this.#origin.drain(this)
  }
  #isFinished = false

  pause(): void {
    this.#controller?.pause()
  }
  resume(): void {
    this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isAborted) controller.abort(ABORTED)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#mode !== 'head' || status < 200) return
    const encoding = headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity') {
      this.#fail({ kind: 'encoded', code: '' })
      return
    }
    if (Number(headers['content-length'] ?? 0) > this.#maxBytes) {
      this.#fail({ kind: 'too-large', code: '' })
      return
    }
    const mode = this.#sink.head(status, headers)
    // the sink may have aborted or finished it
    if (!this.#isAtHead()) return
    this.#mode = mode
    if (mode === 'events') {
      const limits = { maxLineBytes: this.#maxBytes + 64, maxEventBytes: this.#maxBytes }
      this.#events = new SseReader(event => this.#mode === 'events' && this.#sink.message(event.data, event.event), limits)
    }
  }

  #isAtHead(): boolean {
    return this.#mode === 'head'
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#mode === 'json') {
      this.#bytes += chunk.length
      if (this.#bytes > this.#maxBytes) {
        this.#fail({ kind: 'too-large', code: '' })
        return
      }
      if (!this.#first) this.#first = chunk
      else (this.#more ??= []).push(chunk)
    } else if (this.#mode === 'events') {
      if (this.#events?.push(chunk)) this.#fail({ kind: 'too-large', code: '' })
    } else if (this.#mode === 'skip') {
      this.#bytes += chunk.length
      if (this.#bytes > SKIP_MAX) this.#controller?.abort(ABORTED)
    }
  }

  onResponseEnd(): void {
    const mode = this.#mode
    this.#over()
    if (mode === 'over' || this.#isFinished) return
    if (mode === 'json') this.#sink.message(this.#body(), undefined)
    this.#sink.end()
  }

  #body(): Buffer {
    const first = this.#first ?? EMPTY
    noteMessage(this.#bytes)
    return this.#more ? Buffer.concat([first, ...this.#more], this.#bytes) : first
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const mode = this.#mode
    this.#over()
    if (mode === 'over' || this.#isFinished) return
    // A skipped body that ran too long is no failure of the exchange: its status said all.
    if (mode === 'skip') {
      this.#sink.end()
      return
    }
    const { code } = error as NodeJS.ErrnoException
    const kind = this.#controller ? 'lost' : 'unreached'
    this.#sink.failed({ kind, code: typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : '' })
  }

  #over(): void {
    this.#mode = 'over'
    if (this.#isFinished) this.#origin.drained(this)
  }

  #fail(failure: ReplyFailure): void {
    this.abort()
    this.#sink.failed(failure)
  }
}

const EMPTY = Buffer.alloc(0)
