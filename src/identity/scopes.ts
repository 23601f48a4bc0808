// Scopes: what a primitive needs, and what a caller holds. Names are bound to one server, `<alias>:<word>`; words match exactly; wildcards count only
// where an administrator gave them. A scope never makes anything visible: entitlement is judged before (RFC 6749 section 3.3, MCP authorization).

import { hasTraversal, Prefixes } from '../kernel/prefixes.ts'
import type { Principal } from '../kernel/principal.ts'

/** What one word of an upstream covers, as the upstream spells it: exact names, `*` for all, a trailing `*` for a prefix. */
export type Coverage = { readonly tools: readonly string[]; readonly prompts: readonly string[]; readonly resources: readonly string[] }
export type ScopeWords = ReadonlyMap<string, Coverage>
/** `method`: an extension method; `task`: a task the caller's own call made */
export type ScopeKind = 'tool' | 'prompt' | 'resource' | 'method' | 'task'

/** The word that covers whatever no other word does. */
export const USE = 'use'
const SCOPE_NAME = /^[a-z][a-z0-9-]{0,23}:[a-z][a-z0-9_.-]{0,31}$/
const isScopeName = (text: string): boolean => SCOPE_NAME.test(text)
const aliasOf = (scope: string): string => scope.slice(0, scope.indexOf(':'))

/** Every scope of one upstream, `use` first. */
export const scopeNames = (alias: string, words: ScopeWords): string[] =>
  [...new Set([USE, ...words.keys()])].map(word => `${alias}:${word}`)

/** What every primitive of one upstream needs. Compiled once per configuration; a question costs the same whatever the upstream lists. */
export class ScopeIndex {
  /** every scope of this upstream, `use` first */
  readonly names: readonly string[]
  readonly sinceMs: number
  readonly #alias: string
  readonly #use: readonly string[]
  readonly #of: Readonly<Record<'tool' | 'prompt' | 'resource', Needs>>

  /** `sinceMs`: since when the server is the one that it is; what people allowed before was of another */
  constructor(alias: string, words: ScopeWords, sinceMs = 0) {
    const scopeOf = (word: string): string => `${alias}:${word}`
    this.#alias = alias
    this.sinceMs = sinceMs
    this.#use = Object.freeze([scopeOf(USE)])
    this.names = Object.freeze(scopeNames(alias, words))
    const needs = (kind: keyof Coverage): Needs =>
      new Needs(
        [...words].map(([word, covered]) => ({ scope: scopeOf(word), names: covered[kind] })),
        this.#use,
      )
    this.#of = { tool: needs('tools'), prompt: needs('prompts'), resource: needs('resources') }
  }

  /** All scopes a call needs at once. For a task it is any one of the upstream's, which missing() knows. */
  neededFor(kind: ScopeKind, name: string): readonly string[] {
    return kind === 'method' || kind === 'task' ? this.#use : this.#of[kind].of(name)
  }

  /** Those of them the caller does not hold; undefined = it holds all. */
  missing(principal: Principal, kind: ScopeKind, name: string): readonly string[] | undefined {
    const held = heldBy(principal)
    if (held.coversAll(this.#alias)) return undefined
    const counted = held.countedSince(this.sinceMs)
    if (kind === 'task') return counted.aliases.has(this.#alias) ? undefined : this.#use
    const needed = this.neededFor(kind, name)
    return needed.every(scope => counted.names.has(scope)) ? undefined : needed.filter(scope => !counted.names.has(scope))
  }
}

/** The scopes primitives of one kind need: exact names, then the longest prefix, then `*`, each already joined with the less exact ones. */
class Needs {
  readonly #exact = new Map<string, readonly string[]>()
  readonly #prefixes: Prefixes<readonly string[]>
  readonly #rest: readonly string[]
  /** what a name needs that may climb out of any prefix: all that any prefix stands for */
  readonly #strictest: readonly string[]

  constructor(words: readonly { readonly scope: string; readonly names: readonly string[] }[], use: readonly string[]) {
    const star: string[] = []
    const exact = new Map<string, string[]>()
    const prefixes = new Map<string, readonly string[]>()
    for (const { scope, names } of words) {
      for (const name of names) {
        // A template covers what it can be expanded to: everything that starts like it.
        const prefix = name.endsWith('*') ? name.slice(0, -1) : name.includes('{') ? name.slice(0, name.indexOf('{')) : undefined
        if (name === '*') star.push(scope)
        else if (prefix !== undefined) prefixes.set(prefix, union(prefixes.get(prefix) ?? [], [scope]))
        else exact.set(name, [...(exact.get(name) ?? []), scope])
      }
    }
    this.#prefixes = new Prefixes(new Map([...prefixes].map(([text, scopes]) => [text, union(scopes, star)])), union)
    this.#rest = star.length > 0 ? union(star, []) : use
    this.#strictest = union([...prefixes.values()].flat(), star)
    for (const [name, scopes] of exact) this.#exact.set(name, union(scopes, this.#prefixes.longest(name) ?? star))
  }

  of(name: string): readonly string[] {
    const exact = this.#exact.get(name)
    if (exact || this.#prefixes.size === 0) return exact ?? this.#rest
    return hasTraversal(name) ? this.#strictest : (this.#prefixes.longest(name) ?? this.#rest)
  }
}

const union = (a: readonly string[], b: readonly string[]): readonly string[] => Object.freeze([...new Set([...a, ...b])])

/** What one caller holds: exact names from its token and the mapping, wildcards from the mapping alone. */
class HeldScopes {
  readonly #all: Counted
  /** without what a person allowed */
  readonly #given: Counted
  readonly #consentedAtMs: number
  readonly #whole: ReadonlySet<string>
  readonly #everything: boolean

  constructor({ scopes, wildcards, consent }: Principal) {
    // attacker-controlled in part: what is no scope name (`files:*`, `FILES:READ`) is not even looked at (N022)
    const named = scopes.filter(isScopeName)
    this.#all = countedOf(named)
    this.#given = consent ? countedOf(named.filter(scope => !consent.scopes.includes(scope))) : this.#all
    this.#consentedAtMs = consent ? consent.atSeconds * 1000 : Infinity
    this.#whole = new Set(wildcards.map(wildcard => wildcard.slice(0, -2)))
    this.#everything = wildcards.includes('*')
  }
  /** What counts for a server that is the same since then. */
  countedSince(sinceMs: number): Counted {
    return this.#consentedAtMs >= sinceMs ? this.#all : this.#given
  }
  coversAll(alias: string): boolean {
    return this.#everything || this.#whole.has(alias)
  }
}

type Counted = { readonly names: ReadonlySet<string>; readonly aliases: ReadonlySet<string> }
const countedOf = (names: readonly string[]): Counted => ({ names: new Set(names), aliases: new Set(names.map(aliasOf)) })

const held = new WeakMap<Principal, HeldScopes>()
function heldBy(principal: Principal): HeldScopes {
  let found = held.get(principal)
  if (!found) held.set(principal, (found = new HeldScopes(principal)))
  return found
}

/** The names a caller holds of these upstreams, at most `max`: what a new token should have again besides what was missing. */
export function heldOf(principal: Principal, aliases: readonly string[], max: number): readonly string[] {
  const found: string[] = []
  for (const scope of principal.scopes) {
    if (found.length === max) break
    if (isScopeName(scope) && aliases.includes(aliasOf(scope))) found.push(scope)
  }
  return found
}
