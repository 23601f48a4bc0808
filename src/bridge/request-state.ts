// The `requestState` a host carries between two rounds of one call: sealed, and bound to everything the retry must repeat (R74, R75, DESIGN "Keys").

import type { PrincipalKey } from '../kernel/principal.ts'
import { contextOf, type Sealer } from '../kernel/seal.ts'
import type { RequestKind } from './capabilities.ts'

/** Longest sealed state in characters; longer ones are neither made nor read. Leaves about 48,000 bytes for what is inside. */
export const MAX_REQUEST_STATE = 65_536
const VERSION = 3

/** What the state is bound to. A retry that differs in any of these does not open it; it is authenticated, not carried. */
export type StateBinding = {
  readonly principal: PrincipalKey
  /** OAuth client id, when the token names one */
  readonly client?: string | undefined
  /** resource identifier of the endpoint */
  readonly endpoint: string
  readonly alias: string
  /** identity of the server behind the alias; until the registry arrives, name and version as it calls itself */
  readonly server: string
  readonly method: string
  /** digest over method and params without `_meta`, `inputResponses` and `requestState` */
  readonly paramsDigest: string
}

/**
 * One question of the round: its answer stands under `key`, and travels on while the policy permits what was asked for. `expects`: what the answer is held
 * against, in the words of whoever checks it; absent where the gateway asked by itself.
 */
export type AskedInput = { readonly key: string; readonly kind: RequestKind; readonly expects?: string | undefined }

/** What the state carries. */
export type StateFields = {
  /** id of the logical call that all rounds share (audit, quota; R76) */
  readonly call: string
  /** rounds asked so far, from 1 */
  readonly round: number
  /** seconds since the epoch; the state opens before this moment only */
  readonly expiresAtSeconds: number
  readonly asked: readonly AskedInput[]
  /** a parked call of a legacy upstream that waits for the answers: single-use in the store of parked calls */
  readonly parkedCall?: string
  /** the upstream's own requestState, verbatim (R73) */
  readonly upstreamState?: string
  /** the gateway asked, not the upstream: the person was sent to connect an account, or to approve; the call starts anew */
  readonly own?: 'connect' | 'approve'
  /** the approval that its first round spent; each later round is the next one of it, once. With `own`: the one that is waited for */
  readonly approval?: { readonly id: string; readonly round: number }
}

/** The sealed text, or undefined when it would be longer than MAX_REQUEST_STATE: the upstream asks or remembers too much. */
export function mintRequestState(sealer: Sealer, binding: StateBinding, fields: StateFields): string | undefined {
  const asked = fields.asked.map(({ key, kind, expects }) => [key, kind, ...(expects === undefined ? [] : [expects])])
  const { call, round, expiresAtSeconds, parkedCall, upstreamState, own, approval } = fields
  const parts: unknown[] = [VERSION, call, round, expiresAtSeconds, asked, parkedCall ?? null, upstreamState ?? null]
  if (own ?? approval) parts.push(own ?? null, ...(approval ? [approval.id, approval.round] : []))
  const payload = Buffer.from(JSON.stringify(parts))
  if (payload.length > MAX_REQUEST_STATE) return undefined
  const text = sealer.seal('request-state', payload, contextOfState(binding))
  return text.length > MAX_REQUEST_STATE ? undefined : text
}

/**
 * What mintRequestState was given, or undefined: forged, changed, expired, or brought by another principal, client or endpoint, for another
 * upstream, method or params. One answer for all of them, so that nobody learns which (R74).
 */
export function openRequestState(sealer: Sealer, text: string, binding: StateBinding, nowSeconds: number): StateFields | undefined {
  const payload = sealer.open('request-state', text, MAX_REQUEST_STATE, contextOfState(binding))
  if (payload === undefined) return undefined
  // Our own authenticated bytes; the version says whether this build knows their shape.
  const parts = JSON.parse(payload.toString()) as [number, ...unknown[]]
  if (parts[0] !== VERSION) return undefined
  const [, call, round, expiresAtSeconds, asked, parkedCall, upstreamState, own, approval, approvalRound] = parts as Payload
  if (nowSeconds >= expiresAtSeconds) return undefined
  return {
    call,
    round,
    expiresAtSeconds,
    asked: asked.map(([key, kind, expects]) => ({ key, kind, ...(expects !== undefined && { expects }) })),
    ...(parkedCall !== null && { parkedCall }),
    ...(upstreamState !== null && { upstreamState }),
    ...(own && { own }),
    ...(approval !== undefined && approvalRound !== undefined && { approval: { id: approval, round: approvalRound } }),
  }
}

type Payload = [
  version: number,
  call: string,
  round: number,
  expiresAtSeconds: number,
  asked: (readonly [key: string, kind: RequestKind, expects?: string])[],
  parkedCall: string | null,
  upstreamState: string | null,
  own?: 'connect' | 'approve' | null,
  approval?: string,
  approvalRound?: number,
]

const contextOfState = (b: StateBinding): Buffer =>
  contextOf([b.principal, b.client ?? null, b.endpoint, b.alias, b.server, b.method, b.paramsDigest])
