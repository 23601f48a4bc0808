// One 2025 session as the bridge holds it, its headers, and its standing GET stream (R45-R50).

import { Backoff } from '../adapters/upstream/backoff.ts'
import { AnswerStream } from './answer-stream.ts'
import { FailureFault, failureOf, type Failure } from './failures.ts'
import type { Reply } from './gateway-http.ts'
import type { ListenOptions } from './listen.ts'

export type Session = {
  /** as the gateway gave it; absent = it gave none */
  readonly id: string | undefined
  readonly version: string
  /** 0 for the first of this process */
  readonly generation: number
  readonly ended: AbortController
}

/** R46: visible ASCII. */
const SESSION_ID = /^[\x21-\x7e]{1,512}$/
const VERSION = /^[\x21-\x7e]{1,64}$/
const LONGEST_PAUSE_MS = 30_000
const WELL_MS = 10_000

export const ENDED: Failure = {
  reason: 'session-ended',
  message: 'the gateway no longer knows this session, perhaps because it was restarted; a new one is begun',
  fix: 'send the request again',
}
export const ENDED_RUNNING: Failure = {
  reason: 'session-ended',
  message: 'the session ended before the answer came; the request may have been carried out',
  fix: 'look whether it was before you send it again',
}

/** From the answer to `initialize`. Throws FailureFault when its id or revision can stand in no header. */
export function sessionOf({ headers }: Reply, version: string, generation: number): Session {
  const id = headers['mcp-session-id']
  const isUsable = id === undefined || (typeof id === 'string' && SESSION_ID.test(id))
  if (!isUsable || !VERSION.test(version))
    throw new FailureFault({ reason: 'answer-unusable', message: 'the gateway began a session that no header can name' }, false)
  return { id, version, generation, ended: new AbortController() }
}

export const sessionHeaders = (session: Session | undefined): Record<string, string> =>
  session ? { ...(session.id !== undefined && { 'mcp-session-id': session.id }), 'mcp-protocol-version': session.version } : {}

/** Headers of a GET; with an event id it resumes that stream (R50). */
export const streamHeaders = (session: Session, lastEventId: string | undefined): Record<string, string> => ({
  accept: 'text/event-stream',
  ...sessionHeaders(session),
  ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
})

export type StandingEvents = {
  heard(bytes: Buffer): Promise<void>
  /** the gateway does not know the session any more */
  over(): void
}

/** The standing GET stream, for whatever belongs to no request (R49): opened again whenever it ends, until the session does. Never rejects. */
export async function stand(session: Session, { http, pipe, delay, now, random }: ListenOptions, events: StandingEvents): Promise<void> {
  const { signal } = session.ended
  const backoff = new Backoff(random, LONGEST_PAUSE_MS)
  const stream = new AnswerStream()
  for (;;) {
    const since = now()
    try {
      const reply = await http.send({ method: 'GET', headers: streamHeaders(session, stream.lastEventId) }, signal)
      if (reply.status === 404) events.over()
      if (reply.status === 404 || reply.status === 405) return
      if (reply.events) for await (const bytes of stream.messages(reply)) await events.heard(bytes)
      else pipe.note(`the stream of notifications was refused (status ${reply.status})`)
    } catch (error) {
      if (!signal.aborted) pipe.note(`the stream of notifications is interrupted: ${failureOf(error).message}`)
    }
    if (now() - since >= WELL_MS) backoff.reset()
    await delay(Math.max(backoff.nextMs(), Math.min(stream.retryMs ?? 0, LONGEST_PAUSE_MS)), signal).catch(() => {})
    if (signal.aborted) return
  }
}
