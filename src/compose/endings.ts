// Ends what runs for somebody who may no longer go on, or on something that may no longer be used: streams, sessions, running and parked calls.

import type { ParkedCalls } from '../bridge/parked.ts'
import type { BlockTarget } from '../identity/blocks.ts'
import type { Stop } from '../kernel/errors.ts'
import type { StreamTable } from '../http/sse-channel.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import type { Ended } from '../pipeline/administration.ts'
import type { Authenticated, Received } from '../pipeline/path.ts'
import type { Routed } from '../pipeline/stages/resolve-route.ts'
import type { SessionStore } from './sessions.ts'

/** What is over. `untilSeconds`: only what a token issued at that second or before has opened. */
export type Over =
  | { readonly kind: 'principal'; readonly key: string; readonly untilSeconds?: number }
  /** one sign-in; with `key` also what tokens of that principal opened that name no sign-in */
  | {
      readonly kind: 'sign-in'
      readonly issuer: string
      readonly sessionId: string
      readonly key?: PrincipalKey
      readonly untilSeconds?: number
    }
  | { readonly kind: 'client'; readonly client: string }
  | { readonly kind: 'server'; readonly alias: string }
  /** the version behind an alias: streams stay, for they hear that its lists changed */
  | { readonly kind: 'version'; readonly alias: string }
  | { readonly kind: 'tool'; readonly alias: string; readonly tool: string }

export type EndingParts = {
  readonly streams: StreamTable
  readonly sessions: Pick<SessionStore, 'endWhere'>
  readonly parked: ParkedCalls
  /** requests being walked */
  readonly running: () => Iterable<Received & Partial<Authenticated & Routed>>
}

type Holder = {
  readonly principal: string
  readonly issuer?: string
  readonly client?: string | undefined
  readonly sessionId?: string | undefined
  readonly issuedAtSeconds?: number | undefined
}
type Use = { readonly alias?: string | undefined; readonly tool?: string | undefined }

/**
 * Costs what is open, for acts that are rare. Runs twice: a request that was just being judged by what held before becomes visible as running only
 * when its walk goes on. The caller has already changed what is judged by. Returns what the first pass ended.
 */
export function endWhatIsOver(parts: EndingParts, over: Over, stop: Stop): Ended {
  const ended = pass(parts, over, stop)
  setImmediate(() => pass(parts, over, stop))
  return ended
}

export const overOf = ({ kind, target }: BlockTarget): Over => {
  const [alias = ''] = target.split(' ', 1)
  switch (kind) {
    case 'principal':
      return { kind, key: target }
    case 'client':
      return { kind, client: target }
    case 'server':
      return { kind, alias: target }
    case 'tool':
      return { kind, alias, tool: target.slice(alias.length + 1) }
  }
}

function pass(parts: EndingParts, over: Over, stop: Stop): Ended {
  const why = `${stop.stop}: ${stop.detail ?? ''}`
  const sessions = parts.sessions.endWhere(({ principal, opener }) => isHolderOver(over, { principal, ...opener }))
  // On an endpoint of several servers the stream ends too: hosts open it anew, and then without the blocked one.
  const streams = parts.streams.endWhere(held => isHolderOver(over, held) || (over.kind === 'server' && held.aliases.includes(over.alias)))
  const parked = parts.parked.endWhere(held => isHolderOver(over, held) || isUseOver(over, held), why)
  let calls = 0
  for (const x of parts.running()) {
    const { principal, route } = x
    const holder = principal && { ...principal, principal: principal.key }
    const use = { alias: route?.entry.alias, tool: route?.kind === 'tool' ? route.name : undefined }
    if (x.ended !== undefined || !((holder && isHolderOver(over, holder)) || isUseOver(over, use))) continue
    calls += 1
    x.ended = stop
    x.host.cancellation.cancel(why)
  }
  return { streams, sessions, calls: calls + parked }
}

function isHolderOver(over: Over, { principal, issuer, client, sessionId, issuedAtSeconds = 0 }: Holder): boolean {
  switch (over.kind) {
    case 'principal':
      return principal === over.key && issuedAtSeconds <= (over.untilSeconds ?? Infinity)
    case 'sign-in':
      if (issuedAtSeconds > (over.untilSeconds ?? Infinity)) return false
      return sessionId === undefined ? principal === over.key : issuer === over.issuer && sessionId === over.sessionId
    case 'client':
      return client === over.client
    default:
      return false
  }
}

function isUseOver(over: Over, { alias, tool }: Use): boolean {
  if (over.kind === 'server' || over.kind === 'version') return alias === over.alias
  return over.kind === 'tool' && alias === over.alias && tool === over.tool
}
