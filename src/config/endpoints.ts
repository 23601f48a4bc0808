// Which MCP endpoints a configuration has (DESIGN section 4): all upstreams, each alone, and the configured sets. Gateway and evaluation provider agree through this list.

import type { Snapshot } from './schema.ts'

/** `path` follows publicUrl; `aliases`: the upstreams behind it, sorted. */
export type EndpointPlan = { readonly kind: 'all' | 'server' | 'set'; readonly path: string; readonly aliases: readonly string[] }

export function endpointPlans({ upstreams, sets }: Pick<Snapshot, 'upstreams' | 'sets'>): readonly EndpointPlan[] {
  const aliases = [...upstreams.keys()].sort()
  return [
    { kind: 'all', path: '/mcp', aliases },
    ...aliases.map((alias): EndpointPlan => ({ kind: 'server', path: `/servers/${alias}/mcp`, aliases: [alias] })),
    ...[...sets].map(([name, set]): EndpointPlan => ({ kind: 'set', path: `/sets/${name}/mcp`, aliases: [...set.upstreams].sort() })),
  ]
}
