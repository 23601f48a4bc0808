// Collisions as this process looks for them: over all endpoints of the configuration, by the decisions in it, with findings and decisions on record.

import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import { collideInSlices } from '../collision/collide.ts'
import type { CollisionFinding, Party } from '../collision/finding.ts'
import type { Identity } from '../collision/inventory.ts'
import { Resolutions, type Resolution } from '../collision/resolution.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Admitting } from '../pipeline/admitting.ts'
import { Colliding, type Judgement } from '../pipeline/colliding.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'
import { KnownLists } from '../pipeline/known-lists.ts'
import { endpointsOf } from './endpoints.ts'

export type CollisionParts = {
  readonly current: () => Snapshot
  readonly upstreams: () => ReadonlyMap<string, UpstreamEntry>
  readonly admitting: () => Admitting
  /** versions of the registry that are in force */
  readonly served: { inUse(alias: string): { readonly served: { readonly name: string; readonly publisher?: object } } | undefined }
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Pick<Logger, 'fault' | 'warn'>
  /** monotonic milliseconds */
  readonly monotonic: () => number
}

export type CollisionPlane = {
  readonly colliding: Colliding
  /** puts the decisions of a configuration on record, before they count; durable when it resolves */
  readonly prepare: (next: Snapshot, before?: Snapshot) => Promise<void>
}

/** Findings that are named in one event; all are counted. */
const NAMED = 20
const pause = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export function openCollisions({ current, upstreams, admitting, served, log, encoder, logger, monotonic }: CollisionParts): CollisionPlane {
  let decided = { by: current().collisions, resolutions: new Resolutions(current().collisions) }
  const resolutions = (): Resolutions => {
    const by = current().collisions
    if (decided.by !== by) decided = { by, resolutions: new Resolutions(by) }
    return decided.resolutions
  }
  const identityOf = (entry: UpstreamEntry): Identity => {
    const version = served.inUse(entry.alias)?.served
    if (!version) return { source: entry.identity }
    // Without its publisher's own signature the namespace is only a name.
    return { source: `registry ${version.name}`, ...(version.publisher && { publisher: version.name.split('/')[0] }) }
  }
  let ranked: { readonly of: Snapshot['upstreams']; readonly by: ReadonlyMap<string, number> } | undefined
  const rankOf = (alias: string): number => {
    const of = current().upstreams
    if (ranked?.of !== of) ranked = { of, by: new Map([...of.keys()].map((each, i) => [each, i])) }
    return ranked.by.get(alias) ?? Infinity
  }
  const told = async (judgement: Judgement, before: Judgement | undefined): Promise<void> => {
    const detail = describeChange(judgement, before)
    if (!detail) return
    if (detail.held > 0) logger.warn('names could be taken for others; they are held: `gatehouse collisions`', detail)
    // The log says itself why it cannot be written, and then nothing passes at all.
    await log.append(encoder.lifecycle('collision-finding', detail)).catch(() => undefined)
  }
  const colliding = new Colliding({
    known: new KnownLists({
      surfaceOf: entry => admitting().surfaceOf(entry),
      digestIn: (entry, kind, each) => admitting().digestIn(entry, kind, each),
      pause,
      now: monotonic,
    }),
    endpoints: () => endpointsOf(current()).values(),
    upstreams,
    isHeld: entry => admitting().held(entry) !== undefined,
    identityOf,
    rankOf,
    resolutions,
    collide: collideInSlices,
    told,
    failed: cause => logger.fault('servers could not be compared: what was not compared is not shown', cause),
    pause,
  })
  return {
    colliding,
    async prepare(next, before) {
      for (const event of decisionsOn(next.collisions, before?.collisions ?? []))
        await log.append(encoder.lifecycle('collision-resolution', event))
    },
  }
}

/** Decisions that are new in a configuration, and those that are gone from it. At a start all are new. */
function decisionsOn(next: readonly Resolution[], before: readonly Resolution[]): Readonly<Record<string, unknown>>[] {
  const [old, now] = [new Set(before.map(each => JSON.stringify(each))), new Set(next.map(each => JSON.stringify(each)))]
  const changed = next.filter(each => !old.has(JSON.stringify(each))).map(each => ({ ...describeDecision(each), is: 'in-force' }))
  return [
    ...changed,
    ...before.filter(each => !now.has(JSON.stringify(each))).map(each => ({ ...describeDecision(each), is: 'withdrawn' })),
  ]
}
const describeDecision = ({ server, kind, name, resolve, as, by, why }: Resolution): Readonly<Record<string, unknown>> => ({
  ...{ upstream: server, list: kind, name: name.slice(0, 512), resolve },
  ...(as !== undefined && { as }),
  ...{ by, why },
})

/** What is new since the judgement before; undefined where nothing is, and nothing is gone. */
function describeChange(
  { endpoint, applied }: Judgement,
  before: Judgement | undefined,
): { readonly held: number; readonly [key: string]: unknown } | undefined {
  const old = new Set(before?.applied.findings.map(keyOf))
  const fresh = applied.findings.filter(finding => !old.delete(keyOf(finding)))
  if (fresh.length === 0 && old.size === 0) return undefined
  const held = fresh.filter(({ disposition }) => disposition === 'held')
  return {
    endpoint: endpoint.path,
    held: held.length,
    new: fresh.length,
    gone: old.size,
    counts: Object.fromEntries(applied.counts),
    findings: [...held, ...fresh.filter(({ disposition }) => disposition !== 'held')].slice(0, NAMED).map(describe),
  }
}
const describe = ({ code, severity, disposition, subject, against }: CollisionFinding): object => ({
  ...{ code, severity, disposition, subject: describeParty(subject), against: describeParty(against) },
})
const describeParty = ({ server, host, kind, name }: Party): object => ({
  ...(server !== undefined && { upstream: server }),
  ...(host !== undefined && { host }),
  ...(kind && { list: kind }),
  name: name.slice(0, 128),
})
const keyOf = ({ code, disposition, subject, against }: CollisionFinding): string =>
  JSON.stringify([code, disposition, subject.server, subject.kind, subject.name, against.server, against.host, against.kind, against.name])
