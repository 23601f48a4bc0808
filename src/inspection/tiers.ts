// Which tier a finding has: the table of finding.ts, and what people chose instead, by code or by severity.

import { SEVERITIES } from '../kernel/finding-words.ts'
import { DOCUMENT_KINDS, RULES, type DocumentKind, type Tier } from './finding.ts'

/** By code; what is absent is not reported. */
export type TierTable = ReadonlyMap<string, Tier>
export type Tiers = Readonly<Record<DocumentKind, TierTable>>

/** What somebody chose: by code, or by severity for all codes that are not named themselves. */
export type TierChoices = Readonly<Partial<Record<DocumentKind, ReadonlyMap<string, Tier | 'off'>>>>

/** What may be chosen for documents of a kind: codes that are reported there, and severities. */
export const choosable = (kind: DocumentKind): readonly string[] => [
  ...RULES.filter(({ tiers }) => tiers[kind] !== undefined).map(({ code }) => code),
  ...SEVERITIES,
]

/** The table with these choices; a later one counts before an earlier one, and in each the code before the severity. */
export function tiersOf(choices: readonly TierChoices[] = []): Tiers {
  const [definition, content, request, args] = DOCUMENT_KINDS.map(kind =>
    tableOf(
      kind,
      choices.flatMap(choice => choice[kind] ?? []),
    ),
  )
  const none: TierTable = new Map()
  return { definition: definition ?? none, content: content ?? none, request: request ?? none, arguments: args ?? none }
}

function tableOf(kind: DocumentKind, choices: readonly ReadonlyMap<string, Tier | 'off'>[]): TierTable {
  const table = new Map<string, Tier>()
  for (const { code, severity, tiers } of RULES) {
    const own = tiers[kind]
    if (own === undefined) continue
    let tier: Tier | 'off' = own
    for (const choice of choices) tier = choice.get(code) ?? choice.get(severity) ?? tier
    if (tier !== 'off') table.set(code, tier)
  }
  return table
}

/** What holds where nobody chose. */
export const DEFAULT_TIERS: Tiers = tiersOf()
