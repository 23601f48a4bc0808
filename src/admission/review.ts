// What a reviewer is shown: every definition that differs from what was admitted, its class, and its differences as inert text.

import { compare, type Difference } from './compare.ts'
import { diff, type Change } from './diff.ts'
import { classify, classifyWhole, DRIFT_CLASSES, type Classified, type DriftClass, type Suspects } from './drift-rules.ts'
import { inertJson, inertText, type ShownChange } from './inert-text.ts'
import type { PinnedSurface } from './pinned-surface.ts'
import { digestOfInstructions, PRIMITIVE_KINDS, type PrimitiveKind } from './primitive.ts'
import type { SeenDefinition, SeenSurface } from './seen-surface.ts'

export type Finding = Classified & {
  readonly kind: PrimitiveKind | 'instructions'
  /** inert; empty for instructions */
  readonly name: string
  readonly standing: Difference['standing']
  readonly pinned?: string
  readonly live?: string
  readonly changes: readonly ShownChange[]
  /** differences that are not shown */
  readonly more: number
  /** other definitions of this name that were seen: callers get different ones, or it changed */
  readonly others: number
}

export type SurfaceReview = {
  /** worst class first, then in the server's order */
  readonly findings: readonly Finding[]
  /** admitted and not seen: harmless where lists depend on who asks */
  readonly missing: readonly { readonly kind: PrimitiveKind; readonly name: string }[]
  /** as admitted */
  readonly same: number
  readonly class: DriftClass | 'same'
}

/** How much of one definition is shown: changes, and characters of a value. What is longer ends in `…`. */
export type ReviewLength = { readonly changes: number; readonly value: number; readonly whole: number }
/** A whole definition is shown at length: it has to be read. */
const TERMINAL: ReviewLength = { changes: 40, value: 400, whole: 4000 }
/** For pages, where what is long folds. */
export const PAGE_LENGTH: ReviewLength = { changes: 400, value: 32_000, whole: 64_000 }

/**
 * Holds what was seen against what was admitted. `admitted`: the definitions as admitted, where they were kept; one that does not have the pinned digest
 * counts for nothing, whoever wrote it.
 */
export const reviewSurface = (
  seen: SeenSurface,
  pinned: PinnedSurface | undefined,
  admitted: SeenSurface | undefined,
  suspects: Suspects,
): SurfaceReview => reviewAtLength({ seen, pinned, admitted }, suspects, TERMINAL)

/** The same, with as much of each value as `length` says. */
export function reviewAtLength({ seen, pinned, admitted }: Compared, suspects: Suspects, length: ReviewLength): SurfaceReview {
  const findings: Finding[] = []
  const missing: { readonly kind: PrimitiveKind; readonly name: string }[] = []
  let same = 0
  const said = instructionsFinding({ seen, pinned, admitted }, suspects, length)
  if (said) findings.push(said)
  for (const kind of PRIMITIVE_KINDS) {
    const live = seen.definitions[kind]
    const comparison = compare(
      kind,
      [...live].map(([name, { digest }]) => [name, digest] as const),
      pinned,
    )
    same += comparison.same.size
    missing.push(...comparison.missing.map(name => ({ kind, name: inertText(name) })))
    for (const [name, difference] of comparison.held) {
      const now = live.get(name)
      if (now) findings.push(findingOf(difference, { now, old: admitted?.definitions[kind].get(name), length }, suspects))
    }
  }
  const sorted = DRIFT_CLASSES.flatMap(of => findings.filter(f => f.class === of))
  return { findings: sorted, missing, same, class: sorted[0]?.class ?? 'same' }
}

function findingOf(
  { kind, name, standing, pinned, live }: Difference,
  { now, old, length }: { readonly now: SeenDefinition; readonly old: SeenDefinition | undefined; readonly length: ReviewLength },
  suspects: Suspects,
): Finding {
  const after: unknown = JSON.parse(now.json)
  const hasOld = old !== undefined && pinned !== undefined && old.digest === pinned
  const before: unknown = hasOld ? JSON.parse(old.json) : undefined
  const changes = hasOld ? diff(before, after) : { changes: [{ pointer: '', after }], isCut: false }
  const classified = hasOld
    ? classify(changes, before, after, suspects)
    : classifyWhole(after, standing === 'new' ? 'definition-added' : 'no-admitted-text', suspects)
  return {
    ...{ kind, name: inertText(name), standing, ...classified },
    ...(pinned !== undefined && { pinned }),
    ...(live !== undefined && { live }),
    ...shown(changes.changes, length),
    others: now.others.length,
  }
}

type Compared = { readonly seen: SeenSurface; readonly pinned: PinnedSurface | undefined; readonly admitted: SeenSurface | undefined }

function instructionsFinding({ seen, pinned, admitted }: Compared, suspects: Suspects, length: ReviewLength): Finding | undefined {
  const { instructions } = seen
  if (instructions === undefined) return undefined
  const live = digestOfInstructions(instructions)
  const known = pinned?.instructions ?? undefined
  if (live !== undefined && live === known) return undefined
  const old = admitted?.instructions
  const hasOld = old !== undefined && known !== undefined && digestOfInstructions(old) === known
  const changes: readonly Change[] = [{ pointer: '/instructions', ...(hasOld && { before: old }), after: instructions }]
  const standing = known === undefined ? 'new' : 'changed'
  return {
    ...({ kind: 'instructions', name: '', standing } as const),
    ...(hasOld
      ? classify({ changes, isCut: false }, old, instructions, suspects)
      : classifyWhole(instructions, known === undefined ? 'definition-added' : 'no-admitted-text', suspects)),
    ...(known !== undefined && { pinned: known }),
    ...(live !== undefined && { live }),
    ...shown(changes, length),
    others: 0,
  }
}

function shown(changes: readonly Change[], length: ReviewLength): { readonly changes: readonly ShownChange[]; readonly more: number } {
  const shownText = (pointer: string, value: unknown): string => inertJson(value, pointer === '' ? length.whole : length.value)
  const kept = changes.slice(0, length.changes).map(change => ({
    pointer: inertText(change.pointer),
    ...(change.before !== undefined && { before: shownText(change.pointer, change.before) }),
    ...(change.after !== undefined && { after: shownText(change.pointer, change.after) }),
  }))
  return { changes: kept, more: changes.length - kept.length }
}
