// The messages of one answer of the gateway, a JSON body or an event stream, in order; remembers where an event stream can be taken up again.

import { SseReader } from '../mcp/sse-reader.ts'
import { FailureFault, LOST } from './failures.ts'
import { MESSAGE_MAX, tooLarge, type Reply } from './gateway-http.ts'

export class AnswerStream {
  /** of the last event that had one, over all replies (R50) */
  lastEventId: string | undefined
  /** pause the gateway asked for before the stream is taken up again */
  retryMs: number | undefined
  /** messages so far, over all replies */
  heard = 0

  /** Throws FailureFault when the stream breaks off. Ends without a fault when the gateway ended it, with or without an answer in it. */
  async *messages(reply: Reply): AsyncGenerator<Buffer> {
    const { body, events } = reply
    if (!events) {
      if (body.length > 0) {
        this.heard++
        yield body
      }
      return
    }
    let batch: Buffer[] = []
    const reader = new SseReader(({ data }) => batch.push(data), { maxLineBytes: MESSAGE_MAX, maxEventBytes: MESSAGE_MAX })
    try {
      for await (const chunk of events as AsyncIterable<Buffer>) {
        const fault = reader.push(chunk)
        this.lastEventId = reader.lastEventId ?? this.lastEventId
        this.retryMs = reader.retryMs ?? this.retryMs
        const ready = batch
        batch = []
        for (const data of ready) {
          // an event without data only carries an id (R50)
          if (data.length === 0) continue
          this.heard++
          yield data
        }
        if (fault) throw tooLarge()
      }
    } catch (error) {
      throw error instanceof FailureFault ? error : new FailureFault(LOST, false, { cause: error })
    }
  }
}
