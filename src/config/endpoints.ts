// Which MCP endpoints a configuration has (DESIGN section 4): all upstreams, each alone, and the configured sets. Gateway and evaluation provider agree through this list.

import { scopeNames } from '../identity/scopes.ts'
import type { Snapshot } from './schema.ts'

/** `path` follows publicUrl; `aliases`: the upstreams behind it, sorted. */
export type EndpointPlan = { readonly kind: 'all' | 'server' | 'set' | 'admin'; readonly path: string; readonly aliases: readonly string[] }

/** Every OAuth resource: the endpoints and administration. */
export const resourcePlans = (snapshot: Pick<Snapshot, 'upstreams' | 'sets'>): readonly EndpointPlan[] => [
  ...endpointPlans(snapshot),
  { kind: 'admin', path: '/admin', aliases: [] },
]

export function endpointPlans({ upstreams, sets }: Pick<Snapshot, 'upstreams' | 'sets'>): readonly EndpointPlan[] {
  const aliases = [...upstreams.keys()].sort()
  return [
    { kind: 'all', path: '/mcp', aliases },
    ...aliases.map((alias): EndpointPlan => ({ kind: 'server', path: `/servers/${alias}/mcp`, aliases: [alias] })),
    ...[...sets].map(([name, set]): EndpointPlan => ({ kind: 'set', path: `/sets/${name}/mcp`, aliases: [...set.upstreams].sort() })),
  ]
}

/** Scopes there are at an endpoint, `use` of every upstream first, at most `max`. */
export function endpointScopes({ upstreams }: Pick<Snapshot, 'upstreams'>, { aliases }: EndpointPlan, max: number): readonly string[] {
  const all = aliases.map(alias => scopeNames(alias, upstreams.get(alias)?.scopes ?? new Map()))
  return [...all.map(([use]) => use), ...all.flatMap(([, ...others]) => others)].filter(scope => scope !== undefined).slice(0, max)
}
