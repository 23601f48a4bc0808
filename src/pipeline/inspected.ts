// Inspection as the pipeline asks it: documents of one upstream, with what its configuration makes of each code.

import { TIERS, type DocumentKind, type Finding, type Tier } from '../inspection/finding.ts'
import { inspect } from '../inspection/inspect.ts'
import type { Tiers } from '../inspection/tiers.ts'
import { canonicalText } from '../kernel/canonical-text.ts'

/** Findings with the tiers that count here. */
export type Inspected = { readonly findings: readonly Finding[]; readonly tier: Tier | undefined }

/** The room as a port: a test puts a detector that fails in its place. */
export type Inspect = typeof inspect

/** Findings of one document that a record names. */
const MAX_RECORDED = 20
const NOTHING: Inspected = { findings: [], tier: undefined }

/** With the tiers of `tiers`: what is off is not said. */
export function tiered(found: Inspected, kind: DocumentKind, tiers: Tiers): Inspected {
  if (found.findings.length === 0) return NOTHING
  const table = tiers[kind]
  const findings = found.findings.flatMap(finding => {
    const tier = table.get(finding.code)
    return tier === undefined ? [] : [tier === finding.tier ? finding : { ...finding, tier }]
  })
  return { findings, tier: TIERS.find(tier => findings.some(finding => finding.tier === tier)) }
}

/** What is found where several documents travel together. */
export const together = (parts: readonly Inspected[]): Inspected => {
  const findings = parts.flatMap(part => part.findings)
  return findings.length === 0 ? NOTHING : { findings, tier: TIERS.find(tier => findings.some(finding => finding.tier === tier)) }
}

/** The finding that decides: the first of the worst tier. */
export const worstOf = ({ findings, tier }: Inspected): Finding | undefined => findings.find(finding => finding.tier === tier)

/** Code and place; never what stands there. */
export const inWords = ({ code, pointer }: Finding): string => `\`${code}\` at \`${pointer === '' ? '/' : pointer}\``

/** For the record, as canonical JSON text: no excerpt of what was asked or sent. Undefined where nothing was found. */
export function findingsText({ findings }: Inspected): string | undefined {
  if (findings.length === 0) return undefined
  const kept = findings.slice(0, MAX_RECORDED).map(({ code, severity, tier, pointer }) => ({ code, severity, tier, pointer }))
  return canonicalText(kept)
}
