// What a record of a decision tells about its request: which facts are known, absent ones too, and which are not.

import { hasTraversal } from '../kernel/prefixes.ts'
import { cedarType, type ScopeAst } from './ast.ts'
import type { Policy } from './load.ts'
import type { EntityReads } from './reads.ts'
import type { EntityRecord, RecordedFact, RequestRecord } from './record.ts'
import {
  keyOf,
  splitKey,
  type ContextFacts,
  type Entity,
  type EntityKey,
  type EntityType,
  type Facts,
  type PolicyRequest,
} from './request.ts'
import { demanded, typeKey } from './scope.ts'

type Answer = 'yes' | 'no' | 'unknown'

/** Types of entities that others are in: only of these a record can be silent. */
const GROUPS = new Set(['Group', 'Label', 'Publisher', 'Registered'])
const SERVED = new Set(['Tool', 'Prompt', 'Resource', 'Template'])
/** Facts that are made of several: known once all of them are. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  hints: ['readOnly', 'destructive', 'idempotent', 'openWorld'],
  server: ['alias', 'registryName', 'version', 'publisher', 'signature', 'standing', 'reviewer'],
  approval: ['count'],
}
/** What the schema has for each type; whatever else is asked for is absent. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  User: ['issuer', 'subject', 'client'],
  Workload: ['issuer', 'subject', 'client'],
  Tool: ['name', 'digest', 'hints', 'server'],
  Prompt: ['name', 'digest', 'server'],
  Resource: ['uri', 'climbs', 'server'],
  Template: ['uriTemplate', 'climbs', 'server'],
  Server: ['server'],
  Endpoint: [],
}

export class Recollection {
  /** the request as far as it is known: whoever lacks nothing of it decides as at the time */
  readonly request: PolicyRequest
  readonly #facts: RequestRecord
  readonly #principal: Remembered
  readonly #resource: Remembered
  readonly #context: Readonly<Record<string, RecordedFact>>

  constructor(facts: RequestRecord) {
    this.#facts = facts
    this.#principal = new Remembered(facts.principal)
    this.#resource = new Remembered(facts.resource)
    this.#context = facts.context
    this.request = {
      action: facts.action,
      principal: this.#principal.entity,
      resource: this.#resource.entity,
      context: unflattened(facts.context) as unknown as ContextFacts,
      tags: new Map(Object.entries(facts.arguments).flatMap(([pointer, values]) => (values === null ? [] : [[pointer, values] as const]))),
    }
  }

  /** True where the head of a rule certainly does not match. */
  rulesOut({ ast }: Policy): boolean {
    return this.#principal.rulesOut(ast.principal) || this.#resource.rulesOut(ast.resource)
  }

  /** Facts that a rule reads and nobody recorded, in words. */
  lacks({ reads }: Policy): readonly string[] {
    const { isWholeContext, isWholeArguments, arguments: given } = this.#facts
    const context = reads.context.isWhole ? (isWholeContext ? [] : ['the whole context']) : this.#unknownContext(reads.context.paths)
    const pointers = reads.pointers === 'all' ? (isWholeArguments ? [] : ['all arguments']) : [...reads.pointers]
    const unread = isWholeArguments ? [] : pointers.filter(pointer => !Object.hasOwn(given, pointer))
    return [
      ...this.#principal.lacks(reads.principal).map(fact => `principal ${fact}`),
      ...this.#resource.lacks(reads.resource).map(fact => `resource ${fact}`),
      ...context,
      ...(reads.pointers === 'all' ? pointers : unread.map(pointer => `the argument ${pointer}`)),
    ]
  }

  #unknownContext(paths: ReadonlySet<string>): string[] {
    if (this.#facts.isWholeContext) return []
    return [...paths].filter(path => !isKnown(this.#context, path)).map(path => `context.${path}`)
  }
}

/** One entity as it was recorded, and what its name alone tells. */
class Remembered {
  readonly entity: Entity
  readonly #record: EntityRecord
  readonly #attributes: Readonly<Record<string, RecordedFact>>

  constructor(record: EntityRecord) {
    const { type, id } = record
    this.#record = record
    this.#attributes = { ...namedBy(record), ...record.attributes }
    const server = SERVED.has(type) ? [keyOf('Server', id.slice(0, id.indexOf('/')))] : []
    this.entity = {
      type: type as EntityType,
      id,
      within: new Set([keyOf(type, id), ...server, ...record.in]),
      attributes: unflattened(this.#attributes),
    }
  }

  rulesOut(scope: ScopeAst): boolean {
    const isOther = scope.op === 'is' && scope['entity_type'] !== cedarType(this.entity.type)
    return isOther || this.#fulfils(demanded(scope)) === 'no'
  }

  #fulfils(key: EntityKey | undefined): Answer {
    if (key === undefined || this.entity.within.has(key) || key === typeKey(this.entity.type)) return 'yes'
    const { notIn = [], isWhole } = this.#record
    return isWhole || notIn.includes(key) || !GROUPS.has(splitKey(key).type) ? 'no' : 'unknown'
  }

  lacks({ isWhole, within, paths }: EntityReads): readonly string[] {
    if (this.#record.isWhole) return []
    if (isWhole) return ['as a whole']
    return [
      ...[...within].filter(key => this.#fulfils(key) === 'unknown').map(key => `in ${key}`),
      ...[...paths].filter(path => !this.#knows(path)),
    ]
  }

  #knows(path: string): boolean {
    const [name = ''] = path.split('.')
    return !(ATTRIBUTES[this.entity.type] ?? []).includes(name) || isKnown(this.#attributes, path)
  }
}

/** The name of an entity is made of some of its facts. */
function namedBy({ type, id }: EntityRecord): Readonly<Record<string, RecordedFact>> {
  const at = id.indexOf(type === 'User' || type === 'Workload' ? ' ' : '/')
  const [first, rest] = [id.slice(0, Math.max(at, 0)), id.slice(at + 1)]
  switch (type) {
    case 'User':
    case 'Workload':
      return { issuer: first, subject: rest }
    case 'Tool':
    case 'Prompt':
      return { name: rest, 'server.alias': first }
    case 'Resource':
      return { uri: rest, climbs: hasTraversal(rest), 'server.alias': first }
    case 'Template':
      return { uriTemplate: rest, climbs: hasTraversal(rest), 'server.alias': first }
    case 'Server':
      return { 'server.alias': id }
    default:
      return {}
  }
}

/** Whether a fact was recorded, or that it is absent. */
function isKnown(facts: Readonly<Record<string, RecordedFact>>, path: string): boolean {
  if (Object.hasOwn(facts, path)) return true
  const [name = '', ...rest] = path.split('.')
  if (rest.length > 0) return facts[name] === null
  const parts = PARTS[name]
  return parts?.every(part => Object.hasOwn(facts, `${name}.${part}`)) ?? false
}

function unflattened(facts: Readonly<Record<string, RecordedFact>>): Facts {
  const made: Record<
    string,
    boolean | number | string | readonly string[] | Record<string, boolean | number | string | readonly string[]>
  > = {}
  for (const [path, value] of Object.entries(facts)) {
    if (value === null) continue
    const dot = path.indexOf('.')
    if (dot < 0) made[path] = value
    else {
      const inner = (made[path.slice(0, dot)] ??= {}) as Record<string, boolean | number | string | readonly string[]>
      inner[path.slice(dot + 1)] = value
    }
  }
  return made
}
