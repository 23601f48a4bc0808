// Exactly the facts that a set of rules reads: what Cedar gets, what a decision is remembered by, and what is written down of it, are the same thing.

import { actionRow } from './actions.ts'
import { argumentFacts, stepsOf } from './arguments.ts'
import { cedarType } from './ast.ts'
import { cedarFacts, flattened, pathsOf, picked, valueAt, written } from './fact-values.ts'
import type { CedarEntity, CedarRequest, CedarUid, CedarValue } from './language.ts'
import { ARGUMENTS, type EntityReads, type Reads } from './reads.ts'
import type { EntityRecord, RequestRecord } from './record.ts'
import { keyOf, splitKey, type ContextFacts, type Entity, type Facts, type PolicyRequest } from './request.ts'

/** An entity as the rules see it. `key` is empty where they see all of it. */
type Projected = { readonly key: string; readonly uid: CedarUid; readonly entity: CedarEntity }
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

  /** All that an answer can depend on besides the resource and arguments: who shares it sees the same of the same resources. */
  standpoint(principal: Entity, context: ContextFacts): string {
    const { reads, facts } = { reads: this.#reads, facts: context }
    const who = reads.principal.isWhole
      ? written([principal.type, principal.id, ...[...principal.within].sort()]) + written(principal.attributes)
      : this.#projectedOf('principal', principal).key
    return reads.context.isWhole ? who + written(facts) : this.#contextPaths.reduce((key, path) => key + written(valueAt(facts, path)), who)
  }

  #tagsOf(request: PolicyRequest): Tags | { readonly unreadable: string } {
    const wanted = this.#pointers
    if (wanted !== 'all' && wanted.size === 0) return NO_TAGS
    const { tags } = request
    if (tags) return wanted === 'all' ? tags : new Map([...tags].filter(([pointer]) => wanted.has(pointer)))
    const found = argumentFacts(request.arguments, wanted)
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

  /** What is written down of it: enough to decide anew, and nothing else. Arguments that were asked for and absent are null; large ones are not kept. */
  record(request: PolicyRequest, { tags }: View): RequestRecord {
    const { context } = this.#reads
    const asked = this.#pointers === 'all' ? undefined : [...this.#pointers.keys()]
    return {
      action: request.action,
      principal: recordOf(request.principal, this.#reads.principal),
      resource: recordOf(request.resource, this.#reads.resource),
      context: flattened(context.isWhole ? undefined : this.#contextPaths, request.context),
      ...(context.isWhole && { isWholeContext: true as const }),
      ...(asked === undefined && { isWholeArguments: true as const }),
      arguments: Object.fromEntries(
        (asked ?? [...tags.keys()]).flatMap(pointer => {
          const values = tags.get(pointer) ?? null
          return isShort(values) ? [[pointer, values]] : []
        }),
      ),
    }
  }

  #projected(role: 'principal' | 'resource', request: PolicyRequest): Projected {
    return this.#projectedOf(role, request[role])
  }

  #projectedOf(role: 'principal' | 'resource', entity: Entity): Projected {
    let found = this.#known[role].get(entity)
    if (!found) this.#known[role].set(entity, (found = project(entity, this.#reads[role])))
    return found
  }
}

/** Characters of one argument that a record keeps. */
const MAX_RECORDED = 8192
const isShort = (values: readonly string[] | null): boolean => (values ?? []).reduce((sum, value) => sum + value.length, 0) <= MAX_RECORDED

const ARGUMENTS_UID: CedarUid = { type: cedarType('Arguments'), id: 'request' }

function project(entity: Entity, reads: EntityReads): Projected {
  const { type, id, within, attributes } = entity
  const own = keyOf(type, id)
  const holds = holdsOf(entity, reads)
  const paths = pathsOf(reads.paths)
  const facts = reads.isWhole ? attributes : picked(attributes, paths)
  // Where no rule names it, another name serves as well, and whoever differs in nothing else shares the answer.
  const uid = { type: cedarType(type), id: reads.isWhole || reads.within.has(own) ? id : nobody(type, reads.within) }
  const parents = (reads.isWhole ? [...within] : holds).filter(key => key !== own).map(cedarUid)
  const key = `${type} ${holds.map(written).join('')}/${paths.map(path => written(valueAt(attributes, path))).join('')}`
  return { key, uid, entity: { uid, attrs: cedarFacts(facts), parents } }
}

/** Of what the rules ask about, what it is in; rules may name thousands of groups, and it is in a few. */
function holdsOf({ within }: Entity, reads: EntityReads): readonly string[] {
  const [few, many] = within.size < reads.within.size ? [within, reads.within] : [reads.within, within]
  return [...few].filter(key => many.has(key)).sort()
}

function recordOf(entity: Entity, reads: EntityReads): EntityRecord {
  const { type, id, within, attributes } = entity
  const own = keyOf(type, id)
  return {
    type,
    id,
    in: (reads.isWhole ? [...within].sort() : holdsOf(entity, reads)).filter(each => each !== own),
    ...(reads.isWhole ? { isWhole: true as const } : { notIn: [...reads.within].filter(each => !within.has(each)).sort() }),
    attributes: flattened(reads.isWhole ? undefined : pathsOf(reads.paths), attributes),
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
