// Questions in an upstream's answer: handed on to a modern host, which calls again, or asked of a legacy host on the stream of its own request.

import {
  INPUT_METHODS,
  inputRequestsText,
  readInputRequired,
  writeInputRequired,
  writeInputResponses,
  type InputRequired,
} from '../bridge/input-requests.ts'
import { inputParamsToLegacy, inputRequestsOfUrlElicitation, urlElicitationError } from '../bridge/translate-params.ts'
import type { Slice, UpstreamAnswer, UpstreamCall } from '../bridge/upstream.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { rawOf } from '../mcp/json.ts'
import { META } from '../mcp/revisions.ts'
import { setMember } from '../mcp/splice.ts'
import { answerTo } from './answers.ts'
import type { GatewayDeps } from './deps.ts'
import { messageOf } from './error-text.ts'
import { failedInput } from './failed-input.ts'
import { gateAll, stillGated, type GateDeps, type Permitted } from './gate.ts'
import { CANCEL, roundsExceeded } from './live-questions.ts'
import type { Answered } from './path.ts'
import type { Ready } from './ready.ts'
import { answered, invalid } from './results.ts'
import { sealRound } from './round-state.ts'

type Deps = GateDeps & Pick<GatewayDeps, 'recorder' | 'sealer' | 'now' | 'delay' | 'newId' | 'serverInfo' | 'scrub'>

/** A state-only round of a legacy host is retried after this pause, as the official SDK does. */
const STATE_ONLY_PACE_MS = 250

export class HostRounds {
  readonly #x: Ready
  readonly #deps: Deps
  readonly #again: (retry: UpstreamCall['retry']) => Promise<Answered | Stop>
  #round: number

  /** `again` makes the call once more, with the answers */
  constructor(x: Ready, deps: Deps, again: (retry: UpstreamCall['retry']) => Promise<Answered | Stop>) {
    this.#x = x
    this.#deps = deps
    this.#again = again
    this.#round = x.prepared.state?.round ?? 0
  }

  /** `input_required` of a modern upstream. */
  async required(result: Slice): Promise<Answered | Stop> {
    const x = this.#x
    if (!INPUT_METHODS.has(x.method)) return invalid(x, '`input_required` where the protocol has none')
    const required = readInputRequired(result)
    if (typeof required === 'string') return invalid(x, required)
    this.#round += 1
    if (this.#round > x.route.entry.rounds) return roundsExceeded(x.route.entry)
    const gated = await gateAll(x, required.requests, this.#deps)
    if (isStop(gated)) return this.withheld(gated)
    const { requestState } = required
    const asking = { asked: gated, requestState }
    return x.era === 'modern' ? this.#handOver(result, asking) : this.#askHost(asking)
  }

  /** A question that may not be put: text the model can read for a legacy host's tool call, the refusal itself otherwise. */
  withheld(stop: Stop): Answered | Stop {
    const { era, method } = this.#x
    return era === 'legacy' && method === 'tools/call' ? failedInput(this.#x, stop.detail ?? stop.stop) : stop
  }

  #handOver(result: Slice, { asked, requestState }: Asking): Answered | Stop {
    const rounds = { round: this.#round, asked, ...(requestState !== undefined && { upstreamState: requestState }) }
    const sealed = sealRound(this.#deps, this.#x, rounds)
    if (sealed === undefined) return invalid(this.#x, 'more questions and state than fit into one round')
    const bytes = setMember(rawOf(result.doc, result.node), 'requestState', JSON.stringify(sealed))
    return answered(asked.length === 0 ? bytes : setMember(bytes, 'inputRequests', inputRequestsText(asked.map(written))), 'input')
  }

  /** A legacy host is asked on the stream of its own request; its answers make the next round (research/protocol.md section 2, A). */
  async #askHost({ asked, requestState }: Asking): Promise<Answered | Stop> {
    const { host, route, relayed } = this.#x
    const answers = new Map<string, Buffer>()
    if (asked.length === 0) await this.#deps.delay(STATE_ONLY_PACE_MS)
    const replies = await Promise.all(
      asked.map(async r => {
        const params = r.params && inputParamsToLegacy(r.method, r.params, this.#deps.newId())
        relayed.bytes += params?.length ?? 0
        return host.ask?.(r.method, params, route.entry.parkMs)
      }),
    )
    for (const [i, request] of asked.entries()) {
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
    const checked = await this.#stillFitting(asked, answers)
    if (isStop(checked)) return this.withheld(checked)
    await this.#deps.recorder.intent(this.#x, this.#round)
    return this.#again({
      ...(checked.size > 0 && { inputResponses: writeInputResponses(checked) }),
      ...(requestState !== undefined && { requestState }),
    })
  }

  /** The person may have taken minutes: rules are asked again, and each answer is held against its question. */
  async #stillFitting(asked: Asking['asked'], answers: ReadonlyMap<string, Buffer>): Promise<ReadonlyMap<string, Buffer> | Stop> {
    const checked = new Map<string, Buffer>()
    for (const request of asked) {
      const given = answers.get(request.key)
      const stop = await stillGated(this.#x, request, this.#deps)
      const answer = stop ?? (given && (await answerTo(this.#x, request, given, this.#deps)))
      if (answer && isStop(answer)) return answer
      if (answer) checked.set(request.key, answer)
    }
    return checked
  }

  /** -32042 of a 2025-11-25 upstream: url questions; the retry makes the call again (research/protocol.md section 2, B). */
  async urlElicitation(answer: UpstreamAnswer & { kind: 'error' }): Promise<Answered | Stop> {
    const x = this.#x
    const asked = inputRequestsOfUrlElicitation(answer.error)
    if (!asked || asked.length === 0) return invalid(x, 'an elicitation error without elicitations')
    const gated = await gateAll(
      x,
      asked.map(({ params }) => ({ method: 'elicitation/create', params })),
      this.#deps,
    )
    if (isStop(gated)) return gated
    if (x.era === 'legacy') {
      const error = urlElicitationError(
        answer.error,
        messageOf(answer.error, this.#deps.scrub),
        gated.map(({ shown }) => shown),
      )
      return { answer: { kind: 'error', error, code: answer.code } }
    }
    this.#round += 1
    if (this.#round > x.route.entry.rounds) return roundsExceeded(x.route.entry)
    const requests = gated.map((permitted, i) => ({ ...permitted, key: `url-${i + 1}`, kind: 'elicitation.url' as const }))
    const sealed = sealRound(this.#deps, x, { round: this.#round, asked: requests })
    if (sealed === undefined) return invalid(x, 'more questions than fit into one round')
    return answered(withServerInfo(writeInputRequired(requests.map(written), sealed), this.#deps.serverInfo), 'input')
  }
}

/** Questions that may be asked, with what each answer is held against. */
type Asking = {
  readonly asked: readonly (InputRequired['requests'][number] & Permitted)[]
  readonly requestState: string | undefined
}

const written = ({ key, method, params }: { readonly key: string; readonly method: string; readonly params?: Slice }): Written => ({
  key,
  method,
  ...(params && { params: rawOf(params.doc, params.node) }),
})
type Written = { readonly key: string; readonly method: string; readonly params?: Buffer }

/** R21: a result that the gateway made says who made it. */
export const withServerInfo = (result: Buffer, serverInfo: GatewayDeps['serverInfo']): Buffer =>
  setMember(result, '_meta', `{"${META.serverInfo}":${JSON.stringify(serverInfo)}}`)
