// The audit bracket as events: who, what, which rule, and how it ended. No argument value is ever written, only digests and sizes, and what policies read to decide. What a
// rule asks to record is sealed elsewhere first (recorded-values.ts).

import type { Committing, EventEncoder, ExchangeText } from '../audit/encode.ts'
import type { EventUpstream } from '../audit/record.ts'
import type { AuditLog } from '../audit/log.ts'
import type { LegacySession } from '../bridge/legacy-session.ts'
import type { Reason, Stop } from '../kernel/errors.ts'
import { digestOf } from '../kernel/digest.ts'
import type { CallOutcome, Measure } from '../kernel/measure.ts'
import { rawOf } from '../mcp/json.ts'
import type { Aimed } from './administration.ts'
import type { Verified } from './catalogue.ts'
import type { RecordedRequest, ServerRequestRecorder } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import type { Answer, Authenticated, Classified, Joined, Permitted, Received, Recorder } from './path.ts'
import { answerBytes, argumentBytes, isRecorded, recordValue, type ValueDeps } from './recorded-values.ts'
import type { Labelled } from './stages/label-contents.ts'
import type { Prepared } from './stages/prepare-arguments.ts'
import type { Credentialed } from './stages/resolve-credential.ts'
import type { Routed } from './stages/resolve-route.ts'
import type { ServerVerified } from './stages/verify-server.ts'
import { traceFacts } from './trace-facts.ts'

/** Whatever of the facts is known by now. */
type Facts = Received &
  Partial<Classified & Authenticated & Joined & Routed & Permitted & Prepared & Aimed & Credentialed & Labelled & ServerVerified>

export type RecorderDeps = {
  readonly log: AuditLog
  readonly encoder: EventEncoder
  readonly measure: Measure
  /** counts a refusal of a stranger, or a 429 */
  readonly count: (reason: Reason, address: string) => void
  /** logs a fault with its cause; the caller sees `internal-fault` */
  readonly fault: (x: Received, stage: string, cause: unknown) => void
  /** monotonic milliseconds */
  readonly monotonic: () => number
  readonly recorded: ValueDeps
}

type End = { readonly stage: string; readonly answer: Answer | undefined; readonly stop: Stop | undefined }

const UNKEPT = { reason: 'audit-unavailable', stage: 'record', detail: 'what a rule asks to record cannot be kept' } as const

export function createRecorder(deps: RecorderDeps): Recorder & ServerRequestRecorder {
  const { log, encoder, measure } = deps
  const { describe, exchangeOf } = describer(encoder)
  const seconds = (x: Received): number => (deps.monotonic() - x.receivedMs) / 1000
  const measured = (x: Facts, outcome: CallOutcome): void =>
    measure.call(x.route?.entry.alias ?? 'none', outcome, seconds(x), x.spans?.traceId)

  const asked = (exchange: ExchangeText, request: RecordedRequest): Promise<void> => log.append(questionText(encoder, exchange, request))
  const ended = (x: Facts, { stage, answer, stop }: End, committing?: Committing): Promise<void> => {
    const outcome = stop ? 'stopped' : outcomeOf(answer)
    measured(x, outcome)
    if (stop) measure.refusal(stop.stop)
    const facts = { ...outcomeFacts(x, answer), outcome, reason: stop?.stop, stage: stop && stage, ms: seconds(x) * 1000 } as const
    return log.append(encoder.outcome(exchangeOf(x), facts, committing), undefined, x.requestId)
  }
  /** The log can be written, and what it is to commit to cannot be kept. */
  const unkept = (x: Facts): Promise<void> => log.append(encoder.refusal(describe(x), UNKEPT, x.judged))

  return {
    intent(x: Facts, round) {
      const write = (committing?: Committing): Promise<void> => {
        const beside = { policy: x.judged, findings: x.prepared?.findings, committing }
        return log.append(
          encoder.intent(exchangeOf(x), x.permit?.rules ?? [], (x.prepared?.state?.round ?? 0) + round, beside),
          x.requestId,
        )
      }
      if (!isRecorded(x, 'arguments')) return write()
      return recordValue(deps.recorded, x, 'arguments', argumentBytes(x)).then(write, async (cause: unknown) => {
        if (round === 0) await unkept(x)
        throw cause
      })
    },

    outcome(x: Facts, { stage, answer, stop }) {
      const bytes = stop ? undefined : answerBytes(answer)
      if (bytes === undefined || !isRecorded(x, 'result')) return ended(x, { stage, answer, stop })
      return recordValue(deps.recorded, x, 'result', bytes).then(
        committing => ended(x, { stage, answer, stop }, committing),
        async (cause: unknown) => {
          await ended(x, { stage: 'record', answer: undefined, stop: { stop: 'audit-unavailable' } })
          throw cause
        },
      )
    },

    refusal(x: Facts, stage, stop) {
      measured(x, 'refused')
      measure.refusal(stop.stop)
      return log.append(encoder.refusal(describe(x), { reason: stop.stop, stage, detail: stop.detail }, x.judged))
    },

    decision(x: Facts, answer) {
      measured(x, answer.kind === 'error' ? 'error' : 'ok')
      return log.append(encoder.decision(describe(x), { rules: x.permit?.rules ?? [], ms: seconds(x) * 1000 }, x.judged))
    },

    serverRequest: (x: Facts, request) => asked(exchangeOf(x), request),

    later(x: Facts) {
      const exchange = describe(x)
      return request => asked(exchange, request)
    },

    count(x, stop: Stop) {
      measure.refusal(stop.stop)
      deps.count(stop.stop, x.address)
    },
    traced: traceFacts,
    fault: deps.fault,
  }
}

type Describer = { readonly describe: (x: Facts) => ExchangeText; readonly exchangeOf: (x: Facts) => ExchangeText }

/** The members all events of one exchange share. */
function describer(encoder: EventEncoder): Describer {
  const sessions = new WeakMap<LegacySession, string>()
  const upstreams = new WeakMap<UpstreamEntry, { readonly by: Verified['by'] | undefined; readonly facts: EventUpstream }>()

  /** One object per server and what admits it, which the encoder keeps the text of. */
  function upstreamOf(entry: UpstreamEntry, by: Verified['by'] | undefined): EventUpstream {
    const known = upstreams.get(entry)
    if (known?.by === by && known) return known.facts
    const admitted: EventUpstream = by === 'configuration' ? { admitted: 'configuration' } : by === undefined ? {} : { surface: by }
    const facts = { ...entry.signed, ...admitted }
    upstreams.set(entry, { by, facts })
    return facts
  }

  function sessionDigest(session: LegacySession): string {
    let digest = sessions.get(session)
    if (digest === undefined) sessions.set(session, (digest = digestOf(session.id)))
    return digest
  }

  function describe(x: Facts): ExchangeText {
    const params = x.doc && x.params && rawOf(x.doc, x.params)
    return encoder.exchange({
      request: x.requestId,
      call: x.prepared?.state?.call ?? x.requestId,
      trace: x.traceId,
      session: x.session && sessionDigest(x.session),
      principal: x.principal,
      subject: {
        endpoint: x.endpoint.path,
        era: x.era ?? 'legacy',
        method: x.method,
        server: x.route?.entry.alias,
        name: x.route?.name ?? x.act?.target,
        definition: x.verified?.definition,
        paramsDigest: params && digestOf(params),
        paramsBytes: params?.length,
      },
      marks: x.labels,
      credential: x.caller?.credential?.id,
      upstream: x.route && upstreamOf(x.route.entry, x.verified?.by),
    })
  }
  /** Made once between intent and outcome: nothing that it says changes in between. */
  function exchangeOf(x: Facts): ExchangeText {
    return (x.recorded ??= describe(x)) as ExchangeText
  }
  return { describe, exchangeOf }
}

function outcomeOf(answer: Answer | undefined): 'ok' | 'error' | 'input' | 'task' {
  if (answer?.kind === 'result') return answer.outcome
  return answer?.kind === 'error' ? 'error' : 'ok'
}

function outcomeFacts(x: Facts, answer: Answer | undefined) {
  const result = answer?.kind === 'result' ? answer.result : undefined
  return {
    errorCode: answer?.kind === 'error' ? answer.code : undefined,
    resultBytes: result?.length,
    resultDigest: result && digestOf(result),
    notifications: x.relayed.count > 0 ? x.relayed : undefined,
    findings: x.noticed?.findings,
    redacted: x.noticed?.redacted,
    withheld: x.noticed?.withheld,
    timings: { decide: x.decideMs, intent: x.intentMs, upstream: x.upstreamMs },
  }
}

function questionText(encoder: EventEncoder, exchange: ExchangeText, request: RecordedRequest): string {
  const facts = {
    requestMethod: request.method,
    requestDigest: request.params && digestOf(request.params),
    decision: request.decision,
    reason: request.stop?.stop,
    rules: request.rules,
  }
  return encoder.serverRequest(exchange, facts, request)
}
