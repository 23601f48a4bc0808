// An entity as a set of rules sees it: what Cedar gets of it, its part of a key, and its part of a record, each worked out once for as long as the entity lives.

import { cedarType } from './ast.ts'
import { canonicalText } from '../kernel/canonical-text.ts'
import { digestOf } from '../kernel/digest.ts'
import { cedarFacts, flattened, pathsOf, picked, valueAt, written } from './fact-values.ts'
import type { CedarEntity, CedarUid } from './language.ts'
import type { EntityReads } from './reads.ts'
import type { EntityRecord } from './record.ts'
import { keyOf, splitKey, type Entity, type EntityKey } from './request.ts'

/** `key` is its part of the keys of decisions, where the rules do not see all of it. */
export type Projected = { readonly key: string; readonly uid: CedarUid; readonly entity: CedarEntity }

/** Characters of a part of a key, and of a part of a record that is kept. */
const MAX_PART = 64
const MAX_KEPT = 2048

/** A part of a key; long ones by their digest. No part begins with `#`. */
export const part = (text: string): string => (text.length > MAX_PART ? `#${digestOf(text)}` : text)

/** The entities of one role, principal or resource. */
export class ProjectedEntities {
  readonly #reads: EntityReads
  readonly #paths: readonly (readonly string[])[]
  readonly #known = new WeakMap<Entity, Projected>()
  readonly #texts = new WeakMap<Entity, string>()

  constructor(reads: EntityReads) {
    this.#reads = reads
    this.#paths = pathsOf(reads.paths)
  }

  of(entity: Entity): Projected {
    let found = this.#known.get(entity)
    if (!found) this.#known.set(entity, (found = this.#project(entity)))
    return found
  }

  #project(entity: Entity): Projected {
    const reads = this.#reads
    const { type, id, within, attributes } = entity
    const own = keyOf(type, id)
    const holds = holdsOf(entity, reads.within)
    const facts = reads.isWhole ? attributes : picked(attributes, this.#paths)
    // Where no rule names it, another name serves as well, and whoever differs in nothing else shares the answer.
    const uid = { type: cedarType(type), id: reads.isWhole || reads.within.has(own) ? id : nobody(type, reads.within) }
    const parents = (reads.isWhole ? [...within] : holds).filter(key => key !== own).map(cedarUid)
    const key = part(`${type} ${holds.map(written).join('')}/${this.#paths.map(path => written(valueAt(attributes, path))).join('')}`)
    return { key, uid, entity: { uid, attrs: cedarFacts(facts), parents } }
  }

  record(entity: Entity): EntityRecord {
    const reads = this.#reads
    const { type, id, within, attributes } = entity
    const own = keyOf(type, id)
    return {
      type,
      id,
      in: (reads.isWhole ? [...within].sort() : holdsOf(entity, reads.within)).filter(each => each !== own),
      ...(reads.isWhole ? { isWhole: true as const } : { notIn: [...reads.within].filter(each => !within.has(each)).sort() }),
      attributes: flattened(reads.isWhole ? undefined : this.#paths, attributes),
    }
  }

  /** `record` as canonical JSON text. Long ones are not kept: rules may name thousands of groups, and principals are many. */
  recordText(entity: Entity): string {
    const known = this.#texts.get(entity)
    if (known !== undefined) return known
    const text = canonicalText(this.record(entity))
    if (text.length <= MAX_KEPT) this.#texts.set(entity, text)
    return text
  }
}

/** Of what the rules ask about, what it is in; rules may name thousands of groups, and it is in a few. */
function holdsOf({ within }: Entity, asked: ReadonlySet<EntityKey>): readonly string[] {
  const [few, many] = within.size < asked.size ? [within, asked] : [asked, within]
  return [...few].filter(key => many.has(key)).sort()
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
