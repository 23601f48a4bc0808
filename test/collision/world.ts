// Small inventories, said shortly.

import { qualifyName, qualifyUri } from '../../src/catalog/names.ts'
import { collide } from '../../src/collision/collide.ts'
import type { CollisionFinding } from '../../src/collision/finding.ts'
import type { Inventory, Primitive, PrimitiveKind, ShownServer } from '../../src/collision/inventory.ts'

type Made = Omit<Primitive, 'exposed'>
export const entry = (kind: PrimitiveKind, name: string, more: Partial<Primitive> = {}): Made => ({ kind, name, ...more })
export const tool = (name: string, description?: string): Made => entry('tools', name, { description })
export const prompt = (name: string, title?: string): Made => entry('prompts', name, { title })

/** Admitted, unverified, first seen at 1, unless said otherwise. */
export const server = (alias: string, primitives: readonly Made[], more: Partial<ShownServer> = {}): ShownServer => ({
  alias,
  identity: { source: `https://${alias}.example/mcp` },
  standing: 'admitted',
  since: 1,
  primitives: primitives.map(p => ({
    exposed: p.kind === 'tools' || p.kind === 'prompts' ? qualifyName(alias, p.name) : qualifyUri(alias, p.name),
    ...p,
  })),
  ...more,
})

export const inventory = (...servers: readonly ShownServer[]): Inventory => ({ naming: 'qualified', servers })

/** One trusted server, and one that came later; what is held of whom, as `alias name: code`. */
export const heldOf = (world: Inventory): string[] =>
  [...collide(world).held].flatMap(([alias, { whole, entries }]) => [
    ...(whole ? [`${alias}: ${whole.code}`] : []),
    ...[...entries].map(([key, { code }]) => `${alias} ${key.split(' ').slice(1).join(' ')}: ${code}`),
  ])
export const codesOf = (world: Inventory): string[] => collide(world).findings.map((f: CollisionFinding) => f.code)
