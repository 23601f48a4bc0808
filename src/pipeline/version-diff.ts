// How the surface of one version differs from that of another: the rooms of registry and admission joined, with the classes and inert text that reviewers know.

import { compare } from '../admission/compare.ts'
import { readDefinitions } from '../admission/definitions.ts'
import { inertText } from '../admission/inert-text.ts'
import { readSurface, type PinnedSurface } from '../admission/pinned-surface.ts'
import { PRIMITIVE_KINDS } from '../admission/primitive.ts'
import { reviewSurface, type Finding, type SurfaceReview } from '../admission/review.ts'
import type { Stop } from '../kernel/errors.ts'
import { isJsonFault, readJson } from '../mcp/json.ts'
import type { SurfaceTexts } from '../registry/signed-surface.ts'
import { suspects } from './suspicions.ts'

/** Definitions of both versions together: comparing more would keep calls waiting. */
const MAX_COMPARED_BYTES = 1024 * 1024
const MAX_FINDINGS = 500

/** `isWhole`: the definitions of both are here, so each change is told; otherwise digests alone were compared. `more`: findings beyond those that are told. */
export type VersionDiff = SurfaceReview & {
  readonly isWhole: boolean
  readonly more: number
  readonly modes: readonly [from: string, to: string]
}

export function compareVersions(from: SurfaceTexts, to: SurfaceTexts): VersionDiff | Stop {
  const [old, now] = [surfaceIn(from.surface), surfaceIn(to.surface)]
  if (typeof old === 'string' || typeof now === 'string') return { stop: 'internal-fault', detail: 'a surface that was kept is none' }
  const [before, after] = [from.definitions?.text ?? '', to.definitions?.text ?? '']
  if (before.length + after.length > MAX_COMPARED_BYTES)
    return {
      stop: 'quota-exceeded',
      detail: `definitions of more than ${MAX_COMPARED_BYTES} bytes are not compared here`,
      fix: 'fetch the definitions of both, and compare them',
    }
  const review =
    after === ''
      ? byDigests(old, now)
      : reviewSurface(readDefinitions(after), old, before === '' ? undefined : readDefinitions(before), suspects)
  return {
    ...review,
    findings: review.findings.slice(0, MAX_FINDINGS),
    more: Math.max(0, review.findings.length - MAX_FINDINGS),
    isWhole: before !== '' && after !== '',
    modes: [old.mode, now.mode],
  }
}

function surfaceIn(text: string): PinnedSurface | string {
  const doc = readJson(Buffer.from(text))
  return isJsonFault(doc) ? doc.fault : readSurface(doc, doc.root)
}

/** Without the new definitions it is certain that something differs, and nothing else. */
function byDigests(old: PinnedSurface, now: PinnedSurface): SurfaceReview {
  const findings: Finding[] = []
  const missing: SurfaceReview['missing'][number][] = []
  let same = 0
  const said = { pinned: old.instructions ?? undefined, live: now.instructions ?? undefined }
  if (said.live !== undefined && said.live !== said.pinned)
    findings.push(unread({ kind: 'instructions', name: '', standing: said.pinned === undefined ? 'new' : 'changed', ...known(said) }))
  for (const kind of PRIMITIVE_KINDS) {
    const comparison = compare(kind, now.primitives[kind], old)
    same += comparison.same.size
    missing.push(...comparison.missing.map(name => ({ kind, name: inertText(name) })))
    for (const { name, standing, ...digests } of comparison.held.values())
      findings.push(unread({ kind, name: inertText(name), standing, ...known(digests) }))
  }
  return { findings, missing, same, class: findings[0]?.class ?? 'same' }
}

const known = ({
  pinned,
  live,
}: {
  readonly pinned?: string | undefined
  readonly live?: string | undefined
}): Pick<Finding, 'pinned' | 'live'> => ({
  ...(pinned !== undefined && { pinned }),
  ...(live !== undefined && { live }),
})
const unread = (finding: Pick<Finding, 'kind' | 'name' | 'standing' | 'pinned' | 'live'>): Finding => ({
  ...finding,
  class: 'material',
  codes: ['no-admitted-text'],
  changes: [],
  more: 0,
  others: 0,
})
