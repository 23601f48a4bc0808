// One permitted call as it runs: the upstream's notifications, its questions, its answer, in the shape the host's era has for them.

import { tracedMeta } from '../bridge/outgoing.ts'
import { INPUT_METHODS, readInputResponses, writeInputResponses } from '../bridge/input-requests.ts'
import type { StateFields } from '../bridge/request-state.ts'
import type { CallEvents, RunningCall, ServerRequest, Slice, UpstreamAnswer, UpstreamCall, UpstreamFace } from '../bridge/upstream.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { member, textOf } from '../mcp/json.ts'
import { CODE } from '../mcp/revisions.ts'
import { answersTo, answerTo } from './answers.ts'
import { askToConnect } from './ask-to-connect.ts'
import type { GatewayDeps } from './deps.ts'
import { errorAnswer } from './failed-input.ts'
import { gate, gateMissing, kindsNow, stillGated, type GateDeps } from './gate.ts'
import { HostRounds } from './host-rounds.ts'
import { LiveQuestions, permittedRequest, refuseQuestion } from './live-questions.ts'
import { ParkedRounds } from './parked-rounds.ts'
import type { Answered } from './path.ts'
import type { Ready } from './ready.ts'
import { Relay } from './relay.ts'
import { completed, invalid, taskMade, taskState, type ResultDeps } from './results.ts'
import { taskAnswers } from './task-questions.ts'
import { traceSubject } from './trace-facts.ts'

type Deps = ResultDeps &
  GateDeps &
  Pick<GatewayDeps, 'measure' | 'parked' | 'now' | 'monotonic' | 'delay' | 'newId' | 'scrub' | 'credentials' | 'callers' | 'inspectInTurns'>

export class Invocation {
  readonly #x: Ready
  readonly #deps: Deps
  readonly #face: UpstreamFace
  readonly #rounds: HostRounds
  readonly #relay: Relay
  #live: LiveQuestions | undefined
  #running: RunningCall | undefined
  #parked: ParkedRounds | undefined
  /** where people decide a question that was not put */
  #pending: Stop | undefined

  constructor(x: Ready, face: UpstreamFace, deps: Deps) {
    this.#x = x
    this.#face = face
    this.#deps = deps
    this.#relay = new Relay(x, deps, () => this.#running?.cancel('what it said cannot be inspected'))
    this.#rounds = new HostRounds(x, deps, async retry => this.#settle(await this.#call(retry).done))
  }

  async run(): Promise<Answered | Stop> {
    const { state, inputResponses } = this.#x.prepared
    if (state?.parkedCall !== undefined) return this.#parkedRounds().resume(state, inputResponses)
    const retry = await this.#retryOf()
    if (retry && 'stop' in retry) return retry
    return this.#finish(this.#call(retry))
  }

  /**
   * R77: only what was asked for travels on, with the upstream's own state verbatim (R73), and each answer as it was asked for. Answers without state answer
   * nothing of ours: they are the host's own idea, and no upstream hears of them (N111).
   */
  async #retryOf(): Promise<UpstreamCall['retry'] | Stop> {
    const { state, inputResponses, face } = this.#x.prepared
    if (this.#x.method === 'tasks/update') return taskAnswers(this.#x, this.#deps)
    // The gateway had asked; the upstream has heard of nothing yet.
    if (state?.own) return undefined
    if (!state) {
      if (inputResponses && this.#face.era === 'modern' && face.kinds.size === 0)
        return { stop: 'state-invalid', detail: 'nothing was asked' }
      const volunteered = readInputResponses(inputResponses)
      return typeof volunteered === 'string' ? { stop: 'state-invalid', detail: volunteered } : undefined
    }
    const answers = await this.#answersOf(state, inputResponses)
    if (isStop(answers)) return answers
    return {
      ...((inputResponses !== undefined || answers.size > 0) && { inputResponses: writeInputResponses(answers) }),
      ...(state.upstreamState !== undefined && { requestState: state.upstreamState }),
    }
  }

  async #answersOf(state: StateFields, responses: Slice | undefined): Promise<ReadonlyMap<string, Buffer> | Stop> {
    const kinds = kindsNow(this.#x, this.#deps)
    const asked = new Map(state.asked.filter(({ kind }) => kinds.has(kind)).map(each => [each.key, each]))
    const given = readInputResponses(responses, [...asked.keys()])
    return typeof given === 'string' ? { stop: 'state-invalid', detail: given } : answersTo(this.#x, { asked, given }, this.#deps)
  }

  #call(retry: UpstreamCall['retry']): RunningCall {
    const { era, prepared, principal, route, method, hostFace, spans, tracestate } = this.#x
    const span = spans?.upstream(traceSubject(this.#x))
    const meta = span ? tracedMeta(prepared.meta, span.traceparent) : prepared.meta
    // 2025-11-25 logging: until a level is set the server decides what it sends, so between legacy peers that passes.
    const logLevel = hostFace.logLevel ?? (era === 'legacy' && this.#face.era === 'legacy' ? 'any' : undefined)
    const call: UpstreamCall = {
      caller: this.#x.caller,
      owner: principal.key,
      method,
      traceparent: span?.traceparent ?? this.#x.traceparent,
      ...(tracestate !== undefined && { tracestate }),
      headerParams: prepared.headerParams,
      ...(prepared.params && { params: prepared.params }),
      ...(meta && { meta }),
      ...(hostFace.clientInfo && { clientInfo: hostFace.clientInfo }),
      ...(logLevel !== undefined && { logLevel }),
      ...(route.kind !== 'method' && method !== 'completion/complete' && { name: route.name }),
      ...(retry && { retry }),
    }
    const sentMs = performance.now()
    const running = (this.#running = route.entry.upstream.call(call, this.#events()))
    const forget = this.#x.host.cancellation.onCancel(reason => running.cancel(reason))
    void running.done.then(answer => {
      forget()
      this.#deps.measure.upstream(route.entry.alias, (performance.now() - sentMs) / 1000)
      span?.end(answer.kind === 'stop' ? answer.stop : answer.kind === 'error' ? String(answer.code) : undefined)
    })
    return running
  }

  #events(): CallEvents {
    return {
      notification: (method, message) => this.#relay.notify(method, message),
      request: request => void this.#question(request),
      interrupted: retryMs => this.#x.host.pause?.(retryMs),
    }
  }

  /** A live request of a legacy upstream: refused, asked at once (legacy host), or parked for the next round (modern host). */
  async #question(request: ServerRequest): Promise<void> {
    if (this.#parked) return this.#parked.question(request)
    const gated = await gate(this.#x, request, this.#deps).catch((): Stop => ({ stop: 'audit-unavailable' }))
    if (isStop(gated)) {
      if (gated.stop === 'approval-pending') this.#pending = gated
      refuseQuestion(request, gated)
    } else if (this.#x.era === 'legacy' && this.#x.host.ask) await this.#askLive(permittedRequest(request, gated))
    else request.refuse(CODE.methodNotFound, 'Method not found')
  }
  #askLive(request: ServerRequest): Promise<void> {
    this.#live ??= new LiveQuestions(this.#x, {
      stillGated: question => stillGated(this.#x, question, this.#deps),
      answerTo: ({ method, expects }, result) => answerTo(this.#x, { method, expects }, result, this.#deps),
    })
    return this.#live.ask(request, () => this.#running?.cancel('too many input rounds'))
  }
  #parkedRounds(): ParkedRounds {
    return (this.#parked = new ParkedRounds(this.#x, this.#deps, answer => this.#settle(answer)))
  }

  async #finish(running: RunningCall): Promise<Answered | Stop> {
    const { era, prepared, method } = this.#x
    const mayPark = this.#face.era === 'legacy' && era === 'modern' && prepared.face.kinds.size > 0 && INPUT_METHODS.has(method)
    return mayPark ? this.#parkedRounds().begin(running) : this.#settle(await running.done)
  }

  async #settle(answer: UpstreamAnswer): Promise<Answered | Stop> {
    if (this.#relay.idle) await this.#relay.idle
    if (this.#live?.exceeded) return this.#live.exceeded
    if (answer.kind === 'stop') {
      const { stop, detail, retryAfterSeconds } = answer
      const why = { stop, detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) }
      return askToConnect(this.#x, this.#x.route.entry, why, this.#deps)
    }
    const pending = this.#parked?.pending ?? this.#pending
    // What succeeded without the question stands: it would run twice otherwise.
    if (pending && hasFailed(answer)) return this.#rounds.withheld(pending)
    if (answer.kind === 'error') return this.#error(answer)
    const { result } = answer
    const [x, deps] = [this.#x, this.#deps]
    if (this.#face.era === 'legacy') return completed(x, deps, result, 'legacy')
    const type = member(result.node, 'resultType')
    switch (type?.kind === 'string' ? textOf(result.doc, type) : undefined) {
      case 'complete':
        if (x.route.kind === 'task') return taskState(x, deps, result)
        // A reader that looks at this member instead of the type would take it for questions, which nobody judged.
        if (member(result.node, 'inputRequests')) return invalid(x, 'questions inside a complete result')
        return completed(x, deps, result, 'modern')
      case 'input_required':
        return this.#rounds.required(result)
      case 'task':
        return taskMade(x, deps, result)
      default:
        return invalid(x, 'a result of an unknown type')
    }
  }

  async #error(answer: UpstreamAnswer & { kind: 'error' }): Promise<Answered | Stop> {
    if (answer.code === CODE.urlElicitationLegacy) return this.#rounds.urlElicitation(answer)
    if (answer.code === CODE.capabilityMissing && this.#face.era === 'modern') {
      const stop = await gateMissing(this.#x, answer.error, this.#deps)
      if (stop) return this.#rounds.withheld(stop)
    }
    return errorAnswer(this.#x, answer, { upstreamEra: this.#face.era, scrub: this.#deps.scrub })
  }
}

const hasFailed = (answer: UpstreamAnswer & { kind: 'error' | 'result' }): boolean =>
  answer.kind === 'error' || member(answer.result.node, 'isError')?.kind === 'true'
