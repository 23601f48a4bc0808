// The composition root: builds adapters, rooms, paths and the listener from one snapshot; start order, reload, and the order of stopping.

import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openFlatLog } from './adapters/audit/open-flat-log.ts'
import { createIntrospection } from './adapters/introspection.ts'
import { createSafeFetch, type SafeFetch } from './adapters/safe-fetch.ts'
import { openStateDb } from './adapters/sqlite/state-db.ts'
import { createLogger, type Logger } from './adapters/telemetry/logs.ts'
import { createMetrics } from './adapters/telemetry/metrics.ts'
import { createRedactor } from './adapters/telemetry/redact.ts'
import { createTraceSource } from './adapters/telemetry/trace.ts'
import { createTokenKeys, loopbackHosts } from './adapters/tokens.ts'
import { createUpstream } from './adapters/upstream/upstream.ts'
import { RefusalTable } from './audit/aggregate.ts'
import { createContacts } from './audit/contacts.ts'
import { EventEncoder } from './audit/encode.ts'
import { ParkedCalls } from './bridge/parked.ts'
import { openAdminPlane } from './compose/admin-plane.ts'
import { isAnybodyLeft } from './compose/administration.ts'
import { startClock } from './compose/clock.ts'
import { endWhatIsOver } from './compose/endings.ts'
import { createCredentials, storesIn, type CredentialStores } from './compose/credentials.ts'
import { endpointsOf } from './compose/endpoints.ts'
import { showLevels } from './compose/levels.ts'
import { admission, listSettings, streamLimit } from './compose/limits.ts'
import { gatekeeperOf, hostText, listen, trustedProxies } from './compose/listener.ts'
import { openPeoplePlane } from './compose/people-plane.ts'
import { planeDeps } from './compose/plane.ts'
import { rotatingSealer } from './compose/sealing.ts'
import { createSessions } from './compose/sessions.ts'
import { shutDown } from './compose/shut-down.ts'
import { openStanding } from './compose/open-standing.ts'
import { upstreamDeps } from './compose/upstream-deps.ts'
import { UpstreamReport } from './compose/upstream-report.ts'
import { UpstreamSet } from './compose/upstreams.ts'
import { keepVault } from './compose/vault.ts'
import { restartNeeded } from './config/reload.ts'
import type { Snapshot } from './config/schema.ts'
import { createControlPlane } from './http/control-plane/app.ts'
import { ConnectionTable } from './http/connections.ts'
import { LargeBodies } from './http/large-bodies.ts'
import { McpEndpoint } from './http/mcp-endpoint.ts'
import { Penalties } from './http/penalties.ts'
import { createGatewayServer } from './http/server.ts'
import { heldOf, openEventStream, StreamTable } from './http/sse-channel.ts'
import { createAuthenticator, type Authenticator } from './identity/bearer.ts'
import { createChallenge } from './identity/challenge.ts'
import { ProofChecker } from './identity/dpop.ts'
import { createCallers } from './pipeline/callers.ts'
import { CatalogueView } from './pipeline/catalogue-view.ts'
import type { GatewayDeps } from './pipeline/deps.ts'
import type { UpstreamEntry } from './pipeline/entry.ts'
import type { Principal } from './kernel/principal.ts'
import { createEntitlements } from './pipeline/entitlements.ts'
import { createFaces } from './pipeline/faces.ts'
import { createFeeds } from './pipeline/feeds.ts'
import { createAdminPaths, createPaths } from './pipeline/paths.ts'
import { createRecorder } from './pipeline/recorder.ts'

export type Gateway = {
  /** base URL it listens on; the port is real even where the configuration said 0 */
  readonly url: string
  /** takes a new configuration over whole; a string says why it was refused (what needs a restart) and nothing changed */
  reload(snapshot: Snapshot): Promise<string | undefined>
  /** tells streams to reconnect elsewhere, lets calls finish within limits.drainMs, closes everything; the log last */
  stop(): Promise<void>
}

export type GatewayOptions = {
  /** this build's version, shown to hosts and upstreams */
  readonly version: string
  /** the process's environment; children get a few basics of it by name, never the whole */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly logger?: Logger
  /** where principals' own credentials are kept; without it no upstream may want one */
  readonly stores?: CredentialStores
}

export async function startGateway(snapshot: Snapshot, { logger: given, environment, version, stores }: GatewayOptions): Promise<Gateway> {
  let current = snapshot
  let isDraining = false
  const now = Date.now
  const monotonic = (): number => performance.now()
  const delay = (ms: number): Promise<void> => wait(ms, undefined, { ref: false })
  const serverInfo = { name: 'gatehouse', version }
  let secrets = secretsOf(snapshot)
  let scrub = createRedactor(secrets)
  const logger = given ?? createLogger({ level: snapshot.log.level, secrets: () => secrets })

  const metrics = createMetrics(() => [...current.upstreams.keys()])
  const encoder = new EventEncoder(now, randomFillSync)
  const { log, recovery } = await openFlatLog({
    dir: join(snapshot.dataDir, 'audit'),
    encoder,
    now,
    onGroup: (...group) => metrics.auditGroup(...group),
  })
  if (recovery.cutBytes > 0 || recovery.closedIntents + recovery.closedContacts > 0)
    logger.warn('the audit log was recovered', { ...recovery })
  const refusals = new RefusalTable({ log, encoder, now })

  const endpoints = { now: endpointsOf(snapshot) }
  let reach = fetchFor(snapshot)
  const outbound: SafeFetch = { get: (url, accept) => reach.get(url, accept), request: (url, asked) => reach.request(url, asked) }
  const keys = createTokenKeys({
    issuers: snapshot.issuers,
    fetch: outbound,
    onChange: status => logger.info('issuer keys', { ...status }),
  })
  const introspection = createIntrospection(snapshot.issuers, {
    fetch: outbound,
    onChange: status => logger.info('issuer introspection', { ...status }),
  })
  const proofs = new ProofChecker()

  const streams = new StreamTable()
  const parked = new ParkedCalls(() => ({ total: current.limits.parked, perPrincipal: current.limits.parkedPerPrincipal }))
  const sessions = createSessions(
    () => current,
    session => {
      for (const [alias, caller] of session.callers) upstreams.entries.get(alias)?.upstream.release(caller)
    },
  )
  const report = new UpstreamReport({ log, encoder, logger, metrics })
  const contacts = createContacts(log, encoder, monotonic)
  const shared = upstreamDeps(snapshot, logger, {
    info: serverInfo,
    environment,
    contacts,
    dropped: (alias, kind) => report.dropped(alias, kind),
  })
  const upstreams = new UpstreamSet(
    settings => createUpstream(settings, shared),
    alias => catalogue.drop(alias),
  )
  const state = await openStateDb(join(snapshot.dataDir, 'state.db'))
  const vault = keepVault(snapshot, { state, logger, environment, now, monotonic })
  const standing = await openStanding({
    ...{ state, logger, now },
    end: (over, stop) => endWhatIsOver({ streams, sessions, parked, running: () => endpoint.exchanges }, over, stop),
    resetUpstream: alias => upstreams.reset(alias),
  })
  const authenticatorOf = (issuers: Snapshot['issuers']): Authenticator =>
    createAuthenticator({
      issuers,
      verifier: keys,
      introspect: introspection.introspect,
      proofs,
      judge: (principal, resource) => standing.judge(principal, resource),
    })
  let authenticator = authenticatorOf(snapshot.issuers)
  const callers = createCallers()
  const { of: entitlement, blockOf } = createEntitlements(() => standing.blocks)
  const sealer = rotatingSealer(snapshot.dataDir)
  const own = stores ?? storesIn(state, sealer, vault, () => Math.floor(now() / 1000))
  const isVisible = (principal: Principal, entry: UpstreamEntry): boolean => !entitlement(principal, entry).isEmpty
  const { credentials, connecting } = createCredentials({
    current: () => current,
    stores: own,
    upstreams: () => upstreams,
    isVisible,
    logger,
    now,
    monotonic,
  })
  const catalogue = new CatalogueView({
    upstreams: () => upstreams.entries,
    contacts,
    listSettings: alias => listSettings(upstreams.settings(alias)),
    entitlement,
    callers,
    credentials,
    sealer,
    monotonic,
    delay,
    serverInfo,
    excluded: list => report.excluded(list),
  })
  upstreams.apply(snapshot)

  const recorder = createRecorder({
    log,
    encoder,
    measure: metrics,
    monotonic,
    count: (reason, address) => refusals.count(reason, address),
    fault: (x, stage, cause) => logger.fault('a request ended in a fault', cause, { stage, request: x.requestId, trace: x.traceId }),
  })
  const deps: GatewayDeps = {
    authenticate: (authorization, resource, nowSeconds, possession) =>
      authenticator.authenticate(authorization, resource, nowSeconds, possession),
    standing: principal => standing.stopOf(principal),
    admit: admission(() => current.limits.principalPerSecond, monotonic),
    sessions,
    upstreams: () => upstreams.entries,
    entitlement,
    blockOf,
    callers,
    credentials,
    catalogue,
    faces: createFaces({ upstreams: () => upstreams.entries, entitlement, callers, credentials, serverInfo }),
    feeds: createFeeds({ upstreams: () => upstreams.entries, entitlement, callers, credentials, catalogue, sealer }),
    parked,
    sealer,
    recorder,
    streamLimit: principal => streamLimit(streams, principal, current),
    now,
    monotonic,
    delay,
    serverInfo,
    newId: encoder.newId,
    scrub: text => scrub(text),
  }

  const penalties = new Penalties(() => current.limits.addressFailuresPerMinute, monotonic)
  const traces = createTraceSource(encoder.newId)
  let challenge = createChallenge(snapshot)
  let trusted = trustedProxies(snapshot)
  const largeBodies = new LargeBodies({
    authenticate: (authorization, resource, possession) =>
      authenticator.authenticate(authorization, resource, Math.floor(now() / 1000), possession),
    limits: () => current.limits,
  })
  const connections = new ConnectionTable({
    limits: () => current.limits,
    isTrustedProxy: address => trusted(address),
    refused(reason, address) {
      metrics.refusal(reason)
      refusals.count(reason, address)
    },
  })
  const people = await openPeoplePlane({
    ...deps,
    ...{ state, standing, keys, penalties, log, encoder, logger, connecting, credentials },
    current: () => current,
    fetch: outbound,
    isTrustedProxy: address => trusted(address),
  })
  void keys.warm()
  const admin = await openAdminPlane(
    {
      ...deps,
      current: () => current,
      blocking: standing,
      state,
      verifier: keys,
      endSignIns: people?.endSignIns,
      rotations: { sealing: sealer.rotate, vault: () => vault.rotate(), ...people?.rotations },
      log,
      encoder,
      logger,
    },
    {
      table: createAdminPaths,
      recorder,
      measure: metrics,
      trace: traces,
      challenge: (stop, at) => challenge(stop, at),
      penalise: address => penalties.penalise(address),
      isDraining: () => isDraining,
    },
  )
  const controlPlane = createControlPlane(
    planeDeps({
      current: () => current,
      log,
      keys,
      introspection,
      upstreams,
      metrics,
      isDraining: () => isDraining,
      breakGlass: admin.breakGlass,
      people: people?.deps,
    }),
  )
  const endpoint = new McpEndpoint({
    paths: createPaths(deps),
    recorder,
    measure: metrics,
    limits: () => current.limits,
    largeBodies,
    challenge: (stop, at) => challenge(stop, at),
    trace: traces,
    penalise: address => penalties.penalise(address),
    isDraining: () => isDraining,
    openStream(req, res, { principal, endpoint: { aliases, resource }, sessionId }) {
      const isStillGood = authenticator.watch(req.headers.authorization, resource, principal)
      const held = { ...heldOf(principal, aliases), isStillGood }
      const stream = openEventStream(req, res, { table: streams, held, mcpSession: sessionId })
      if (stream && sessionId !== undefined) stream.onClose(sessions.hold(sessionId))
      return stream
    },
  })
  let keeper = gatekeeperOf(snapshot, snapshot.listen.port)
  const server = createGatewayServer({
    endpoint,
    endpoints: () => endpoints.now,
    gatekeeper: () => keeper,
    isTrustedProxy: address => trusted(address),
    blockedSeconds: address => penalties.blockedSeconds(address),
    connections,
    controlPlane,
    ...admin.routes,
    timeouts: { headersMs: snapshot.limits.headersMs, bodyMs: snapshot.limits.bodyMs },
    ...(snapshot.listen.tls && {
      tls: { cert: readFileSync(snapshot.listen.tls.certFile), key: readFileSync(snapshot.listen.tls.keyFile) },
    }),
  })

  showLevels(metrics, {
    log,
    logger,
    endpoint,
    largeBodies,
    connections,
    parked,
    sessions,
    streams,
    upstreams,
    breakGlass: admin.breakGlass,
  })

  await log.append(encoder.lifecycle('start', { version, configuration: snapshot.digest }))
  await listen(server, snapshot)
  const { port } = server.address() as AddressInfo
  keeper = gatekeeperOf(snapshot, port)
  const { localActs } = admin
  const clock = startClock({ sessions, parked, catalogue, streams, endpoint, refusals, report, localActs, people, now, monotonic })

  return {
    url: `${snapshot.listen.tls ? 'https' : 'http'}://${hostText(snapshot.listen.host)}:${port}`,
    async reload(next) {
      const fixed = restartNeeded(current, next)
      if (fixed.length > 0) return `${fixed.join(', ')} changed; restart the gateway`
      if (isAnybodyLeft(current, standing) && !isAnybodyLeft(next, standing)) return LOCKED_OUT
      const refused = await vault.reload(next.keys.vault)
      if (refused !== undefined) return refused
      await log.append(encoder.lifecycle('reload', { configuration: next.digest, before: current.digest }))
      current = next
      secrets = secretsOf(next)
      scrub = createRedactor(secrets)
      logger.setLevel(next.log.level)
      reach = fetchFor(next)
      keys.configure(next.issuers)
      introspection.configure(next.issuers)
      authenticator = authenticatorOf(next.issuers)
      upstreams.apply(next)
      endpoints.now = endpointsOf(next)
      challenge = createChallenge(next)
      keeper = gatekeeperOf(next, port)
      trusted = trustedProxies(next)
      server.headersTimeout = next.limits.headersMs
      server.requestTimeout = next.limits.bodyMs
      return undefined
    },
    async stop() {
      if (isDraining) return
      isDraining = true
      await shutDown(
        { ...admin, state, clock, server, streams, endpoint, parked, sessions, upstreams, refusals, report, log, encoder, metrics },
        current,
      )
    },
  }
}

const LOCKED_OUT =
  'nobody could administer the gateway any more: everybody it names as an operator is blocked, or it names nobody; name another operator'

/** Fetches reach public addresses, what `outbound.allow` opens, and on loopback the issuers the configuration names. */
const fetchFor = ({ issuers, login, outbound }: Snapshot): SafeFetch =>
  createSafeFetch({ namedHosts: [...loopbackHosts(login ? [...issuers, login] : issuers), ...outbound.hosts], networks: outbound.networks })

/** Values that must never appear in a log line or an error: what the configuration gives upstreams as headers, environment and credentials, and shows issuers. */
const secretsOf = ({ issuers, login, authorizationServer, upstreams }: Snapshot): readonly string[] => [
  ...issuers.flatMap(({ introspection }) => introspection?.clientSecret ?? []),
  ...[login?.clientSecret, ...(authorizationServer?.clients ?? []).map(({ secret }) => secret)].filter(secret => secret !== undefined),
  ...[...upstreams.values()].flatMap(({ transport, credential }) => [
    ...(transport.kind === 'stdio'
      ? Object.values(transport.env)
      : Object.values(transport.headers).flatMap(value => [value, ...credentialIn(value)])),
    ...[credential?.client, credential?.identityProvider?.client].flatMap(client => [client?.secret ?? [], client?.key ?? []].flat()),
  ]),
]
/** The part of `Bearer x` that is worth hiding wherever it stands. */
const credentialIn = (value: string): string[] => /^[A-Za-z][\w-]* +(\S+)$/.exec(value)?.slice(1) ?? []
