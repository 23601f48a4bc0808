// A checked document to the frozen snapshot the gateway runs on.

import { argumentsOf } from './argument-snapshot.ts'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { ROLES, type RoleRule } from '../administration/roles.ts'
import { tiersOf } from '../inspection/tiers.ts'
import { gatesOf } from './gate-snapshot.ts'
import { keyOf } from '../kernel/principal.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import type { AllowRule } from '../policy/allow-list.ts'
import { isExposed, publicUrlOf } from './exposure.ts'
import { resolutionsOf } from './collision-checks.ts'
import type { ValueSource } from './fields.ts'
import { issuersOf } from './identity-checks.ts'
import { launchOf } from './launch-settings.ts'
import { identityOf } from './identity-snapshot.ts'
import type {
  AdministrationSettings,
  ArtifactSettings,
  ConfiguredUpstream,
  KeySource,
  Limits,
  RateWindow,
  RegistrySettings,
  ServedTransport,
  Snapshot,
  UpstreamTransport,
} from './schema.ts'
import type { ConfigDocument } from './table.ts'
import { credentialOf } from './credential-snapshot.ts'
import { defaultRuleId } from './upstream-checks.ts'
import { proofsOf } from './proof-snapshot.ts'
import { reviewerOf } from './reviewer-snapshot.ts'
import { telemetryOf } from './telemetry-snapshot.ts'
import { sinkOf } from './sink-snapshot.ts'
import type { UpstreamDocument } from './upstream-table.ts'

export type SnapshotContext = {
  readonly file: string
  readonly digest: string
  /** the value behind a source; every one has been resolved before */
  valueOf(source: ValueSource): string
}

/** INVARIANT: the document has no fault left. */
export function snapshotOf(doc: ConfigDocument, context: SnapshotContext): Snapshot {
  const { host, port } = doc.listen
  const publicUrl = publicUrlOf(doc)
  const { evaluation } = doc.identity
  const providers = issuersOf(doc)
  return deepFreeze({
    digest: context.digest,
    file: context.file,
    listen: { host, port, ...(doc.tls ? { tls: { certFile: doc.tls.cert, keyFile: doc.tls.key } } : {}) },
    publicUrl,
    allowedHosts: doc.allowedHosts,
    allowedOrigins: doc.allowedOrigins,
    trustedProxies: doc.trustedProxies,
    monitoring: { networks: doc.monitoring.allow },
    dataDir: doc.dataDir,
    keys: { ...(doc.keys.vault ? { vault: keySource(doc.keys.vault) } : {}) },
    ...identityOf(doc, publicUrl, source => context.valueOf(source)),
    ...(doc.identity.scopes === undefined ? {} : { firstScopes: doc.identity.scopes }),
    operators: keysOf(doc.operators, providers),
    administration: administrationOf(doc, providers),
    ...(evaluation ? { evaluation: { port: evaluation.port, users: evaluation.users } } : {}),
    admissions: doc.admissions,
    reviewers: new Map([...doc.reviewers].map(([name, reviewer]) => [name, reviewerOf(reviewer)])),
    approvals: {
      webhooks: [...doc.approvals.webhooks].map(([name, { url, format, on }]) => ({
        name,
        url: context.valueOf(url),
        format,
        on: new Set(on),
      })),
      selfFrom: doc.approvals.selfFrom,
      limits: waitingOf(doc.approvals.limits),
    },
    audit: {
      ...(doc.audit.origin !== undefined && { origin: doc.audit.origin }),
      witnesses: doc.audit.witnesses.map(({ url, key }) => ({ url: url.replace(/\/+$/, ''), key })),
      ...(doc.audit.retention !== undefined && { retentionSeconds: doc.audit.retention }),
      sinks: doc.audit.sinks.map(sink => sinkOf(sink, doc.dataDir, source => context.valueOf(source))),
    },
    flow: { decayMs: doc.flow.decay, clearOwn: doc.flow.clearOwn },
    ...(doc.policies && {
      policies: { folder: doc.policies.folder, ...(doc.policies.shadow !== undefined && { shadow: doc.policies.shadow }) },
    }),
    inspection: tiersOf([doc.inspection]),
    upstreams: new Map([...doc.upstreams].map(([alias, upstream]) => [alias, upstreamOf(doc, { alias, upstream }, context)])),
    sets: new Map([...doc.sets].map(([name, aliases]) => [name, { upstreams: aliases }])),
    collisions: resolutionsOf(doc),
    registry: registryOf(doc, publicUrl, context),
    outbound: {
      hosts: doc.outbound.allow.filter(entry => !entry.includes('/')),
      networks: doc.outbound.allow.filter(entry => entry.includes('/')),
    },
    ...(doc.oauthClient.metadataUrl !== undefined && { clientMetadataUrl: doc.oauthClient.metadataUrl }),
    limits: limitsOf(doc.limits),
    log: { level: doc.log.level },
    telemetry: telemetryOf(doc, source => context.valueOf(source)),
  })
}

function registryOf(doc: ConfigDocument, publicUrl: string, context: SnapshotContext): RegistrySettings {
  const { sets, trust, repository, namespaceSize, vulnerable, mirrors, seeds, from } = doc.registry
  return {
    ...(from && {
      from: { url: plainBase(from.url), graceMs: from.grace, ...(from.tokenFile !== undefined && { tokenFile: from.tokenFile }) },
    }),
    namespaceBytes: namespaceSize,
    vulnerable,
    seeds,
    mirrors: mirrors.map(({ url, namespaces, every, tokenFile }) => ({
      url,
      namespaces: namespaces.map(namespace => namespace.toLowerCase()),
      everyMs: every,
      ...(tokenFile !== undefined && { tokenFile }),
    })),
    isExposed: isExposed(doc),
    ...proofsOf(doc, publicUrl),
    artifacts: artifactsOf(doc, context),
    sets: new Map([...sets].map(([name, set]) => [name, viewOf(set)])),
    ...(repository && {
      repository: {
        // INVARIANT: exactly one of the two is given.
        place: repository.folder === undefined ? { url: repository.url ?? '' } : { folder: repository.folder },
        root: repository.root,
        isPublisher: repository.publish,
        everyMs: repository.every,
        graceMs: repository.grace,
      },
    }),
    ...(trust && { trust: { policies: trust.policies, ...(trust.root !== undefined && { root: trust.root }) } }),
  }
}

function artifactsOf({ dataDir, registry }: ConfigDocument, context: SnapshotContext): ArtifactSettings {
  const { npm, npmAuthorization, pypi, oci, mcpb, mirrorOf, folder } = registry.artifacts
  const bases = Object.entries({ npm, pypi, oci }).flatMap(([kind, url]) => (url === undefined ? [] : [[kind, plainBase(url)] as const]))
  return {
    ...(Object.fromEntries(bases) as Pick<ArtifactSettings, 'npm' | 'pypi' | 'oci'>),
    ...(npmAuthorization && { npmAuthorization: context.valueOf(npmAuthorization) }),
    mcpb,
    mirrorOf: mirrorOf.map(plainBase),
    folder: folder ?? join(dataDir, 'content'),
  }
}

const plainBase = (url: string): string => new URL(url).href.replace(/\/+$/, '')

function viewOf({ servers, anonymous }: { readonly servers: readonly string[]; readonly anonymous: boolean }) {
  const keys = servers.map(name => name.toLowerCase())
  return {
    servers: keys.filter(key => !key.endsWith('/*')),
    namespaces: keys.filter(key => key.endsWith('/*')).map(key => key.slice(0, -2)),
    anonymous,
  }
}

/** INVARIANT: exactly one of the three is given. */
function keySource({ fromFile, fromEnv, fromCommand }: NonNullable<ConfigDocument['keys']['vault']>): KeySource {
  if (fromFile !== undefined) return { from: 'file', file: fromFile }
  return fromEnv === undefined ? { from: 'command', command: fromCommand ?? [] } : { from: 'env', name: fromEnv }
}

const keysOf = (subjects: readonly string[], issuers: readonly string[]): readonly PrincipalKey[] =>
  subjects.map(subject => {
    const [first = '', second] = subject.split(' ')
    return second === undefined ? keyOf(issuers[0] ?? '', first) : keyOf(first, second)
  })

function administrationOf(doc: ConfigDocument, issuers: readonly string[]): AdministrationSettings {
  const { roles, twoPerson, proposalLife } = doc.administration
  const rules = ROLES.map((role): RoleRule => {
    const { subjects, groups, issuers: only } = roles[role === 'policy-author' ? 'policyAuthor' : role]
    const named = role === 'operator' ? [...doc.operators, ...subjects] : subjects
    return { role, subjects: keysOf(named, issuers), groups, ...(only && { issuers: only }) }
  })
  return { roles: rules, twoPerson: twoPerson ?? isExposed(doc), proposalSeconds: proposalLife }
}

function upstreamOf(
  doc: ConfigDocument,
  { alias, upstream }: { readonly alias: string; readonly upstream: UpstreamDocument },
  context: SnapshotContext,
): ConfiguredUpstream {
  const { timeouts, limits } = upstream
  const admission = upstream.server ? 'required' : (upstream.admission ?? doc.admission)
  const credential = upstream.credential && credentialOf(upstream.credential, upstream, context, doc.identity.login)
  return {
    alias,
    ...(upstream.title === undefined ? {} : { title: upstream.title }),
    transport: upstream.server ? servedOf(upstream.server, context) : transportOf(upstream, context),
    launch: launchOf(upstream, context.file, credential),
    era: upstream.era,
    share: upstream.share,
    admission,
    arguments: argumentsOf(alias, upstream.arguments, admission),
    labels: upstream.labels,
    inspection: tiersOf([doc.inspection, upstream.inspection]),
    gates: gatesOf(upstream.gates),
    accepted: upstream.acceptedDefinitions,
    lists: upstream.lists,
    listTtlSeconds: upstream.listTtl,
    timeouts: { connectMs: timeouts.connect, callMs: timeouts.call, hardMs: timeouts.hard, idleMs: timeouts.idle, parkMs: timeouts.park },
    limits: {
      concurrency: limits.concurrency,
      queue: limits.queue,
      connections: limits.connections,
      messageBytes: limits.messageSize,
      bufferBytes: limits.bufferSize,
      listPages: limits.listPages,
      listEntries: limits.listEntries,
      listBytes: limits.listSize,
      notificationsPerSecond: limits.notificationsPerSecond,
      rounds: limits.rounds,
      ...(limits.rate && { rate: limits.rate }),
      ...(limits.toolRate && { toolRate: limits.toolRate }),
      ...(limits.atOnce !== undefined && { atOnce: limits.atOnce }),
    },
    scopes: upstream.scopes,
    allow: upstream.allow.map((rule, index) => ruleOf(rule, defaultRuleId(alias, index))),
    ...(Object.values(upstream.reads).includes(true) && { reads: upstream.reads }),
    ...(credential && { credential }),
  }
}

function transportOf(upstream: UpstreamDocument, context: SnapshotContext): UpstreamTransport {
  const { stdio } = upstream
  if (stdio) {
    return {
      kind: 'stdio',
      command: programOf(stdio.command, context),
      args: stdio.args.map(source => context.valueOf(source)),
      env: valuesOf(stdio.env, context),
      ...(stdio.cwd === undefined ? {} : { cwd: stdio.cwd.file }),
      ...confinementOf(stdio, context),
    }
  }
  const remote = upstream.http ?? upstream.sse
  return {
    kind: upstream.http ? 'http' : 'sse',
    url: new URL(remote?.url ?? '').href,
    headers: valuesOf(remote?.headers ?? new Map(), context),
    ...(remote?.spkiSha256 && { spkiSha256: remote.spkiSha256 }),
  }
}

type Confinement = Pick<ServedTransport, 'uid' | 'gid' | 'launcher'>
const confinementOf = (
  { uid, gid, launcher }: Pick<NonNullable<UpstreamDocument['server']>, 'uid' | 'gid' | 'launcher'>,
  context: SnapshotContext,
): Confinement => ({
  ...(uid === undefined ? {} : { uid }),
  ...(gid === undefined ? {} : { gid }),
  ...(launcher === undefined ? {} : { launcher: launcher.map((word, i) => (i === 0 ? programOf(word, context) : word)) }),
})

function servedOf(server: NonNullable<UpstreamDocument['server']>, context: SnapshotContext): ServedTransport {
  return {
    kind: 'server',
    name: server.name,
    version: server.version,
    ...(server.package === undefined ? {} : { package: server.package }),
    args: server.args.map(source => context.valueOf(source)),
    env: valuesOf(server.env, context),
    headers: valuesOf(server.headers, context),
    ...confinementOf(server, context),
  }
}

/** Looked up on PATH, or, with a slash in it, a file: then relative to the configuration, whatever the process's own folder is. */
const programOf = (command: string, context: SnapshotContext): string =>
  command.includes('/') && !isAbsolute(command) ? resolve(dirname(context.file), command) : command

const valuesOf = (sources: ReadonlyMap<string, ValueSource>, context: SnapshotContext): Readonly<Record<string, string>> =>
  Object.fromEntries([...sources].map(([name, source]) => [name, context.valueOf(source)]))

function ruleOf(rule: UpstreamDocument['allow'][number], defaultId: string): AllowRule {
  const { id, issuers, ...rest } = rule
  return { id: id ?? defaultId, ...rest, ...(issuers === undefined ? {} : { issuers }) }
}

/** A principal's requests per second are counted over this time. */
const BURST_SECONDS = 2
const perMinute = (count: number): RateWindow => ({ count, seconds: 60 })

function limitsOf(limits: ConfigDocument['limits']): Limits {
  return {
    bodyBytes: limits.bodySize,
    bodyTotalBytes: limits.bodyTotalSize,
    depth: limits.depth,
    connections: limits.connections,
    connectionsPerAddress: limits.connectionsPerAddress,
    addressFailuresPerMinute: limits.addressFailuresPerMinute,
    principalPerSecond: limits.principalPerSecond,
    rates: { ...limits.rates, principal: { count: limits.principalPerSecond * BURST_SECONDS, seconds: BURST_SECONDS } },
    concurrency: limits.concurrency,
    payload: { principal: perMinute(limits.payload.principal), client: perMinute(limits.payload.client) },
    sessions: limits.sessions,
    sessionsPerPrincipal: limits.sessionsPerPrincipal,
    sessionIdleSeconds: limits.sessionIdle,
    streams: limits.streams,
    streamsPerPrincipal: limits.streamsPerPrincipal,
    replayEvents: limits.replayEvents,
    replayBytes: limits.replaySize,
    replayTotalBytes: limits.replayTotalSize,
    parked: limits.parked,
    parkedPerPrincipal: limits.parkedPerPrincipal,
    headersMs: limits.headersTimeout,
    bodyMs: limits.bodyTimeout,
    drainMs: limits.drainTimeout,
  }
}

/** Freezes everything below, maps included: a snapshot is swapped whole and never changes under a request. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (value instanceof Map) {
    for (const part of value.values()) deepFreeze(part)
    const refuse = (): never => {
      throw new TypeError('the configuration snapshot is frozen')
    }
    Object.defineProperties(value, { set: { value: refuse }, delete: { value: refuse }, clear: { value: refuse } })
  } else {
    for (const part of Object.values(value)) deepFreeze(part)
  }
  return Object.freeze(value)
}

const waitingOf = ({ waiting, perPrincipal, perServer }: ConfigDocument['approvals']['limits']): Snapshot['approvals']['limits'] => ({
  total: waiting,
  perPrincipal,
  perServer,
})
