// What a reviewer is told of each server: how it stands, what it lists otherwise than admitted, and the digests that a statement about it would name. Texts of
// servers are inert JSON (admission/inert-text.ts).

import type { Admission } from '../admission/statement.ts'
import { reviewLaunch, type Launch, type LaunchReview } from '../admission/launch.ts'
import { digestOfSurface, type PinnedSurface } from '../admission/pinned-surface.ts'
import { PAGE_LENGTH, reviewAtLength, type Finding, type SurfaceReview } from '../admission/review.ts'
import { emptySeen, surfaceSeen, type SeenSurface } from '../admission/seen-surface.ts'
import { PRIMITIVE_KINDS } from '../admission/primitive.ts'
import type { SurfaceChange } from '../admission/signed-surface.ts'
import { inertText } from '../admission/inert-text.ts'
import { suspects } from './suspicions.ts'

/** A server as it is configured and as it was found. Nothing in it decides anything. */
export type ServerFacts = {
  readonly alias: string
  readonly title?: string
  readonly admission: 'required' | 'configured'
  readonly launch: Launch
  readonly decided: Admission | { readonly unreadable: string } | undefined
  /** whether the reviewer it names signed it, as the gateway verified */
  readonly signature: 'signed' | 'evaluation' | 'unsigned'
  readonly seen: SeenSurface | undefined
  /** the admitted definitions, where they were kept */
  readonly definitions: SeenSurface | undefined
  /** a version of the registry: then `launch` says nothing, and reviews of it are published there */
  readonly version?: ServerVersion
}
type ServerVersion = {
  readonly name: string
  readonly version: string
  readonly standing: 'in-force' | 'refused' | 'ended' | 'unjudged'
  readonly publisher?: string
  readonly reviewer?: string
  readonly why?: string
  readonly fix?: string
  readonly surface?: PinnedSurface
  /** the version that was in force before, and what this one lists otherwise */
  readonly before?: { readonly name: string; readonly changes: readonly SurfaceChange[] }
}

/** Reads files: one server at a time. Rejects where they cannot be read. */
export interface ServerReviews {
  aliases(): readonly string[]
  /** undefined = no such server */
  look(alias: string): Promise<ServerFacts | undefined>
}

/** One row of the reviewer's queue. */
export type ServerRow = {
  readonly alias: string
  readonly title?: string
  readonly standing: 'configured' | 'admitted' | 'refused' | 'unreviewed' | 'unreadable' | 'in-force' | 'ended' | 'unjudged'
  /** who decided, by their own name; of a version of the registry who reviewed it */
  readonly by?: string
  readonly at?: string
  readonly why?: string
  readonly signature?: ServerFacts['signature']
  /** `name@version` of the registry */
  readonly version?: string
  readonly publisher?: string
  /** definitions that were seen and are not as admitted */
  readonly held: number
  /** the worst of them; `not-compared`: there is too much to compare it here */
  readonly class: SurfaceReview['class'] | 'not-compared'
  readonly launch: LaunchReview['standing'] | 'unpinned' | 'registry'
  /** it waits for a reviewer */
  readonly isWaiting: boolean
}

export type ServerReview = {
  readonly server: ServerRow
  readonly launch?: LaunchReview
  /** of the surface that was seen: what a statement about it would name */
  readonly surface?: string
  readonly admitted?: string
  /** `nothing`: it was not seen to list anything yet; `cut`: more than is kept; `too-large`: more than is compared here */
  readonly seen: 'all' | 'nothing' | 'cut' | 'too-large'
  readonly findings: readonly Finding[]
  /** findings beyond those */
  readonly more: number
  readonly missing: SurfaceReview['missing']
  readonly same: number
  readonly before?: { readonly name: string; readonly changes: readonly SurfaceChange[] }
  /** what admits exactly this, on the machine of whoever holds a reviewer's key; absent where it cannot be admitted as it is */
  readonly command?: string
}

/** More would keep calls waiting. */
const MAX_COMPARED_CHARACTERS = 1024 * 1024
const MAX_FINDINGS = 200

const NOTHING: SurfaceReview = { findings: [], missing: [], same: 0, class: 'same' }
const passedOf = ({ decided }: ServerFacts): Admission | undefined =>
  decided && 'surface' in decided && decided.verdict === 'passed' ? decided : undefined
const pinnedOf = (facts: ServerFacts): PinnedSurface | undefined => (facts.version ? facts.version.surface : passedOf(facts)?.surface)

function isTooLarge({ seen }: ServerFacts): boolean {
  let characters = seen?.instructions?.length ?? 0
  for (const kind of PRIMITIVE_KINDS) for (const { json } of seen?.definitions[kind].values() ?? []) characters += json.length
  return characters > MAX_COMPARED_CHARACTERS
}

const compared = (facts: ServerFacts): SurfaceReview =>
  isTooLarge(facts) || facts.admission === 'configured'
    ? NOTHING
    : reviewAtLength(
        { seen: facts.seen ?? emptySeen(facts.alias), pinned: pinnedOf(facts), admitted: facts.definitions },
        suspects,
        PAGE_LENGTH,
      )

export const serverRow = (facts: ServerFacts): ServerRow => rowOf(facts, compared(facts))

function rowOf(facts: ServerFacts, review: SurfaceReview): ServerRow {
  const { alias, title, admission, decided, signature, version, launch: how } = facts
  const launch = reviewLaunch(how, passedOf(facts))
  const own = {
    alias,
    ...(title !== undefined && { title }),
    held: review.findings.length,
    class: isTooLarge(facts) ? 'not-compared' : review.class,
  } as const
  if (version) {
    const { standing, publisher, reviewer, why } = version
    const texts = {
      ...(publisher !== undefined && { publisher }),
      ...(reviewer !== undefined && { by: reviewer }),
      ...(why !== undefined && { why }),
    }
    const isWaiting = standing === 'refused' || review.findings.length > 0
    return { ...own, ...texts, standing, version: `${version.name}@${version.version}`, launch: 'registry', isWaiting }
  }
  if (admission === 'configured') return { ...own, standing: 'configured', launch: launch.standing, isWaiting: false }
  const launched = launch.unpinned === undefined ? launch.standing : 'unpinned'
  const isOther = launched !== 'same' || review.findings.length > 0
  if (!decided) return { ...own, standing: 'unreviewed', launch: launched, isWaiting: true }
  if ('unreadable' in decided) return { ...own, standing: 'unreadable', why: decided.unreadable, launch: launched, isWaiting: true }
  const { verdict, reviewer, reviewedAt, why } = decided
  const isPassed = verdict === 'passed'
  return {
    ...own,
    standing: isPassed ? 'admitted' : 'refused',
    by: inertText(reviewer),
    at: reviewedAt,
    ...(why !== undefined && { why: inertText(why) }),
    signature,
    launch: launched,
    isWaiting: isPassed && isOther,
  }
}

export function serverReview(facts: ServerFacts): ServerReview {
  const review = compared(facts)
  const server = rowOf(facts, review)
  const { alias, seen, version, launch: how } = facts
  const launch = reviewLaunch(how, passedOf(facts))
  const state = !seen ? 'nothing' : seen.isCut ? 'cut' : server.class === 'not-compared' ? 'too-large' : 'all'
  const surface = seen && !version ? digestOfSurface(surfaceSeen(seen, pinnedOf(facts)?.mode ?? 'subset')) : undefined
  const isOther = server.standing !== 'admitted' || server.isWaiting
  const mayAdmit = !version && facts.admission === 'required' && isOther && launch.unpinned === undefined && state !== 'cut'
  const named = surface === undefined ? '' : ` --surface ${surface}`
  const pinned = pinnedOf(facts)
  return {
    server,
    ...(!version && { launch }),
    ...(surface !== undefined && { surface }),
    ...(pinned && { admitted: digestOfSurface(pinned) }),
    seen: state,
    findings: review.findings.slice(0, MAX_FINDINGS),
    more: Math.max(0, review.findings.length - MAX_FINDINGS),
    missing: review.missing,
    same: review.same,
    ...(version?.before && { before: { ...version.before, changes: version.before.changes.map(inert) } }),
    ...(mayAdmit && { command: `gatehouse server approve ${alias}${named} --launch ${launch.digest}` }),
  }
}

/** attacker-controlled names */
const inert = ({ name, ...rest }: SurfaceChange): SurfaceChange => ({ ...rest, name: inertText(name) })
