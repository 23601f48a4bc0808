// What the room can say of two names: the table of codes, and what each leads to. `resolved` accuses nobody: the names under which we show things keep them apart.

import type { PrimitiveKind } from './inventory.ts'

/** `resolved`: shown, nobody is accused. `held`: the subject is not shown until a person decides; nothing else changes. */
type Disposition = 'resolved' | 'held'
type CollisionSeverity = 'none' | 'medium' | 'high'

export type CollisionRule = {
  readonly code: string
  readonly severity: CollisionSeverity
  readonly disposition: Disposition
  /** between the two names of a sentence: "`a` of `x` … `b` of `y`" */
  readonly says: string
}

const held = (code: string, severity: 'medium' | 'high', says: string): CollisionRule => ({ code, severity, disposition: 'held', says })
const resolved = (code: string, says: string): CollisionRule => ({ code, severity: 'none', disposition: 'resolved', says })

/** Worst first; within one entry the first that is held is the reason. */
export const COLLISION_RULES = [
  held('server-name', 'high', 'calls itself what is already the name of'),
  held('server-name-alike', 'high', 'calls itself almost as'),
  held('hidden-characters', 'high', 'differs by characters that nobody sees from'),
  held('look-alike-letters', 'high', 'differs by letters that look the same from'),
  held('letter-form', 'high', 'differs by the form of its letters (width, style) from'),
  held('host-command', 'high', 'would be shown as'),
  held('exposed-name', 'high', 'spells the name under which hosts see'),
  held('exposed-twice', 'high', 'would be shown under the same name as'),
  held('cloned-description', 'high', 'repeats, under another name, the description of'),
  held('extended-description', 'high', 'repeats the name and the description, and adds to it, of'),
  held('case-variant', 'medium', 'differs by upper and lower case from'),
  held('separator-variant', 'medium', 'differs by separators from'),
  held('suffix-variant', 'medium', 'differs by an ending that says nothing from'),
  held('word-order', 'medium', 'has in another order the words of'),
  held('one-edit', 'medium', 'is one keystroke away from'),
  held('renamed-alike', 'medium', 'replaces, under a name that looks the same,'),
  held('not-compared', 'medium', 'is more than is compared of'),
  resolved('same-name', 'has the name of'),
  resolved('same-uri', 'has the URI of'),
  resolved('uri-overlap', 'stands for URIs of'),
  resolved('ambiguous-join', 'joins to the same letters as'),
  resolved('command-name', 'has the name of, but is not shown as,'),
  resolved('same-rendering', 'is shown by a host as the same command as'),
] as const satisfies readonly CollisionRule[]

export type CollisionCode = (typeof COLLISION_RULES)[number]['code']
export const RULE_OF: ReadonlyMap<CollisionCode, CollisionRule> = new Map(COLLISION_RULES.map(rule => [rule.code, rule]))

/** An entry; with `kind` absent a server as a whole; with `host` a command that is built into a host. Strings are inert and bounded. */
export type Party = {
  readonly server?: string
  readonly host?: string
  readonly kind?: PrimitiveKind
  readonly name: string
}

export type CollisionFinding = {
  readonly code: CollisionCode
  /** `none` where nobody is accused, or an operator settled it */
  readonly severity: CollisionSeverity
  readonly disposition: Disposition
  /** the later or less trusted one: held where the disposition says so */
  readonly subject: Party
  /** what was there before it */
  readonly against: Party
  /** one sentence for a person, inert and bounded, without a full stop */
  readonly sentence: string
}

/** Why entries are held: the worst finding on each. `whole` is about the server's own name: all its entries are held then. */
type HeldServer = {
  readonly whole?: CollisionFinding
  /** by `heldKey` */
  readonly entries: ReadonlyMap<string, CollisionFinding>
}

export type Collisions = {
  /** worst first, at most MAX_PER_CODE of each code */
  readonly findings: readonly CollisionFinding[]
  /** all there are, by code */
  readonly counts: ReadonlyMap<CollisionCode, number>
  /** by alias; every held entry is in it, however many there are */
  readonly held: ReadonlyMap<string, HeldServer>
}

export const MAX_PER_CODE = 50

/** How `HeldServer.entries` is keyed. */
export const heldKey = (kind: PrimitiveKind, name: string): string => `${kind} ${name}`

/** Why this entry is not shown; undefined: it is. */
export function heldBecause(collisions: Collisions, alias: string, kind: PrimitiveKind, name: string): CollisionFinding | undefined {
  const of = collisions.held.get(alias)
  return of?.whole ?? of?.entries.get(heldKey(kind, name))
}
