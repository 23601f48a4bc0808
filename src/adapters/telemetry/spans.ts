// What one traced request tells, kept as it comes and handed over whole: nothing is encoded, sent or waited for here.

import type { RequestSpans, SpanFacts, UpstreamSpan } from '../../kernel/tracing.ts'
import type { Begun, SpanContext } from './trace.ts'

/** Kinds of OpenTelemetry's spans, as the wire numbers them (opentelemetry/proto/trace/v1). */
const KIND = { internal: 1, server: 2, client: 3 } as const

/** A span that has ended. Times are monotonic milliseconds of this process. */
export type EndedSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly kind: (typeof KIND)[keyof typeof KIND]
  readonly startMs: number
  readonly endMs: number
  readonly facts: Partial<SpanFacts>
  readonly tracestate?: string | undefined
  readonly link?: SpanContext | undefined
}

/** Spans below one request, at most; a call with more rounds than that tells of the first. */
const MAX_CHILDREN = 64

export class RecordedRequest implements RequestSpans {
  readonly traceId: string
  readonly #begun: Begun
  readonly #startMs = performance.now()
  readonly #ended: (spans: readonly EndedSpan[]) => void
  #spans: EndedSpan[] | undefined = []
  /** of the stage that runs, once something below it asked for it */
  #stageId: string | undefined

  /** `ended` takes what has ended, once for the request and once for each exchange that outlived it */
  constructor(begun: Begun, ended: (spans: readonly EndedSpan[]) => void) {
    this.traceId = begun.traceId
    this.#begun = begun
    this.#ended = ended
  }

  stage(name: string, startMs: number, endMs: number, error?: string): void {
    const spanId = this.#stageId ?? this.#begun.newSpanId()
    this.#stageId = undefined
    this.#keep({ ...this.#below(this.#begun.spanId), spanId, name, kind: KIND.internal, startMs, endMs, facts: { error } })
  }

  upstream(facts: Pick<SpanFacts, 'method' | 'tool' | 'prompt' | 'upstream'>): UpstreamSpan {
    const { traceId } = this
    const spanId = this.#begun.newSpanId()
    const parentId = (this.#stageId ??= this.#begun.newSpanId())
    const startMs = performance.now()
    const at = { ...this.#below(parentId), spanId, name: nameOf(facts), kind: KIND.client, startMs }
    return {
      traceparent: `00-${traceId}-${spanId}-01`,
      end: error => this.#keep({ ...at, endMs: performance.now(), facts: { ...facts, error } }),
    }
  }

  end(facts: SpanFacts): void {
    const spans = this.#spans
    if (!spans) return
    this.#spans = undefined
    const { traceId, spanId, parentId, tracestate, link } = this.#begun
    const own = { traceId, spanId, parentId, tracestate, link, name: nameOf(facts), kind: KIND.server }
    spans.push({ ...own, startMs: this.#startMs, endMs: performance.now(), facts })
    this.#ended(spans)
  }

  #below(parentId: string): Pick<EndedSpan, 'traceId' | 'parentId' | 'tracestate'> {
    return { traceId: this.traceId, parentId, tracestate: this.#begun.tracestate }
  }
  #keep(span: EndedSpan): void {
    if (!this.#spans) this.#ended([span])
    else if (this.#spans.length < MAX_CHILDREN) this.#spans.push(span)
  }
}

/** `tools/call echo`: a method and a name of the catalogue, both of few values (OpenTelemetry's conventions for MCP). */
const nameOf = ({ method, tool, prompt }: Pick<SpanFacts, 'method' | 'tool' | 'prompt'>): string => {
  const target = tool ?? prompt
  return target === undefined ? method : `${method} ${target}`
}
