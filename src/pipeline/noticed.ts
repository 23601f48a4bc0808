// What inspection noticed while one call ran, for its record and for the host: by code, bounded, and never a value.

import type { Finding, Tier } from '../inspection/finding.ts'
import type { Inspection } from '../inspection/inspector.ts'
import type { Severity } from '../kernel/finding-words.ts'
import { asciiJson } from '../kernel/json-string.ts'

/** Where something was found. */
export type NoticedIn = 'result' | 'error' | 'notification'

/** One code in one kind of content. `pointer`: of the first; `count`: texts it was found in. */
export type NoticedFinding = {
  readonly code: string
  readonly severity: Severity
  readonly tier: Tier | 'redact'
  readonly in: NoticedIn
  readonly pointer: string
  readonly count: number
}

/** Of one exchange; made when something is found. There are at most as many findings as codes and places. */
export type Noticed = { findings: readonly NoticedFinding[]; redacted: number; withheld: number }

/** The exchange, as far as noticing goes. */
export type Noticing = { noticed?: Noticed | undefined }

export const noticedBy = (x: Noticing): Noticed => (x.noticed ??= { findings: [], redacted: 0, withheld: 0 })

/** Findings by code: the first of each says where. `redact`: codes that are taken out. */
export function summary(
  { findings, counts }: Pick<Inspection, 'findings' | 'counts'>,
  where: NoticedIn,
  redact?: ReadonlySet<string>,
): readonly NoticedFinding[] {
  const first = new Map<string, Finding>()
  for (const finding of findings) if (!first.has(finding.code)) first.set(finding.code, finding)
  return [...first.values()].map(({ code, severity, tier, pointer }) => ({
    code,
    severity,
    tier: tier === 'annotate' && redact?.has(code) === true ? 'redact' : tier,
    in: where,
    pointer,
    count: counts.get(code) ?? 1,
  }))
}

/** Adds to what was noticed before. */
export function notice(x: Noticing, found: readonly NoticedFinding[]): void {
  if (found.length === 0) return
  const noticed = noticedBy(x)
  const all = new Map(noticed.findings.map(finding => [`${finding.in} ${finding.code}`, finding]))
  for (const finding of found) {
    const key = `${finding.in} ${finding.code}`
    const known = all.get(key)
    all.set(key, known ? { ...known, count: known.count + finding.count } : finding)
  }
  noticed.findings = [...all.values()]
}

/** Where hosts find what was found: in `_meta` of results, in `data` of errors. Nobody else's counts. */
export const FINDINGS_KEY = 'io.gatehouse/findings'

/** What a host is told: ASCII JSON. */
export const findingsText = (found: readonly NoticedFinding[]): string =>
  asciiJson(JSON.stringify(found.map(({ code, severity, pointer, count }) => ({ code, severity, pointer, count }))))
