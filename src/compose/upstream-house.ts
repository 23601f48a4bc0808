// The upstreams of this process with what their connections need, and what is written down of what they send to nobody.

import type { Logger } from '../adapters/telemetry/logs.ts'
import { stoppedUpstream } from '../adapters/upstream/stopped-upstream.ts'
import { createUpstream, type UpstreamDeps } from '../adapters/upstream/upstream.ts'
import type { Upstream } from '../bridge/upstream.ts'
import type { ConfiguredUpstream, ServedTransport, Snapshot, UpstreamTransport } from '../config/schema.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Stop } from '../kernel/errors.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'
import { HeldUpstream } from '../pipeline/held-upstream.ts'
import { signedFacts, verifying } from './served-words.ts'
import type { Serving } from './serving.ts'
import { upstreamDeps } from './upstream-deps.ts'
import { UpstreamReport, type UpstreamReportParts } from './upstream-report.ts'
import { accountOfUpstream, fingerprintOf, identityOf, UpstreamSet, type Resolved } from './upstreams.ts'

export type HouseParts = Pick<UpstreamReportParts, 'log' | 'encoder' | 'metrics'> &
  Pick<UpstreamDeps, 'info' | 'environment' | 'contacts'> & {
    readonly logger: Logger
    /** what was cached of this upstream no longer holds */
    readonly onReplaced: (alias: string) => void
    /** why it is not to be started or connected to now */
    readonly held: (entry: UpstreamEntry) => Stop | undefined
    /** which versions of the registry may be used */
    readonly serving: Pick<Serving, 'inUse' | 'standing' | 'check'>
  }

export type UpstreamHouse = {
  readonly upstreams: UpstreamSet
  readonly report: UpstreamReport
  /** takes a configuration over whole */
  readonly take: (snapshot: Snapshot) => void
  /** whether this upstream may be started changed: if not, its processes and connections end; if so, what waited for that is opened */
  readonly settle: (alias: string) => void
}

/** None is started or connected to before it is first used, and none before its launch is admitted. */
export function houseUpstreams(
  snapshot: Snapshot,
  { onReplaced, held, info, environment, contacts, serving, ...parts }: HouseParts,
): UpstreamHouse {
  const report = new UpstreamReport(parts)
  const dropped: UpstreamDeps['dropped'] = (alias, kind) => report.dropped(alias, kind)
  const shared = upstreamDeps(snapshot, parts.logger, { info, environment, contacts, dropped })
  const current = new Map<string, HeldUpstream>()
  const holding = (alias: string, inner: Upstream): Upstream => {
    const upstream = new HeldUpstream(inner, () => {
      const entry = upstreams.entries.get(alias)
      return entry && held(entry)
    })
    current.set(alias, upstream)
    return upstream
  }

  function served(settings: ConfiguredUpstream, { name, version }: ServedTransport): Resolved {
    const { alias } = settings
    const inUse = serving.inUse(alias)
    if (!inUse) {
      const why = (): Stop => serving.standing(alias) ?? verifying(alias)
      return { key: 'stopped', make: () => stoppedUpstream(alias, why), identity: `${name}@${version} none`, url: '' }
    }
    const { key, transport, sinceMs } = inUse
    const identity = `${inUse.served.name}@${inUse.served.version} ${inUse.served.digest}`
    const verify = (): Promise<Stop | undefined> => serving.check(alias, key)
    return {
      key: `${fingerprintOf(settings)} ${key}`,
      make: () => holding(alias, createUpstream({ ...settings, transport }, { ...shared, verify })),
      identity,
      account: `${alias} ${digestOf(identity)}`,
      version: identity,
      signed: signedFacts(inUse.served),
      sinceMs,
      url: urlOf(transport),
    }
  }
  const configured = (settings: ConfiguredUpstream, transport: UpstreamTransport): Resolved => ({
    key: fingerprintOf(settings),
    make: () => holding(settings.alias, createUpstream({ ...settings, transport }, shared)),
    identity: identityOf(transport),
    account: accountOfUpstream(settings.alias, transport),
    url: urlOf(transport),
  })
  const resolve = (settings: ConfiguredUpstream): Resolved => {
    const { transport } = settings
    return transport.kind === 'server' ? served(settings, transport) : configured(settings, transport)
  }
  const upstreams: UpstreamSet = new UpstreamSet(resolve, onReplaced)
  const settle = (alias: string): void => {
    const upstream = current.get(alias)
    if (upstream?.isHeld === false) upstream.wake()
    else if (upstream?.isBusy === true) upstreams.reset(alias)
  }
  return {
    report,
    upstreams,
    settle,
    take(next) {
      upstreams.apply(next)
      for (const alias of next.upstreams.keys()) settle(alias)
    },
  }
}

const urlOf = (transport: UpstreamTransport): string => (transport.kind === 'stdio' ? '' : transport.url)
