// The way back to the host for one POST: JSON when the answer comes first, an event stream once something else has to be said before it.

import type { ServerResponse } from 'node:http'
import type { LegacySession } from '../bridge/legacy-session.ts'
import type { ReplayStream } from '../bridge/replay.ts'
import { Cancellation } from '../kernel/cancellation.ts'
import { encodeSseEvent } from '../mcp/sse.ts'
import type { HostAnswer, HostLink } from '../pipeline/path.ts'
import { answerChannel, isCrowded, type SseChannel } from './sse-channel.ts'
import { cutUnread } from './unread.ts'

const JSON_TYPE = 'application/json'
/** Larger results are written in pieces instead of being copied once more. */
const COPY_LIMIT = 65_536
const CLOSE = Buffer.from('}')
const NOTHING = Buffer.alloc(0)
/** Time after which a legacy host reconnects to a broken answer stream. */
const RETRY_MS = 1000

/**
 * A modern host's disconnect cancels (R17). A legacy host's cancels nothing (R51): once its session is known, what it misses waits in the
 * replay buffer, and server-to-client requests travel on this stream.
 */
export class PostExchange implements HostLink {
  readonly cancellation = new Cancellation()
  readonly #res: ServerResponse
  #channel: SseChannel | undefined
  #session: LegacySession | undefined
  #stream: ReplayStream | undefined
  #isFinished = false
  /** ids of questions asked on the way */
  #questions: string[] | undefined
  readonly #isStreamWanted: boolean

  /** `isStreamWanted`: a legacy host gets an event stream from the start, so that it can resume whatever happens */
  constructor(res: ServerResponse, isStreamWanted = false) {
    this.#res = res
    this.#isStreamWanted = isStreamWanted
    res.on('close', () => {
      if (!this.#isFinished && !this.#session) this.cancellation.cancel('the client disconnected')
    })
  }

  join(session: LegacySession): void {
    this.#session = session
  }
  begin(): void {
    if (this.#isStreamWanted && this.#session) this.#replayed(this.#session)
  }
  /** Passes an upstream's pause on: only where a stream is open that the host can come back to. */
  pause(retryMs: number): void {
    if (!this.#stream?.isAttached || !this.#channel || this.#session?.version !== '2025-11-25') return
    this.#channel.write(encodeSseEvent(NOTHING, { id: `${this.#stream.id}-${this.#stream.last}`, retry: Math.max(1, Math.round(retryMs)) }))
    this.#stream.leave()
    this.#channel.end()
  }

  notify(message: Buffer): boolean {
    return !isCrowded(this.#res) && this.say(message)
  }
  /** what must not be dropped: answers of a batch */
  say(message: Buffer): boolean {
    if (this.#isFinished) return false
    if (this.#session) return this.#replayed(this.#session).send(message)
    if (this.#res.destroyed) return false
    this.#channel ??= answerChannel(this.#res)
    return this.#channel.write(encodeSseEvent(message))
  }

  ask(method: string, params: Buffer | undefined, timeoutMs: number): Promise<HostAnswer> {
    const session = this.#session
    if (!session) return Promise.resolve({ kind: 'gone' })
    return session.ask(rawId => {
      const body = params ? `,"params":${params.toString()}` : ''
      if (this.#isFinished) return false
      if (!this.#questions) this.cancellation.onCancel(() => this.#withdraw())
      ;(this.#questions ??= []).push(rawId)
      this.#replayed(session).send(Buffer.from(`{"jsonrpc":"2.0","id":${rawId},"method":${JSON.stringify(method)}${body}}`))
      return true
    }, timeoutMs)
  }

  /** The stream of a legacy answer: numbered, kept for a resume, primed so that a break before the first message can be resumed (R50). */
  #replayed(session: LegacySession): ReplayStream {
    if (this.#stream) return this.#stream
    const stream = (this.#stream = session.streams.open())
    if (this.#res.destroyed) return stream
    const channel = (this.#channel = answerChannel(this.#res, { 'Mcp-Session-Id': session.id }))
    const sink = {
      send: (id: string, message: Buffer) => channel.write(encodeSseEvent(message, { id })),
      end: () => channel.end(),
    }
    channel.onClose(() => stream.detach(sink))
    if (session.version === '2025-11-25') channel.write(encodeSseEvent(NOTHING, { id: `${stream.id}-0`, retry: RETRY_MS }))
    stream.attach(sink, 0)
    return stream
  }

  /** The last word: `head` is `{"jsonrpc":"2.0","id":1,"result":`, body what follows up to the closing brace. */
  finish(status: number, head: string, body: Buffer, headers?: Readonly<Record<string, string>>): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.#withdraw()
    if (this.#isStreamWanted && this.#session && status === 200) this.#replayed(this.#session)
    if (this.#stream) {
      this.#stream.send(Buffer.concat([Buffer.from(head), body, CLOSE]))
      this.#stream.end()
      // Somebody may have come back for the stream and taken it over; this response ends all the same.
      this.#channel?.end()
    } else if (this.#channel) {
      this.#channel.write(encodeSseEvent(Buffer.concat([Buffer.from(head), body, CLOSE])))
      this.#channel.end()
    } else if (!this.#res.destroyed) writeJson(this.#res, { status, head, body, ...(headers && { headers }) })
  }
  /** Nothing (more) is said: 202, or the end of a batch's stream. */
  close(status: number): void {
    if (this.#isFinished) return
    this.#isFinished = true
    this.#withdraw()
    this.#stream?.end()
    if (this.#channel) this.#channel.end()
    else if (!this.#res.headersSent && !this.#res.destroyed) this.#res.writeHead(status, { 'Content-Length': 0 }).end()
  }
  /** Nobody waits for the answers any more. */
  #withdraw(): void {
    for (const rawId of this.#questions ?? []) this.#session?.withdraw(rawId)
  }
  /** The answer is a standing stream that somebody else writes from now on. */
  handOver(): void {
    this.#isFinished = true
  }
}

/** One message of a 2025-03-26 batch (R52): all elements share one stream, which ends with the last answer. */
export class BatchElement implements HostLink {
  readonly cancellation = new Cancellation()
  readonly #shared: PostExchange
  readonly #done: () => void
  constructor(shared: PostExchange, done: () => void) {
    this.#shared = shared
    this.#done = done
  }
  notify(message: Buffer): boolean {
    return this.#shared.notify(message)
  }
  ask(method: string, params: Buffer | undefined, timeoutMs: number): Promise<HostAnswer> {
    return this.#shared.ask(method, params, timeoutMs)
  }
  finish(_status: number, head: string, body: Buffer): void {
    this.#shared.say(Buffer.concat([Buffer.from(head), body, CLOSE]))
    this.#done()
  }
  close(): void {
    this.#done()
  }
  handOver(): void {}
}

type Reply = { readonly status: number; readonly head: string; readonly body: Buffer; readonly headers?: Readonly<Record<string, string>> }

/** One JSON answer with its length; security headers on every answer. */
function writeJson(res: ServerResponse, { status, head, body, headers }: Reply): void {
  const before = Buffer.byteLength(head)
  const all: Record<string, string | number> = {
    'Content-Type': JSON_TYPE,
    'Content-Length': before + body.length + 1,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  }
  res.writeHead(status, all)
  if (body.length > COPY_LIMIT) {
    res.write(head)
    res.write(body)
    res.end(CLOSE)
    cutUnread(res)
    return
  }
  const bytes = Buffer.allocUnsafe(before + body.length + 1)
  bytes.write(head, 0)
  body.copy(bytes, before)
  bytes[before + body.length] = 0x7d
  res.end(bytes)
  cutUnread(res)
}
