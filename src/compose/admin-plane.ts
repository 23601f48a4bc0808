// The two ways in to administration: the API at /admin, and files of the gateway's own user.

import { LocalActs } from '../adapters/local-acts.ts'
import { sqliteLogoutTokens } from '../adapters/sqlite/logout-token-store.ts'
import { sqliteProposals } from '../adapters/sqlite/proposal-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { BreakGlass } from '../administration/break-glass.ts'
import { AdminApi, type AdminApiDeps } from '../http/control-plane/admin.ts'
import { serveBackchannelLogout } from '../http/control-plane/backchannel-logout.ts'
import { ReadsInFlight } from '../http/control-plane/reads-in-flight.ts'
import { serveRegistry, type RegistryApiDeps } from '../http/control-plane/registry.ts'
import type { LargeBodies } from '../http/large-bodies.ts'
import type { StreamTable } from '../http/sse-channel.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { VisitorLimits } from '../limits/visitors.ts'
import type { Principal } from '../kernel/principal.ts'
import type { AdminDeps } from '../pipeline/administration.ts'
import type { GatewayDeps } from '../pipeline/deps.ts'
import { createAdministration, type AdministrationParts } from './administration.ts'
import { backchannelLogout, type LogoutParts } from './backchannel-logout.ts'
import { adminEndpoint } from './endpoints.ts'
import { createNamespaces, type NamespaceHouseParts } from './namespaces.ts'
import { accessOf, createRegistry, type RegistryParts } from './registry.ts'
import { strangersFeed } from './strangers-feed.ts'
import type { ServedHouse } from './served.ts'
import type { TrustPlane } from './trust.ts'

export type AdminPlane = {
  /** for the listener: administration, back-channel logout of identity providers, the registry */
  readonly routes: { readonly admin: AdminApi['handle']; readonly logout: AdminApi['handle']; readonly registry: AdminApi['handle'] }
  /** one act of somebody the caller knows: pages of the console */
  readonly run: AdminApi['run']
  readonly breakGlass: BreakGlass
  /** called by the one timer */
  readonly localActs: LocalActs
  /** the same: proofs of namespaces that end soon */
  readonly namespaceLooks: { look(): Promise<void> }
  /** the same: other registries */
  readonly mirrors: { look(): Promise<void> }
  /** once, at a start */
  readonly takeSeeds: () => Promise<void>
}

/** `verifier`: of the issuers' signatures, for logout tokens */
export type AdminPlaneParts = Omit<AdministrationParts, 'proposals' | 'registry'> &
  Pick<GatewayDeps, 'sealer' | 'serverInfo'> &
  Pick<LogoutParts, 'verifier' | 'endSignIns'> &
  Pick<NamespaceHouseParts, 'fetch' | 'domainKeys' | 'logger'> &
  Pick<RegistryParts, 'loginToken'> & {
    readonly state: StateDb
    readonly trust: TrustPlane | undefined
    readonly served: Pick<ServedHouse, 'rooted' | 'changed'>
  }
/** `table`: pipeline/paths.ts, which main.ts alone hands on */
export type AdminEdge = Omit<AdminApiDeps, 'paths' | 'endpoint'> & {
  readonly largeBodies: LargeBodies
  readonly gate: VisitorLimits['gate']
  readonly streams: StreamTable
  readonly table: (deps: AdminDeps) => AdminApiDeps['paths']
}

/** Each can cost a look at a domain, and a signature verified. Jobs of one organisation come from few addresses. */
const PROOFS_PER_MINUTE = { address: 60, total: 300 }
/** Pages of a host that reads the whole registry come quickly; each costs a read of the database. */
const READS_PER_MINUTE = { address: 600, total: 6000 }

/** Rejects with Fault `local-folder-unsafe` where somebody else could leave commands. */
export async function openAdminPlane(
  { state, verifier, endSignIns, served, ...parts }: AdminPlaneParts,
  edge: AdminEdge,
): Promise<AdminPlane> {
  const { current, logger, blocking: standing, log, encoder, now } = parts
  const { namespaces, looks } = createNamespaces({ ...parts, state })
  const registry = createRegistry({ ...parts, ...served, state, namespaces })
  const administration = createAdministration({ ...parts, proposals: sqliteProposals(state), registry })
  const logout = backchannelLogout({ current, verifier, store: sqliteLogoutTokens(state), standing, endSignIns, log, encoder, now })
  const api = new AdminApi({ ...edge, paths: edge.table(administration), endpoint: () => adminEndpoint(current()) })
  const localActs = await LocalActs.open(
    current().dataDir,
    async ({ method, params, user }) => {
      logger.warn('a local command', { act: method, user })
      return api.run({ method, body: params, address: 'local', local: { user } })
    },
    cause => logger.fault('local commands cannot be read', cause),
  )
  /** Judging that many bytes takes its time: of everybody signed in only those who publish may ask for it. */
  const whyNoDocuments = (principal: Principal): Stop | undefined => {
    const roles = administration.rolesOf(principal)
    return roles.has('publisher') || roles.has('operator')
      ? undefined
      : { stop: 'role-missing', detail: 'a body of this size is read of publishers and operators alone' }
  }
  const registryApi = {
    read: registry.read,
    accessOf: (view: string) => accessOf(current(), view),
    run: api.run.bind(api),
    mayAsk: edge.gate('registry', READS_PER_MINUTE),
    inFlight: new ReadsInFlight(),
    mayProve: edge.gate('proofs', PROOFS_PER_MINUTE),
    mayHold: ({ isLarge, isPublishing, ...asked }: Parameters<RegistryApiDeps['mayHold']>[0]) => {
      const shown = isPublishing ? registry.tokens.read(asked.authorization) : undefined
      const known = shown && (isStop(shown) ? shown : shown.principal)
      const whyNot = isLarge && !known ? whyNoDocuments : undefined
      return edge.largeBodies.admit({ ...asked, known, resource: adminEndpoint(current()).resource, ...(whyNot && { whyNot }) })
    },
    follow: strangersFeed({ ...edge, now, limits: () => current().limits, feed: registry.revocations }),
    openStream: api.open.bind(api),
    penalise: edge.penalise,
    onFault: (cause: unknown) => logger.fault('a request to the registry ended in a fault', cause),
  }
  return {
    routes: {
      admin: (req, res, address) => api.handle(req, res, address),
      logout: (req, res, address) => serveBackchannelLogout({ logout, onRefused: () => edge.penalise(address) }, req, res),
      registry: (req, res, address) => void serveRegistry(registryApi, req, res, address),
    },
    run: act => api.run(act),
    breakGlass: administration.breakGlass,
    localActs,
    namespaceLooks: looks,
    mirrors: registry.mirrors,
    takeSeeds: () => registry.takeSeeds(),
  }
}
