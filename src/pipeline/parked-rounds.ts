// A legacy upstream's live questions for a modern host: the call is parked, each round hands out what is open, each retry answers (R78).

import { kindOf, readInputResponses, writeInputRequired, writeInputResponses } from '../bridge/input-requests.ts'
import { ParkedCall, type ParkedFor, type Round } from '../bridge/parked.ts'
import type { StateFields } from '../bridge/request-state.ts'
import { inputParamsToModern } from '../bridge/translate-params.ts'
import type { RunningCall, ServerRequest, Slice, UpstreamAnswer } from '../bridge/upstream.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { digestOf } from '../kernel/digest.ts'
import { answersTo } from './answers.ts'
import type { GatewayDeps } from './deps.ts'
import { withServerInfo } from './host-rounds.ts'
import { gate, kindsNow, stillGated, type GateDeps } from './gate.ts'
import { permittedRequest, refuseQuestion, roundsExceeded } from './live-questions.ts'
import type { Answered } from './path.ts'
import type { Ready } from './ready.ts'
import { answered, invalid } from './results.ts'
import { keysOf, sealRound } from './round-state.ts'

type Deps = GateDeps & Pick<GatewayDeps, 'parked' | 'sealer' | 'now' | 'monotonic' | 'delay' | 'newId' | 'serverInfo'>

export class ParkedRounds {
  readonly #x: Ready
  readonly #deps: Deps
  readonly #settle: (answer: UpstreamAnswer) => Promise<Answered | Stop>
  #parked: ParkedCall | undefined
  /** where people decide a question that was not put, for as long as they have not */
  pending: Stop | undefined

  /** `settle` makes the upstream's last word an answer */
  constructor(x: Ready, deps: Deps, settle: (answer: UpstreamAnswer) => Promise<Answered | Stop>) {
    this.#x = x
    this.#deps = deps
    this.#settle = settle
  }

  /** A question of the upstream, whichever round it comes in: the latest one's principal is asked, and its rules judge (a later token may permit less). */
  question(request: ServerRequest): Promise<void> {
    return this.#parked?.question(request) ?? Promise.resolve()
  }
  #take(parked: ParkedCall): void {
    this.#parked = parked
    parked.question = async request => {
      const gated = await gate(this.#x, request, this.#deps).catch((): Stop => ({ stop: 'audit-unavailable' }))
      if (isStop(gated)) {
        if (gated.stop === 'approval-pending') this.pending = gated
        refuseQuestion(request, gated)
      } else parked.push(permittedRequest(request, gated))
    }
  }

  /** A call that has just left and may ask. */
  async begin(running: RunningCall): Promise<Answered | Stop> {
    const parked = new ParkedCall(this.#deps.newId(), heldOf(this.#x), running)
    this.#take(parked)
    return this.#end(parked, await parked.next(this.#deps.delay))
  }

  /** The host came back with its state and its answers. */
  async resume(state: StateFields, responses: Slice | undefined): Promise<Answered | Stop> {
    const { principal, host } = this.#x
    const parked = this.#deps.parked.find(state.parkedCall ?? '', principal.key)
    const given = readInputResponses(responses, keysOf(state))
    // A state of an earlier round takes nothing over and withdraws nothing.
    if (!parked?.expects(state.round) || typeof given === 'string') return { stop: 'state-invalid' }
    const asked = new Map(state.asked.map(each => [each.key, each]))
    const answers = await answersTo(this.#x, { asked, given }, this.#deps)
    if (isStop(answers)) return answers
    this.#take(parked)
    await this.#withdraw(parked)
    const forget = host.cancellation.onCancel(reason => parked.running.cancel(reason))
    const next = parked.resume(state.round, digestOf(writeInputResponses(answers)), answers, this.#deps.delay)
    if (!next) return { stop: 'state-invalid' }
    try {
      return await this.#end(parked, await next)
    } finally {
      forget()
    }
  }

  /** What was permitted when it was asked and is not now gets no answer of the host. */
  async #withdraw(parked: ParkedCall): Promise<void> {
    const kinds = kindsNow(this.#x, this.#deps)
    const isWithheld = ({ method, params }: ServerRequest): boolean => {
      const kind = kindOf(method, params)
      return kind === undefined || !kinds.has(kind)
    }
    for (const request of parked.withdraw(isWithheld)) {
      const stop = await stillGated(this.#x, request, this.#deps)
      refuseQuestion(request, stop ?? { stop: 'gated' })
    }
  }

  /** The answer that carries the questions ends this exchange without cancelling the call. */
  async #end(parked: ParkedCall, round: Round): Promise<Answered | Stop> {
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
    // It holds the upstream, whoever comes back for it.
    this.#x.place.until(parked.running.done)
    const requests = round.requests.map(({ key, request }) => ({
      key,
      method: request.method,
      kind: kindOf(request.method, request.params) ?? 'roots',
      expects: request.expects,
      ...(request.params && { params: inputParamsToModern(request.method, request.params) }),
    }))
    const sealed = sealRound(this.#deps, this.#x, { round: round.round, asked: requests, parkedCall: parked.id })
    if (sealed !== undefined) return answered(withServerInfo(writeInputRequired(requests, sealed), this.#deps.serverInfo), 'input')
    this.#deps.parked.remove(parked)
    parked.abandon('too many questions at once')
    return invalid(this.#x, 'more questions than fit into one round')
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
