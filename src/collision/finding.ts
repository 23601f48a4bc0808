// What the room can say of two names: the table of codes, and what each leads to. `resolved` accuses nobody: the names under which we show things keep them apart.

import type { PrimitiveKind } from './inventory.ts'

/** `resolved`: shown, nobody is accused. `held`: the subject is not shown until a person decides; nothing else changes. */
export type Disposition = 'resolved' | 'held'
export type CollisionSeverity = 'none' | 'medium' | 'high'

export type CollisionRule = {
  readonly code: string
  readonly severity: CollisionSeverity
  readonly disposition: Disposition
  readonly about: string
}

const resolved = (code: string, about: string): CollisionRule => ({ code, severity: 'none', disposition: 'resolved', about })

/** Worst first. */
export const COLLISION_RULES: readonly CollisionRule[] = [resolved('same-name', 'two servers use one name')]
export const RULE_OF: ReadonlyMap<string, CollisionRule> = new Map(COLLISION_RULES.map(rule => [rule.code, rule]))

/** An entry, or with `kind` absent the server as a whole. Strings are inert and bounded. */
export type Party = {
  /** alias of the server; absent: a command of a host */
  readonly server?: string
  /** the host whose command it is */
  readonly host?: string
  readonly kind?: PrimitiveKind
  readonly name: string
}

export type CollisionFinding = {
  readonly code: string
  readonly severity: CollisionSeverity
  readonly disposition: Disposition
  /** the later or less trusted one: held where the disposition says so */
  readonly subject: Party
  /** what was there before it */
  readonly against: Party
  /** one sentence for a person, inert and bounded, without a full stop */
  readonly sentence: string
}

/** Why an entry is held: the worst finding on it. `whole` is the server's own name: all its entries are held then. */
export type HeldServer = {
  readonly whole?: CollisionFinding
  /** by `heldKey` */
  readonly entries: ReadonlyMap<string, CollisionFinding>
}

export type Collisions = {
  /** worst first, at most MAX_PER_CODE of each code */
  readonly findings: readonly CollisionFinding[]
  /** all there are, by code */
  readonly counts: ReadonlyMap<string, number>
  /** by alias; every held entry is in it, however many there are */
  readonly held: ReadonlyMap<string, HeldServer>
}

export const MAX_PER_CODE = 50

/** How `HeldServer.entries` is keyed. */
export const heldKey = (kind: PrimitiveKind, name: string): string => `${kind} ${name}`

/** Why this entry is not shown; undefined: it is. */
export function heldBecause(collisions: Collisions, alias: string, kind: PrimitiveKind, name: string): CollisionFinding | undefined {
  const held = collisions.held.get(alias)
  return held?.whole ?? held?.entries.get(heldKey(kind, name))
}
