// The place of a request in a distributed trace (W3C Trace Context): the caller's trace goes on upstream, a malformed one is replaced.

import { randomFillSync } from 'node:crypto'
import type { RequestSpans, TraceContext } from '../../kernel/tracing.ts'

/** `requestId` names this message in logs and audit events; `traceparent` is for the upstream hop, with a span id of our own. */
export type TraceIds = {
  readonly requestId: string
  readonly traceId: string
  readonly traceparent: string
  /** the caller's, as it came, where its trace goes on */
  readonly tracestate: string | undefined
  /** where this request is traced */
  readonly spans: RequestSpans | undefined
}

export type SpanContext = { readonly traceId: string; readonly spanId: string; readonly isSampled: boolean }

/** A traced request as it begins. */
export type Begun = {
  readonly requestId: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly tracestate: string | undefined
  readonly link: SpanContext | undefined
  readonly newSpanId: () => string
}

/** Who traces: decides once per request, and keeps what a traced one tells. */
export interface Tracer {
  /** `isParentSampled`: what the caller decided for its trace; undefined = there is none. Costs a comparison */
  isSampled(traceId: string, isParentSampled: boolean | undefined): boolean
  begin(begun: Begun): RequestSpans
}

const POOL_BYTES = 8192
// attacker-controlled: lower case only, fixed places, nothing around it (W3C Trace Context section 3.2.2). Later versions may add fields after a dash.
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,256})?$/
const ZERO_TRACE = '0'.repeat(32)
const ZERO_SPAN = '0'.repeat(16)

/** A valid traceparent, or undefined. */
export function parseTraceparent(value: string): SpanContext | undefined {
  if (value.length > 400) return undefined
  const match = TRACEPARENT.exec(value)
  if (match === null) return undefined
  const [, version, traceId = ZERO_TRACE, spanId = ZERO_SPAN, flags = '00', rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (traceId === ZERO_TRACE || spanId === ZERO_SPAN) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** Printable ASCII, within what everybody has to carry on (W3C Trace Context section 3.3.1.5). */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/

type Options = {
  /** who traces now; absent = nobody */
  readonly tracer?: () => Tracer | undefined
  readonly fillRandom?: (bytes: Buffer) => unknown
}

/**
 * Makes the ids of one request: from the host's `traceparent` where it is valid, else a fresh, unsampled trace. A new span id each time. Random bytes
 * are drawn in blocks: no system call per request. The span is not unique to an attacker-chosen trace id; nothing is keyed by it. Where somebody traces, the
 * sampled flag that goes on is what was decided here; else it is the host's.
 */
export function createTraceSource(
  newRequestId: () => string,
  { tracer = () => undefined, fillRandom = randomFillSync }: Options = {},
): (context: TraceContext, isWalked: boolean) => TraceIds {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
  let at = POOL_BYTES
  function hex(bytes: number): string {
    if (at + bytes > POOL_BYTES) {
      fillRandom(pool)
      at = 0
    }
    at += bytes
    return pool.toString('hex', at - bytes, at)
  }
  // An id of zeros is invalid and would be read as none.
  function idOf(bytes: number): string {
    for (;;) {
      const id = hex(bytes)
      if (!/^0+$/.test(id)) return id
    }
  }
  const newSpanId = (): string => idOf(8)

  return ({ traceparent, tracestate, link }, isWalked) => {
    const own = traceparent === undefined ? undefined : parseTraceparent(traceparent)
    const below = link === undefined ? undefined : parseTraceparent(link)
    const parent = own ?? below
    const traceId = parent?.traceId ?? idOf(16)
    const spanId = newSpanId()
    const requestId = newRequestId()
    const state = own && tracestate !== undefined && TRACESTATE.test(tracestate) ? tracestate : undefined
    const by = tracer()
    const isRecorded = by !== undefined && isWalked && by.isSampled(traceId, parent?.isSampled)
    const isSampled = by === undefined ? parent?.isSampled === true : isRecorded
    const spans = isRecorded
      ? by.begin({ requestId, traceId, spanId, parentId: parent?.spanId, tracestate: state, link: own && below, newSpanId })
      : undefined
    return { requestId, traceId, traceparent: `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`, tracestate: state, spans }
  }
}
