// Changes of standing by a status of the official API.

import { isStop, type Stop } from '../kernel/errors.ts'
import { ownVersion, UNKNOWN, type Actor, type OwnParts } from './actor.ts'
import { STANDINGS, standingOf, transitionProblem } from './standing.ts'
import type { Entry, RevocationLog, StandingStore } from './store.ts'

export type StatusChange = { readonly name: string; readonly version?: string; readonly status: string; readonly message?: string }
export type StatusParts = OwnParts & {
  readonly standings: StandingStore
  readonly revocations: RevocationLog
  readonly nowSeconds: () => number
}

/** Of one version, or of all that can change. Whatever is withdrawn is also revoked. */
export async function setStatus(parts: StatusParts, change: StatusChange, by: Actor): Promise<readonly Entry[] | Stop> {
  const { versions, standings, nowSeconds } = parts
  const to = standingOf(change.status)
  if (!to) return { stop: 'params-invalid', detail: 'expected `status` as active, deprecated or deleted' }
  const found = await ownVersion(parts, change, by)
  if (isStop(found)) return found
  const all =
    change.version === undefined ? await versions.versions(found.name, { withRevoked: false, withQuarantined: to === 'revoked' }) : [found]
  const problems = all.map(({ standing }) => transitionProblem(standing, to, change.message))
  const movable = all.filter((_, i) => problems[i] === undefined)
  if (movable.length === 0) return problems[0] ?? UNKNOWN
  // First what gateways go by: a crash in between leaves a version shown that no gateway runs.
  if (to === 'revoked') for (const { name, version } of movable) await revokeVersion(parts, `${name}@${version}`, by)
  const { message } = change
  const which = change.version === undefined ? {} : { version: change.version }
  const said = message === undefined ? {} : { message }
  const from = STANDINGS.filter(standing => transitionProblem(standing, to, message) === undefined)
  const changed = await standings.change({ name: found.name, ...which, to, ...said, by: by.key, atSeconds: nowSeconds() }, from)
  if (changed === 0) return { stop: 'params-invalid', detail: 'it changed meanwhile', fix: 'look at it again' }
  const after = await Promise.all(movable.map(({ name, version }) => versions.find(name, version)))
  return after.filter(entry => entry !== undefined)
}

async function revokeVersion({ revocations, nowSeconds }: StatusParts, target: string, by: Actor): Promise<void> {
  const reason = by.isOperator ? 'policy' : 'publisher-request'
  await revocations.append({ kind: 'version', target, reason, action: 'block', by: by.key, atSeconds: nowSeconds() })
}
