// Admission as this process runs it: statements from their folder, what was seen kept for reviewers, every difference on record before it matters.

import { AdmissionFolder, type AdmissionChange } from '../adapters/admission/admission-folder.ts'
import { AdmissionFloorFile } from '../adapters/admission/floor-file.ts'
import { readReviewers, type Reviewer, type Reviewers } from '../adapters/admission/reviewers.ts'
import { SeenFolder } from '../adapters/admission/seen-folder.ts'
import { StrangerFile } from '../adapters/admission/stranger-file.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { Admissions } from '../admission/admissions.ts'
import type { Admission } from '../admission/statement.ts'
import type { Difference } from '../admission/compare.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { ConfiguredUpstream, Snapshot } from '../config/schema.ts'
import type { Stop } from '../kernel/errors.ts'
import { Admitting, type Drift } from '../pipeline/admitting.ts'
import type { ServerFacts } from '../pipeline/server-reviews.ts'

export type AdmissionParts = {
  readonly current: () => Snapshot
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Pick<Logger, 'fault' | 'warn' | 'info'>
  /** versions of the registry: their reviews are judged elsewhere */
  readonly versions: { admission(alias: string): Admission | undefined; standing(alias: string): Stop | undefined }
  /** wall clock, milliseconds */
  readonly now: () => number
  /** a decision about this server is in force */
  readonly decided: (alias: string) => void
  /** the same, about any, and before hosts hear of it */
  readonly changed: () => void
}

/** Definitions that are named in one event; all are counted. */
const NAMED = 20

export type AdmissionPlane = {
  readonly admitting: Admitting
  /** what a reviewer decided, as it counts, for people to look at */
  readonly decision: (alias: string) => Pick<ServerFacts, 'decided' | 'signature'>
  /** takes over what reviewers decided since; called by the one timer */
  look(): Promise<void>
  /** the same for the first snapshot, or the next one, before it is in force */
  prepare(snapshot: Snapshot): Promise<void>
}

export function openAdmissions({ current, log, encoder, logger, versions, now, decided, changed }: AdmissionParts): AdmissionPlane {
  const folder = new AdmissionFolder({
    floors: new AdmissionFloorFile(current().dataDir),
    failed: (upstream, cause) => failing(upstream, cause),
    async record(change) {
      const detail = describeChange(change)
      await log.append(encoder.lifecycle('admission', detail))
      logger[change.now && 'surface' in change.now ? 'info' : 'warn']('an admission changed', detail)
    },
    decided(alias) {
      // Hosts hear of it before what they listen to ends with its upstream.
      admitting.decided(alias)
      decided(alias)
    },
  })
  /** once for each server until it starts anew: it is tried again every second */
  const told = new Set<string>()
  const failing = (upstream: string, cause: unknown): void => {
    if (told.has(upstream)) return
    told.add(upstream)
    logger.fault('a decision does not count: the last one in force could not be kept in trust/', cause, { upstream })
  }
  const seen = new SeenFolder({
    dataDir: current().dataDir,
    now,
    failed: upstream => logger.warn('what a server lists could not be kept for review', { upstream }),
  })
  const strangers = new StrangerFile(current().dataDir, (upstream, cause) =>
    logger.fault('that a server lists a stranger could not be kept in trust/: a restart forgets it', cause, { upstream }),
  )
  const record = async (drift: Drift): Promise<void> => {
    const detail = describeDrift(drift)
    await log.append(encoder.lifecycle('surface-drift', detail))
    logger.warn(
      drift.held.length > 0 ? 'a server lists what was not admitted; it is held' : 'a server no longer lists all that was admitted',
      detail,
    )
  }
  let isLooking = false
  let reviewers: Reviewers | undefined
  const isOwn = ({ admission, transport }: ConfiguredUpstream): boolean => admission === 'required' && transport.kind !== 'server'
  const lookFor = ({ admissions, upstreams }: Snapshot): Promise<void> => {
    const reviewed = [...upstreams].filter(([, settings]) => isOwn(settings))
    return folder.look({ folder: admissions, aliases: reviewed.map(([alias]) => alias), reviewers })
  }
  const pause = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
  const admissions: Admissions = {
    of: alias => (current().upstreams.get(alias)?.transport.kind === 'server' ? versions.admission(alias) : folder.of(alias)),
  }
  const admitting = new Admitting({ admissions, versions, seen, strangers, record, pause, changed })
  return {
    admitting,
    decision: alias => {
      const decided = folder.of(alias)
      const reviewer = decided && 'surface' in decided ? reviewers?.byName.get(decided.reviewer) : undefined
      return { decided, signature: signatureOf(reviewer) }
    },
    async prepare(snapshot) {
      // Keys and roots are read at the start and at each reload, as other keys are.
      const before = reviewers
      const read = readReviewers(snapshot.reviewers)
      const isSame = read?.id === before?.id
      reviewers = isSame ? before : read
      await lookFor(snapshot)
      await (isSame ? read : before)?.close()
      for (const [upstream, settings] of snapshot.upstreams)
        if (isOwn(settings) && folder.of(upstream) === undefined)
          logger.warn('nobody has reviewed this server: it offers nothing until `gatehouse server approve`', { upstream })
    },
    async look() {
      // A slow disk must not pile up looks.
      if (isLooking) return
      isLooking = true
      await lookFor(current())
      isLooking = false
    },
  }
}

/** What counts was verified: by whom it is signed alone is left to say. */
const signatureOf = (reviewer: Reviewer | undefined): ServerFacts['signature'] => {
  if (reviewer === undefined || reviewer === 'unreadable') return 'unsigned'
  return reviewer.kind === 'key' && reviewer.isEvaluation ? 'evaluation' : 'signed'
}

const describeChange = ({ alias, before, now }: AdmissionChange): Record<string, unknown> => ({
  upstream: alias,
  ...(before && 'surface' in before && { before: before.surfaceDigest }),
  ...(now && 'surface' in now
    ? { verdict: now.verdict, surface: now.surfaceDigest, reviewer: now.reviewer, reviewedAt: now.reviewedAt }
    : { verdict: now ? 'unreadable' : 'none', ...(now && { why: now.unreadable }) }),
})

/** attacker-controlled names, cut; whoever writes them escapes them. */
const describeDrift = ({ alias, list, admitted, held, missing }: Drift): Record<string, unknown> => ({
  upstream: alias,
  list,
  ...(admitted && { admitted }),
  held: held.length,
  missing: missing.length,
  definitions: held.slice(0, NAMED).map(describeDifference),
  ...(missing.length > 0 && { gone: missing.slice(0, NAMED).map(name => name.slice(0, 128)) }),
})
const describeDifference = ({ kind, name, standing, pinned, live }: Difference): Record<string, unknown> => ({
  kind,
  name: name.slice(0, 128),
  standing,
  ...(pinned && { pinned }),
  ...(live && { live }),
})
