// Versions of the registry as this process serves them: the registry's stores, the trust it follows, and what ends when one no longer holds.

import { join } from 'node:path'
import { InForceFiles } from '../adapters/in-force-file.ts'
import { ServedReport } from '../adapters/served-report.ts'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import { RootedVerification } from '../adapters/sigstore/rooted-verification.ts'
import { createAdvisoryStore } from '../adapters/sqlite/advisory-store.ts'
import { createDocumentStore } from '../adapters/sqlite/document-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Stop } from '../kernel/errors.ts'
import { AdvisoryBook } from '../registry/advisories/book.ts'
import type { ContentStore } from '../trust/content.ts'
import type { Floors } from '../trust/floors.ts'
import { definitionsKeeper } from './definitions-keeper.ts'
import { lazyContent } from './lazy-content.ts'
import { servedSource } from './served-source.ts'
import { ServedTrust } from './served-trust.ts'
import { Serving } from './serving.ts'
import type { TrustPlane } from './trust.ts'

type ServedParts = {
  readonly current: () => Snapshot
  readonly state: StateDb
  readonly trust: TrustPlane | undefined
  readonly floors: Floors
  /** as `outbound` allows */
  readonly fetch: SafeFetch
  /** default: a folder, as `registry.artifacts` says */
  readonly content?: ContentStore | undefined
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Logger
  /** wall clock, milliseconds */
  readonly now: () => number
  /** another server, or none, is behind the alias; `stop`: what runs on the old one ends with it */
  readonly changed: (alias: string, stop: Stop | undefined) => void
  /** what is admitted of it changed */
  readonly decided: (alias: string) => void
}

export type ServedHouse = {
  readonly serving: Serving
  /** the one verifier of this process */
  readonly rooted: RootedVerification
  /** the registry withdrew something, or something was vouched for: it counts at once */
  readonly changed: () => void
  /** called by the one timer, each second */
  tick(): void
  /** nothing more is judged, fetched or started; resolves when nothing more is written */
  close(): Promise<void>
}

const LOOK_TICKS = 30

export function openServed({
  current,
  state,
  trust,
  floors,
  content: given,
  fetch,
  log,
  encoder,
  logger,
  now,
  changed,
  decided,
}: ServedParts): ServedHouse {
  const { dataDir } = current()
  const source = servedSource({ current, state, fetch, logger, now })
  const rooted = new RootedVerification()
  const documents = createDocumentStore(state)
  const content = given
    ? { keep: given.keep.bind(given), check: given.check.bind(given), close: (): Promise<void> => Promise.resolve() }
    : lazyContent(current, artifact =>
        logger.warn('what was installed lay there no more as it was, and is installed anew: find out who writes there', { artifact }),
      )
  const look = (): void => {
    source.forget()
    judging.forget()
    void serving.look()
  }
  const report = new ServedReport(dataDir, cause => logger.fault('how versions stand could not be kept for commands', cause))
  const definitions = definitionsKeeper({ dataDir, definitionsOf: source.definitionsOf, logger })
  const judging = new ServedTrust({
    followed: trust,
    files: () => current().registry.trust,
    rooted,
    source: source.versions,
    withdrawn: source.withdrawn,
    floors,
    advisories: new AdvisoryBook({ store: createAdvisoryStore(state), documents, nowMs: now }),
    vulnerable: () => current().registry.vulnerable,
    registry: source.registry,
    now,
  })
  const serving = new Serving({
    trust: judging,
    content,
    floors,
    inForce: new InForceFiles(join(dataDir)),
    record: detail => log.append(encoder.lifecycle('server-version', detail)),
    report: row => {
      report.put(row)
      if (row.is === 'in-force') definitions.put(row)
    },
    changed,
    decided,
    logger,
    now,
  })
  trust?.onChange(look)
  let ticks = 0
  return {
    serving,
    rooted,
    changed: look,
    tick() {
      serving.tick()
      // What files say, and what somebody else wrote into the database.
      ticks += 1
      if (ticks % LOOK_TICKS === 0) look()
    },
    async close() {
      await Promise.all([serving.close(), content.close()])
      await Promise.all([report.written(), definitions.settled()])
    },
  }
}
