// The two ways in to administration: the API at /admin, and files of the gateway's own user.

import { LocalActs } from '../adapters/local-acts.ts'
import type { BreakGlass } from '../administration/break-glass.ts'
import { AdminApi, type AdminApiDeps } from '../http/control-plane/admin.ts'
import type { AdminDeps } from '../pipeline/administration.ts'
import { createAdministration, type AdministrationParts } from './administration.ts'
import { adminEndpoint } from './endpoints.ts'

export type AdminPlane = {
  readonly handle: AdminApi['handle']
  readonly breakGlass: BreakGlass
  /** called by the one timer */
  readonly localActs: LocalActs
}

/** `table`: pipeline/paths.ts, which main.ts alone hands on */
export type AdminEdge = Omit<AdminApiDeps, 'paths' | 'endpoint'> & { readonly table: (deps: AdminDeps) => AdminApiDeps['paths'] }

/** Rejects with Fault `local-folder-unsafe` where somebody else could leave commands. */
export async function openAdminPlane(parts: AdministrationParts, edge: AdminEdge): Promise<AdminPlane> {
  const { current, logger } = parts
  const administration = createAdministration(parts)
  const api = new AdminApi({ ...edge, paths: edge.table(administration), endpoint: () => adminEndpoint(current()) })
  const localActs = await LocalActs.open(
    current().dataDir,
    async ({ method, params, user }) => {
      logger.warn('a local command', { act: method, user })
      return api.run({ method, body: params, address: 'local', local: { user } })
    },
    cause => logger.fault('local commands cannot be read', cause),
  )
  return { handle: (req, res, address) => api.handle(req, res, address), breakGlass: administration.breakGlass, localActs }
}
