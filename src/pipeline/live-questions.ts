// Questions of a 2025 upstream put to a 2025 host while the call runs: on the host's own stream, a bounded number of rounds of them.

import type { ServerRequest } from '../bridge/upstream.ts'
import type { Stop } from '../kernel/errors.ts'
import { rawOf } from '../mcp/json.ts'
import { REPLIES } from '../mcp/replies.ts'
import { CODE } from '../mcp/revisions.ts'
import type { Question } from './inspect-question.ts'
import type { Ready } from './ready.ts'

const DECLINE = Buffer.from('{"action":"decline"}')
/** What nobody answered looks as if the person had closed the question. */
export const CANCEL = Buffer.from('{"action":"cancel"}')

/** What the policy withholds looks like a person's no (R99); what waits for a person says so; what is not there looks like an unknown method. */
export function refuseQuestion(request: ServerRequest, stop: Stop): void {
  const { code, message } = REPLIES['approval-required']
  if (stop.stop === 'approval-required') request.refuse(code, message)
  else if (request.method === 'elicitation/create' && stop.stop === 'gated') request.answer(DECLINE)
  else request.refuse(CODE.methodNotFound, 'Method not found')
}

/** R76: the limit every way of asking has. */
export const roundsExceeded = ({ alias, rounds }: Ready['route']['entry']): Stop => ({
  stop: 'rounds-exceeded',
  detail: `the limit of \`${alias}\` is ${rounds}`,
})

export class LiveQuestions {
  readonly #x: Ready
  readonly #stillGated: (question: Question) => Promise<Stop | undefined>
  #open = 0
  #rounds = 0
  /** set once the upstream asked too often; it is the call's end, whatever the upstream says then */
  exceeded: Stop | undefined

  /** `stillGated` judges again before an answer travels on: the host may have taken minutes, and rules change */
  constructor(x: Ready, stillGated: (question: Question) => Promise<Stop | undefined>) {
    this.#x = x
    this.#stillGated = stillGated
  }

  /** Questions that are open at the same time are one round. `tooMany` has to end the call. */
  async ask(request: ServerRequest, tooMany: () => void): Promise<void> {
    const { host, route, relayed } = this.#x
    if (this.#open === 0) this.#rounds += 1
    if (this.#rounds > route.entry.rounds) {
      this.exceeded = roundsExceeded(route.entry)
      request.refuse(CODE.internal, 'too many input rounds')
      tooMany()
      return
    }
    this.#open += 1
    const params = request.params && rawOf(request.params.doc, request.params.node)
    relayed.bytes += params?.length ?? 0
    const answer = await host.ask?.(request.method, params, route.entry.parkMs)
    this.#open -= 1
    const stop = await this.#stillGated(request).catch((): Stop => ({ stop: 'audit-unavailable' }))
    if (stop) refuseQuestion(request, stop)
    else if (answer?.kind === 'result') request.answer(rawOf(answer.result.doc, answer.result.node))
    else if (answer?.kind === 'error') request.refuse(answer.code, answer.message)
    else if (request.method === 'elicitation/create') request.answer(CANCEL)
    else request.refuse(CODE.internal, 'the client did not answer')
  }
}
