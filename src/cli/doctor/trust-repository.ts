// The repository of trust: whether the gateway would believe it now, what of it runs out, and whether a publisher can publish.

import { constants } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LIFETIME_MS, OFFLINE_ROLES, ONLINE_ROLES, standingOf, type Role } from '../../adapters/tuf/ceremony.ts'
import { TrustFolder } from '../../adapters/tuf/trust-folder.ts'
import type { Snapshot } from '../../config/schema.ts'
import { Fault } from '../../kernel/errors.ts'
import type { SeenTrust } from '../../trust/freshness.ts'
import { codeOf } from '../files.ts'
import { fail, ok, warn, type Check, type World } from './check.ts'

const NAME = 'trust repository'
const RUNBOOK = 'docs/runbooks/trust.md'
type Repository = NonNullable<Snapshot['registry']['repository']>

export async function checkTrustRepository(world: World, snapshot: Snapshot): Promise<Check[]> {
  const { repository, isExposed } = snapshot.registry
  if (!repository) return []
  const pinnedRoot = await readFile(repository.root).catch((error: unknown) => codeOf(error) ?? 'unknown error')
  if (typeof pinnedRoot === 'string')
    return [fail(NAME, `the pinned root ${repository.root} cannot be read (${pinnedRoot})`, 'copy `metadata/1.root.json` of the repository there, and compare its SHA-256 with a keyholder')] // prettier-ignore
  const publisher = repository.isPublisher && 'folder' in repository.place ? await publishing(repository.place.folder) : []
  try {
    const { seen, refused } = await world.askTrust(repository, pinnedRoot)
    const parts = refused.map(({ part, why }) =>
      fail(NAME, `${part} is not believed: ${why}`, `whoever should sign it did not, or it was changed; ${RUNBOOK} says who signs what`),
    )
    const rest = [...exposure(seen, isExposed), ...clocks(world, seen), ...running(world, seen), ...reviewers(seen)]
    const found = [...publisher, ...parts, ...rest]
    return found.length > 0 ? found : [ok(NAME, `${placeOf(repository)} is believed, and ${lifeOf(world, seen)}`)]
  } catch (error) {
    return [...publisher, fail(NAME, wordsOf(error), mendOf(error, repository))]
  }
}

const placeOf = ({ place }: Repository): string => ('folder' in place ? place.folder : place.url)
const wordsOf = (error: unknown): string => (error instanceof Fault ? error.message : 'it cannot be asked')

/** By what the refresh ended on. */
function mendOf(error: unknown, { place, root }: Repository): string {
  if (!(error instanceof Fault)) return RUNBOOK
  const { cause } = error
  if (error.code === 'trust-metadata-invalid') return `copy \`metadata/1.root.json\` of the repository to ${root}`
  if (error.code !== 'trust-refresh-failed') return `${RUNBOOK} says what to do about \`${error.code}\``
  if ('url' in place && cause instanceof Fault) {
    const { hostname, port, protocol } = new URL(place.url)
    const at = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
    if (cause.code === 'fetch-refused')
      return `if it is one of yours, add \`${at}\` to \`outbound.allow\`; it needs https unless it is on this machine`
    return `see why ${place.url} does not answer from here: \`curl ${place.url.replace(/\/*$/, '/')}metadata/timestamp.json\``
  }
  const kind = cause instanceof Error ? cause.constructor.name : ''
  if (kind === 'ExpiredMetadataError')
    return 'have it published again: by a gateway with `publish: true`, or `gatehouse trust publish` every five minutes'
  if (kind === 'DownloadHTTPError')
    return `${placeOf({ place } as Repository)} has no \`metadata/\`: name the folder or URL that has it; of a gateway it is \`/tuf/\``
  if (kind === 'BadVersionError' || kind === 'EqualVersionError')
    return `older metadata than this gateway saw is served: a mirror behind, a restored backup or a rollback; ${RUNBOOK}, *Backup and restore*`
  return `it is not signed by the keys of ${root}: another repository, or one that somebody changed; compare both with a keyholder`
}

function exposure({ isEvaluation }: SeenTrust, isExposed: boolean): readonly Check[] {
  if (!isEvaluation) return []
  const what = 'one key signs the whole repository: whoever has it decides what is trusted'
  if (isExposed) return [fail(NAME, `${what}, and other machines reach this gateway, which does not start so`, 'begin one with `gatehouse trust init` and keyholders, or listen on 127.0.0.1')] // prettier-ignore
  return [warn(NAME, what, 'good for trying out; begin one with `gatehouse trust init` and keyholders for anything else')]
}

const SKEW_MS = 60_000
/** A publisher's clock is seen in its timestamps, ours of before in what was kept. */
function clocks(world: World, { lastSeenMs, expiresMs }: SeenTrust): readonly Check[] {
  const nowMs = world.now()
  const aheadMs = (expiresMs.get('timestamp') ?? 0) - LIFETIME_MS.timestamp - nowMs
  const mend = 'set this clock and the publisher’s, and keep both set, for example with NTP'
  if (lastSeenMs - nowMs > 1000)
    return [fail(NAME, `the clock says ${iso(nowMs)}, and this gateway asked at ${iso(lastSeenMs)} before: nothing is fresh`, `${mend}; where it was ahead once, see \`clock-back\` in ${RUNBOOK}`)] // prettier-ignore
  return aheadMs > SKEW_MS ? [warn(NAME, `the newest timestamp was signed ${Math.round(aheadMs / 1000)} s from now`, mend)] : []
}

function running(world: World, { expiresMs }: SeenTrust): readonly Check[] {
  return [...expiresMs].flatMap(([role, ms]) => {
    const standing = standingOf(role as Role, ms, world.now())
    if (standing === 'good') return []
    const isOffline = OFFLINE_ROLES.some(each => each === role)
    const mend = isOffline
      ? `have keyholders sign it anew: \`gatehouse trust rotate DIR --role ${role === 'targets' ? 'root' : role}\``
      : 'its publisher does not renew it: see the log of the gateway with `publish: true`, or run `gatehouse trust publish`'
    const check = standing === 'expired' ? fail : warn
    return [check(NAME, `${role} metadata counts until ${iso(ms)}`, mend)]
  })
}

function reviewers({ documents: { policies } }: SeenTrust): readonly Check[] {
  if (!policies)
    return [
      warn(NAME, 'it has no policies, so nobody may sign anything', 'stage some: `gatehouse trust stage DIR --policies policies.json`'),
    ]
  if (policies.reviewers.length > 0) return []
  return [warn(NAME, 'its policies name no reviewer, so nothing published is ever admitted', 'add `reviewers` to the policies')]
}

function lifeOf(world: World, { expiresMs }: SeenTrust): string {
  const [[role, ms] = ['', 0]] = [...expiresMs].filter(([each]) => OFFLINE_ROLES.some(offline => offline === each)).sort(([, a], [, b]) => a - b) // prettier-ignore
  return `keyholders have to sign ${role} before ${iso(ms).slice(0, 10)} (${Math.floor((ms - world.now()) / 86_400_000)} days)`
}

/** What `publish: true` needs. */
async function publishing(path: string): Promise<readonly Check[]> {
  const folder = new TrustFolder(path)
  try {
    const { root, roles } = folder.published()
    const targets = roles.get('targets')
    if (!root || !targets)
      return [fail(NAME, `nothing is published in ${path} yet`, 'have `staged/` signed, then `gatehouse trust publish`')]
    for (const role of ONLINE_ROLES) folder.onlineKey(role, role === 'index' || role === 'revocations' ? targets : root)
    await access(join(path, 'metadata'), constants.W_OK)
    return []
  } catch (error) {
    if (error instanceof Fault) return [fail(NAME, error.message, `${RUNBOOK}, *Backup and restore* and *Stolen machine*`)]
    return [
      fail(NAME, `${path} cannot be published in (${codeOf(error) ?? 'unknown error'})`, 'give it to the user that the gateway runs as'),
    ]
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()
