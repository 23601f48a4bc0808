// What ends a call: a result in the host's era and under the names its endpoint exposes, or a task.

import { declaresTasks } from '../bridge/capabilities.ts'
import { resultToLegacy, resultToModern } from '../bridge/translate-result.ts'
import type { Slice } from '../bridge/upstream.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { member, rawOf, textOf } from '../mcp/json.ts'
import type { Era } from '../mcp/revisions.ts'
import { setMember } from '../mcp/splice.ts'
import type { GatewayDeps } from './deps.ts'
import { failedInput } from './failed-input.ts'
import type { GateDeps } from './gate.ts'
import type { Answer, Answered } from './path.ts'
import type { Ready } from './ready.ts'
import { exposeTask } from './task-names.ts'
import { gateTask } from './task-questions.ts'

export type ResultDeps = GateDeps & Pick<GatewayDeps, 'catalogue' | 'sealer' | 'serverInfo' | 'askedInTasks'>

export const answered = (result: Buffer, outcome: (Answer & { kind: 'result' })['outcome']): Answered => ({
  answer: { kind: 'result', result, outcome },
})
export const invalid = (x: Ready, what: string): Stop => ({ stop: 'upstream-invalid', detail: `\`${x.route.entry.alias}\` sent ${what}` })

/** A finished result of an upstream of that era. */
export function completed(x: Ready, deps: ResultDeps, result: Slice, upstreamEra: Era): Answered | Promise<Answered> {
  const bytes = translated(x, deps, result, upstreamEra)
  const isError = member(result.node, 'isError')?.kind === 'true'
  const named = (of: Buffer): Answered =>
    answered(deps.catalogue.rewriteResult(x.endpoint, x.route.entry.alias, x.method, of), isError ? 'error' : 'ok')
  return bytes instanceof Promise ? bytes.then(named) : named(bytes)
}

function translated(x: Ready, deps: ResultDeps, result: Slice, upstreamEra: Era): Buffer | Promise<Buffer> {
  if (upstreamEra === 'modern') return x.era === 'modern' ? privately(result) : legacyResult(x, deps, result)
  return x.era === 'legacy' ? rawOf(result.doc, result.node) : resultToModern(x.method, result, deps.serverInfo)
}

async function legacyResult(x: Ready, deps: ResultDeps, result: Slice): Promise<Buffer> {
  const { method, route } = x
  const mayBeWrapped = method === 'tools/call' && member(result.node, 'structuredContent')?.kind === 'object'
  const isWrapped = mayBeWrapped && (await deps.catalogue.isOutputWrapped(x, route.entry, route.name))
  return resultToLegacy(method, result, isWrapped)
}

/** Lists and reads are judged per principal: no cache on the way may share them (R70). */
function privately(result: Slice): Buffer {
  const scope = member(result.node, 'cacheScope')
  const bytes = rawOf(result.doc, result.node)
  return scope === undefined || textOf(result.doc, scope) === 'private' ? bytes : setMember(bytes, 'cacheScope', '"private"')
}

/** The answer to a call is a task. */
export async function taskMade(x: Ready, deps: ResultDeps, result: Slice): Promise<Answered | Stop> {
  if (x.method !== 'tools/call') return invalid(x, 'a task where the protocol has none')
  // R87: never to a host that did not declare the extension.
  if (x.era === 'legacy' || !declaresTasks(x.prepared.face.host))
    return failedInput(x, 'the server answered with a task, which this client does not support')
  const gated = await gateTask(x, deps, result)
  if (isStop(gated)) return gated
  const bytes = exposeTask(deps.sealer, x, x.route.entry, gated)
  return bytes ? answered(bytes, 'task') : invalid(x, 'a task without an id')
}

/** The answer to a task method: what became of it. */
export async function taskState(x: Ready, deps: ResultDeps, result: Slice): Promise<Answered | Stop> {
  const bytes = await gateTask(x, deps, result)
  if (isStop(bytes)) return bytes
  if (member(result.node, 'taskId') === undefined) return answered(bytes, 'ok')
  const exposed = exposeTask(deps.sealer, x, x.route.entry, bytes)
  return exposed ? answered(exposed, 'ok') : invalid(x, 'a task without a usable id')
}
