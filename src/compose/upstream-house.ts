// The upstreams of this process with what their connections need, and what is written down of what they send to nobody.

import type { Logger } from '../adapters/telemetry/logs.ts'
import { createUpstream, type UpstreamDeps } from '../adapters/upstream/upstream.ts'
import type { Snapshot } from '../config/schema.ts'
import { upstreamDeps } from './upstream-deps.ts'
import { UpstreamReport, type UpstreamReportParts } from './upstream-report.ts'
import { UpstreamSet } from './upstreams.ts'

type Parts = Pick<UpstreamReportParts, 'log' | 'encoder' | 'metrics'> &
  Pick<UpstreamDeps, 'info' | 'environment' | 'contacts'> & {
    readonly logger: Logger
    /** what was cached of this upstream no longer holds */
    readonly onReplaced: (alias: string) => void
  }

type UpstreamHouse = { readonly upstreams: UpstreamSet; readonly report: UpstreamReport }

/** None is started or connected to before it is first used. */
export function houseUpstreams(snapshot: Snapshot, { onReplaced, info, environment, contacts, ...parts }: Parts): UpstreamHouse {
  const report = new UpstreamReport(parts)
  const dropped: UpstreamDeps['dropped'] = (alias, kind) => report.dropped(alias, kind)
  const shared = upstreamDeps(snapshot, parts.logger, { info, environment, contacts, dropped })
  return { report, upstreams: new UpstreamSet(settings => createUpstream(settings, shared), onReplaced) }
}
