// subscriptions/listen for a host on stdio: one subscription to the host, however often its stream ends (R79-R81). Streams end with their token, with the
// gateway's process, with the network; each is opened again, and what may have changed in between is announced as changed.

import { Backoff } from '../adapters/upstream/backoff.ts'
import { isJsonFault, member, rawOf, readJson } from '../mcp/json.ts'
import { isMessageFault, readMessage, type ResponseMessage } from '../mcp/message.ts'
import { META } from '../mcp/revisions.ts'
import { AnswerStream } from './answer-stream.ts'
import { changesOf, type Watched } from './changes.ts'
import { RELAYED, type Exchange } from './exchange.ts'
import { failureOf, statusFailure } from './failures.ts'
import type { GatewayHttp, Reply } from './gateway-http.ts'
import type { HostPipe } from './host-pipe.ts'
import { modernHeaders } from './modern.ts'
import { sendPatiently, type Delay } from './patience.ts'

export type ListenOptions = {
  readonly http: GatewayHttp
  readonly pipe: HostPipe
  readonly delay: Delay
  /** [0, 1) */
  readonly random: () => number
  /** milliseconds */
  readonly now: () => number
}

const LONGEST_PAUSE_MS = 30_000
/** A stream that lived this long was well: the next pause is a short one again. */
const WELL_MS = 10_000
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'

export class Listening {
  readonly #exchange: Exchange
  readonly #options: ListenOptions
  readonly #backoff: Backoff
  /** what the gateway said it would announce; undefined before its first acknowledgement */
  #watched: Watched | undefined

  constructor(exchange: Exchange, options: ListenOptions) {
    this.#exchange = exchange
    this.#options = options
    this.#backoff = new Backoff(options.random, LONGEST_PAUSE_MS)
  }

  /** Runs until the host cancels, or the gateway refuses the subscription. Never rejects. */
  async run(): Promise<void> {
    const { now, delay } = this.#options
    const { signal } = this.#exchange.abort
    while (!this.#isDone()) {
      const since = now()
      try {
        await this.#once(signal)
      } catch (error) {
        if (this.#isDone()) return
        if (!this.#watched) this.#exchange.fail(failureOf(error))
        else this.#options.pipe.note(`a subscription is interrupted and will be opened again: ${failureOf(error).message}`)
      }
      if (this.#isDone()) return
      if (now() - since >= WELL_MS) this.#backoff.reset()
      await delay(this.#backoff.nextMs(), signal).catch(() => {})
    }
  }

  #isDone(): boolean {
    return this.#exchange.isOver || this.#exchange.abort.signal.aborted
  }

  async #once(signal: AbortSignal): Promise<void> {
    const { http, delay } = this.#options
    const { message, bytes } = this.#exchange
    const outgoing = { method: 'POST', headers: modernHeaders(message), body: bytes } as const
    const reply = this.#watched ? await http.send(outgoing, signal) : await sendPatiently(http, outgoing, signal, delay)
    for await (const data of new AnswerStream().messages(reply)) await this.#take(data, reply)
    const isRefusal = !reply.events && !isPassing(reply.status)
    if (isRefusal || !this.#watched) this.#exchange.fail(statusFailure(reply.status, http.url, 'modern'))
  }

  async #take(data: Buffer, reply: Reply): Promise<void> {
    const message = readMessage(data, RELAYED)
    if (!isMessageFault(message) && message.kind === 'notification' && message.method === ACKNOWLEDGED) return this.#acknowledged(data)
    if (!isMessageFault(message) && message.kind === 'response' && this.#isPassing(message, reply)) return
    await this.#exchange.receive(data, reply.status >= 400)
  }

  /** Answers that end this stream, not the subscription: an end without a fault, or a refusal for now. Before the first acknowledgement the host hears every answer. */
  #isPassing({ error }: ResponseMessage, { status }: Reply): boolean {
    return this.#watched !== undefined && (!error || isPassing(status))
  }

  async #acknowledged(data: Buffer): Promise<void> {
    const { pipe } = this.#options
    const isFirst = this.#watched === undefined
    const watched = watchedOf(data)
    if (isFirst) {
      this.#watched = watched
      return pipe.deliver(data)
    }
    for (const change of changesOf(watched, stampOf(this.#exchange.id))) await pipe.deliver(change)
  }
}

const isPassing = (status: number): boolean => status === 429 || status >= 500
const stampOf = (id: string): string => `"_meta":{"${META.subscriptionId}":${id}}`

/** The honoured filter of an acknowledgement. */
function watchedOf(acknowledgement: Buffer): Watched {
  const doc = readJson(acknowledgement, { maxDepth: 256, indexDepth: 5 })
  if (isJsonFault(doc)) return { lists: [], uris: [] }
  const filter = member(member(doc.root, 'params'), 'notifications')
  const lists = (['tools', 'prompts', 'resources'] as const).filter(kind => member(filter, `${kind}ListChanged`)?.kind === 'true')
  const uris = member(filter, 'resourceSubscriptions')?.items ?? []
  return { lists, uris: uris.filter(uri => uri.kind === 'string').map(uri => rawOf(doc, uri).toString()) }
}
