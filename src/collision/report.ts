// Findings as they come, bounded, and who is held.

import { inertAscii } from '../kernel/json-string.ts'
import {
  COLLISION_RULES,
  heldKey,
  MAX_PER_CODE,
  RULE_OF,
  type CollisionCode,
  type CollisionFinding,
  type Collisions,
  type Party,
} from './finding.ts'
import type { ShownServer } from './inventory.ts'
import type { Ranked } from './rank.ts'

/** One thing found of an entry or server: `against` what. */
export type Match = { readonly code: CollisionCode; readonly against: Party }

/** Longest name in a finding, UTF-16 units. */
const MAX_SHOWN = 96
const shown = (name: string): string => inertAscii(name, MAX_SHOWN)

export const entryParty = ({ server, primitive }: Ranked): Party => ({
  server: server.alias,
  kind: primitive.kind,
  name: primitive.name,
})

type Held = { whole?: CollisionFinding; readonly entries: Map<string, CollisionFinding> }

export class Report {
  readonly #findings = new Map<CollisionCode, CollisionFinding[]>()
  readonly #counts = new Map<CollisionCode, number>()
  readonly #held = new Map<string, Held>()

  /** Whether the entry is held by one of these. */
  entry(entry: Ranked, matches: readonly Match[]): boolean {
    const { server, primitive } = entry
    const isSettled = primitive.settled !== undefined || server.settled !== undefined
    const worst = this.#tell(entryParty(entry), matches, isSettled)
    if (!worst) return false
    this.#of(server.alias).entries.set(heldKey(primitive.kind, primitive.name), worst)
    return true
  }

  /** Whether the server is held as a whole. */
  server(server: ShownServer, name: string, matches: readonly Match[]): boolean {
    const worst = this.#tell({ server: server.alias, name }, matches, server.settled !== undefined)
    if (!worst) return false
    this.#of(server.alias).whole ??= worst
    return true
  }

  /** Keeps what there is room for; the worst that is held. */
  #tell(subject: Party, matches: readonly Match[], isSettled: boolean): CollisionFinding | undefined {
    let worst: CollisionFinding | undefined
    for (const { code, against } of matches) {
      const found = finding(code, subject, against, isSettled)
      const count = (this.#counts.get(code) ?? 0) + 1
      this.#counts.set(code, count)
      if (count === 1) this.#findings.set(code, [found])
      else if (count <= MAX_PER_CODE) this.#findings.get(code)?.push(found)
      if (found.disposition === 'held' && (!worst || ORDER.indexOf(code) < ORDER.indexOf(worst.code))) worst = found
    }
    return worst
  }

  #of(alias: string): Held {
    const there = this.#held.get(alias)
    if (there) return there
    const made: Held = { entries: new Map() }
    this.#held.set(alias, made)
    return made
  }

  collisions(): Collisions {
    return { findings: ORDER.flatMap(code => this.#findings.get(code) ?? []), counts: this.#counts, held: this.#held }
  }
}

const ORDER: readonly CollisionCode[] = COLLISION_RULES.map(rule => rule.code)

function finding(code: CollisionCode, subject: Party, against: Party, isSettled: boolean): CollisionFinding {
  const { severity, disposition, says } = RULE_OF.get(code) ?? COLLISION_RULES[0]
  return {
    code,
    severity: isSettled ? 'none' : severity,
    disposition: isSettled ? 'resolved' : disposition,
    subject: { ...subject, name: shown(subject.name) },
    against: { ...against, name: shown(against.name) },
    sentence: `${told(subject)} ${says} ${told(against)}`,
  }
}

const KIND = { tools: 'tool', prompts: 'prompt', resources: 'resource', templates: 'resource template' } as const
function told({ server, host, kind, name }: Party): string {
  if (host !== undefined) return `the command \`${shown(name)}\` of ${host}`
  return kind === undefined
    ? `the server \`${server ?? ''}\` (\`${shown(name)}\`)`
    : `${KIND[kind]} \`${shown(name)}\` of \`${server ?? ''}\``
}
