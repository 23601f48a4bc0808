// What is asked of content that comes back from one server: the tiers an operator chose, made stricter by what a permit demands.

import { RULES, type Tier } from '../inspection/finding.ts'
import type { TierTable } from '../inspection/tiers.ts'
import type { Obligations } from '../policy/obligations.ts'

export type ContentDemands = {
  readonly tiers: TierTable
  /** codes of what is taken out; absent = the bytes stay as they are */
  readonly redact?: ReadonlySet<string>
  readonly maxBytes?: number
  /** codes that a rule stops at, whatever the configuration says */
  readonly stopOn: ReadonlySet<string>
}

/** What the words of `@redact` mean. Addresses and telephone numbers are no findings: every directory would be blotted out. */
const REDACTED: Readonly<Record<string, readonly string[]>> = {
  secrets: ['secret-token', 'private-key', 'password-in-address'],
  'personal-data': ['payment-card', 'bank-account'],
}
const NOTHING: ReadonlySet<string> = new Set()

const plain = new WeakMap<TierTable, ContentDemands>()
const shaped = new WeakMap<Obligations, WeakMap<TierTable, ContentDemands>>()

/** The same object for the same permit: decisions are remembered, and so is this. */
export function demandsOn(tiers: TierTable, obligations: Obligations | undefined): ContentDemands {
  if (!obligations || !shapes(obligations)) return kept(plain, tiers, () => ({ tiers, stopOn: NOTHING }))
  return kept(
    kept(shaped, obligations, () => new WeakMap<TierTable, ContentDemands>()),
    tiers,
    () => strengthened(tiers, obligations),
  )
}

/** It demands something of what comes back. */
export const shapes = ({ redact, stopOn, maxResultBytes, record }: Obligations): boolean =>
  redact.length > 0 || stopOn.length > 0 || maxResultBytes !== undefined || record?.includes('result') === true

function strengthened(tiers: TierTable, { redact, stopOn, maxResultBytes }: Obligations): ContentDemands {
  const codes = new Set(redact.flatMap(word => REDACTED[word] ?? []))
  const stopping = new Set(
    RULES.filter(({ code, severity, tiers: own }) => own.content && (stopOn.includes(code) || stopOn.includes(severity))).map(
      ({ code }) => code as string,
    ),
  )
  const table = new Map<string, Tier>(tiers)
  for (const code of codes) if (!table.has(code)) table.set(code, 'annotate')
  // What is not inspected is neither taken out nor stopped at: padding must not carry it past.
  if (codes.size > 0 || stopping.size > 0) stopping.add('not-inspected')
  for (const code of stopping) table.set(code, 'block')
  return {
    tiers: table,
    stopOn: stopping,
    ...(codes.size > 0 && { redact: codes }),
    ...(maxResultBytes !== undefined && { maxBytes: maxResultBytes }),
  }
}

function kept<K extends object, V>(map: WeakMap<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
}
