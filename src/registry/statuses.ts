// Changes of standing by a status of the official API.

import { isStop, type Stop } from '../kernel/errors.ts'
import { ownVersion, UNKNOWN, type Actor, type OwnParts } from './actor.ts'
import { hasHidden } from './server-json.ts'
import { STANDINGS, standingOf, transitionProblem, type Standing } from './standing.ts'
import type { Entry, RevocationLog, StandingStore } from './store.ts'

export type StatusChange = { readonly name: string; readonly version?: string; readonly status: string; readonly message?: string }
/** `entries`: as they stand then, the newest; as many as one answer shows. `count`: how many changed. */
export type StatusChanged = { readonly count: number; readonly entries: readonly Entry[] }
export type StatusParts = OwnParts & {
  readonly standings: StandingStore
  readonly revocations: RevocationLog
  readonly nowSeconds: () => number
}

/** Versions of one server that are looked at together, and that one answer shows. */
const PAGE = 100

/** Of one version, or of all that can change. Whatever is withdrawn is also revoked. */
export async function setStatus(parts: StatusParts, change: StatusChange, by: Actor): Promise<StatusChanged | Stop> {
  const { standings, nowSeconds } = parts
  const to = standingOf(change.status)
  if (!to) return { stop: 'params-invalid', detail: 'expected `status` as active, deprecated or deleted' }
  if (change.message !== undefined && hasHidden(change.message))
    return { stop: 'params-invalid', detail: '`statusMessage` holds characters that are invisible or change the direction of text' }
  const found = await ownVersion(parts, change, by)
  if (isStop(found)) return found
  const movable = await whichMove(parts, { ...change, to, found }, by)
  if (isStop(movable)) return movable
  // First what gateways go by: a crash in between leaves a version shown that no gateway runs.
  if (to === 'revoked') for (const { version } of movable.filter(isToBeTold(by))) await revokeVersion(parts, `${found.name}@${version}`, by)
  const { message } = change
  const said = {
    ...(change.version !== undefined && { version: change.version }),
    ...(message !== undefined && { message }),
    ...{ by: by.key, byOperator: by.isOperator, atSeconds: nowSeconds() },
  }
  const from = STANDINGS.filter(standing => transitionProblem(standing, to, message) === undefined)
  const count = await standings.change({ name: found.name, to, ...said }, from)
  if (count === 0) return { stop: 'params-invalid', detail: 'it changed meanwhile', fix: 'look at it again' }
  const after = await Promise.all(movable.slice(0, PAGE).map(({ version }) => parts.versions.find(found.name, version)))
  return { count, entries: after.filter(entry => entry !== undefined) }
}

type Wanted = StatusChange & { readonly to: Standing; readonly found: Entry }

type Movable = Pick<Entry, 'version' | 'standing'>

/**
 * Revocations are signed, sent to every gateway and never forgotten. What its own publisher withdraws before anybody admitted it is used nowhere: of that he
 * could make so many that no gateway took the list any more.
 */
const isToBeTold =
  ({ isOperator }: Actor) =>
  ({ standing }: Movable): boolean =>
    isOperator || standing !== 'quarantined'

/** Versions that can change, newest first; why the first cannot where none can. */
async function whichMove(
  { versions }: StatusParts,
  { version, to, message, found }: Wanted,
  by: Actor,
): Promise<readonly Movable[] | Stop> {
  let first: Stop | undefined
  const movable: Movable[] = []
  const judge = (entry: Entry): void => {
    const problem = transitionProblem(entry.standing, to, message) ?? whyOperators(entry, to, by)
    if (problem) first ??= problem
    else movable.push({ version: entry.version, standing: entry.standing })
  }
  const which = { withRevoked: false, withQuarantined: to === 'revoked', limit: PAGE }
  if (version !== undefined) judge(found)
  else
    for (let page = await versions.versions(found.name, which); page.length > 0;) {
      page.forEach(judge)
      page = await versions.versions(found.name, { ...which, before: page.at(-1)?.sequence ?? 0 })
    }
  return movable.length > 0 ? movable : (first ?? UNKNOWN)
}

/** A warning that whoever is warned of could take away warns nobody. Withdrawing it goes further, and everybody may. */
const whyOperators = ({ standing, byOperator }: Entry, to: Standing, by: Actor): Stop | undefined =>
  byOperator && standing === 'deprecated' && to !== 'revoked' && !by.isOperator
    ? { stop: 'role-missing', detail: 'an operator deprecated it', fix: 'ask an operator of this gateway' }
    : undefined

async function revokeVersion({ revocations, nowSeconds }: StatusParts, target: string, by: Actor): Promise<void> {
  const reason = by.isOperator ? 'policy' : 'publisher-request'
  await revocations.append({ kind: 'version', target, reason, action: 'block', by: by.key, atSeconds: nowSeconds() })
}
