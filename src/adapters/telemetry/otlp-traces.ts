// Spans as OTLP: names of attributes from OpenTelemetry's conventions for MCP, GenAI and RPC where they have one, ours begin with `gatehouse.`.

import type { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { SpanFacts } from '../../kernel/tracing.ts'
import type { OtlpResource } from './otlp-resource.ts'
import type { EndedSpan } from './spans.ts'
import type { SpanContext } from './trace.ts'

type ReadableSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number]
type Attributes = Record<string, string | number>

/** The closed list of attributes (docs/telemetry.md): nothing else is ever on a span. */
const ATTRIBUTES: Readonly<Record<keyof SpanFacts, string>> = {
  method: 'mcp.method.name',
  tool: 'gen_ai.tool.name',
  prompt: 'gen_ai.prompt.name',
  version: 'mcp.protocol.version',
  endpoint: 'gatehouse.endpoint.kind',
  upstream: 'gatehouse.upstream',
  outcome: 'gatehouse.outcome',
  error: 'error.type',
  code: 'rpc.response.status_code',
  request: 'gatehouse.request.id',
}
const NAMES = Object.entries(ATTRIBUTES) as readonly [keyof SpanFacts, string][]

const SAMPLED = 1
const ERROR = 2
const UNSET = 0

/** `wallMs` is the wall clock at the monotonic instant 0, milliseconds since the epoch. */
export function readableSpan(span: EndedSpan, resource: OtlpResource, wallMs: number): ReadableSpan {
  const { facts } = span
  const context = contextOf({ traceId: span.traceId, spanId: span.spanId, isSampled: true }, span.tracestate)
  return {
    name: span.name,
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the SDK's number, one below that of the wire
    kind: span.kind - 1,
    spanContext: () => context,
    ...(span.parentId !== undefined && {
      parentSpanContext: { traceId: span.traceId, spanId: span.parentId, traceFlags: SAMPLED, isRemote: span.kind === 2 },
    }),
    startTime: timeOf(wallMs + span.startMs),
    endTime: timeOf(wallMs + span.endMs),
    duration: timeOf(span.endMs - span.startMs),
    // A reason says what happened; nobody's words are repeated.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- numbers of the wire, named above
    status: { code: facts.error === undefined ? UNSET : ERROR },
    attributes: attributesOf(facts),
    links: span.link ? [{ context: contextOf(span.link) }] : [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

const SCOPE = { name: 'gatehouse' }

function attributesOf(facts: Partial<SpanFacts>): Attributes {
  const attributes: Attributes = {}
  for (const [fact, name] of NAMES) {
    const value = facts[fact]
    // The conventions have a JSON-RPC code as text.
    if (value !== undefined) attributes[name] = fact === 'code' ? String(value) : value
  }
  if (facts.method === 'tools/call') attributes['gen_ai.operation.name'] = 'execute_tool'
  return attributes
}

function contextOf({ traceId, spanId, isSampled }: SpanContext, tracestate?: string): ReturnType<ReadableSpan['spanContext']> {
  const state = tracestate === undefined ? {} : { traceState: stateOf(tracestate) }
  return { traceId, spanId, traceFlags: isSampled ? SAMPLED : 0, ...state }
}

/** Carried on as it came; of its kind the serializer asks for the text alone. */
function stateOf(text: string): NonNullable<ReturnType<ReadableSpan['spanContext']>['traceState']> {
  const state = { serialize: () => text, get: () => undefined, set: () => state, unset: () => state }
  return state
}

/** Seconds and nanoseconds. */
export function timeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}
