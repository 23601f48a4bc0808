// Revocations as a stream: whoever listens gets those behind the last one known, then each as it comes. Nothing is kept for anybody but a number.

import type { Stop } from '../kernel/errors.ts'
import { neutral } from '../kernel/neutral-json.ts'
import { dateOf } from './official.ts'
import type { Revocation, RevocationLog, RevocationTarget } from './store.ts'

/** Where events go. `send`: false when it is closed, or its reader too slow; it is then closed by itself. */
export type FeedSink = {
  send(message: Buffer, eventId: string): boolean
  end(): void
  onClose(listener: () => void): void
}
type Event = { readonly sequence: number; readonly message: Buffer }
/** `after`: the last one sent; `isSending`: a read is under way, `isBehind`: another is due after it */
type Listener = { readonly sink: FeedSink; after: number; isSending: boolean; isBehind: boolean }

/** Events of one read, and of one stream in one go: whoever has missed more comes again with the last id. */
const MAX_EVENTS = 1000

/** As `GET /v1/revocations` shows one, without who revoked. */
export const revocationShown = ({ sequence, kind, target, reason, action, notBeforeSeconds, atSeconds }: Revocation): object => ({
  ...{ sequence, kind, target, reason, action },
  ...(notBeforeSeconds !== undefined && { notBefore: dateOf(notBeforeSeconds) }),
  revokedAt: dateOf(atSeconds),
})

/** The last number somebody knows, from `Last-Event-ID` or `since`; none = from the beginning. */
export function knownSequence(text: string | undefined): number | Stop {
  if (text === undefined || text === '') return 0
  return /^\d{1,15}$/.test(text) ? Number(text) : { stop: 'params-invalid', detail: 'expected the last sequence number that is known' }
}

/** The log itself, with word to whoever listens. */
export class RevocationFeed implements RevocationLog {
  readonly #log: RevocationLog
  readonly #listeners = new Set<Listener>()
  readonly #watchers = new Set<() => void>()
  constructor(log: RevocationLog) {
    this.#log = log
  }

  async append(revocation: Omit<Revocation, 'sequence'>): Promise<Revocation> {
    try {
      return await this.#log.append(revocation)
    } finally {
      // Also where it is not known whether it was kept: those who listen read what is there.
      this.#changed()
    }
  }
  since(sequence: number, limit: number): Promise<readonly Revocation[]> {
    return this.#log.since(sequence, limit)
  }
  blocking(kind: Revocation['kind']): Promise<readonly Revocation[]> {
    return this.#log.blocking(kind)
  }
  touching(targets: readonly RevocationTarget[]): Promise<readonly Revocation[]> {
    return this.#log.touching(targets)
  }

  /** Called after something was revoked; it never throws. Answers how to end it. */
  onChange(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Sends what is behind `after`, and from then on whatever comes, until the sink is closed. */
  follow(sink: FeedSink, after: number): void {
    const listener: Listener = { sink, after, isSending: false, isBehind: false }
    this.#listeners.add(listener)
    sink.onClose(() => this.#listeners.delete(listener))
    void this.#catchUp(listener, new Map())
  }
  get followers(): number {
    return this.#listeners.size
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher()
    // Most know the same last number: they share one read.
    const reads = new Map<number, Promise<readonly Event[]>>()
    for (const listener of this.#listeners) void this.#catchUp(listener, reads)
  }

  async #catchUp(listener: Listener, reads: Map<number, Promise<readonly Event[]>>): Promise<void> {
    if (listener.isSending) {
      listener.isBehind = true
      return
    }
    listener.isSending = true
    try {
      for (let isDue = true; isDue; isDue = wasBehind(listener)) {
        if (!(await this.#sendFrom(listener, reads))) return
        reads = new Map()
      }
    } catch {
      listener.sink.end() // it cannot be read now: whoever listens asks again, and is not left waiting for what happened
    } finally {
      listener.isSending = false
    }
  }

  /** False when the stream is over. */
  async #sendFrom(listener: Listener, reads: Map<number, Promise<readonly Event[]>>): Promise<boolean> {
    const { sink, after } = listener
    let read = reads.get(after)
    if (!read) reads.set(after, (read = this.#events(after)))
    const events = await read
    for (const { sequence, message } of events) {
      if (!sink.send(message, String(sequence))) return false
      listener.after = sequence
    }
    if (events.length < MAX_EVENTS) return true
    sink.end()
    return false
  }

  async #events(after: number): Promise<readonly Event[]> {
    const found = await this.#log.since(after, MAX_EVENTS)
    return found.map(revocation => ({
      sequence: revocation.sequence,
      message: Buffer.from(neutral(JSON.stringify(revocationShown(revocation)))),
    }))
  }
}

/** Whether something came while it was being sent to, and no more. */
function wasBehind(listener: Listener): boolean {
  const { isBehind } = listener
  listener.isBehind = false
  return isBehind
}
