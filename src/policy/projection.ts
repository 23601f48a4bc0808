// Exactly the facts that a set of rules reads: what Cedar gets, what a decision is remembered by, and what is written down of it, are the same thing.

import { actionRow } from './actions.ts'
import { argumentFacts, stepsOf } from './arguments.ts'
import { cedarType } from './ast.ts'
import type { CedarEntity, CedarRequest, CedarUid, CedarValue } from './language.ts'
import { ARGUMENTS, type EntityReads, type Reads } from './reads.ts'
import type { EntityRecord, RequestRecord } from './record.ts'
import { keyOf, splitKey, type ContextFacts, type Entity, type Facts, type FactValue, type PolicyRequest } from './request.ts'

/** Attributes that are one of a list in the schema, by their last name. */
const ENUMS: Readonly<Record<string, string>> = { signature: 'Signature', standing: 'Standing', era: 'Era' }

/** An entity as the rules see it. `key` is empty where they see all of it. */
type Projected = { readonly key: string; readonly uid: CedarUid; readonly entity: CedarEntity; readonly record: EntityRecord }
type Tags = ReadonlyMap<string, readonly string[]>

/** A request as the rules see it. `key` is undefined where no answer can be remembered; equal keys have equal answers. */
export type View = { readonly key: string | undefined; readonly tags: Tags }

const NO_TAGS: Tags = new Map()

export class Projection {
  readonly #reads: Reads
  readonly #contextPaths: readonly (readonly string[])[]
  readonly #pointers: ReadonlyMap<string, readonly string[]> | 'all'
  readonly #known = { principal: new WeakMap<Entity, Projected>(), resource: new WeakMap<Entity, Projected>() }
  readonly #isRemembered: boolean

  constructor(reads: Reads) {
    this.#reads = reads
    this.#contextPaths = pathsOf(reads.context.paths)
    this.#pointers =
      reads.pointers === 'all' ? 'all' : new Map([...reads.pointers].sort().map(pointer => [pointer, stepsOf(pointer) ?? []]))
    this.#isRemembered = !reads.context.isWhole && !reads.principal.isWhole && !reads.resource.isWhole && reads.pointers !== 'all'
  }

  /** What the rules see of it; or which argument cannot be judged. */
  view(request: PolicyRequest): View | { readonly unreadable: string } {
    const tags = this.#tagsOf(request)
    if ('unreadable' in tags) return tags
    return { key: this.#isRemembered ? this.#keyOf(request, tags) : undefined, tags }
  }

  #tagsOf({ arguments: given, tags }: PolicyRequest): Tags | { readonly unreadable: string } {
    const wanted = this.#pointers
    if (wanted !== 'all' && wanted.size === 0) return NO_TAGS
    if (tags) return wanted === 'all' ? tags : new Map([...tags].filter(([pointer]) => wanted.has(pointer)))
    const found = argumentFacts(given, wanted)
    return 'unreadable' in found ? found : found.tags
  }

  /** Lengths in front of texts keep the parts apart, whatever is in them. */
  #keyOf(request: PolicyRequest, tags: Tags): string {
    let key = `${this.#projected('principal', request).key}\n${this.#projected('resource', request).key}\n`
    for (const path of this.#contextPaths) key += written(valueAt(request.context, path))
    if (this.#pointers !== 'all') {
      for (const pointer of this.#pointers.keys()) {
        const values = tags.get(pointer)
        key += values ? written(values) : '-'
      }
    }
    return key
  }

  /** What Cedar is asked. `context` in place of the request's own: what it would be if. */
  cedar(request: PolicyRequest, { tags }: View, context: ContextFacts = request.context): CedarRequest {
    const principal = this.#projected('principal', request)
    const resource = this.#projected('resource', request)
    const action = { type: cedarType('Action'), id: request.action }
    const groups = actionRow(request.action)?.within ?? []
    const entities = [
      principal.entity,
      resource.entity,
      { uid: action, attrs: {}, parents: groups.map(id => ({ type: cedarType('Action'), id })) },
    ]
    const facts = this.#contextOf(context)
    const readsArguments = this.#pointers === 'all' || this.#pointers.size > 0
    if (readsArguments) entities.push({ uid: ARGUMENTS_UID, attrs: {}, parents: [], tags: Object.fromEntries(tags) })
    return {
      principal: principal.uid,
      action,
      resource: resource.uid,
      context: readsArguments ? { ...facts, [ARGUMENTS]: { __entity: ARGUMENTS_UID } } : facts,
      entities,
    }
  }

  #contextOf(context: ContextFacts): Readonly<Record<string, CedarValue>> {
    const facts = context as unknown as Facts
    return cedarFacts(this.#reads.context.isWhole ? facts : picked(facts, this.#contextPaths))
  }

  /** What is written down of it: enough to decide anew, and nothing else. Arguments that were asked for and absent are null. */
  record(request: PolicyRequest, { tags }: View): RequestRecord {
    const { context } = this.#reads
    const asked = this.#pointers === 'all' ? undefined : [...this.#pointers.keys()]
    return {
      action: request.action,
      principal: this.#projected('principal', request).record,
      resource: this.#projected('resource', request).record,
      context: flattened(context.isWhole ? undefined : this.#contextPaths, request.context),
      ...(context.isWhole && { isWholeContext: true as const }),
      ...(asked === undefined && { isWholeArguments: true as const }),
      arguments: Object.fromEntries((asked ?? [...tags.keys()]).map(pointer => [pointer, tags.get(pointer) ?? null])),
    }
  }

  #projected(role: 'principal' | 'resource', request: PolicyRequest): Projected {
    const entity = request[role]
    let found = this.#known[role].get(entity)
    if (!found) this.#known[role].set(entity, (found = project(entity, this.#reads[role])))
    return found
  }
}

const ARGUMENTS_UID: CedarUid = { type: cedarType('Arguments'), id: 'request' }

function project(entity: Entity, reads: EntityReads): Projected {
  const { type, id, within, attributes } = entity
  const own = keyOf(type, id)
  const tested = [...reads.within].sort()
  const holds = tested.filter(key => within.has(key))
  const paths = pathsOf(reads.paths)
  const facts = reads.isWhole ? attributes : picked(attributes, paths)
  // Where no rule names it, another name serves as well, and whoever differs in nothing else shares the answer.
  const uid = { type: cedarType(type), id: reads.isWhole || reads.within.has(own) ? id : nobody(type, reads.within) }
  const parents = (reads.isWhole ? [...within] : holds).filter(key => key !== own).map(cedarUid)
  const key = `${type} ${holds.map(written).join('')}/${paths.map(path => written(valueAt(attributes, path))).join('')}`
  return {
    key,
    uid,
    entity: { uid, attrs: cedarFacts(facts), parents },
    record: {
      type,
      id,
      in: (reads.isWhole ? [...within].sort() : holds).filter(each => each !== own),
      ...(reads.isWhole ? { isWhole: true as const } : { notIn: tested.filter(each => !within.has(each)) }),
      attributes: flattened(reads.isWhole ? undefined : paths, attributes),
    },
  }
}

/** An id that no rule names. */
function nobody(type: string, named: ReadonlySet<string>): string {
  let id = '?'
  while (named.has(keyOf(type, id))) id += '?'
  return id
}

function cedarUid(key: string): CedarUid {
  const { type, id } = splitKey(key)
  return { type: cedarType(type), id }
}

/** Paths without those that another one covers. */
function pathsOf(paths: ReadonlySet<string>): readonly (readonly string[])[] {
  const all = [...paths].sort()
  return all.filter(path => !all.some(other => other !== path && path.startsWith(`${other}.`))).map(path => path.split('.'))
}

function valueAt(facts: Facts, path: readonly string[]): FactValue | undefined {
  let value: FactValue | undefined = facts
  for (const name of path) {
    if (typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined
    value = (value as Facts)[name]
  }
  return value
}

function picked(facts: Facts, paths: readonly (readonly string[])[]): Facts {
  const found: Record<string, FactValue> = {}
  for (const path of paths) {
    const value = valueAt(facts, path)
    if (value === undefined) continue
    let at = found
    for (const name of path.slice(0, -1)) at = (at[name] ??= {}) as Record<string, FactValue>
    at[path.at(-1) ?? ''] = value
  }
  return found
}

/** One part of a key. */
function written(value: FactValue | undefined): string {
  switch (typeof value) {
    case 'string':
      return `s${value.length}:${value}`
    case 'undefined':
      return '-'
    case 'object': {
      const text = JSON.stringify(value)
      return `j${text.length}:${text}`
    }
    default:
      return `${String(value)};`
  }
}

/** Facts as values of the schema. */
function cedarFacts(facts: Facts): Record<string, CedarValue> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, cedarValue(name, value)]))
}

function cedarValue(name: string, value: FactValue): CedarValue {
  const kind = ENUMS[name]
  if (kind !== undefined && typeof value === 'string') return { __entity: { type: cedarType(kind), id: value } }
  return typeof value === 'object' && !Array.isArray(value) ? cedarFacts(value as Facts) : (value as CedarValue)
}

/** Leaves by their path, as they are written down; null = was asked for and absent. */
function flattened(paths: readonly (readonly string[])[] | undefined, facts: Facts): RequestRecord['context'] {
  const found: Record<string, boolean | number | string | readonly string[] | null> = {}
  const add = (path: string, value: FactValue | undefined): void => {
    if (typeof value === 'object' && !Array.isArray(value)) for (const [name, inner] of Object.entries(value)) add(`${path}.${name}`, inner)
    else found[path] = (value as boolean | number | string | readonly string[] | undefined) ?? null
  }
  if (paths) for (const path of paths) add(path.join('.'), valueAt(facts, path))
  else for (const [name, value] of Object.entries(facts)) add(name, value)
  return found
}
