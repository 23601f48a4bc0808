// One request's walk: typed facts, a builder that refuses a wrong order, a runner that fails closed inside the audit bracket.

import type { Slice } from '../bridge/upstream.ts'
import type { LegacySession } from '../bridge/legacy-session.ts'
import type { Cancellation } from '../kernel/cancellation.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { Measure } from '../kernel/measure.ts'
import type { Principal } from '../kernel/principal.ts'
import type { RequestSpans, SpanFacts } from '../kernel/tracing.ts'
import type { Place } from '../limits/places.ts'
import type { Envelope, McpHeaders } from '../mcp/era.ts'
import type { JsonDoc, JsonNode } from '../mcp/json.ts'
import type { Message } from '../mcp/message.ts'
import type { Era } from '../mcp/revisions.ts'
import type { Obligations } from '../policy/obligations.ts'
import type { Inspected } from './inspected.ts'
import type { Noticed } from './noticed.ts'

/** An MCP endpoint: its own OAuth resource. */
export type Endpoint = {
  readonly kind: 'all' | 'server' | 'set' | 'admin'
  /** e.g. `/mcp`, `/servers/files/mcp`, `/sets/dev/mcp` */
  readonly path: string
  /** resource identifier: publicUrl + path; the only audience accepted */
  readonly resource: string
  /** upstreams reachable here, sorted; one for `server` */
  readonly aliases: readonly string[]
}

/** An answer of a legacy host to a server-to-client request. */
export type HostAnswer =
  | { readonly kind: 'result'; readonly result: Slice }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'gone' }

/** The way back to the host while one request runs. Everything here is bounded; a slow host loses notifications, never results. */
export interface HostLink {
  readonly cancellation: Cancellation
  /** relays one notification (complete JSON text) on this request's stream; false when it was dropped */
  notify(message: Buffer): boolean
  /** the request belongs to this legacy session: its answer may be resumed, and questions can be asked on its way */
  join?(session: LegacySession): void
  /** the intent is durable: an answer stream may begin */
  begin?(): void
  /** legacy hosts that can resume: the stream ends here and goes on when they come back for it */
  pause?(retryMs: number): void
  /** legacy hosts only: sends a server-to-client request on this request's stream (R100) */
  ask?(method: string, params: Buffer | undefined, timeoutMs: number): Promise<HostAnswer>
}

/** A request, notification, or transport act (`session/stream`, `session/end`, `session/reply`), bounded and well-formed, not yet judged. */
export type Received = {
  readonly requestId: string
  readonly traceId: string
  /** W3C traceparent for the upstream hop */
  readonly traceparent: string
  /** W3C tracestate for the upstream hop */
  readonly tracestate?: string | undefined
  /** where this request is traced */
  readonly spans?: RequestSpans | undefined
  /** monotonic milliseconds */
  readonly receivedMs: number
  readonly endpoint: Endpoint
  readonly headers: McpHeaders
  readonly authorization: string | undefined
  readonly address: string
  readonly method: string
  /** the HTTP request as a proof of possession has to name it, where it does not go to the endpoint itself (administration) */
  readonly target?: { readonly method: string; readonly url: string } | undefined
  readonly isRequest: boolean
  /** the whole message, for `session/reply` */
  readonly message?: Message | undefined
  readonly doc?: JsonDoc | undefined
  readonly params?: JsonNode | undefined
  readonly meta?: JsonNode | undefined
  readonly host: HostLink
  /** notifications relayed on the way; the outcome carries their count and rolling digest */
  readonly relayed: Relayed
  /** milliseconds until the intent was handed over, until it was durable, and in the stage that calls the upstream, for the record */
  decideMs?: number | undefined
  intentMs?: number | undefined
  upstreamMs?: number | undefined
  /** what all audit events of this exchange share, kept by the recorder between intent and outcome */
  recorded?: unknown
  /** the decision of the rules about it, as JSON text for the record; absent where there are no rules */
  judged?: string | undefined
  /** what inspection found in the arguments under an upstream's settings, of all of them or of their beginning */
  argumentsSeen?: { readonly inspected: Inspected; readonly by: object; readonly isWhole: boolean } | undefined
  /** what inspection found in what came back, for the record */
  noticed?: Noticed | undefined
  /** its right to go on ended while it ran (blocked, signed out): nothing more happens for it, and its answer is withheld */
  ended?: Stop | undefined
}
/** `digest` is SHA-256 over the digest before and the notification's bytes, base64url; '' before the first. `bytes`: of them and of questions. */
export type Relayed = { count: number; bytes: number; digest: string }

// Each fact is added by exactly one stage. A stage that needs a fact names it in its parameter.
/** `envelope` is empty for the legacy era. */
export type Classified = { readonly era: Era; readonly envelope: Envelope }
export type Authenticated = { readonly principal: Principal }
/** What permits it, for the record: ids of rules, or the role. */
export type Permit = { readonly rules: readonly string[] }
/** `rules`: ids of the rules that permit it, recorded with the intent. `obligations`: what they demand with it. */
export type Permitted = { readonly permit: Permit & { readonly obligations?: Obligations } }
/** What the host is, in either era: from the envelope, or from its session. */
export type Joined = {
  readonly hostFace: { readonly version: string; readonly capabilities: string; readonly clientInfo?: Buffer; readonly logLevel?: string }
  readonly session?: LegacySession
}
/** Held from right before the effect until the walk ends, or for as long as a parked call runs. */
export type Limited = { readonly place: Place }
export type Answered = { readonly answer: Answer }

export type Answer =
  | { readonly kind: 'result'; readonly result: Buffer; readonly outcome: 'ok' | 'error' | 'input' | 'task'; readonly sessionId?: string }
  /** `error` is the whole JSON-RPC error object as JSON text */
  | { readonly kind: 'error'; readonly error: Buffer; readonly code: number }
  /** an accepted notification or reply: 202 and no body; `session/end`: 200 */
  | { readonly kind: 'accepted' }
  /** a stream that stays open; `open` runs once the decision is durable */
  | { readonly kind: 'stream'; readonly owner: StreamOwner; open(stream: EventStream): void }

/** For whom a stream stays open: counted per principal, ended with the token. */
export type StreamOwner = { readonly principal: Principal; readonly endpoint: Endpoint; readonly sessionId?: string }

/** A long-lived event stream to a host. */
export interface EventStream {
  /** one complete JSON-RPC message; false when the stream is closed or was ended because the host is too slow */
  send(message: Buffer, eventId?: string): boolean
  /** sends a last message when given, then ends the stream */
  end(last?: Buffer): void
  onClose(listener: () => void): void
}

export interface Stage<Need, Add extends object> {
  readonly name: string
  /** True when running it can change something outside the gateway: the intent is made durable first. */
  readonly effect?: true
  // A property, not a method: parameters stay contravariant, so a wrong order does not compile.
  readonly run: (x: Need) => Add | Stop | Promise<Add | Stop>
}

export class Path<Have extends Received> {
  declare readonly have: Have // phantom: what a walk of this path is known to end with
  readonly stages: readonly Stage<never, object>[]
  private constructor(stages: readonly Stage<never, object>[]) {
    this.stages = stages
  }
  static start<From extends Received = Received>(): Path<From> {
    return new Path<From>([])
  }
  // Named `step`, never `then`: an object with `then` is awaited as a promise.
  step<Add extends object>(stage: Stage<Have, Add>): Path<Have & Add> {
    return new Path<Have & Add>([...this.stages, stage])
  }
}

/** The audit bracket. Every method resolves once its record is durable and rejects when it may not be. */
export interface Recorder {
  /** before anything leaves; `round` counts the retries made for a legacy host within one request */
  intent(x: Received, round: number): Promise<void>
  outcome(x: Received, end: { readonly stage: string; readonly answer?: Answer; readonly stop?: Stop }): Promise<void>
  refusal(x: Received, stage: string, stop: Stop): Promise<void>
  decision(x: Received, answer: Answer): Promise<void>
  /** a refusal of somebody unknown, or a 429: counted, written in aggregate, never awaited */
  count(x: Received, stop: Stop): void
  /** what a traced request says of itself, once it is over */
  traced(x: Received, end: Answer | Stop): SpanFacts
  /** a bug: logged with its cause, never shown */
  fault(x: Received, stage: string, cause: unknown): void
}

const AGGREGATED: ReadonlySet<string> = new Set([
  'address-limited',
  'client-limited',
  'limits-unavailable',
  'payload-limited',
  'principal-limited',
])

/** Walks a path. Never rejects: whatever breaks becomes a Stop. */
export async function walk<Have extends Received & Answered>(
  path: Path<Have>,
  received: Received,
  recorder: Recorder,
  measure: Measure,
): Promise<Answer | Stop> {
  // The facts are written onto the request itself: it belongs to this walk alone, and copying it cost more than any stage.
  const x = received as Received & Partial<Have & Joined & Limited>
  const { spans } = received
  let at = 'receive'
  let intended = false
  let stop: Stop | undefined
  try {
    let before = received.receivedMs
    for (const stage of path.stages as readonly Stage<object, object>[]) {
      at = stage.name
      if (stage.effect && !intended) {
        received.decideMs = before - received.receivedMs
        await recorder.intent(x, 0)
        intended = true
        received.host.begin?.()
        const durable = performance.now()
        spans?.stage('audit-intent', before, durable)
        received.intentMs = durable - before
        before = durable
      }
      if (received.ended) break
      const step = stage.run(x)
      const added = step instanceof Promise ? await step : step
      const now = performance.now()
      measure.stage(at, (now - before) / 1000)
      spans?.stage(at, before, now, isStop(added) ? added.stop : undefined)
      keepTime(received, at, now - before)
      before = now
      if (isStop(added)) {
        stop = added
        break
      }
      Object.assign(x, added)
    }
  } catch (cause) {
    recorder.fault(received, at, cause)
    stop = { stop: isAuditFault(cause) ? 'audit-unavailable' : 'internal-fault' }
  }
  // Whatever ended it: answered, stopped, thrown, ended from outside. A parked call keeps its place.
  x.place?.release()
  stop = received.ended ?? stop
  // What is in flight ends here, whatever became of it: its id is free again before the answer is seen.
  if (x.session && received.message?.kind === 'request') x.session.end(received.message.id, received.host.cancellation)
  const walked = { x, at, intended, ...(stop && { stop }) }
  if (!spans) return settled(walked, recorder)
  const before = performance.now()
  const end = await settled(walked, recorder)
  spans.stage('audit-outcome', before, performance.now())
  spans.end(recorder.traced(received, end))
  return end
}

async function settled(walked: Walked, recorder: Recorder): Promise<Answer | Stop> {
  try {
    return await settle(walked, recorder)
  } catch (cause) {
    recorder.fault(walked.x, 'settle', cause)
    return { stop: 'audit-unavailable' }
  }
}

function keepTime(x: Received, stage: string, ms: number): void {
  if (stage === 'call-upstream') x.upstreamMs = ms
}

type Walked = {
  readonly x: Received & Partial<Answered & Authenticated>
  readonly at: string
  readonly intended: boolean
  readonly stop?: Stop
}

async function settle({ x, at, intended, stop }: Walked, recorder: Recorder): Promise<Answer | Stop> {
  if (stop !== undefined) {
    if (intended) await recorder.outcome(x, { stage: at, stop })
    else if (x.principal === undefined || AGGREGATED.has(stop.stop)) recorder.count(x, stop)
    else if (stop.stop !== 'audit-unavailable') await recorder.refusal(x, at, stop)
    return stop
  }
  // A path that ended without an answer is a bug; its type forbids it.
  if (x.answer === undefined) return { stop: 'internal-fault' }
  if (intended) await recorder.outcome(x, { stage: at, answer: x.answer })
  else await recorder.decision(x, x.answer)
  return x.answer
}

const isAuditFault = (cause: unknown): boolean => cause instanceof Error && 'code' in cause && cause.code === 'audit-unavailable'
