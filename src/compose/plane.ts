// The control plane's view of this process: who issues tokens, which dependency is in which state.

import type { BreakGlass } from '../administration/break-glass.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Introspection } from '../adapters/introspection.ts'
import type { Metrics } from '../adapters/telemetry/metrics.ts'
import type { TokenKeys } from '../adapters/tokens.ts'
import type { Snapshot } from '../config/schema.ts'
import type { ControlPlaneDeps, Dependency } from '../http/control-plane/app.ts'
import type { ConsoleDeps } from '../http/control-plane/console/mount.ts'
import type { PeopleDeps } from '../http/control-plane/people.ts'
import type { Delivery } from './delivery.ts'
import { mayMonitor } from './monitoring.ts'
import type { TrustPlane } from './trust.ts'
import type { UpstreamSet } from './upstreams.ts'
import type { WitnessWatch } from './witnesses.ts'

export type PlaneParts = {
  readonly current: () => Snapshot
  readonly log: AuditLog
  readonly keys: TokenKeys
  readonly introspection: Introspection
  readonly upstreams: UpstreamSet
  readonly metrics: Pick<Metrics, 'page'>
  readonly isDraining: () => boolean
  readonly breakGlass: BreakGlass
  readonly people: PeopleDeps | undefined
  readonly console: ConsoleDeps | undefined
  readonly trust: Pick<TrustPlane, 'warning'> | undefined
  readonly delivery: Pick<Delivery, 'dependencies'>
  readonly witnesses: Pick<WitnessWatch, 'dependencies'>
}

/** A failing upstream degrades readiness but does not end it: the others still serve. */
export const planeDeps = (parts: PlaneParts): ControlPlaneDeps => ({
  resource: () => {
    const { publicUrl, issuers: known, firstScopes } = parts.current()
    return { publicUrl, authorizationServers: known.map(i => i.issuer), dpop: dpopOf(known), ...(firstScopes && { firstScopes }) }
  },
  ...(parts.people && { people: parts.people }),
  ...(parts.console && { console: parts.console }),
  mayMonitor: req => mayMonitor(parts.current(), req),
  metrics: accept => parts.metrics.page(accept),
  dependencies: () => [
    listener(parts),
    audit(parts.log),
    ...breakGlass(parts.breakGlass),
    ...trustRepository(parts.trust),
    ...issuers(parts.keys),
    ...introspection(parts.introspection),
    ...upstreams(parts.upstreams),
    ...parts.delivery.dependencies(),
    ...parts.witnesses.dependencies(),
  ],
})

/** What hosts may or must do: what any issuer's tokens may be, what all have to be. */
function dpopOf(issuers: Snapshot['issuers']): 'required' | 'accepted' | 'refused' {
  if (issuers.every(({ dpop }) => dpop === 'required')) return 'required'
  return issuers.some(({ dpop }) => dpop !== 'refused') ? 'accepted' : 'refused'
}

const listener = ({ isDraining }: PlaneParts): Dependency =>
  isDraining() ? { name: 'listener', state: 'unready', detail: 'shutting down' } : { name: 'listener', state: 'ready' }

const audit = (log: AuditLog): Dependency =>
  log.isHealthy
    ? { name: 'audit', state: 'ready' }
    : { name: 'audit', state: 'unready', detail: 'the log cannot be written; nothing passes' }

/** Named only while it is open: an operator should ask why. */
const breakGlass = ({ now }: BreakGlass): Dependency[] =>
  now
    ? [{ name: 'break-glass', state: 'degraded', detail: `open until ${new Date(now.untilSeconds * 1000).toISOString()} by ${now.by}` }]
    : []

/** Degraded before anything expires: what was admitted serves on, and there is time to sign. */
function trustRepository(trust: PlaneParts['trust']): Dependency[] {
  if (!trust) return []
  const warning = trust.warning()
  return [
    { name: 'trust repository', state: warning === undefined ? 'ready' : 'degraded', ...(warning !== undefined && { detail: warning }) },
  ]
}

const issuers = (keys: TokenKeys): Dependency[] =>
  keys.status().map(({ issuer, state, detail }) => ({
    name: `issuer ${issuer}`,
    state: state === 'ready' ? 'ready' : 'degraded',
    ...(state === 'unread' ? { detail: 'keys not read yet' } : detail !== undefined && { detail }),
  }))

const introspection = (asked: Introspection): Dependency[] =>
  asked.status().map(({ issuer, isFailing, detail }) => ({
    name: `introspection ${issuer}`,
    state: isFailing ? 'degraded' : 'ready',
    ...(detail !== undefined && { detail }),
  }))

const upstreams = (set: UpstreamSet): Dependency[] =>
  [...set.entries.values()].map(({ alias, upstream }) => {
    const { state, detail } = upstream.status()
    const isWell = state === 'idle' || state === 'ready'
    return { name: `upstream ${alias}`, state: isWell ? 'ready' : 'degraded', ...(detail !== undefined && { detail }) }
  })
