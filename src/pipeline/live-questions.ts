// Questions of a 2025 upstream put to a 2025 host while the call runs: on the host's own stream, a bounded number of rounds of them.

import type { ServerRequest } from '../bridge/upstream.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { rawOf } from '../mcp/json.ts'
import { REPLIES } from '../mcp/replies.ts'
import { CODE } from '../mcp/revisions.ts'
import type { Permitted } from './gate.ts'
import type { Question } from './inspect-question.ts'
import type { Ready } from './ready.ts'

const DECLINE = Buffer.from('{"action":"decline"}')
/** What nobody answered looks as if the person had closed the question. */
export const CANCEL = Buffer.from('{"action":"cancel"}')

/** What rules or gates withhold: the host can do it, and nobody was asked. */
const WITHHELD: ReadonlySet<Stop['stop']> = new Set([
  'gated',
  'form-asks-for-secrets',
  'form-refused',
  'question-limited',
  'sampling-refused',
  'url-refused',
  'approval-rejected',
])
/** It waits for people, or cannot. */
const UNDECIDED: ReadonlySet<Stop['stop']> = new Set([
  'approval-limit',
  'approval-pending',
  'approval-required',
  'approval-spent',
  'state-unavailable',
])
/** MCP 2025-11-25 sampling: what a server hears when a person says no. */
const REJECTED = -1

/**
 * What is withheld looks like a person's no (R99); what waits for a person says so; an answer that does not fit looks as if there were none; what is not there
 * looks like an unknown method.
 */
export function refuseQuestion(request: ServerRequest, { stop }: Stop): void {
  const { code, message } = REPLIES['approval-required']
  const isElicitation = request.method === 'elicitation/create'
  if (UNDECIDED.has(stop)) request.refuse(code, message)
  else if (stop === 'answer-invalid' || stop === 'arguments-blocked') {
    if (isElicitation) request.answer(CANCEL)
    else request.refuse(CODE.internal, 'the client did not answer')
  } else if (isElicitation && WITHHELD.has(stop)) request.answer(DECLINE)
  else if (request.method === 'sampling/createMessage' && WITHHELD.has(stop) && stop !== 'gated')
    request.refuse(REJECTED, 'User rejected sampling request')
  else request.refuse(CODE.methodNotFound, 'Method not found')
}

/** The request as the host is asked it. */
export const permittedRequest = (request: ServerRequest, { params, expects }: Permitted): ServerRequest => ({
  method: request.method,
  ...(params && { params }),
  expects,
  answer: result => request.answer(result),
  refuse: (code, message) => request.refuse(code, message),
})

/** R76: the limit every way of asking has. */
export const roundsExceeded = ({ alias, rounds }: Ready['route']['entry']): Stop => ({
  stop: 'rounds-exceeded',
  detail: `the limit of \`${alias}\` is ${rounds}`,
})

type AnswerChecks = {
  /** judges again before an answer travels on: the host may have taken minutes, and rules change */
  readonly stillGated: (question: Question) => Promise<Stop | undefined>
  /** holds the answer against what was asked */
  readonly answerTo: (request: ServerRequest, result: Buffer) => Promise<Buffer | Stop>
}

export class LiveQuestions {
  readonly #x: Ready
  readonly #checks: AnswerChecks
  #open = 0
  #rounds = 0
  /** set once the upstream asked too often; it is the call's end, whatever the upstream says then */
  exceeded: Stop | undefined

  constructor(x: Ready, checks: AnswerChecks) {
    this.#x = x
    this.#checks = checks
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
    const unkept = (): Stop => ({ stop: 'audit-unavailable' })
    const stop = await this.#checks.stillGated(request).catch(unkept)
    if (stop) refuseQuestion(request, stop)
    else if (answer?.kind === 'result') {
      const { doc, node } = answer.result
      const checked = await this.#checks.answerTo(request, rawOf(doc, node)).catch(unkept)
      if (isStop(checked)) refuseQuestion(request, checked)
      else request.answer(checked)
    } else if (answer?.kind === 'error') request.refuse(answer.code, answer.message)
    else if (request.method === 'elicitation/create') request.answer(CANCEL)
    else request.refuse(CODE.internal, 'the client did not answer')
  }
}
