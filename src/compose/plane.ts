// The control plane's view of this process: who issues tokens, which dependency is in which state.

import type { AuditLog } from '../audit/log.ts'
import type { TokenKeys } from '../adapters/tokens.ts'
import type { Snapshot } from '../config/schema.ts'
import type { ControlPlaneDeps, Dependency } from '../http/control-plane/app.ts'
import type { UpstreamSet } from './upstreams.ts'

export type PlaneParts = {
  readonly current: () => Snapshot
  readonly log: AuditLog
  readonly keys: TokenKeys
  readonly upstreams: UpstreamSet
  readonly metrics: { text(): Promise<string> }
  readonly isDraining: () => boolean
}

/** A failing upstream degrades readiness but does not end it: the others still serve. */
export const planeDeps = (parts: PlaneParts): ControlPlaneDeps => ({
  resource: () => {
    const { publicUrl, issuers: known, firstScopes } = parts.current()
    return { publicUrl, authorizationServers: known.map(i => i.issuer), ...(firstScopes && { firstScopes }) }
  },
  metrics: () => parts.metrics.text(),
  dependencies: () => [listener(parts), audit(parts.log), ...issuers(parts.keys), ...upstreams(parts.upstreams)],
})

const listener = ({ isDraining }: PlaneParts): Dependency =>
  isDraining() ? { name: 'listener', state: 'unready', detail: 'shutting down' } : { name: 'listener', state: 'ready' }

const audit = (log: AuditLog): Dependency =>
  log.isHealthy
    ? { name: 'audit', state: 'ready' }
    : { name: 'audit', state: 'unready', detail: 'the log cannot be written; nothing passes' }

const issuers = (keys: TokenKeys): Dependency[] =>
  keys.status().map(({ issuer, state, detail }) => ({
    name: `issuer ${issuer}`,
    state: state === 'ready' ? 'ready' : 'degraded',
    ...(state === 'unread' ? { detail: 'keys not read yet' } : detail !== undefined && { detail }),
  }))

const upstreams = (set: UpstreamSet): Dependency[] =>
  [...set.entries.values()].map(({ alias, upstream }) => {
    const { state, detail } = upstream.status()
    const isWell = state === 'idle' || state === 'ready'
    return { name: `upstream ${alias}`, state: isWell ? 'ready' : 'degraded', ...(detail !== undefined && { detail }) }
  })
