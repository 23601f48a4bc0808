// The upstreams of this process with what their connections need, and what is written down of what they send to nobody.

import type { Logger } from '../adapters/telemetry/logs.ts'
import { createUpstream, type UpstreamDeps } from '../adapters/upstream/upstream.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Stop } from '../kernel/errors.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'
import { HeldUpstream } from '../pipeline/held-upstream.ts'
import { upstreamDeps } from './upstream-deps.ts'
import { UpstreamReport, type UpstreamReportParts } from './upstream-report.ts'
import { UpstreamSet } from './upstreams.ts'

type Parts = Pick<UpstreamReportParts, 'log' | 'encoder' | 'metrics'> &
  Pick<UpstreamDeps, 'info' | 'environment' | 'contacts'> & {
    readonly logger: Logger
    /** what was cached of this upstream no longer holds */
    readonly onReplaced: (alias: string) => void
    /** why it is not to be started or connected to now */
    readonly held: (entry: UpstreamEntry) => Stop | undefined
  }

type UpstreamHouse = {
  readonly upstreams: UpstreamSet
  readonly report: UpstreamReport
  /** takes a configuration over whole */
  readonly take: (snapshot: Snapshot) => void
  /** whether this upstream may be started changed: if not, its processes and connections end; if so, what waited for that is opened */
  readonly settle: (alias: string) => void
}

/** None is started or connected to before it is first used, and none before its launch is admitted. */
export function houseUpstreams(snapshot: Snapshot, { onReplaced, held, info, environment, contacts, ...parts }: Parts): UpstreamHouse {
  const report = new UpstreamReport(parts)
  const dropped: UpstreamDeps['dropped'] = (alias, kind) => report.dropped(alias, kind)
  const shared = upstreamDeps(snapshot, parts.logger, { info, environment, contacts, dropped })
  const current = new Map<string, HeldUpstream>()
  const upstreams: UpstreamSet = new UpstreamSet(settings => {
    const why = (): Stop | undefined => {
      const entry = upstreams.entries.get(settings.alias)
      return entry && held(entry)
    }
    const upstream = new HeldUpstream(createUpstream(settings, shared), why)
    current.set(settings.alias, upstream)
    return upstream
  }, onReplaced)
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
