// Ids of one request: its own id and its place in a distributed trace (W3C Trace Context).

import { member, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import type { RequestSpans, TraceContext } from '../kernel/tracing.ts'
import type { EdgeHeaders } from './edge.ts'

/** `traceparent` and `tracestate` are for the upstream hop; `spans` only where this request is traced. */
export type RequestTrace = {
  readonly requestId: string
  readonly traceId: string
  readonly traceparent: string
  readonly tracestate: string | undefined
  readonly spans: RequestSpans | undefined
}

/** `isWalked`: what is turned away at the door is never traced. */
export type TraceSource = (context: TraceContext, isWalked: boolean) => RequestTrace

/**
 * The context of one message: what its own `_meta` says counts before the headers of the HTTP request that carried it, which is then linked (MCP 2026-07-28
 * basic, `_meta`; SEP-414; OpenTelemetry's conventions for MCP). Strings of strangers: read by the trace source, as such of no meaning.
 */
export function contextOf(headers: EdgeHeaders, doc: JsonDoc | undefined, meta: JsonNode | undefined): TraceContext {
  const own = member(meta, 'traceparent')
  if (own?.kind !== 'string' || !doc) return headers
  const state = member(meta, 'tracestate')
  return {
    traceparent: textOf(doc, own),
    tracestate: state?.kind === 'string' ? textOf(doc, state) : undefined,
    link: headers.traceparent,
  }
}
