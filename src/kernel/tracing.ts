// What one traced request tells about itself, as a port: the pipeline says when something began and ended, adapters/telemetry makes spans of it (OpenTelemetry).
// A request that is not traced has no such object at all, so it costs one look at a member that is absent.

/** Where a request comes from in a distributed trace (W3C Trace Context): `link` is a second context, of the transport below, where the message brings its own. */
export type TraceContext = {
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
  readonly link?: string | undefined
}

/** One exchange with an upstream, from the request sent to its final answer. */
export type UpstreamSpan = {
  /** for the upstream: this span is the parent of whatever it does */
  readonly traceparent: string
  /** once; `error` as in `SpanFacts`. Also after the request itself has ended: a parked call goes on */
  end(error?: string): void
}

/** A request that is traced. Times are monotonic milliseconds. Nothing here throws, waits or is slower than a microsecond; what is too much is left out. */
export interface RequestSpans {
  readonly traceId: string
  /** one stage ran, or one record was waited for. `name` is of the code, never of a message */
  stage(name: string, startMs: number, endMs: number, error?: string): void
  upstream(facts: Pick<SpanFacts, 'method' | 'tool' | 'prompt' | 'upstream'>): UpstreamSpan
  /** the request is over; once */
  end(facts: SpanFacts): void
}

/**
 * All that a span can ever say. INVARIANT: each value is of a closed or a configured set, or a name of the catalogue; no argument, result, token, address, URI,
 * session or name of a person has a member here.
 */
export type SpanFacts = {
  /** a method of MCP, an act of administration, or `other` */
  readonly method: string
  /** the upstream's own name, at most 128 of the characters that names of tools may have; absent where it has others */
  readonly tool?: string | undefined
  readonly prompt?: string | undefined
  /** revision of MCP */
  readonly version?: string | undefined
  readonly endpoint?: 'all' | 'server' | 'set' | 'admin' | undefined
  /** alias */
  readonly upstream?: string | undefined
  readonly outcome?: string | undefined
  /** reason code of a refusal, `tool_error`, or the code of a JSON-RPC error; absent = it went well */
  readonly error?: string | undefined
  /** code of a JSON-RPC error of the upstream */
  readonly code?: number | undefined
  /** this gateway's id of the request, as logs and audit events have it */
  readonly request?: string | undefined
}
