// Whether names of reviewed servers could be taken for each other.

import type { Snapshot } from '../../config/schema.ts'
import { heldNames } from '../server/held-names.ts'
import { warn, type Check, type World } from './check.ts'

/** Held names that are told; all are counted. */
const TOLD = 5

export async function checkNames(_world: World, snapshot: Snapshot): Promise<Check[]> {
  const held = await heldNames(snapshot).catch(() => [])
  if (held.length === 0) return []
  const told = held.slice(0, TOLD).map(({ sentence }) => sentence)
  const more = held.length > TOLD ? `, and ${held.length - TOLD} more` : ''
  return [
    warn(
      'names',
      `${held.length} could be taken for others, and are held: ${told.join('; ')}${more}`,
      '`gatehouse collisions` shows the lines for `collisions` that would resolve each; docs/collisions.md',
    ),
  ]
}
