// The one timer of the gateway: what expires, what is kept alive, what is written once a minute.

import { RENEW_MS } from '../flow/marks.ts'
import { engineCollection, QuietCollection } from './quiet-collection.ts'

type Parts = {
  readonly sessions: { sweep(): void }
  readonly parked: { sweep(nowMs: number): void }
  readonly catalogue: { sweep(): void }
  readonly streams: { tick(nowSeconds: number): void; recheck(nowSeconds: number): Promise<void> }
  readonly endpoint: { readonly running: number; readonly requests: number }
  readonly refusals: { flush(): Promise<void> }
  readonly report: { flush(): Promise<void> }
  readonly localActs: { look(): Promise<void> }
  /** proofs of namespaces that end soon */
  readonly namespaceLooks: { look(): Promise<void> }
  /** other registries */
  readonly mirrors: { look(): Promise<void> }
  /** versions of the registry */
  readonly served: { tick(): void }
  /** the folder of policies */
  readonly policies: { look(): Promise<void> }
  /** who read untrusted or private contents */
  readonly marks: { renew(): Promise<void>; sweep(): Promise<void> }
  /** what nobody decided in time */
  readonly approvals: { tick(): Promise<void> }
  /** how far others signed the audit log */
  readonly witnesses: { look(): Promise<void> }
  /** events that were kept long enough */
  readonly retention: { look(): Promise<void> }
  /** reviewers' decisions */
  readonly admissions: { look(): Promise<void> }
  /** the repository of trust; absent = none is followed */
  readonly trust?: { tick(): Promise<void> } | undefined
  /** sign-ins, codes and tokens that expired; absent = there are none */
  readonly people?: { sweep(): Promise<void> } | undefined
  readonly now: () => number
  readonly monotonic: () => number
}

const TICK_MS = 1000
const KEEP_ALIVE_TICKS = 15
const APPROVAL_TICKS = 2
const AGGREGATE_TICKS = 60
const RETENTION_TICKS = 60
const WITNESS_TICKS = 10
const RENEW_TICKS = RENEW_MS / TICK_MS
const NAMESPACE_TICKS = 300
const FORGET_TICKS = 600

/** `stop`: nothing more begins; resolves when what is under way is over. */
export function startClock(parts: Parts): { stop(): Promise<void> } {
  let ticks = 0
  const underWay = new Set<Promise<void>>()
  const begin = (work: Promise<void>): void => {
    const ends = work.finally(() => underWay.delete(ends))
    underWay.add(ends)
  }
  const quiet = new QuietCollection(engineCollection())
  const timer = setInterval(() => {
    ticks += 1
    parts.parked.sweep(parts.monotonic())
    quiet.tick(parts.monotonic(), parts.endpoint)
    begin(parts.localActs.look())
    begin(parts.admissions.look())
    begin(parts.policies.look())
    if (ticks % APPROVAL_TICKS === 0) begin(parts.approvals.tick())
    parts.served.tick()
    if (parts.trust) begin(parts.trust.tick())
    begin(parts.mirrors.look())
    if (ticks % KEEP_ALIVE_TICKS === 0) {
      const nowSeconds = Math.floor(parts.now() / 1000)
      parts.streams.tick(nowSeconds)
      begin(parts.streams.recheck(nowSeconds))
      parts.sessions.sweep()
      parts.catalogue.sweep()
    }
    // A failed flush keeps its counts for the next one.
    if (ticks % AGGREGATE_TICKS === 0) for (const counts of [parts.refusals, parts.report]) counts.flush().catch(() => {})
    if (ticks % WITNESS_TICKS === 1) begin(parts.witnesses.look())
    if (ticks % RETENTION_TICKS === 1) begin(parts.retention.look())
    if (ticks % RENEW_TICKS === 0) begin(parts.marks.renew())
    if (ticks % NAMESPACE_TICKS === 0) begin(parts.namespaceLooks.look())
    // What could not be forgotten now is forgotten next time; nobody is let in by it.
    if (ticks % FORGET_TICKS === 0) for (const part of [parts.people, parts.marks]) part?.sweep().catch(() => {})
  }, TICK_MS)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await Promise.allSettled(underWay)
    },
  }
}
