// Ids of one request: its own id and its place in a distributed trace (W3C Trace Context).

export type RequestTrace = { readonly requestId: string; readonly traceId: string; readonly traceparent: string }
