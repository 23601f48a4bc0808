// One permitted call as it runs: the upstream's notifications, its questions, its answer, in the shape the host's era has for them.

import {
  INPUT_METHODS,
  readInputRequired,
  readInputResponses,
  writeInputRequired,
  writeInputResponses,
  type InputRequired,
} from '../bridge/input-requests.ts'
import { ParkedCall, type ParkedFor, type Round } from '../bridge/parked.ts'
import { declaresTasks } from '../bridge/capabilities.ts'
import { inputParamsToLegacy, inputParamsToModern, inputRequestsOfUrlElicitation, notificationToHost } from '../bridge/translate-params.ts'
import { resultToLegacy, resultToModern } from '../bridge/translate-result.ts'
import type { StateFields } from '../bridge/request-state.ts'
import type { CallEvents, RunningCall, ServerRequest, Slice, UpstreamAnswer, UpstreamCall, UpstreamFace } from '../bridge/upstream.ts'
import type { Stop } from '../kernel/errors.ts'
import { digestOf } from '../kernel/digest.ts'
import { member, rawOf, textOf, type JsonDoc } from '../mcp/json.ts'
import { CODE } from '../mcp/revisions.ts'
import { setMember } from '../mcp/splice.ts'
import { askToConnect } from './ask-to-connect.ts'
import type { GatewayDeps } from './deps.ts'
import { errorAnswer, failedInput } from './failed-input.ts'
import { gate, gateMissing } from './gate.ts'
import { CANCEL, LiveQuestions, refuseQuestion, roundsExceeded } from './live-questions.ts'
import type { Answer, Answered } from './path.ts'
import type { Ready } from './ready.ts'
import { mintRoundState, type Rounds } from './round-state.ts'
import { exposeTask } from './task-names.ts'

type Deps = Pick<
  GatewayDeps,
  | 'recorder'
  | 'parked'
  | 'sealer'
  | 'catalogue'
  | 'now'
  | 'monotonic'
  | 'delay'
  | 'newId'
  | 'serverInfo'
  | 'scrub'
  | 'credentials'
  | 'callers'
>

export class Invocation {
  readonly #x: Ready
  readonly #deps: Deps
  readonly #face: UpstreamFace
  #live: LiveQuestions | undefined
  #running: RunningCall | undefined
  #parked: ParkedCall | undefined
  #round: number

  constructor(x: Ready, face: UpstreamFace, deps: Deps) {
    this.#x = x
    this.#face = face
    this.#deps = deps
    this.#round = x.prepared.state?.round ?? 0
  }

  async run(): Promise<Answered | Stop> {
    const { state, inputResponses } = this.#x.prepared
    if (state?.parkedCall !== undefined) return this.#resume(state.parkedCall, state.round, inputResponses)
    const retry = this.#retryOf()
    if (typeof retry === 'string') return { stop: 'state-invalid', detail: retry }
    return this.#finish(this.#call(retry))
  }

  /**
   * R77: only what was asked for travels on, with the upstream's own state verbatim (R73). Answers without state answer nothing of ours: they are
   * the host's own idea, and reach only a modern upstream that this principal's host may be asked by (N111).
   */
  #retryOf(): UpstreamCall['retry'] | string {
    const { state, inputResponses, face } = this.#x.prepared
    // The gateway had asked, for a connection; the upstream has heard of nothing yet.
    if (state?.isConnecting) return undefined
    if (!state) {
      if (!inputResponses || this.#face.era === 'legacy') return undefined
      if (face.kinds.size === 0) return 'nothing was asked'
      const volunteered = readInputResponses(inputResponses)
      return typeof volunteered === 'string' ? volunteered : { inputResponses: writeInputResponses(volunteered) }
    }
    const answers = readInputResponses(inputResponses, keysOf(state))
    if (typeof answers === 'string') return answers
    return {
      ...((inputResponses !== undefined || answers.size > 0) && { inputResponses: writeInputResponses(answers) }),
      ...(state.upstreamState !== undefined && { requestState: state.upstreamState }),
    }
  }

  #call(retry: UpstreamCall['retry'], headerParams = this.#x.prepared.headerParams): RunningCall {
    const { era, prepared, principal, route, method, hostFace, traceparent } = this.#x
    // 2025-11-25 logging: until a level is set the server decides what it sends, so between legacy peers that passes.
    const logLevel = hostFace.logLevel ?? (era === 'legacy' && this.#face.era === 'legacy' ? 'any' : undefined)
    const call: UpstreamCall = {
      caller: this.#x.caller,
      owner: principal.key,
      method,
      traceparent,
      headerParams,
      ...(prepared.params && { params: prepared.params }),
      ...(prepared.meta && { meta: prepared.meta }),
      ...(hostFace.clientInfo && { clientInfo: hostFace.clientInfo }),
      ...(logLevel !== undefined && { logLevel }),
      ...(route.kind !== 'method' && method !== 'completion/complete' && { name: route.name }),
      ...(retry && { retry }),
    }
    const running = (this.#running = route.entry.upstream.call(call, this.#events()))
    const forget = this.#x.host.cancellation.onCancel(reason => running.cancel(reason))
    void running.done.then(forget)
    return running
  }

  #events(): CallEvents {
    return {
      notification: (method, message) => this.#notify(method, message),
      request: request => void this.#question(request),
      interrupted: retryMs => this.#x.host.pause?.(retryMs),
    }
  }

  /** Progress only for a host that gave a token; logs only as the host's era and level allow (R86). */
  #notify(method: string, message: JsonDoc): void {
    if (method === 'notifications/progress' && this.#x.prepared.progressToken === undefined) return
    if (method === 'notifications/message' && this.#x.era === 'modern' && this.#x.hostFace.logLevel === undefined) return
    const bytes = notificationToHost(method, message, this.#x.era)
    if (!bytes || !this.#x.host.notify(bytes)) return
    const { relayed } = this.#x
    relayed.count += 1
    relayed.digest = digestOf(Buffer.concat([Buffer.from(relayed.digest), bytes]))
  }

  /** A live request of a legacy upstream: refused, asked at once (legacy host), or parked for the next round (modern host). */
  async #question(request: ServerRequest): Promise<void> {
    const question = { method: request.method, ...(request.params && { params: request.params }) }
    const stop = await gate(this.#x, question, this.#deps).catch((): Stop => ({ stop: 'audit-unavailable' }))
    if (stop) refuseQuestion(request, stop)
    else if (this.#x.era === 'modern') this.#park(request)
    else if (this.#x.host.ask) await this.#askLive(request)
    else request.refuse(CODE.methodNotFound, 'Method not found')
  }
  #askLive(request: ServerRequest): Promise<void> {
    this.#live ??= new LiveQuestions(this.#x)
    return this.#live.ask(request, () => this.#running?.cancel('too many input rounds'))
  }
  #park(request: ServerRequest): void {
    if (this.#parked) this.#parked.push(request)
    else request.refuse(CODE.methodNotFound, 'Method not found')
  }

  async #finish(running: RunningCall): Promise<Answered | Stop> {
    const { era, prepared, method } = this.#x
    if (this.#face.era === 'legacy' && era === 'modern' && prepared.face.kinds.size > 0 && INPUT_METHODS.has(method)) {
      this.#parked = new ParkedCall(this.#deps.newId(), heldOf(this.#x), running)
      return this.#rounds(this.#parked, await this.#parked.next(this.#deps.delay))
    }
    return this.#settle(await running.done)
  }

  /** R78: the answer that carries the questions ends this exchange without cancelling the call. */
  async #rounds(parked: ParkedCall, round: Round): Promise<Answered | Stop> {
    if (round.kind === 'final') return this.#settle(round.answer)
    const { entry } = this.#x.route
    if (round.round > entry.rounds) {
      this.#deps.parked.remove(parked)
      parked.abandon('too many input rounds')
      return roundsExceeded(entry)
    }
    if (!this.#deps.parked.add(parked, this.#deps.monotonic() + entry.parkMs)) {
      parked.abandon('too many calls wait for input')
      return { stop: 'upstream-overloaded', detail: 'too many calls wait for input', retryAfterSeconds: 5 }
    }
    const requests = round.requests.map(({ key, request }) => ({
      key,
      method: request.method,
      ...(request.params && { params: inputParamsToModern(request.method, request.params) }),
    }))
    const sealed = this.#seal({ round: round.round, asked: requests, parkedCall: parked.id })
    if (sealed !== undefined) return this.#answered(this.#withServerInfo(writeInputRequired(requests, sealed)), 'input')
    this.#deps.parked.remove(parked)
    parked.abandon('too many questions at once')
    return this.#invalid('more questions than fit into one round')
  }

  async #resume(parkedId: string, round: number, responses: Slice | undefined): Promise<Answered | Stop> {
    const parked = this.#deps.parked.find(parkedId, this.#x.principal.key)
    const answers = readInputResponses(responses, keysOf(this.#x.prepared.state))
    if (!parked || typeof answers === 'string') return { stop: 'state-invalid' }
    this.#parked = parked
    const forget = this.#x.host.cancellation.onCancel(reason => parked.running.cancel(reason))
    const next = parked.resume(round, digestOf(writeInputResponses(answers)), answers, this.#deps.delay)
    if (!next) return { stop: 'state-invalid' }
    try {
      return await this.#rounds(parked, await next)
    } finally {
      forget()
    }
  }

  async #settle(answer: UpstreamAnswer): Promise<Answered | Stop> {
    if (this.#live?.exceeded) return this.#live.exceeded
    if (answer.kind === 'stop') {
      const { stop, detail, retryAfterSeconds } = answer
      return askToConnect(
        this.#x,
        this.#x.route.entry,
        { stop, detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
        this.#deps,
      )
    }
    if (answer.kind === 'error') return this.#error(answer)
    if (this.#face.era === 'legacy') {
      if (this.#x.era === 'legacy') return this.#complete(answer.result, rawOf(answer.result.doc, answer.result.node))
      return this.#complete(answer.result, resultToModern(this.#x.method, answer.result, this.#deps.serverInfo))
    }
    const type = member(answer.result.node, 'resultType')
    switch (type?.kind === 'string' ? textOf(answer.result.doc, type) : undefined) {
      case 'complete':
        if (this.#x.route.kind === 'task') return this.#taskState(answer.result)
        // A reader that looks at this member instead of the type would take it for questions, which nobody judged.
        if (member(answer.result.node, 'inputRequests')) return this.#invalid('questions inside a complete result')
        return this.#complete(
          answer.result,
          this.#x.era === 'modern' ? this.#privately(answer.result) : await this.#legacyResult(answer.result),
        )
      case 'input_required':
        return this.#inputRequired(answer.result)
      case 'task':
        return this.#task(answer.result)
      default:
        return this.#invalid('a result of an unknown type')
    }
  }

  #complete(result: Slice, bytes: Buffer): Answered {
    const { endpoint, route, method } = this.#x
    const isError = member(result.node, 'isError')?.kind === 'true'
    return this.#answered(this.#deps.catalogue.rewriteResult(endpoint, route.entry.alias, method, bytes), isError ? 'error' : 'ok')
  }
  async #legacyResult(result: Slice): Promise<Buffer> {
    const { method, route } = this.#x
    const mayBeWrapped = method === 'tools/call' && member(result.node, 'structuredContent')?.kind === 'object'
    return resultToLegacy(method, result, mayBeWrapped && (await this.#deps.catalogue.isOutputWrapped(this.#x, route.entry, route.name)))
  }
  /** Lists and reads are judged per principal: no cache on the way may share them (R70). */
  #privately(result: Slice): Buffer {
    const scope = member(result.node, 'cacheScope')
    const bytes = rawOf(result.doc, result.node)
    return scope === undefined || textOf(result.doc, scope) === 'private' ? bytes : setMember(bytes, 'cacheScope', '"private"')
  }

  async #task(result: Slice): Promise<Answered | Stop> {
    const { era, method, prepared } = this.#x
    if (method !== 'tools/call') return this.#invalid('a task where the protocol has none')
    // R87: never to a host that did not declare the extension.
    if (era === 'legacy' || !declaresTasks(prepared.face.host))
      return failedInput(this.#x, 'the server answered with a task, which this client does not support')
    const stop = await this.#gateTask(result)
    if (stop) return stop
    const bytes = exposeTask(this.#deps.sealer, this.#x, this.#x.route.entry.alias, rawOf(result.doc, result.node))
    return bytes ? this.#answered(bytes, 'task') : this.#invalid('a task without an id')
  }

  /** R90: questions a task asks are gated like any other; they never travel unseen inside its state, the first one or a later one. */
  async #gateTask(result: Slice): Promise<Stop | undefined> {
    if (member(result.node, 'inputRequests') === undefined) return undefined
    const required = readInputRequired(result)
    if (typeof required === 'string') return this.#invalid(required)
    const stops = await Promise.all(required.requests.map(r => gate(this.#x, r, this.#deps)))
    return stops.find(s => s !== undefined)
  }

  async #taskState(result: Slice): Promise<Answered | Stop> {
    const stop = await this.#gateTask(result)
    if (stop) return stop
    const bytes = rawOf(result.doc, result.node)
    if (member(result.node, 'taskId') === undefined) return this.#answered(bytes, 'ok')
    const exposed = exposeTask(this.#deps.sealer, this.#x, this.#x.route.entry.alias, bytes)
    return exposed ? this.#answered(exposed, 'ok') : this.#invalid('a task without a usable id')
  }

  async #inputRequired(result: Slice): Promise<Answered | Stop> {
    const { method, route, era } = this.#x
    if (!INPUT_METHODS.has(method)) return this.#invalid('`input_required` where the protocol has none')
    const required = readInputRequired(result)
    if (typeof required === 'string') return this.#invalid(required)
    this.#round += 1
    if (this.#round > route.entry.rounds) return roundsExceeded(route.entry)
    const stops = await Promise.all(required.requests.map(r => gate(this.#x, r, this.#deps)))
    const stop = stops.find(s => s !== undefined)
    if (stop) return this.#withheld(stop)
    return era === 'modern' ? this.#handOver(result, required) : this.#askHost(required)
  }

  /** A question that may not be put: text the model can read for a legacy host's tool call, the refusal itself otherwise. */
  #withheld(stop: Stop): Answered | Stop {
    const { era, method } = this.#x
    return era === 'legacy' && method === 'tools/call' ? failedInput(this.#x, stop.detail ?? stop.stop) : stop
  }

  #handOver(result: Slice, required: InputRequired): Answered | Stop {
    const { requests, requestState } = required
    const sealed = this.#seal({ round: this.#round, asked: requests, ...(requestState !== undefined && { upstreamState: requestState }) })
    if (sealed === undefined) return this.#invalid('more questions and state than fit into one round')
    return this.#answered(setMember(rawOf(result.doc, result.node), 'requestState', JSON.stringify(sealed)), 'input')
  }

  /** A legacy host is asked on the stream of its own request; its answers make the next round (research/protocol.md section 2, A). */
  async #askHost(required: InputRequired): Promise<Answered | Stop> {
    const { host, route } = this.#x
    const answers = new Map<string, Buffer>()
    if (required.requests.length === 0) await this.#deps.delay(STATE_ONLY_PACE_MS)
    const replies = await Promise.all(
      required.requests.map(async r =>
        host.ask?.(r.method, r.params && inputParamsToLegacy(r.method, r.params, this.#deps.newId()), route.entry.parkMs),
      ),
    )
    for (const [i, request] of required.requests.entries()) {
      const reply = replies[i]
      if (reply?.kind === 'result') answers.set(request.key, rawOf(reply.result.doc, reply.result.node))
      else if (request.method === 'elicitation/create') answers.set(request.key, CANCEL)
      else
        return failedInput(
          this.#x,
          reply?.kind === 'error' ? `the client refused \`${request.method}\`` : `the client did not answer \`${request.method}\``,
        )
    }
    if (host.cancellation.isCancelled) return { stop: 'cancelled' }
    await this.#deps.recorder.intent(this.#x, this.#round)
    return this.#settle(
      await this.#call({
        ...(answers.size > 0 && { inputResponses: writeInputResponses(answers) }),
        ...(required.requestState !== undefined && { requestState: required.requestState }),
      }).done,
    )
  }

  async #error(answer: UpstreamAnswer & { kind: 'error' }): Promise<Answered | Stop> {
    if (answer.code === CODE.urlElicitationLegacy) return this.#urlElicitation(answer)
    if (answer.code === CODE.capabilityMissing && this.#face.era === 'modern') {
      const stop = await gateMissing(this.#x, answer.error, this.#deps)
      if (stop) return this.#withheld(stop)
    }
    return errorAnswer(this.#x, answer, { upstreamEra: this.#face.era, scrub: this.#deps.scrub })
  }

  /** -32042 of a 2025-11-25 upstream: url questions; the retry makes the call again (research/protocol.md section 2, B). */
  async #urlElicitation(answer: UpstreamAnswer & { kind: 'error' }): Promise<Answered | Stop> {
    const asked = inputRequestsOfUrlElicitation(answer.error)
    if (!asked || asked.length === 0) return this.#invalid('an elicitation error without elicitations')
    const stops = await Promise.all(asked.map(q => gate(this.#x, { method: 'elicitation/create', params: q.params }, this.#deps)))
    const stop = stops.find(s => s !== undefined)
    if (stop) return stop
    if (this.#x.era === 'legacy') return { answer: { kind: 'error', error: rawOf(answer.error.doc, answer.error.node), code: answer.code } }
    this.#round += 1
    if (this.#round > this.#x.route.entry.rounds) return roundsExceeded(this.#x.route.entry)
    const requests = asked.map((q, i) => ({
      key: `url-${i + 1}`,
      method: 'elicitation/create',
      params: rawOf(q.params.doc, q.params.node),
    }))
    const sealed = this.#seal({ round: this.#round, asked: requests })
    if (sealed === undefined) return this.#invalid('more questions than fit into one round')
    return this.#answered(this.#withServerInfo(writeInputRequired(requests, sealed)), 'input')
  }

  #seal(rounds: Rounds): string | undefined {
    const { route, prepared, requestId } = this.#x
    const asked = rounds.asked.map(({ key, method }) => ({ key, method }))
    const call = prepared.state?.call ?? requestId
    return mintRoundState(this.#deps.sealer, this.#x, { ...rounds, asked, call, nowMs: this.#deps.now(), lifeMs: route.entry.parkMs })
  }
  #withServerInfo(result: Buffer): Buffer {
    return setMember(result, '_meta', `{"io.modelcontextprotocol/serverInfo":${JSON.stringify(this.#deps.serverInfo)}}`)
  }
  #answered(result: Buffer, outcome: (Answer & { kind: 'result' })['outcome']): Answered {
    return { answer: { kind: 'result', result, outcome } }
  }
  #invalid(what: string): Stop {
    return { stop: 'upstream-invalid', detail: `\`${this.#x.route.entry.alias}\` sent ${what}` }
  }
}

const heldOf = ({ principal, route }: Ready): ParkedFor => ({
  principal: principal.key,
  issuer: principal.issuer,
  client: principal.client,
  sessionId: principal.sessionId,
  issuedAtSeconds: principal.issuedAtSeconds,
  alias: route.entry.alias,
  tool: route.kind === 'tool' ? route.name : undefined,
})
const keysOf = (state: StateFields | undefined): string[] => state?.asked.map(a => a.key) ?? []
/** A state-only round of a legacy host is retried after this pause, as the official SDK does. */
const STATE_ONLY_PACE_MS = 250
