// Questions of a task: gated like any other wherever its state is told, asked under sealed keys, and answered by tasks/update with what was asked alone (R90).

import type { RequestKind } from '../bridge/capabilities.ts'
import { inputRequestsText, readInputRequired, readInputResponses, writeInputResponses } from '../bridge/input-requests.ts'
import { mintTaskQuestion, openTaskQuestion, type TaskQuestionBinding } from '../bridge/task-question.ts'
import type { Slice, UpstreamCall } from '../bridge/upstream.ts'
import { digestOf } from '../kernel/digest.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { member, rawOf, textOf } from '../mcp/json.ts'
import { setMember } from '../mcp/splice.ts'
import { answerTo } from './answers.ts'
import type { GatewayDeps } from './deps.ts'
import { gateAll, kindsNow, notPermitted, type GateDeps } from './gate.ts'
import type { Ready } from './ready.ts'

type Deps = GateDeps & Pick<GatewayDeps, 'sealer' | 'askedInTasks'>

/** The result of a tools/call or task method, its questions as the host may be asked them. They never travel unseen inside a task's state. */
export async function gateTask(x: Ready, deps: Deps, result: Slice): Promise<Buffer | Stop> {
  const bytes = rawOf(result.doc, result.node)
  if (member(result.node, 'inputRequests') === undefined) return bytes
  const { alias } = x.route.entry
  const required = readInputRequired(result)
  const id = member(result.node, 'taskId')
  if (typeof required === 'string' || id?.kind !== 'string')
    return { stop: 'upstream-invalid', detail: `\`${alias}\` sent ${typeof required === 'string' ? required : 'a task without an id'}` }
  const binding = bindingOf(x, textOf(result.doc, id))
  const questions = required.requests.map(request => {
    const { key, method, params } = request
    const digest = digestOf(`${JSON.stringify([binding, key, method])}${params ? rawOf(params.doc, params.node).toString() : ''}`)
    return { ...request, digest, isAgain: deps.askedInTasks.has(digest) }
  })
  const permitted = await gateAll(x, questions, deps)
  if (isStop(permitted)) return permitted
  const asked: { key: string; method: string; params?: Buffer }[] = []
  for (const { key, method, kind, params, expects, digest } of permitted) {
    const sealed = mintTaskQuestion(deps.sealer, binding, { key, method, kind, expects })
    if (sealed === undefined) return { stop: 'upstream-invalid', detail: `\`${alias}\` asked more than fits into one question` }
    asked.push({ key: sealed, method, ...(params && { params: rawOf(params.doc, params.node) }) })
    // Only what was let through was paid for, and is free from now on.
    deps.askedInTasks.add(digest)
  }
  return setMember(bytes, 'inputRequests', inputRequestsText(asked))
}

/** What tasks/update brings of answers, under the upstream's keys. What nothing asked for is not delivered (R77). */
export async function taskAnswers(x: Ready, deps: Deps): Promise<UpstreamCall['retry'] | Stop> {
  const { inputResponses } = x.prepared
  if (!inputResponses) return undefined
  const given = readInputResponses(inputResponses)
  if (typeof given === 'string') return { stop: 'answer-invalid', detail: given }
  const binding = bindingOf(x, x.route.name)
  const kinds = kindsNow(x, deps)
  const answers = new Map<string, Buffer>()
  for (const [sealed, result] of given) {
    const asked = openTaskQuestion(deps.sealer, sealed, binding)
    if (!asked) continue
    const answer = await answerIfStill(x, { kinds, asked, result }, deps)
    if (isStop(answer)) return answer
    answers.set(asked.key, answer)
  }
  return { inputResponses: writeInputResponses(answers) }
}

type Given = {
  readonly kinds: ReadonlySet<RequestKind>
  readonly asked: { readonly method: string; readonly kind: RequestKind; readonly expects: string }
  readonly result: Buffer
}

/** Rules may be others than when it was asked. */
async function answerIfStill(x: Ready, { kinds, asked, result }: Given, deps: Deps): Promise<Buffer | Stop> {
  const { method, kind } = asked
  if (kinds.has(kind)) return answerTo(x, asked, result, deps)
  const stop = notPermitted(x.route.entry.alias, kind)
  await deps.recorder.serverRequest(x, { method, decision: 'refused', rules: [], stop })
  return stop
}

const bindingOf = ({ principal, endpoint, route }: Ready, task: string): TaskQuestionBinding => ({
  principal: principal.key,
  endpoint: endpoint.resource,
  alias: route.entry.alias,
  task,
})
