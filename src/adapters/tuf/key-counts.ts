// How many keyholders a repository of trust has at least, and what is refused because of it.

import { Fault } from '../../kernel/errors.ts'
import type { NamedKey } from './metadata.ts'

/** Keys of people. Root: one can be lost or stolen, and two of the others still agree. */
const LEAST_KEYS = { root: 3, namespaces: 2 } as const
/** Signatures of keyholders that count as theirs. */
export const THRESHOLD = 2

export const refused = (why: string): Fault => new Fault('trust-refused', why)

/** Throws Fault `trust-refused`. */
export function checkKeyCount(role: 'root' | 'namespaces', keys: readonly NamedKey[]): void {
  if (new Set(keys.map(({ id }) => id)).size !== keys.length) throw refused(`${role}: expected each key once`)
  if (keys.length < LEAST_KEYS[role]) throw refused(`${role}: expected at least ${LEAST_KEYS[role]} keys, got ${keys.length}`)
}
