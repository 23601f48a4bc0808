// What a retry brings of the rounds before it: our own sealed state and the answers to what was asked.

import { INPUT_METHODS } from '../bridge/input-requests.ts'
import type { StateFields } from '../bridge/request-state.ts'
import type { Slice } from '../bridge/upstream.ts'
import type { Stop } from '../kernel/errors.ts'
import { member, textOf } from '../mcp/json.ts'
import type { GatewayDeps } from './deps.ts'
import type { Authenticated, Classified, Received } from './path.ts'
import { openRoundState } from './round-state.ts'
import type { Routed } from './stages/resolve-route.ts'

export type RoundInput = { readonly state?: StateFields; readonly inputResponses?: Slice }

/** R74: only modern hosts retry. Undefined: this is the first round. */
export function readRound(
  x: Received & Classified & Authenticated & Routed,
  deps: Pick<GatewayDeps, 'sealer' | 'now'>,
): RoundInput | Stop | undefined {
  if (x.era === 'legacy' || !x.doc) return undefined
  const isTask = x.method === 'tasks/update'
  const sealed = isTask ? undefined : member(x.params, 'requestState')
  const answers = member(x.params, 'inputResponses')
  if (sealed === undefined && answers === undefined) return undefined
  if (!isTask && !INPUT_METHODS.has(x.method)) return { stop: 'params-invalid', detail: 'this method takes no input responses' }
  if (answers !== undefined && answers.kind !== 'object')
    return { stop: 'params-invalid', detail: 'expected an object in `params.inputResponses`' }
  const inputResponses = answers && { doc: x.doc, node: answers }
  if (sealed === undefined) return { ...(inputResponses && { inputResponses }) }
  const state = sealed.kind === 'string' ? openRoundState(deps.sealer, textOf(x.doc, sealed), x, deps.now()) : undefined
  return state ? { state, ...(inputResponses && { inputResponses }) } : { stop: 'state-invalid' }
}
