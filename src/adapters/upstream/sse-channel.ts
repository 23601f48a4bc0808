// The deprecated HTTP+SSE transport of 2024-11-05 as a channel: one GET stream for what comes, POSTs to its endpoint for what goes (R35).

import type { IncomingHttpHeaders } from 'node:http'
import type { CallerCredential, CredentialRefusal } from '../../bridge/upstream.ts'
import type { Failure } from './calls.ts'
import { readChallenge } from './challenge.ts'
import type { Channel, ChannelEvents } from './channel.ts'
import type { HttpOrigin } from './http-origin.ts'
import type { HttpReply, ReplyFailure, ReplySink } from './http-reply.ts'
import { mediaTypeOf, stopOf, stopOfFailure } from './http-status.ts'

const ENDPOINT_MAX = 2048
/** Beyond `bufferBytes`: cancellations and answers must find their way when calls no longer do. */
const OWN_ROOM = 1024 * 1024

export type SseChannelSettings = {
  readonly url: string
  readonly connectMs: number
  readonly bufferBytes: number
  /** of the caller whose channel it is */
  readonly credential?: CallerCredential | undefined
}

/** Opens the stream and waits for its `endpoint` event. A refused credential is tried once more, fresh. */
export async function openSseChannel(origin: HttpOrigin, settings: SseChannelSettings, events: ChannelEvents): Promise<Channel | Failure> {
  for (let isAgain = false; ; isAgain = true) {
    const channel = new SseChannel(origin, settings, events)
    const alarm = origin.ticker.after(settings.connectMs, () => channel.giveUp())
    const failure = await channel.opened
    alarm.cancel()
    const { refusal } = channel
    if (!failure) return channel
    if (!refusal || !settings.credential) return failure
    const stop = await settings.credential.refused({ ...refusal, isAgain })
    if (stop) return { stop: stop.stop, detail: stop.detail ?? '', contact: 'reached' }
    if (isAgain || refusal.status === 403) return failure
  }
}

class SseChannel implements Channel, ReplySink {
  readonly opened: Promise<Failure | undefined>
  readonly #origin: HttpOrigin
  readonly #settings: SseChannelSettings
  readonly #events: ChannelEvents
  readonly #open: (failure: Failure | undefined) => void
  readonly #reply: HttpReply
  #endpoint: string | undefined
  #waitingBytes = 0
  #isOver = false
  readonly #sent: readonly string[]
  readonly lane: string | undefined
  /** set where the stream was refused with 401 or 403 */
  refusal: Omit<CredentialRefusal, 'isAgain'> | undefined

  constructor(origin: HttpOrigin, settings: SseChannelSettings, events: ChannelEvents) {
    this.#origin = origin
    this.#settings = settings
    this.#events = events
    const { promise, resolve } = Promise.withResolvers<Failure | undefined>()
    this.opened = promise
    this.#open = resolve
    this.lane = settings.credential?.id
    this.#sent = settings.credential?.headers() ?? []
    this.#reply = origin.stream(undefined, ['accept', 'text/event-stream', ...this.#sent], this)
  }

  head(status: number, headers: IncomingHttpHeaders): 'events' | 'skip' {
    if (status === 200 && mediaTypeOf(headers) === 'text/event-stream') return 'events'
    if (status === 401 || status === 403) this.refusal = { status, sent: this.#sent, challenge: readChallenge(headers) }
    const { stop, detail } = stopOf(status, headers)
    this.#fail({ stop, detail, contact: 'reached' })
    return 'skip'
  }

  message(bytes: Buffer, event: string | undefined): void {
    if (event === 'endpoint') this.#settleEndpoint(bytes)
    else if (this.#endpoint !== undefined && (event === undefined || event === 'message')) this.#events.message(bytes)
  }

  /** The endpoint must be of the same origin: anything else would send this upstream's messages, and its credential, elsewhere. */
  #settleEndpoint(bytes: Buffer): void {
    if (this.#endpoint !== undefined) return
    const base = new URL(this.#settings.url)
    const text = bytes.length > ENDPOINT_MAX ? '' : bytes.toString('utf8')
    const endpoint = URL.parse(text, base.href)
    if (text === '' || endpoint?.origin !== base.origin || endpoint.username !== '' || endpoint.password !== '') {
      this.#fail({ stop: 'upstream-invalid', detail: 'it named an endpoint of another origin', contact: 'reached' })
      return
    }
    this.#endpoint = endpoint.pathname + endpoint.search
    this.#open(undefined)
  }

  end(): void {
    this.#fail({ stop: 'upstream-lost', detail: 'its event stream ended', contact: 'lost' })
  }
  failed(failure: ReplyFailure): void {
    const { stop, detail } = stopOfFailure(failure)
    this.#fail({ stop, detail, contact: failure.kind === 'unreached' ? 'unreached' : 'lost' })
  }
  giveUp(): void {
    if (this.#endpoint === undefined) this.#fail({ stop: 'upstream-timeout', detail: 'it named no endpoint in time', contact: 'none' })
  }

  #fail(failure: Failure): void {
    if (this.#isOver) return
    this.#close()
    if (this.#endpoint === undefined) this.#open(failure)
    else this.#events.lost({ reason: failure.stop, detail: failure.detail, isCrash: true })
  }

  #close(): void {
    this.#isOver = true
    this.#reply.abort()
  }

  hasRoom(bytes: number): boolean {
    return this.#waitingBytes === 0 || this.#waitingBytes + bytes <= this.#settings.bufferBytes
  }

  write(message: Buffer): boolean {
    if (this.#isOver || this.#endpoint === undefined || !this.hasRoom(message.length - OWN_ROOM)) return false
    void this.#post(this.#endpoint, message)
    return true
  }

  async #post(path: string, message: Buffer): Promise<void> {
    this.#waitingBytes += message.length
    const status = await this.#status(path, message)
    this.#waitingBytes -= message.length
    if (this.#isOver) return
    // The message was not taken: whoever waits for its answer would wait in vain, and the channel is of no more use.
    if (status === 0 || status >= 400) {
      const detail = status === 0 ? 'its endpoint could not be reached' : `its endpoint answered with status ${status}`
      this.#fail({ stop: 'upstream-lost', detail, contact: 'lost' })
    } else this.#events.drained()
  }

  /** A 401 says that the message was not taken: it goes once more where there is a fresh credential. */
  async #status(path: string, message: Buffer): Promise<number> {
    const { credential, connectMs } = this.#settings
    const send = (sent: readonly string[]): Promise<number> => {
      const headers = [...sent, 'content-type', 'application/json', 'accept', 'application/json']
      return this.#origin.status({ method: 'POST', path, body: message, lane: this.lane }, headers, connectMs)
    }
    const sent = credential?.headers() ?? []
    const status = await send(sent)
    if (status !== 401 || !credential) return status
    const stop = await credential.refused({ status, sent, isAgain: false, challenge: {} })
    return stop ? status : send(credential.headers())
  }

  pause(): void {
    this.#reply.pause()
  }
  resume(): void {
    this.#reply.resume()
  }

  fail(detail: string): void {
    this.#fail({ stop: 'upstream-lost', detail, contact: 'lost' })
  }

  stop(): Promise<void> {
    const wasOver = this.#isOver
    this.#close()
    if (!wasOver) this.#events.lost({ reason: 'upstream-lost', detail: 'the connection was ended', isCrash: false })
    return Promise.resolve()
  }
}
