// What rules are told of the moment and the place of a request: one object for all requests of a principal that it is the same for, and what was worked out of it.

import type { Standing } from '../flow/marks.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Era } from '../mcp/revisions.ts'
import type { Entitlement } from '../policy/allow-list.ts'
import type { PolicyRules } from '../policy/evaluate.ts'
import { contextFacts, type ServerFacts } from '../policy/facts.ts'
import type { ContextFacts } from '../policy/request.ts'

/** A place and moment of one principal. `entitlements` by alias. */
export type Known = {
  readonly era: Era
  readonly hours: number
  readonly standing: Standing | undefined
  readonly context: ContextFacts
  readonly entitlements: Map<string, KeptEntitlement>
}
type KeptEntitlement = {
  readonly rules: PolicyRules
  readonly facts: ServerFacts
  readonly groupPrefix: string
  readonly entitlement: Entitlement
}

/** Eras and marks of one principal at one endpoint that are kept. */
const MAX_KNOWN = 8
const HOUR_MS = 3_600_000

export class JudgeContexts {
  /** by the path of an endpoint: the configuration's, so there are few */
  readonly #known = new WeakMap<Principal, Map<string, Known[]>>()
  readonly #now: () => number
  readonly #standingOf: ((principal: Principal) => Standing) | undefined

  /** `now`: wall clock, milliseconds. `standingOf`: one object for each thing it can say. */
  constructor(now: () => number, standingOf: ((principal: Principal) => Standing) | undefined) {
    this.#now = now
    this.#standingOf = standingOf
  }

  /** `path` of the endpoint, '' for none. The same object while nothing of it changes. */
  of(principal: Principal, path: string, era: Era): Known {
    const nowMs = this.#now()
    const hours = Math.floor(nowMs / HOUR_MS)
    const standing = this.#standingOf?.(principal)
    let paths = this.#known.get(principal)
    if (!paths) this.#known.set(principal, (paths = new Map<string, Known[]>()))
    let known = paths.get(path)
    if (!known) paths.set(path, (known = []))
    for (const each of known) if (each.hours === hours && each.standing === standing && each.era === era) return each
    if (known.length >= MAX_KNOWN) known.length = 0
    const context = contextFacts(nowMs, { endpoint: path, era, scopes: principal.scopes, ...standing })
    const made: Known = { era, hours, standing, context, entitlements: new Map() }
    known.push(made)
    return made
  }
}
