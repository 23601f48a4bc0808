// The facts of one request, as policies see them: who asks, what for, how. Plain strings, numbers and truth values; nothing here was parsed by anybody else.

type PrincipalType = 'User' | 'Workload'
export type ResourceType = 'Tool' | 'Prompt' | 'Resource' | 'Template' | 'Server' | 'Endpoint'
export type EntityType = PrincipalType | ResourceType

/** `<type> <id>`, e.g. `Group engineering`: names of types hold no space, so the pair is unambiguous. */
export type EntityKey = string

export type FactValue = boolean | number | string | readonly string[] | Facts
export type Facts = { readonly [name: string]: FactValue }

/**
 * Who asks or what is asked for. The same object for the same principal or definition as long as possible: what is worked out of it is kept beside it.
 * INVARIANT: immutable, and every string is well-formed.
 */
export type Entity = {
  readonly type: EntityType
  readonly id: string
  /** itself and everything it is in, flattened */
  readonly within: ReadonlySet<EntityKey>
  readonly attributes: Facts
}

/** What only this request knows. */
export type ContextFacts = {
  readonly scopes: readonly string[]
  readonly endpoint: string
  readonly era: 'legacy' | 'modern'
  readonly detail: string
  readonly hour: number
  readonly weekday: number
  readonly readUntrusted: boolean
  readonly readPrivate: boolean
  /** codes of what inspection found in the arguments, sorted */
  readonly findings: readonly string[]
  readonly approval?: { readonly count: number }
}

/**
 * What is worked out only where a rule reads it. Functions, and no getters on the request: a getter of its own gives every request a hidden class of its own, which
 * outlives the request and keeps all it holds (docs/adr/0029).
 */
export type LateFacts = {
  /** Members of an object that begin no wanted pointer may be left out. */
  readonly arguments?: (wanted: WantedPointers) => unknown
  /** in place of `context.findings` */
  readonly findings?: () => readonly string[]
}
/** Steps by pointer (arguments.ts). */
export type WantedPointers = ReadonlyMap<string, readonly string[]> | 'all'

/** `arguments`: attacker-controlled, as JSON.parse made it; only those that a rule reads are looked at. */
export type PolicyRequest = {
  readonly principal: Entity
  readonly action: string
  readonly resource: Entity
  readonly context: ContextFacts
  readonly arguments?: unknown
  readonly late?: LateFacts
  /** arguments as a record of a decision has them, in place of the arguments themselves */
  readonly tags?: ReadonlyMap<string, readonly string[]>
}

export const keyOf = (type: string, id: string): EntityKey => `${type} ${id}`

/** The type and id of a key. */
export function splitKey(key: EntityKey): { readonly type: string; readonly id: string } {
  const space = key.indexOf(' ')
  return { type: key.slice(0, space), id: key.slice(space + 1) }
}
