// The sealed state between two rounds of one call, bound to everything a retry has to repeat (R74, R75).

import type { RequestKind } from '../bridge/capabilities.ts'
import { bindingText } from '../bridge/outgoing.ts'
import { mintRequestState, openRequestState, type AskedInput, type StateBinding, type StateFields } from '../bridge/request-state.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Sealer } from '../kernel/seal.ts'
import type { Held } from './approved.ts'
import type { GatewayDeps } from './deps.ts'
import type { Authenticated, Received } from './path.ts'
import type { Routed } from './stages/resolve-route.ts'

type Bound = Received & Authenticated & Routed
type Begun = Bound & { readonly prepared: { readonly state?: StateFields }; readonly approved?: Held | undefined }

const bindingOf = (x: Bound): StateBinding => ({
  principal: x.principal.key,
  client: x.principal.client,
  endpoint: x.endpoint.resource,
  alias: x.route.entry.alias,
  server: x.route.entry.identity,
  method: x.method,
  paramsDigest: digestOf(x.doc ? bindingText(x.doc, x.method, x.params) : x.method),
})

type Rounds = {
  readonly round: number
  readonly asked: readonly AskedInput[]
  readonly parkedCall?: string
  readonly upstreamState?: string
  readonly own?: NonNullable<StateFields['own']>
  readonly approval?: NonNullable<StateFields['approval']>
}

/** Undefined when the upstream asks or remembers more than fits. `call` is the id all rounds share. */
export function mintRoundState(
  sealer: Sealer,
  x: Bound,
  rounds: Rounds & { readonly call: string; readonly nowMs: number; readonly lifeMs: number },
): string | undefined {
  const { nowMs, lifeMs, ...fields } = rounds
  return mintRequestState(sealer, bindingOf(x), { ...fields, expiresAtSeconds: Math.ceil((nowMs + lifeMs) / 1000) })
}

/** The same for a round of a call under way. */
export function sealRound({ sealer, now }: Pick<GatewayDeps, 'sealer' | 'now'>, x: Begun, rounds: Rounds): string | undefined {
  const asked = rounds.asked.map(({ key, kind, expects }) => ({ key, kind, expects }))
  const call = x.prepared.state?.call ?? x.requestId
  const approval = approvalOf(x.approved)
  return mintRoundState(sealer, x, { ...rounds, asked, call, nowMs: now(), lifeMs: x.route.entry.parkMs, ...(approval && { approval }) })
}

/** A standing grant is found anew in each round. */
const approvalOf = (held: Held | undefined): StateFields['approval'] =>
  held?.kind === 'approval' ? { id: held.approval.id, round: held.approval.spent?.rounds ?? 0 } : undefined

/** Keys of what was asked; with `kinds`, of what may still be asked for. */
export const keysOf = (state: StateFields | undefined, kinds?: ReadonlySet<RequestKind>): string[] =>
  state?.asked.filter(a => kinds?.has(a.kind) ?? true).map(a => a.key) ?? []

export const openRoundState = (sealer: Sealer, text: string, x: Bound, nowMs: number): StateFields | undefined =>
  openRequestState(sealer, text, bindingOf(x), Math.floor(nowMs / 1000))
