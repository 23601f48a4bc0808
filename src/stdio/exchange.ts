// One request of the host and whatever comes back for it: exactly one answer, or none once the host cancelled it.

import { rawOf } from '../mcp/json.ts'
import { isMessageFault, readMessage } from '../mcp/message.ts'
import type { NotificationMessage, RequestMessage, ResponseMessage } from '../mcp/message.ts'
import { errorLine, type Failure } from './failures.ts'
import type { HostPipe } from './host-pipe.ts'

/** The gateway's own limits judge depth; this is the reader's ceiling. */
export const RELAYED = { maxDepth: 256 } as const

export type ExchangeEvents = {
  /** a question of a server; 2025 sessions only, absent = dropped */
  readonly question?: (message: RequestMessage) => Promise<void>
  /** a notification; the bytes to deliver, which may be others than came */
  readonly notification?: (message: NotificationMessage) => Buffer
  /** sees the answer before the host does; what it throws becomes the answer instead */
  readonly answer?: (message: ResponseMessage) => void
}

export class Exchange {
  readonly message: RequestMessage
  /** closes its HTTP exchange, whatever state it is in */
  readonly abort = new AbortController()
  readonly #pipe: HostPipe
  #isOver = false

  constructor(message: RequestMessage, pipe: HostPipe) {
    this.message = message
    this.#pipe = pipe
  }
  get id(): string {
    return this.message.id
  }
  get bytes(): Buffer {
    return this.message.doc.bytes
  }
  /** answered, failed or cancelled: nothing more goes to the host for this id (R40) */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The host wants no answer any more. */
  cancel(): void {
    this.#isOver = true
  }

  fail(failure: Failure): void {
    if (this.#isOver) return
    this.#isOver = true
    void this.#pipe.deliver(errorLine(this.id, failure))
  }

  /** Takes one message of its HTTP answer. `isRefusal`: it came with an error status, so an error without an id is the answer. */
  async receive(bytes: Buffer, isRefusal: boolean, events: ExchangeEvents = {}): Promise<void> {
    const message = readMessage(bytes, RELAYED)
    if (isMessageFault(message)) {
      this.#pipe.note(`the gateway sent an unreadable message, which was dropped (${message.detail})`)
      if (isRefusal || message.id === this.id)
        this.fail({ reason: 'answer-unusable', message: `the answer of the gateway is unreadable (${message.detail})` })
      return
    }
    switch (message.kind) {
      case 'batch':
        this.#pipe.note('the gateway sent a batch, which was dropped')
        return
      case 'request':
        if (events.question && !this.#isOver) await events.question(message)
        else this.#pipe.note('the gateway sent a request where none may come; it was dropped')
        return
      case 'notification':
        if (!this.#isOver) await this.#pipe.deliver(events.notification?.(message) ?? bytes)
        return
      case 'response':
        return this.#answered(message, isRefusal, events)
    }
  }

  async #answered(message: ResponseMessage, isRefusal: boolean, events: ExchangeEvents): Promise<void> {
    const isOurs = message.id === this.id || (message.id === undefined && isRefusal)
    if (!isOurs) this.#pipe.note('the gateway answered something that was not asked; it was dropped')
    if (!isOurs || this.#isOver) return
    events.answer?.(message)
    this.#isOver = true
    const { doc, error } = message
    if (message.id === this.id || !error) return this.#pipe.deliver(doc.bytes)
    // An error that came before the gateway could read the id, such as a body too large: a host can only use it with one.
    return this.#pipe.deliver(
      Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${this.id},"error":`), rawOf(doc, error), Buffer.from('}')]),
    )
  }
}
