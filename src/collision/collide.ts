// Names of all servers of one endpoint against each other. The pipeline calls `collide` (or `collideInSlices`) when a list changed, and `heldBecause` per entry.

import { heldKey, MAX_PER_CODE, RULE_OF, type CollisionFinding, type Collisions, type HeldServer } from './finding.ts'
import type { Inventory } from './inventory.ts'
import { inRank, isKin, type Ranked } from './rank.ts'

/** Everything that was found, whatever the order of servers and entries handed in. */
export function collide(inventory: Inventory): Collisions {
  const steps = walk(inventory)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** The same, giving other work a turn (`setImmediate`) every few hundred names. */
export async function collideInSlices(inventory: Inventory, pause: () => Promise<void>): Promise<Collisions> {
  const steps = walk(inventory)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await pause()
  }
}

const SLICE = 256

function* walk({ servers }: Inventory): Generator<undefined, Collisions> {
  const report = new Report()
  const seen = new Map<string, Ranked>()
  let done = 0
  for (const entry of inRank(servers)) {
    const before = seen.get(heldKey(entry.primitive.kind, entry.primitive.name))
    if (before === undefined) seen.set(heldKey(entry.primitive.kind, entry.primitive.name), entry)
    else if (!isKin(before.server, entry.server)) report.add('same-name', entry, before)
    if (++done % SLICE === 0) yield
  }
  return report.collisions()
}

class Report {
  readonly #findings: CollisionFinding[] = []
  readonly #counts = new Map<string, number>()
  readonly #held = new Map<string, HeldServer & { entries: Map<string, CollisionFinding> }>()

  add(code: string, { server, primitive }: Ranked, before: Ranked): void {
    const rule = RULE_OF.get(code)
    if (!rule) return
    const count = (this.#counts.get(code) ?? 0) + 1
    this.#counts.set(code, count)
    if (count > MAX_PER_CODE) return
    const party = (of: Ranked) => ({ server: of.server.alias, kind: of.primitive.kind, name: of.primitive.name })
    this.#findings.push({
      code,
      severity: rule.severity,
      disposition: rule.disposition,
      subject: party({ server, primitive }),
      against: party(before),
      sentence: rule.about,
    })
  }
  collisions(): Collisions {
    return { findings: this.#findings, counts: this.#counts, held: this.#held }
  }
}
