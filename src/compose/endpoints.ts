// The MCP endpoints by exact path, each its own OAuth resource.

import { endpointPlans } from '../config/endpoints.ts'
import type { Snapshot } from '../config/schema.ts'
import { ADMIN_PATH, resourceOf } from '../identity/challenge.ts'
import type { Endpoint } from '../pipeline/path.ts'

export const adminEndpoint = ({ publicUrl }: Snapshot): Endpoint => ({
  kind: 'admin',
  path: ADMIN_PATH,
  resource: resourceOf(publicUrl, ADMIN_PATH),
  aliases: [],
})

export const endpointsOf = (snapshot: Snapshot): ReadonlyMap<string, Endpoint> =>
  new Map(endpointPlans(snapshot).map(plan => [plan.path, { ...plan, resource: resourceOf(snapshot.publicUrl, plan.path) }]))
