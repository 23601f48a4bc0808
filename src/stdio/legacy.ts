// 2025 sessions over Streamable HTTP (R45-R51): session id and revision on every request, resumed answers, DELETE at the end. A session that the gateway
// no longer knows (it was restarted) is begun anew with the host's own words: hosts on stdio have no way to do that.

import { Resumption } from '../adapters/upstream/resumption.ts'
import { isMessageFault, readMessage } from '../mcp/message.ts'
import type { NotificationMessage, RequestMessage, ResponseMessage } from '../mcp/message.ts'
import { AnswerStream } from './answer-stream.ts'
import { changesOf } from './changes.ts'
import { RELAYED, type Exchange, type ExchangeEvents } from './exchange.ts'
import { FailureFault, failureOf, LOST, statusFailure } from './failures.ts'
import type { Outgoing, Reply } from './gateway-http.ts'
import { SessionMemory } from './legacy-memory.ts'
import { ENDED, ENDED_RUNNING, sessionHeaders, sessionOf, stand, streamHeaders, type Session } from './legacy-session.ts'
import type { ListenOptions } from './listen.ts'
import { sendPatiently } from './patience.ts'
import { Questions } from './questions.ts'

const POST_MS = 10_000

export class LegacyLink {
  readonly #options: ListenOptions
  readonly #questions = new Questions()
  #memory: SessionMemory | undefined
  #current: Session | undefined
  #opening: Promise<Session> | undefined
  #generations = 0
  /** notifications and answers of the host go out one after the other, in its order */
  #posts: Promise<void> = Promise.resolve()

  constructor(options: ListenOptions) {
    this.#options = options
  }

  /** the negotiated revision; undefined until a session was begun */
  get version(): string | undefined {
    return this.#memory?.version
  }

  /** Never rejects: what goes wrong is the host's answer. */
  async request(exchange: Exchange): Promise<void> {
    try {
      if (exchange.message.method === 'initialize') await this.#initialize(exchange)
      else await this.#inSession(exchange)
    } catch (error) {
      exchange.fail(failureOf(error))
    }
  }

  async #initialize(exchange: Exchange): Promise<void> {
    void this.#leave()
    this.#memory = undefined
    const reply = await this.#send(exchange.bytes, undefined, exchange.abort.signal)
    const answer = (message: ResponseMessage): void => {
      const memory = SessionMemory.of(exchange.bytes, message)
      if (!memory) return
      this.#current = sessionOf(reply, memory.version, this.#generations++)
      this.#memory = memory
    }
    for await (const bytes of new AnswerStream().messages(reply)) await exchange.receive(bytes, reply.status >= 400, { answer })
    if (!exchange.isOver) throw new FailureFault(statusFailure(reply.status, this.#options.http.url, 'legacy'), false)
  }

  async #inSession(exchange: Exchange): Promise<void> {
    const session = await this.#ready()
    const reply = await this.#send(exchange.bytes, session, exchange.abort.signal)
    if (reply.status === 404 && session?.id !== undefined) {
      this.#over(session)
      throw new FailureFault(ENDED, false)
    }
    await this.#relay(exchange, reply, session)
  }

  /** Relays the answer of one request; a stream that breaks before it is taken up where it was (R50). */
  async #relay(exchange: Exchange, first: Reply, session: Session | undefined): Promise<void> {
    const { http } = this.#options
    const stream = new AnswerStream()
    const resumption = new Resumption()
    const events = this.#eventsOf(exchange, session)
    for (let reply: Reply | undefined = first; ; reply = await this.#resume(session, resumption.lastEventId, exchange.abort.signal)) {
      try {
        if (reply) for await (const bytes of stream.messages(reply)) await exchange.receive(bytes, reply.status >= 400, events)
      } catch (error) {
        if (!(error instanceof FailureFault) || error.failure !== LOST) throw error
      }
      if (exchange.isOver || exchange.abort.signal.aborted) return
      if (reply && !reply.events) throw new FailureFault(statusFailure(reply.status, http.url, 'legacy'), false)
      const pause = session ? resumption.next(stream, stream.heard) : undefined
      if (pause === undefined) throw new FailureFault(LOST, false)
      await this.#options.delay(pause, exchange.abort.signal)
    }
  }

  /** Undefined: not now; Resumption counts the attempts. */
  async #resume(session: Session | undefined, lastEventId: string | undefined, signal: AbortSignal): Promise<Reply | undefined> {
    if (!session) return undefined
    const outgoing = { method: 'GET', headers: streamHeaders(session, lastEventId) } as const
    const reply = await this.#options.http.send(outgoing, signal).catch(() => undefined)
    if (reply?.status !== 404) return reply?.events && reply
    this.#over(session)
    throw new FailureFault(ENDED_RUNNING, false)
  }

  #eventsOf({ message }: Exchange, session: Session | undefined): ExchangeEvents {
    if (!session) return {}
    return {
      question: question => this.#ask(question, session),
      notification: notification => this.#questions.notification(notification, session.generation),
      answer: answer => {
        if (answer.result) this.#memory?.remember(message)
      },
    }
  }

  async #ask(question: RequestMessage, session: Session): Promise<void> {
    if (this.#current === session) await this.#options.pipe.deliver(this.#questions.ask(question, session.generation))
  }

  /** A notification of the host. */
  notify(message: NotificationMessage): void {
    const isInitialized = message.method === 'notifications/initialized'
    const session = this.#current
    if (isInitialized) this.#memory?.begin(message.doc.bytes)
    if (!session) return this.#options.pipe.note('a notification of the host came while there was no session; it was dropped')
    this.#post(message.doc.bytes, session)
    if (isInitialized) void this.#posts.then(() => this.#stand(session))
  }

  /** R51: the notification cancels; once it is out, the answer is not waited for. */
  cancel(message: NotificationMessage, exchange: Exchange): void {
    if (this.#current) this.#post(message.doc.bytes, this.#current)
    void this.#posts.then(() => exchange.abort.abort())
  }

  /** The host's answer to a question. */
  answer(message: ResponseMessage): void {
    const session = this.#current
    const bytes = session && this.#questions.answer(message, session.generation)
    if (bytes) this.#post(bytes, session)
    else this.#options.pipe.note('the host answered something that is not asked (any more); it was dropped')
  }

  #post(bytes: Buffer, session: Session): void {
    const { pipe, http } = this.#options
    this.#posts = this.#posts
      .then(async () => {
        const signal = AbortSignal.any([session.ended.signal, AbortSignal.timeout(POST_MS)])
        const { status } = await http.send(outgoingOf(bytes, session), signal)
        if (status === 404 && session.id !== undefined) this.#over(session)
        else if (status >= 400) pipe.note(`the gateway did not take a message of the host (status ${status})`)
      })
      .catch((error: unknown) => {
        if (!session.ended.signal.aborted) pipe.note(`a message of the host was lost: ${failureOf(error).message}`)
      })
  }

  #stand(session: Session): Promise<void> {
    return stand(session, this.#options, { heard: bytes => this.#heard(bytes, session), over: () => this.#over(session) })
  }

  async #heard(bytes: Buffer, session: Session): Promise<void> {
    const { pipe } = this.#options
    const message = readMessage(bytes, RELAYED)
    if (isMessageFault(message)) pipe.note(`the gateway sent an unreadable message, which was dropped (${message.detail})`)
    else if (message.kind === 'request') await this.#ask(message, session)
    else if (message.kind === 'notification') await pipe.deliver(this.#questions.notification(message, session.generation))
    else pipe.note('the gateway answered something on the stream of notifications; it was dropped')
  }

  /** The gateway does not know the session: what the host was asked in it is void, and a new one begins. */
  #over(session: Session): void {
    if (this.#current !== session) return
    const { pipe } = this.#options
    this.#current = undefined
    session.ended.abort()
    for (const id of this.#questions.end(session.generation))
      void pipe.deliver(
        Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":"the session ended"}}`),
      )
    this.#ready().catch((error: unknown) => pipe.note(`no new session yet: ${failureOf(error).message}`))
  }

  /** The session to use, begun anew where it ended; undefined before the host's first `initialize`. */
  #ready(): Promise<Session | undefined> {
    if (this.#current || !this.#memory) return Promise.resolve(this.#current)
    return (this.#opening ??= this.#reopen(this.#memory).finally(() => (this.#opening = undefined)))
  }

  async #reopen(memory: SessionMemory): Promise<Session> {
    const { pipe, http } = this.#options
    const never = new AbortController().signal
    const reply = await this.#send(memory.initialize, undefined, never)
    let version: string | undefined
    for await (const bytes of new AnswerStream().messages(reply)) {
      const message = readMessage(bytes, RELAYED)
      if (!isMessageFault(message) && message.kind === 'response') version = SessionMemory.of(memory.initialize, message)?.version
    }
    if (version !== memory.version)
      throw new FailureFault(
        {
          reason: 'session-ended',
          message: 'the gateway began no new session like the one before',
          fix: 'start this server again in the host',
        },
        false,
      )
    const session = sessionOf(reply, version, this.#generations++)
    for (const bytes of memory.words()) {
      const { status } = await http.send(outgoingOf(bytes, session), never)
      if (status >= 400) pipe.note(`part of the former session was not restored (status ${status})`)
    }
    // The host may have begun a session of its own meanwhile: the gateway lets this one go when it is idle.
    if (this.#memory !== memory) throw new FailureFault(ENDED, false)
    this.#current = session
    void this.#stand(session)
    pipe.note('a new session was begun')
    for (const change of changesOf(memory.watched)) void pipe.deliver(change)
    return session
  }

  #send(bytes: Buffer, session: Session | undefined, signal: AbortSignal): Promise<Reply> {
    return sendPatiently(this.#options.http, outgoingOf(bytes, session), signal, this.#options.delay)
  }

  /** Ends the session, if there is one: what waits to go out, then DELETE, each within `deadlineMs`. Never rejects. */
  async close(deadlineMs: number): Promise<void> {
    const over = new AbortController()
    await Promise.race([this.#posts, this.#options.delay(deadlineMs, over.signal).catch(() => {})])
    over.abort()
    await this.#leave(deadlineMs)
  }

  async #leave(deadlineMs = POST_MS): Promise<void> {
    const session = this.#current
    this.#current = undefined
    session?.ended.abort()
    if (session?.id === undefined) return
    // The gateway forgets idle sessions by itself: a DELETE that is lost costs it a little memory for a while.
    const outgoing = { method: 'DELETE', headers: sessionHeaders(session) } as const
    await this.#options.http.send(outgoing, AbortSignal.timeout(deadlineMs)).catch(() => {})
  }
}

/** Streams are named first: the gateway then answers on one from the start, and whatever breaks can be taken up again. */
const outgoingOf = (body: Buffer, session: Session | undefined): Outgoing => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'text/event-stream, application/json', ...sessionHeaders(session) },
  body,
})
