// Which rules a request concerns at all, so that a decision costs the same however many others there are. Told from the heads of rules alone; Cedar judges them itself.

import { actionRow, ACTIONS } from './actions.ts'
import type { PolicySlice } from './language.ts'
import type { Policy } from './load.ts'
import { Projection } from './projection.ts'
import { allReads } from './reads.ts'
import type { Entity, EntityKey, PolicyRequest } from './request.ts'
import { concernsAction, demanded, typeKey } from './scope.ts'

/** Up to here all rules of an action are evaluated together; beyond, only those whose head the resource fulfils, then the principal. */
const NARROW_ABOVE = 50
/** Different narrowings kept of one; beyond it they are worked out again. */
const MAX_NARROWED = 4096

/** Rules that are evaluated together, and what they read. */
export class Slice {
  readonly policies: readonly Policy[]
  readonly authz: PolicySlice
  /** undefined where none demands anything */
  readonly obligations: PolicySlice | undefined
  readonly projection: Projection
  /** tells slices apart in keys */
  readonly name: string

  constructor(policies: readonly Policy[], name: string) {
    this.name = name
    this.policies = policies
    this.authz = textsOf(policies, 'authz')
    const obligations = textsOf(policies, 'obligations')
    this.obligations = obligations.policies.size > 0 ? obligations : undefined
    this.projection = new Projection(allReads(policies.map(({ reads }) => reads)))
  }
}

const textsOf = (policies: readonly Policy[], set: Policy['set']): PolicySlice => ({
  policies: new Map(policies.filter(policy => policy.set === set).map(({ id, text }) => [id, text])),
})

type Role = 'resource' | 'principal'

/** All rules of an action, or those left of them; narrowed one role after the other. */
class Level {
  readonly #policies: readonly Policy[]
  readonly #next: readonly Role[]
  readonly #nameOf: () => string
  readonly #byKey = new Map<EntityKey, Policy[]>()
  readonly #always: Policy[] = []
  readonly #narrowed = new Map<string, Level>()
  readonly #known = new WeakMap<Entity, Level>()
  #whole: Slice | undefined

  constructor(policies: readonly Policy[], next: readonly Role[], nameOf: () => string) {
    this.#policies = policies
    this.#next = policies.length > NARROW_ABOVE ? next : []
    this.#nameOf = nameOf
    const [role] = this.#next
    if (role === undefined) return
    for (const policy of policies) {
      const key = demanded(policy.ast[role])
      const list = key === undefined ? this.#always : this.#byKey.get(key)
      if (list) list.push(policy)
      else if (key !== undefined) this.#byKey.set(key, [policy])
    }
  }

  /** All its rules, where they are evaluated together. */
  get whole(): Slice | undefined {
    return this.#next.length === 0 ? (this.#whole ??= new Slice(this.#policies, this.#nameOf())) : undefined
  }

  of(request: PolicyRequest): Slice {
    const [role] = this.#next
    if (role === undefined) return (this.#whole ??= new Slice(this.#policies, this.#nameOf()))
    const entity = request[role]
    let level = this.#known.get(entity)
    if (!level) this.#known.set(entity, (level = this.#narrow(entity)))
    return level.of(request)
  }

  #narrow(entity: Entity): Level {
    const hits = [...entity.within, typeKey(entity.type)].filter(key => this.#byKey.has(key)).sort()
    const name = hits.map(key => `${key.length}:${key}`).join('')
    let level = this.#narrowed.get(name)
    if (level) return level
    if (this.#narrowed.size >= MAX_NARROWED) this.#narrowed.clear()
    const left = [...this.#always, ...hits.flatMap(key => this.#byKey.get(key) ?? [])]
    this.#narrowed.set(name, (level = new Level(left, this.#next.slice(1), this.#nameOf)))
    return level
  }
}

/** The slices of one bundle, made when they are first asked for. */
export class Slices {
  readonly #policies: readonly Policy[]
  readonly #levels = new Map<string, Level>()
  #count = 0

  constructor(policies: readonly Policy[]) {
    this.#policies = policies
  }

  /** Undefined for an action that does not exist. */
  of(request: PolicyRequest): Slice | undefined {
    return this.#level(request.action)?.of(request)
  }

  /** Those that need no narrowing, of every action. */
  whole(): readonly Slice[] {
    return Object.keys(ACTIONS).flatMap(action => this.#level(action)?.whole ?? [])
  }

  /** What all rules of some actions read together. */
  projectionOf(isWanted: (action: string) => boolean): Projection {
    const names = Object.keys(ACTIONS).filter(isWanted)
    const concerned = this.#policies.filter(({ ast }) => names.some(name => concernsAction(ast, name)))
    return new Projection(allReads(concerned.map(({ reads }) => reads)))
  }

  #level(action: string): Level | undefined {
    const known = this.#levels.get(action)
    if (known || !actionRow(action)) return known
    const concerned = this.#policies.filter(({ ast }) => concernsAction(ast, action))
    const level = new Level(concerned, ['resource', 'principal'], () => String(++this.#count))
    this.#levels.set(action, level)
    return level
  }
}
