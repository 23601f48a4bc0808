// The composition root: builds adapters, rooms, paths and the listener from one snapshot; start order, reload, and the order of stopping.

import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { SafeFetch } from './adapters/safe-fetch.ts'
import { openStateDb } from './adapters/sqlite/state-db.ts'
import { createLogger, type Logger } from './adapters/telemetry/logs.ts'
import { createMetrics } from './adapters/telemetry/metrics.ts'
import { ParkedCalls } from './bridge/parked.ts'
import { openAdminPlane } from './compose/admin-plane.ts'
import { isAnybodyLeft } from './compose/administration.ts'
import { openApprovals } from './compose/approvals.ts'
import { openAudit } from './compose/audit.ts'
import { startClock } from './compose/clock.ts'
import { consoleDeps } from './compose/console.ts'
import { createCredentials, nobodySignsIn, storesIn, type CredentialStores } from './compose/credentials.ts'
import { openDelivery } from './compose/delivery.ts'
import { createRetention } from './compose/retention.ts'
import { createDoor } from './compose/door.ts'
import { endWhatIsOver, type Over } from './compose/endings.ts'
import { showLevels } from './compose/levels.ts'
import { openInspection } from './compose/inspection.ts'
import { openJudge } from './compose/judge.ts'
import { createLimits, type CounterOf, listSettings, streamLimit } from './compose/limits.ts'
import { questionLimits } from './compose/question-limits.ts'
import { createListener, hostText, listen, setPatience } from './compose/listener.ts'
import { openStanding } from './compose/open-standing.ts'
import { streamOpener } from './compose/open-stream.ts'
import { openPeoplePlane } from './compose/people-plane.ts'
import { planeDeps } from './compose/plane.ts'
import { openRecorder } from './compose/recording.ts'
import { Redaction } from './compose/redaction.ts'
import { rotatingSealer } from './compose/sealing.ts'
import { houseServers } from './compose/server-house.ts'
import { serverReviews } from './compose/reviews.ts'
import { createSessions } from './compose/sessions.ts'
import { openShown } from './compose/shown.ts'
import { shutDown } from './compose/shut-down.ts'
import { openSubjectClaims } from './compose/subject-claims.ts'
import { openTelemetry } from './compose/telemetry.ts'
import { createTokens } from './compose/tokens.ts'
import { keepVault } from './compose/vault.ts'
import { trustFiles } from './compose/trust-files.ts'
import { Turns } from './compose/turns.ts'
import { createWallClock } from './compose/wall-clock.ts'
import { readPlainYaml } from './config/plain-yaml.ts'
import { restartNeeded } from './config/reload.ts'
import type { Snapshot } from './config/schema.ts'
import { createControlPlane } from './http/control-plane/app.ts'
import { McpEndpoint } from './http/mcp-endpoint.ts'
import { StreamTable } from './http/sse-channel.ts'
import { createInspect, inspect } from './inspection/inspect.ts'
import type { Stop } from './kernel/errors.ts'
import { createCallers } from './pipeline/callers.ts'
import { CatalogueView } from './pipeline/catalogue-view.ts'
import type { Ended } from './pipeline/administration.ts'
import type { GatewayDeps } from './pipeline/deps.ts'
import { createEntitlements } from './pipeline/entitlements.ts'
import { createFaces } from './pipeline/faces.ts'
import { createFeeds } from './pipeline/feeds.ts'
import { Marking } from './pipeline/marking.ts'
import { createAdminPaths, createPaths } from './pipeline/paths.ts'
import type { DomainKeys } from './registry/namespace.ts'
import type { ContentStore } from './trust/content.ts'

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
  /** fetches client ID metadata documents that hosts name; default: public addresses only, whatever the configuration opens */
  readonly documentFetch?: SafeFetch
  /** what domains publish to prove namespaces; default: DNS, and https to public addresses */
  readonly domainKeys?: DomainKeys
  /** keeps what is started of the registry's versions; default: a folder, as `registry.artifacts` says */
  readonly content?: ContentStore
  /** counts for limits; default: this process */
  readonly counterOf?: CounterOf
}

export async function startGateway(
  snapshot: Snapshot,
  { logger: given, environment, version, stores, documentFetch, domainKeys, content, counterOf }: GatewayOptions,
): Promise<Gateway> {
  let current = snapshot
  let isDraining = false
  const monotonic = (): number => performance.now()
  const delay = (ms: number): Promise<void> => wait(ms, undefined, { ref: false })
  const serverInfo = { name: 'gatehouse', version }
  const redaction = new Redaction(snapshot)
  const logger = given ?? createLogger({ level: snapshot.log.level, secrets: redaction.secrets })
  const { now } = createWallClock({
    read: Date.now,
    monotonic,
    setBack: ms => logger.warn('the wall clock was set back; time goes on from where it was', { seconds: Math.round(ms / 1000) }),
  })
  const metrics = createMetrics(() => [...current.upstreams.keys()])
  const telemetry = openTelemetry(snapshot, { version, metrics, logger, monotonic })
  const { log, reader, encoder, refusals, contacts, prune, rotateAudit, values, witnesses } = await openAudit({
    dataDir: snapshot.dataDir,
    ...{ origin: snapshot.audit.origin, witnesses: snapshot.audit.witnesses, outbound: snapshot.outbound, publicUrl: snapshot.publicUrl },
    logger,
    onGroup: (...group) => metrics.auditGroup(...group),
    now,
    monotonic,
  })

  const delivery = openDelivery(snapshot, { reader, logger, version })
  const retention = createRetention({ current: () => current, prune, log, encoder, delivery, logger, now })
  const tokens = createTokens(snapshot, { logger, judge: (principal, resource) => standing.judge(principal, resource) })
  const streams = new StreamTable()
  const parked = new ParkedCalls(() => ({ total: current.limits.parked, perPrincipal: current.limits.parkedPerPrincipal }))
  const sessions = createSessions(
    () => current,
    session => {
      for (const [alias, caller] of session.callers) upstreams.entries.get(alias)?.upstream.release(caller)
    },
  )
  const state = await openStateDb(join(snapshot.dataDir, 'state.db'))
  const { upstreams, report, settle, take, trust, served } = await houseServers(snapshot, {
    ...{ state, content, log, encoder, logger, metrics, contacts, environment, now, info: serverInfo, fetch: tokens.outbound },
    current: () => current,
    admitting: () => admissions.admitting,
    end: (over, stop) => end(over, stop),
    onReplaced: alias => catalogue.drop(alias),
  })
  const subjectClaims = await openSubjectClaims(snapshot, state, now)
  const vault = keepVault(snapshot, { state, logger, environment, now, monotonic })
  let walked: Pick<McpEndpoint, 'exchanges'> = { exchanges: [] } // sign-ins that ended before a crash end again before there is an endpoint
  const end = (over: Over, stop: Stop): Ended => endWhatIsOver({ streams, sessions, parked, running: () => walked.exchanges }, over, stop)
  const standing = await openStanding({
    ...{ state, logger, now, end },
    resetUpstream: alias => upstreams.reset(alias),
  })
  const callers = createCallers()
  const around = { current: () => current, admitting: () => admissions.admitting, served: served.serving, readYaml: readPlainYaml }
  const { policies, judge, marks } = await openJudge(snapshot, { ...around, state, log, encoder, logger, now, monotonic })
  const { of: entitlement, blockOf } = createEntitlements(() => standing.blocks, judge)
  const sealer = rotatingSealer(snapshot.dataDir)
  const own = stores ?? storesIn(state, sealer, vault, () => Math.floor(now() / 1000))
  const { credentials, connecting } = createCredentials({
    current: () => current,
    stores: own,
    upstreams: () => upstreams,
    isVisible: (principal, entry) => !entitlement({ principal }, entry).isEmpty,
    prove: (principal, entry) => (people?.prove ?? nobodySignsIn)(principal, entry),
    logger,
    now,
    monotonic,
  })
  const { admissions, names, collisions, prepare } = openShown({
    ...{ log, encoder, logger, now, monotonic, decided: settle, served: served.serving },
    current: () => current,
    upstreams: () => upstreams.entries,
  })
  const catalogue = new CatalogueView({
    ...{ ...names, contacts, entitlement, judge, callers, credentials, sealer, monotonic, delay, serverInfo },
    inspected: openInspection({ inspect, log, encoder, logger }),
    upstreams: () => upstreams.entries,
    listSettings: alias => listSettings(upstreams.settings(alias)),
    excluded: list => report.excluded(list),
  })
  take(snapshot)

  const recorder = openRecorder({ log, encoder, values, metrics, monotonic, refusals, logger })
  const views = { upstreams: () => upstreams.entries, entitlement, callers, credentials, catalogue, marking: new Marking(marks) }
  const counted = createLimits({ current: () => current, monotonic, counterOf })
  const inspectInTurns = createInspect(new Turns().take)
  const keeping = { state, sealer, recorder, log, encoder, logger, now, serverInfo, standing, current: () => current }
  const approvals = openApprovals({ ...views, ...keeping, judge })
  const deps: GatewayDeps = {
    ...views,
    authenticate: tokens.authenticate,
    standing: principal => standing.stopOf(principal),
    ...{ sessions, blockOf, judge, inspect },
    ...{ ...counted.spending, ...questionLimits(monotonic, counterOf) },
    faces: createFaces({ ...views, serverInfo }),
    feeds: createFeeds({ ...views, sealer, inspectInTurns }),
    ...{ parked, sealer, recorder, measure: metrics, now, monotonic, delay, serverInfo },
    streamLimit: principal => streamLimit(streams, principal, current),
    ...{ newId: encoder.newId, inspectInTurns, scrub: redaction.scrub },
  }

  const door = createDoor(snapshot, { ...deps, current: () => current, metrics, refusals, counted, tracer: telemetry.tracer })
  const people = await openPeoplePlane({
    ...deps,
    ...{ state, standing, keys: tokens.keys, penalties: door, log, encoder, logger, connecting, credentials },
    current: () => current,
    fetch: tokens.outbound,
    documentFetch,
    isTrustedProxy: door.isTrustedProxy,
  })
  void tokens.keys.warm()
  const openStream = streamOpener({ streams, sessions, tokens, charge: door.charge })
  const edge = { ...door, recorder, measure: metrics, openStream, isDraining: () => isDraining }
  const reviews = serverReviews({ current: () => current, admissions })
  const admin = await openAdminPlane(
    {
      ...deps,
      ...{ auditReader: reader, auditValues: values, trust, served, domainKeys, collisions, reviews, marks, approvals, delivery },
      activity: metrics.activity,
      ...{ fetch: tokens.outbound, loginToken: people?.loginToken },
      current: () => current,
      blocking: standing,
      state,
      verifier: tokens.keys,
      endSignIns: people?.endSignIns,
      connections: connecting,
      rotations: { ...rotateAudit, sealing: sealer.rotate, vault: () => vault.rotate(), ...people?.rotations },
      ...{ log, encoder, logger },
    },
    { ...edge, streams, table: createAdminPaths },
  )
  const controlPlane = createControlPlane(
    planeDeps({
      ...{ ...tokens, log, upstreams, metrics, trust, delivery, witnesses },
      current: () => current,
      isDraining: () => isDraining,
      breakGlass: admin.breakGlass,
      people: people?.deps,
      console: consoleDeps({ people, run: admin.run, streams, current: () => current, logger }),
    }),
  )
  const endpoint = new McpEndpoint({
    ...edge,
    paths: createPaths({ ...deps, approveQuestion: approvals.approveQuestion }, approvals.approving),
    limits: () => current.limits,
  })
  walked = endpoint
  const server = createListener(snapshot, {
    ...door,
    ...admin.routes,
    ...trustFiles(snapshot, { ...door, logger }),
    endpoint,
    controlPlane,
  })
  const running = {
    ...{ ...door, ...admin, admissions, catalogue, encoder, endpoint, log, logger, metrics, parked, people, policies, refusals, report },
    ...{ approvals, counted, delivery, marks, retention, served, sessions, state, streams, telemetry, trust, upstreams, values, witnesses },
  }
  showLevels(metrics, running)

  await log.append(encoder.lifecycle('start', { version, configuration: snapshot.digest }))
  await Promise.all([prepare(snapshot), admin.takeSeeds()])
  await served.serving.configure(snapshot).wait()
  await listen(server, snapshot)
  const { port } = server.address() as AddressInfo
  door.bound(port)
  const clock = startClock({ ...running, now, monotonic })

  return {
    url: `${snapshot.listen.tls ? 'https' : 'http'}://${hostText(snapshot.listen.host)}:${port}`,
    async reload(next) {
      const fixed = restartNeeded(current, next)
      if (fixed.length > 0) return `${fixed.join(', ')} changed; restart the gateway`
      if (isAnybodyLeft(current, standing) && !isAnybodyLeft(next, standing)) return LOCKED_OUT
      const refused = (await subjectClaims.check(next)) ?? (await vault.reload(next.keys.vault)) ?? (await subjectClaims.keep(next))
      if (refused !== undefined) return refused
      const rules = await policies.prepare(next)
      if (typeof rules === 'string') return rules
      await log.append(encoder.lifecycle('reload', { configuration: next.digest, before: current.digest }))
      await prepare(next, current)
      const pins = served.serving.configure(next)
      await pins.wait()
      await rules()
      current = next
      logger.setLevel(next.log.level)
      for (const part of [redaction, tokens, door, delivery, telemetry]) part.configure(next)
      take(next)
      names.colliding.changed()
      pins.settled()
      // Who may sign is the configuration's to say, too: what is in force is judged by it at once.
      served.changed()
      setPatience(server, next)
      return undefined
    },
    async stop() {
      if (isDraining) return
      isDraining = true
      await shutDown({ ...running, clock, server }, current)
    },
  }
}

const LOCKED_OUT =
  'nobody could administer the gateway any more: everybody it names as an operator is blocked, or it names nobody; name another operator'
