// The typed allow-list of the configuration: what a principal may use of one upstream. Default deny. Cedar replaces it behind the same question.

import { createHash } from 'node:crypto'
import type { Principal } from '../kernel/principal.ts'
import { NONE, Names } from './names.ts'

/** Kinds of server-to-client requests that are off unless a rule names them. */
export type ServerRequestKind = 'elicitation.form' | 'elicitation.url' | 'sampling' | 'sampling.tools' | 'roots'

/** One rule. A rule applies when any of subjects, groups or clients matches; `*` as a subject means every authenticated principal. */
export type AllowRule = {
  readonly id: string
  readonly subjects: readonly string[]
  readonly groups: readonly string[]
  readonly clients: readonly string[]
  /** when given, the rule applies only to principals of these issuers; the configuration demands it where several issuers could hold the same name */
  readonly issuers?: readonly string[]
  /** upstream names; `*` alone = all of that kind */
  readonly tools: readonly string[]
  readonly prompts: readonly string[]
  /** URIs or templates as the upstream lists them; `*` alone = all; a trailing `*` matches a prefix */
  readonly resources: readonly string[]
  /** further methods, e.g. extension methods `skills/list`; `*` is not accepted */
  readonly methods: readonly string[]
  readonly serverRequests: readonly ServerRequestKind[]
}

export type Primitive = 'tool' | 'prompt' | 'resource' | 'method'

/** What one principal may use of one upstream, from every rule that applies. Immutable; cached by the pipeline per principal's entitlement. */
export interface Entitlement {
  /** the id of the rule that permits it, or undefined = denied */
  permits(kind: Primitive, name: string): string | undefined
  readonly serverRequests: ReadonlySet<ServerRequestKind>
  /** digest of the rules that apply: equal digests see equal lists */
  readonly digest: string
  /** blocked by an operator, whatever the rules say; absent = nothing is */
  readonly isBlocked?: (kind: Primitive, name: string) => boolean
  /** whether what becomes of its own tasks may be heard of; absent = yes */
  readonly mayFollowTasks?: boolean
  /** true when no rule applies at all: the upstream does not exist for this principal */
  readonly isEmpty: boolean
}

/**
 * What the rules together let this principal use. The first rule in order that permits a name is the one named. Pure; the answer is shared between
 * principals to whom the same rules apply, so its cost does not grow with their number.
 */
export function entitlementOf(rules: readonly AllowRule[], principal: Principal): Entitlement {
  let compiled = compiledRules.get(rules)
  if (!compiled) compiledRules.set(rules, (compiled = new CompiledRules(rules)))
  return compiled.entitlementOf(principal)
}

/** Keyed by the snapshot's own frozen arrays, so a reload lets the old ones go. */
const compiledRules = new WeakMap<readonly AllowRule[], CompiledRules>()

/** Distinct combinations of rules kept per upstream; beyond it they are worked out again. Groups in a token decide the combination, so it must be bounded. */
const MAX_SHARED = 256

class CompiledRules {
  readonly #rules: readonly AllowRule[]
  readonly #bySubject = new Map<string, number[]>()
  readonly #byGroup = new Map<string, number[]>()
  readonly #byClient = new Map<string, number[]>()
  readonly #shared = new Map<string, Entitlement>()

  constructor(rules: readonly AllowRule[]) {
    this.#rules = rules
    rules.forEach((rule, at) => {
      for (const subject of rule.subjects) remember(this.#bySubject, subject, at)
      for (const group of rule.groups) remember(this.#byGroup, group, at)
      for (const client of rule.clients) remember(this.#byClient, client, at)
    })
  }

  entitlementOf(principal: Principal): Entitlement {
    const applies = this.#applicable(principal)
    const combination = applies.join()
    const known = this.#shared.get(combination)
    if (known) return known
    const made = new RuleEntitlement(applies.flatMap(at => this.#rules[at] ?? []))
    if (this.#shared.size >= MAX_SHARED) this.#shared.clear()
    this.#shared.set(combination, made)
    return made
  }

  /** Indexes of the rules that apply, ascending. Names are attacker-chosen in part (a self-registered client): compared as literals, case and all. */
  #applicable(principal: Principal): number[] {
    const found = new Set<number>()
    const add = (at: number): void => {
      const issuers = this.#rules[at]?.issuers
      if (!issuers || issuers.includes(principal.issuer)) found.add(at)
    }
    this.#bySubject.get('*')?.forEach(add)
    if (principal.subject !== '*') this.#bySubject.get(principal.subject)?.forEach(add)
    for (const group of principal.groups) this.#byGroup.get(group)?.forEach(add)
    if (principal.client !== undefined) this.#byClient.get(principal.client)?.forEach(add)
    return [...found].sort((a, b) => a - b)
  }
}

function remember(index: Map<string, number[]>, name: string, at: number): void {
  const list = index.get(name)
  if (list) list.push(at)
  else index.set(name, [at])
}

class RuleEntitlement implements Entitlement {
  readonly serverRequests: ReadonlySet<ServerRequestKind>
  readonly digest: string
  readonly isEmpty: boolean
  readonly #ids: readonly string[]
  readonly #names: Readonly<Record<Primitive, Names>>

  constructor(rules: readonly AllowRule[]) {
    this.#ids = rules.map(rule => rule.id)
    this.#names = {
      tool: new Names(rules.map(rule => rule.tools)),
      prompt: new Names(rules.map(rule => rule.prompts)),
      resource: new Names(
        rules.map(rule => rule.resources),
        'prefixes',
      ),
      method: new Names(rules.map(rule => rule.methods.filter(name => name !== '*'))),
    }
    this.serverRequests = new Set(rules.flatMap(rule => rule.serverRequests))
    this.digest = digestOf(rules)
    this.isEmpty = rules.length === 0
  }

  permits(kind: Primitive, name: string): string | undefined {
    const rule = this.#names[kind].firstRule(name)
    return rule === NONE ? undefined : this.#ids[rule]
  }
}

/** SHA-256 (base64url) over everything the rules say, in order. JSON keeps the parts apart, so no two lists of rules share a text. */
function digestOf(rules: readonly AllowRule[]): string {
  const text = rules.map(r => [
    r.id,
    r.subjects,
    r.groups,
    r.clients,
    r.issuers ?? null,
    r.tools,
    r.prompts,
    r.resources,
    r.methods,
    r.serverRequests,
  ])
  return createHash('sha256').update(JSON.stringify(text)).digest('base64url')
}
