// One request with room for every fact a walk may add: a fixed shape, so that adding a fact moves nothing in memory.

import type { Stop } from '../kernel/errors.ts'
import type { Endpoint, HostLink, Received, Relayed } from '../pipeline/path.ts'
import type { SingleMessage } from '../mcp/message.ts'
import type { JsonDoc, JsonNode } from '../mcp/json.ts'
import type { EdgeHeaders } from './edge.ts'
import type { RequestTrace } from './trace-source.ts'

export type Arrival = { readonly endpoint: Endpoint; readonly headers: EdgeHeaders; readonly address: string }

export class Exchange implements Received {
  readonly requestId: string
  readonly traceId: string
  readonly traceparent: string
  readonly tracestate: string | undefined
  readonly spans: Received['spans']
  readonly receivedMs: number
  readonly endpoint: Endpoint
  readonly headers: EdgeHeaders
  readonly authorization: string | undefined
  readonly address: string
  readonly method: string
  readonly isRequest: boolean
  readonly message: SingleMessage | undefined
  readonly doc: JsonDoc | undefined
  readonly params: JsonNode | undefined
  readonly meta: JsonNode | undefined
  readonly host: HostLink
  readonly relayed: Relayed = { count: 0, bytes: 0, digest: '' }
  decideMs: number | undefined = undefined
  intentMs: number | undefined = undefined
  upstreamMs: number | undefined = undefined
  recorded: unknown = undefined
  judged: string | undefined = undefined
  argumentsSeen: Received['argumentsSeen'] = undefined
  noticed: Received['noticed'] = undefined
  ended: Stop | undefined = undefined
  // Facts; see pipeline/path.ts and the stages for who adds which.
  protected era: unknown = undefined
  protected envelope: unknown = undefined
  protected principal: unknown = undefined
  protected isAdmitted: unknown = undefined
  protected hostFace: unknown = undefined
  protected session: unknown = undefined
  protected route: unknown = undefined
  protected permit: unknown = undefined
  protected needs: unknown = undefined
  protected isScoped: unknown = undefined
  protected filter: unknown = undefined
  protected verified: unknown = undefined
  protected prepared: unknown = undefined
  protected caller: unknown = undefined
  protected approved: unknown = undefined
  protected place: unknown = undefined
  protected labels: unknown = undefined
  protected isSpent: unknown = undefined
  protected answer: unknown = undefined
  protected ownLists: unknown = undefined

  constructor(
    arrival: Arrival,
    trace: RequestTrace,
    method: string,
    what: { readonly host: HostLink; readonly message?: SingleMessage | undefined },
  ) {
    this.requestId = trace.requestId
    this.traceId = trace.traceId
    this.traceparent = trace.traceparent
    this.tracestate = trace.tracestate
    this.spans = trace.spans
    this.receivedMs = performance.now()
    this.endpoint = arrival.endpoint
    this.headers = arrival.headers
    this.authorization = arrival.headers.authorization
    this.address = arrival.address
    this.method = method
    const { message } = what
    this.isRequest = message?.kind === 'request'
    this.message = message
    this.doc = message?.doc
    this.params = message?.kind === 'response' ? undefined : message?.params
    this.meta = message?.kind === 'response' ? undefined : message?.meta
    this.host = what.host
  }
}
