// The trust repository as this process follows it: asked at the start and by the one timer, and what is about to expire said before it does.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import { OFFLINE_ROLES, standingOf, type Role } from '../adapters/tuf/ceremony.ts'
import { TrustClient } from '../adapters/tuf/trust-client.ts'
import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import type { Withdrawal } from '../trust/blocked.ts'
import { deny, type Denial } from '../trust/denial.ts'
import type { Floors } from '../trust/floors.ts'
import { policiesOf, whyNotFresh, type FreshnessRules, type SeenTrust } from '../trust/freshness.ts'
import { whyNotIndexed, type PresentedVersion } from '../trust/index-document.ts'
import { NO_REVOCATIONS, withdrawalsOf } from '../trust/revocations.ts'
import type { TrustPolicies } from '../trust/signer-policy.ts'
import { KEYS_ONLY, type TrustedRootFile } from '../trust/trusted-root.ts'
import type { RegistrySource } from './registry-documents.ts'
import { TrustLooks } from './trust-looks.ts'
import { TrustPublishing } from './trust-publishing.ts'

/** A version in use, or about to be. `isInForce`: it was verified before, while this was fresh; `countsAs`: the number that is held against the floor; default: its own. */
export type ServedVersion = PresentedVersion & { readonly countsAs?: number; readonly isInForce: boolean }

/** What counts now. `withdrawn`: versions, namespaces, artifacts and bundles; signers are in the policies. */
type Followed = {
  readonly policies: TrustPolicies
  readonly root: TrustedRootFile
  readonly withdrawn: readonly Withdrawal[]
  readonly floor: number
}

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
  /** the registry of this gateway changed: what is published of it follows within a second */
  registryChanged(): void
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
  /** the one table of this process */
  readonly floors: Floors
  /** wall clock, milliseconds */
  readonly now: () => number
  /** of this gateway, where its index and revocations are to be published */
  readonly registry?: RegistrySource
  /** from 0 to 1; for tests */
  readonly random?: () => number
}

/**
 * Rejects where it could not fail closed: with Faults of TrustClient and FloorFile, `trust-root-unreadable`, and
 * `trust-evaluation` for a repository that one key signs, where other machines reach the gateway.
 */
export async function openTrust(parts: TrustParts): Promise<TrustPlane> {
  const { snapshot, repository, fetch, floors, logger, now, registry, random = Math.random } = parts
  const { isExposed } = snapshot.registry
  const trustFolder = join(snapshot.dataDir, 'trust')
  const { place, root, isPublisher, everyMs, graceMs } = repository
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
  if (!client.isProven)
    logger.warn('not all that was kept of the trust repository is signed: until it was asked again nothing of it counts but what denies')
  const publishing = isPublisher && 'folder' in place ? new TrustPublishing(place.folder, registry) : undefined
  const looks = new TrustLooks({ client, publishing, logger, now, everyMs, random })
  await looks.look()
  refuseEvaluation(client.seen(), isExposed)
  if (client.seen().isEvaluation) logger.warn('EVALUATION: one key signs the whole trust repository; for trying out only')
  let said: (Omit<Followed, 'floor'> & { readonly of: SeenTrust['documents'] }) | undefined
  function followed({ documents: of }: SeenTrust, server: string): Followed {
    // Asked at each use: made once of the same documents.
    if (said?.of !== of) {
      const { trustedRoot = KEYS_ONLY, revocations = NO_REVOCATIONS } = of
      said = { of, policies: policiesOf(of), root: trustedRoot, withdrawn: withdrawalsOf(revocations) }
    }
    const { policies, root: trusted, withdrawn } = said
    return { policies, root: trusted, withdrawn, floor: floors.of(server) }
  }
  return {
    look: () => looks.look(),
    tick: () => looks.tick(),
    registryChanged() {
      if (publishing) looks.soon()
    },
    policies: () => policiesOf(client.seen().documents),
    onChange: listener => looks.onChange(listener),
    forNew(server, version) {
      const seen = client.seen()
      refuseEvaluation(seen, isExposed)
      const refusal = whyNotFresh(seen, { server, version, isAdmitted: false }, { graceMs, nowMs: now() })
      return refusal ?? followed(seen, server)
    },
    forServed(version) {
      const seen = client.seen()
      refuseEvaluation(seen, isExposed)
      const refusal = whyNotServed(seen, version, { floors, graceMs, nowMs: now() })
      return refusal ?? followed(seen, version.name)
    },
    warning: () => looks.failure ?? expiring(client.seen(), now()),
    freshSeconds: () => ((client.seen().freshUntilMs ?? 0) - now()) / 1000,
    renewalSeconds: () => (Math.min(...OFFLINE_ROLES.map(role => client.seen().expiresMs.get(role) ?? 0)) - now()) / 1000,
  }
}

type ServedRules = FreshnessRules & { readonly floors: Floors }

function whyNotServed(seen: SeenTrust, version: ServedVersion, { floors, ...rules }: ServedRules): Denial | undefined {
  const { name, sequence, countsAs = sequence, isInForce } = version
  const floor = floors.of(name)
  return (
    whyNotFresh(seen, { server: name, version: version.version, isAdmitted: isInForce }, rules) ??
    (countsAs < floor ? deny('below-floor', `expected sequence ${floor} or above, got ${countsAs}`) : undefined) ??
    (seen.documents.index && whyNotIndexed(seen.documents.index, version))
  )
}

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
