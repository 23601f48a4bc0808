// Which paths are MCP endpoints: all upstreams, each alone, and the configured sets (DESIGN section 4).

import type { Snapshot } from '../config/schema.ts'
import { resourceOf } from '../identity/challenge.ts'
import type { Endpoint } from '../pipeline/path.ts'

export function endpointsOf(snapshot: Snapshot): ReadonlyMap<string, Endpoint> {
  const all: Endpoint[] = [
    endpoint(snapshot, 'all', '/mcp', [...snapshot.upstreams.keys()]),
    ...[...snapshot.upstreams.keys()].map(alias => endpoint(snapshot, 'server', `/servers/${alias}/mcp`, [alias])),
    ...[...snapshot.sets].map(([name, set]) => endpoint(snapshot, 'set', `/sets/${name}/mcp`, set.upstreams)),
  ]
  return new Map(all.map(e => [e.path, e]))
}

const endpoint = (snapshot: Snapshot, kind: Endpoint['kind'], path: string, aliases: readonly string[]): Endpoint => ({
  kind,
  path,
  resource: resourceOf(snapshot.publicUrl, path),
  aliases: [...aliases].sort(),
})
