// The trust repository as this process follows it: asked at the start and by the one timer, and what is about to expire said before it does.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import { OFFLINE_ROLES, standingOf, type Role } from '../adapters/tuf/ceremony.ts'
import { FloorFile } from '../adapters/tuf/floor-file.ts'
import { publishTrust } from '../adapters/tuf/publish.ts'
import { TrustClient } from '../adapters/tuf/trust-client.ts'
import { TrustFolder } from '../adapters/tuf/trust-folder.ts'
import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import { deny, type Denial } from '../trust/denial.ts'
import type { Floors } from '../trust/floors.ts'
import { policiesOf, whyNotFresh, type SeenTrust } from '../trust/freshness.ts'
import { whyNotIndexed, type PresentedVersion } from '../trust/index-document.ts'
import type { TrustPolicies } from '../trust/signer-policy.ts'
import { KEYS_ONLY, type TrustedRootFile } from '../trust/trusted-root.ts'

/** A version in use, or about to be. `isInForce`: it was verified before, while this was fresh. */
type ServedVersion = PresentedVersion & { readonly isInForce: boolean }

/** What counts now. */
type Followed = { readonly policies: TrustPolicies; readonly root: TrustedRootFile; readonly floor: number }

export type TrustPlane = {
  /** what a version that is to be admitted is verified by, or why none can be now */
  forNew(server: string, version: string): Followed | Denial
  /**
   * what a version is verified by that is used or comes into force, or why it may not be: revoked, stale, below the floor, not in the index. Cheap; to be asked
   * at each use, for time alone can end it
   */
  forServed(version: ServedVersion): Followed | Denial
  /** called after each look that found other documents: what is in use has to be judged again. Answers what ends it */
  onChange(listener: () => void): () => void
  /** as last seen, fresh or not: who is to sign */
  policies(): TrustPolicies
  /** asks the repository; never rejects */
  look(): Promise<void>
  /** the same where it is time; called each second by the one timer */
  tick(): Promise<void>
  /** why somebody should look at it, without secrets; undefined = all is well */
  warning(): string | undefined
  /** until what is known expires; negative = since then, and when nothing is known */
  freshSeconds(): number
  /** the same of what keyholders have to sign anew */
  renewalSeconds(): number
}

export type TrustParts = {
  readonly snapshot: Snapshot
  readonly repository: NonNullable<Snapshot['registry']['repository']>
  readonly fetch: SafeFetch
  readonly logger: Pick<Logger, 'warn' | 'info'>
  /** wall clock, milliseconds */
  readonly now: () => number
  /** from 0 to 1; for tests */
  readonly random?: () => number
}

/** A revocation is to be heard of within a minute. Followers come at different times: up to a fifth earlier each. */
const LOOK_MS = 30_000
const nextLook = (nowMs: number, random: () => number): number => nowMs + LOOK_MS * (1 - random() / 5)

/**
 * Rejects where it could not fail closed: with Faults of TrustClient and FloorFile, `trust-root-unreadable`, and
 * `trust-evaluation` for a repository that one key signs, where other machines reach the gateway.
 */
export async function openTrust({ snapshot, repository, fetch, logger, now, random = Math.random }: TrustParts): Promise<TrustPlane> {
  const { isExposed } = snapshot.registry
  const trustFolder = join(snapshot.dataDir, 'trust')
  const floors: Floors = new FloorFile(trustFolder)
  const { place, root, isPublisher, graceMs } = repository
  const pinnedRoot = await readFile(root).catch((cause: unknown) => {
    throw new Fault('trust-root-unreadable', `cannot read the pinned root \`${root}\``, { cause })
  })
  const client = new TrustClient({
    place: 'folder' in place ? { kind: 'folder', folder: place.folder } : { kind: 'https', url: place.url, fetch },
    trustFolder,
    pinnedRoot,
    floors,
    now,
  })
  let failure: string | undefined
  let isLooking = false
  let dueMs = 0
  const listeners = new Set<() => void>()
  async function look(): Promise<void> {
    if (isLooking) return // a slow repository must not pile up looks
    isLooking = true
    const before = failure
    const { documents } = client.seen()
    dueMs = nextLook(now(), random)
    const unsigned = isPublisher && 'folder' in place ? publishDue(place.folder, now()) : undefined
    try {
      const { refused } = await client.refresh()
      failure = refused.length === 0 ? unsigned : `not believed: ${refused.map(({ part }) => part).join(', ')}`
    } catch (error) {
      failure = whyOf(error)
    }
    isLooking = false
    if (client.seen().documents !== documents) for (const listener of listeners) listener()
    if (failure !== undefined && failure !== before) logger.warn('the trust repository is not as it should be', { detail: failure })
    if (failure === undefined && before !== undefined) logger.info('the trust repository is as it should be again')
  }
  await look()
  refuseEvaluation(client.seen(), isExposed)
  if (client.seen().isEvaluation) logger.warn('EVALUATION: one key signs the whole trust repository; for trying out only')
  const followed = ({ documents }: SeenTrust, server: string): Followed => ({
    policies: policiesOf(documents),
    root: documents.trustedRoot ?? KEYS_ONLY,
    floor: floors.of(server),
  })
  return {
    look,
    async tick() {
      // After a sleep of the machine it is long due; a clock that was set back must not put it off.
      if (now() >= dueMs || now() < dueMs - LOOK_MS) await look()
    },
    policies: () => policiesOf(client.seen().documents),
    forNew(server, version) {
      const seen = client.seen()
      refuseEvaluation(seen, isExposed)
      const refusal = whyNotFresh(seen, { server, version, isAdmitted: false }, { graceMs: 0, nowMs: now() })
      return refusal ?? followed(seen, server)
    },
    forServed(version) {
      const seen = client.seen()
      refuseEvaluation(seen, isExposed)
      const asked = { server: version.name, version: version.version, isAdmitted: version.isInForce }
      const refusal = whyNotFresh(seen, asked, { graceMs, nowMs: now() }) ?? whyBelow(version, floors) ?? whyOutOfIndex(seen, version)
      return refusal ?? followed(seen, version.name)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    warning: () => failure ?? expiring(client.seen(), now()),
    freshSeconds: () => ((client.seen().freshUntilMs ?? 0) - now()) / 1000,
    renewalSeconds: () => (Math.min(...OFFLINE_ROLES.map(role => client.seen().expiresMs.get(role) ?? 0)) - now()) / 1000,
  }
}

const whyBelow = ({ name, sequence }: ServedVersion, floors: Floors): Denial | undefined =>
  sequence < floors.of(name) ? deny('below-floor', `expected sequence ${floors.of(name)} or above, got ${sequence}`) : undefined

const whyOutOfIndex = ({ documents: { index } }: SeenTrust, version: ServedVersion): Denial | undefined =>
  index && whyNotIndexed(index, version)

/** As `gatehouse trust publish`: what keyholders signed meanwhile is taken up too. Why it could not be; what was published before is followed on. */
function publishDue(path: string, nowMs: number): string | undefined {
  try {
    const folder = new TrustFolder(path)
    const unlock = folder.lock()
    try {
      publishTrust(folder, new Map(), nowMs, { isDueOnly: true })
    } finally {
      unlock()
    }
    return undefined
  } catch (error) {
    return whyOf(error)
  }
}

const whyOf = (error: unknown): string => (error instanceof Fault ? error.message : 'the trust repository could not be read')

function refuseEvaluation({ isEvaluation }: SeenTrust, isExposed: boolean): void {
  if (!isEvaluation || !isExposed) return
  throw new Fault(
    'trust-evaluation',
    'one key signs the whole trust repository, and other machines reach this gateway; begin one with `gatehouse trust init` and keyholders, or listen on 127.0.0.1',
  )
}

/** Roles whose time is nearly over, with the time. */
function expiring({ expiresMs }: SeenTrust, nowMs: number): string | undefined {
  const soon = [...expiresMs].filter(([role, ms]) => standingOf(role as Role, ms, nowMs) !== 'good')
  return soon.length === 0 ? undefined : soon.map(([role, ms]) => `${role} until ${new Date(ms).toISOString()}`).join(', ')
}
