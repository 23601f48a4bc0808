// The gate for server-to-client requests, in whichever shape they come: only what host and allow-list share passes, and each is recorded first.

import type { RequestKind } from '../bridge/capabilities.ts'
import { INPUT_METHODS, kindOf } from '../bridge/input-requests.ts'
import type { Slice } from '../bridge/upstream.ts'
import type { Stop } from '../kernel/errors.ts'
import { rawOf } from '../mcp/json.ts'
import type { GatewayDeps } from './deps.ts'
import type { Ready } from './ready.ts'

/** What an upstream asks, in a result or as a request of its own. */
export type Question = { readonly method: string; readonly params?: Slice }

/** Judges and records one question. `undefined` = it may be asked. */
export async function gate(x: Ready, question: Question, deps: Pick<GatewayDeps, 'recorder'>): Promise<Stop | undefined> {
  const stop = judge(x, question)
  await deps.recorder.serverRequest(x, {
    method: question.method.slice(0, 128),
    decision: stop ? 'refused' : 'allowed',
    rules: stop ? [] : x.permit.rules,
    ...(question.params && { params: rawOf(question.params.doc, question.params.node) }),
    ...(stop && { stop }),
  })
  return stop
}

function judge(x: Ready, question: Question): Stop | undefined {
  const { alias } = x.route.entry
  // R90: questions of a task are questions like any other.
  if (!INPUT_METHODS.has(x.method) && x.method !== 'tasks/get')
    return { stop: 'upstream-invalid', detail: `\`${alias}\` asked for input where the protocol has none` }
  const kind = kindOf(question.method, question.params)
  if (kind === undefined) return { stop: 'upstream-invalid', detail: `\`${alias}\` asked for something the protocol does not know` }
  if (x.prepared.face.kinds.has(kind)) return undefined
  return x.prepared.face.host.kinds.has(kind) ? notPermitted(alias, kind) : notDeclared(alias, kind)
}

const notPermitted = (alias: string, kind: RequestKind): Stop => ({
  stop: 'gated',
  detail: `no allow rule of \`${alias}\` permits ${kind}`,
  fix: `add it to serverRequests in upstreams.${alias}.allow`,
})
const notDeclared = (alias: string, kind: RequestKind): Stop => ({
  stop: 'host-incapable',
  detail: `\`${alias}\` asked for ${kind}, which this client did not declare`,
})
