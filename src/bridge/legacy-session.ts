// What a 2025-era host session remembers: negotiated facts, requests in flight, questions waiting for the host's answers.

import type { Cancellation } from '../kernel/cancellation.ts'
import { ShortLived } from '../kernel/short-lived.ts'
import type { LegacyVersion } from '../mcp/revisions.ts'
import type { ReplayStream, SessionStreams } from './replay.ts'
import type { Caller, Slice, UpstreamSubscription } from './upstream.ts'

/** An answer of the host to a server-to-client request; `gone` when the session ended or nobody answered in time. */
export type SessionAnswer =
  | { readonly kind: 'result'; readonly result: Slice }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'gone' }

type Waiting = { readonly settle: (answer: SessionAnswer) => void; readonly timer: NodeJS.Timeout }

/** Timers are handed in so that the room itself keeps no clock. */
export type Timers = { set(callback: () => void, ms: number): NodeJS.Timeout; clear(timer: NodeJS.Timeout): void }

/** `ids`: of the questions that sent the person there; `account`: see EntryCredential */
export type AwaitedAccount = { readonly account: string; readonly ids: Set<string>; stop(): void }

/** Maps are made when first needed: ten thousand idle sessions should cost little. */
export class LegacySession {
  readonly id: string
  readonly version: LegacyVersion
  /** raw JSON object text of the host's capabilities */
  readonly capabilities: string
  readonly clientInfo: Buffer | undefined
  /** level set by logging/setLevel; undefined = the host never asked, so everything the upstream sends by default passes */
  logLevel: string | undefined
  /** resource URIs (exposed names) subscribed by resources/subscribe */
  subscriptions: Set<string> | undefined
  /** live upstream subscriptions that feed this session's GET stream, per alias */
  feeds: Map<string, UpstreamSubscription> | undefined
  /** for whom each upstream is used in this session, by alias; released when it ends */
  readonly callers = new Map<string, Caller>()
  /** accounts that its person was sent to connect, by alias; let go of when it ends */
  awaited: Map<string, AwaitedAccount> | undefined
  /** the standalone GET stream, once opened; its events survive a reconnect */
  standalone: ReplayStream | undefined
  #streams: SessionStreams | undefined
  #makeStreams: () => SessionStreams
  #inFlight: ShortLived<Cancellation> | undefined
  #waiting: ShortLived<Waiting> | undefined
  #asked = 0
  #isClosed = false
  #timers: Timers

  constructor(
    fields: { id: string; version: LegacyVersion; capabilities: string; clientInfo?: Buffer },
    timers: Timers,
    makeStreams: () => SessionStreams,
  ) {
    this.id = fields.id
    this.version = fields.version
    this.capabilities = fields.capabilities
    this.clientInfo = fields.clientInfo
    this.#timers = timers
    this.#makeStreams = makeStreams
  }

  /** Replay buffers of this session's streams. */
  get streams(): SessionStreams {
    if (!this.#streams) {
      this.#streams = this.#makeStreams()
      if (this.#isClosed) this.#streams.close()
    }
    return this.#streams
  }
  /** It ended while a request of it was still running: nothing new is opened for it. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Registers a request under its raw id; false when that id is already in flight (R: ids are unique within a session). */
  begin(rawId: string, cancellation: Cancellation): boolean {
    this.#inFlight ??= new ShortLived()
    if (this.#inFlight.has(rawId)) return false
    this.#inFlight.set(rawId, cancellation)
    return true
  }
  end(rawId: string, cancellation: Cancellation): void {
    if (this.#inFlight?.get(rawId) === cancellation) this.#inFlight.delete(rawId)
  }
  get inFlight(): number {
    return this.#inFlight?.size ?? 0
  }
  /** notifications/cancelled: only requests of this very session can be meant (N103). */
  cancel(rawId: string, reason: string): boolean {
    const running = this.#inFlight?.get(rawId)
    running?.cancel(reason)
    return running !== undefined
  }

  /** A fresh id for a question and the promise of its answer. `send` is called with the id. */
  ask(send: (rawId: string) => boolean, timeoutMs: number): Promise<SessionAnswer> {
    if (this.#isClosed) return Promise.resolve({ kind: 'gone' })
    const rawId = `"gatehouse-${(this.#asked += 1)}"`
    return new Promise(resolve => {
      const settle = (answer: SessionAnswer): void => {
        const waiting = this.#waiting?.get(rawId)
        if (!waiting) return
        this.#waiting?.delete(rawId)
        this.#timers.clear(waiting.timer)
        resolve(answer)
      }
      const timer = this.#timers.set(() => settle({ kind: 'gone' }), timeoutMs)
      ;(this.#waiting ??= new ShortLived()).set(rawId, { settle, timer })
      if (!send(rawId)) settle({ kind: 'gone' })
    })
  }
  /** A posted response; false when nothing of this session waits for that id (N090). */
  answered(rawId: string, answer: SessionAnswer): boolean {
    const waiting = this.#waiting?.get(rawId)
    waiting?.settle(answer)
    return waiting !== undefined
  }

  /** The call that asked is over: nobody waits for the answer any more, and nothing of the call is kept for it. */
  withdraw(rawId: string): void {
    this.#waiting?.get(rawId)?.settle({ kind: 'gone' })
  }

  /** The session is over: everything in flight is cancelled, every question goes unanswered. */
  close(reason: string): void {
    this.#isClosed = true
    for (const cancellation of this.#inFlight?.values() ?? []) cancellation.cancel(reason)
    for (const waiting of this.#waiting?.values() ?? []) waiting.settle({ kind: 'gone' })
    for (const feed of this.feeds?.values() ?? []) feed.close()
    this.feeds = undefined
    for (const awaited of this.awaited?.values() ?? []) awaited.stop()
    this.awaited = undefined
    this.#streams?.close()
    this.#inFlight = undefined
  }
}
