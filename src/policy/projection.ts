// Exactly the facts that a set of rules reads: what Cedar gets, what a decision is remembered by, and what is written down of it, are the same thing.

import { canonicalText } from '../kernel/canonical-text.ts'
import { actionRow } from './actions.ts'
import { argumentFacts, stepsOf } from './arguments.ts'
import { cedarType } from './ast.ts'
import { cedarFacts, flattened, pathsOf, picked, valueAt, written } from './fact-values.ts'
import type { CedarRequest, CedarUid, CedarValue } from './language.ts'
import { part, ProjectedEntities } from './projected.ts'
import { ARGUMENTS, type Reads } from './reads.ts'
import type { RequestRecord } from './record.ts'
import type { ContextFacts, Entity, Facts, PolicyRequest, WantedPointers } from './request.ts'

type Tags = ReadonlyMap<string, readonly string[]>

/** A request as the rules see it. `key` is undefined where no answer can be remembered; equal keys have equal answers. */
export type View = { readonly key: string | undefined; readonly tags: Tags; readonly context: ContextFacts }

const NO_TAGS: Tags = new Map()

export class Projection {
  readonly #reads: Reads
  readonly #contextPaths: readonly (readonly string[])[]
  readonly #pointers: WantedPointers
  readonly #principals: ProjectedEntities
  readonly #resources: ProjectedEntities
  readonly #isRemembered: boolean
  readonly #readsFindings: boolean
  readonly #contexts = new WeakMap<ContextFacts, { readonly key: string; readonly text: string }>()
  /** the arguments of a record where none is there that was asked for */
  readonly #noArguments: string

  constructor(reads: Reads) {
    this.#reads = reads
    this.#contextPaths = pathsOf(reads.context.paths)
    this.#pointers =
      reads.pointers === 'all' ? 'all' : new Map([...reads.pointers].sort().map(pointer => [pointer, stepsOf(pointer) ?? []]))
    this.#principals = new ProjectedEntities(reads.principal)
    this.#resources = new ProjectedEntities(reads.resource)
    this.#isRemembered = !reads.context.isWhole && !reads.principal.isWhole && !reads.resource.isWhole && reads.pointers !== 'all'
    this.#readsFindings = reads.context.isWhole || reads.context.paths.has('findings')
    this.#noArguments = canonicalText(this.#argumentsOf(NO_TAGS))
  }

  /** What the rules see of it; or which argument cannot be judged. */
  view(request: PolicyRequest): View | { readonly unreadable: string } {
    const tags = this.#tagsOf(request)
    if ('unreadable' in tags) return tags
    const { late, context: given } = request
    const findings = this.#readsFindings ? late?.findings?.() : undefined
    // Most arguments have none: the context that others share stays the one that is asked about.
    const context = findings && findings.length > 0 ? { ...given, findings } : given
    return { key: this.#isRemembered ? this.#keyOf(request, context, tags) : undefined, tags, context }
  }

  /** All that an answer can depend on besides the resource and arguments: who shares it sees the same of the same resources. */
  standpoint(principal: Entity, context: ContextFacts): string {
    const reads = this.#reads
    const who = reads.principal.isWhole
      ? written([principal.type, principal.id, ...[...principal.within].sort()]) + written(principal.attributes)
      : this.#principals.of(principal).key
    return `${who}\n${reads.context.isWhole ? written(context) : this.#contextOf(context).key}`
  }

  #tagsOf({ tags, late, arguments: given }: PolicyRequest): Tags | { readonly unreadable: string } {
    const wanted = this.#pointers
    if (wanted !== 'all' && wanted.size === 0) return NO_TAGS
    if (tags) return wanted === 'all' ? tags : new Map([...tags].filter(([pointer]) => wanted.has(pointer)))
    const found = argumentFacts(late?.arguments ? late.arguments(wanted) : given, wanted)
    if ('unreadable' in found) return found
    return found.tags.size === 0 ? NO_TAGS : found.tags
  }

  /** Lengths in front of texts keep the parts apart, whatever is in them. */
  #keyOf({ principal, resource }: PolicyRequest, context: ContextFacts, tags: Tags): string {
    const key = `${this.#principals.of(principal).key}\n${this.#resources.of(resource).key}\n${this.#contextOf(context).key}`
    if (tags === NO_TAGS || this.#pointers === 'all') return key
    let values = '\n'
    for (const pointer of this.#pointers.keys()) {
      const found = tags.get(pointer)
      values += found ? written(found) : '-'
    }
    return key + values
  }

  /** The parts of key and record that a context makes; moments and principals share one (pipeline/judge-contexts.ts). */
  #contextOf(context: ContextFacts): { readonly key: string; readonly text: string } {
    let known = this.#contexts.get(context)
    if (!known) {
      const key = part(this.#contextPaths.map(path => written(valueAt(context, path))).join(''))
      this.#contexts.set(context, (known = { key, text: canonicalText(this.#contextRecord(context)) }))
    }
    return known
  }

  /** What Cedar is asked. `context` in place of the request's own: what it would be if. */
  cedar(request: PolicyRequest, { tags, context: own }: View, context: ContextFacts = own): CedarRequest {
    const principal = this.#principals.of(request.principal)
    const resource = this.#resources.of(request.resource)
    const action = { type: cedarType('Action'), id: request.action }
    const groups = actionRow(request.action)?.within ?? []
    const entities = [
      principal.entity,
      resource.entity,
      { uid: action, attrs: {}, parents: groups.map(id => ({ type: cedarType('Action'), id })) },
    ]
    const facts = this.#cedarContext(context)
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

  #cedarContext(context: ContextFacts): Readonly<Record<string, CedarValue>> {
    const facts = context as unknown as Facts
    return cedarFacts(this.#reads.context.isWhole ? facts : picked(facts, this.#contextPaths))
  }

  /** What is written down of it: enough to decide anew, and nothing else. Arguments that were asked for and absent are null; large ones are not kept. */
  record(request: PolicyRequest, { tags, context }: View): RequestRecord {
    return {
      action: request.action,
      principal: this.#principals.record(request.principal),
      resource: this.#resources.record(request.resource),
      context: this.#contextRecord(context),
      ...(this.#reads.context.isWhole && { isWholeContext: true as const }),
      arguments: this.#argumentsOf(tags),
      ...(this.#pointers === 'all' && { isWholeArguments: true as const }),
    }
  }

  /** `record` as canonical JSON text, of parts that were made before. */
  recordText({ action, principal, resource }: PolicyRequest, { tags, context }: View): string {
    const isWholeArguments = this.#pointers === 'all' ? ',"isWholeArguments":true' : ''
    const isWhole = this.#reads.context.isWhole ? ',"isWholeContext":true' : ''
    const given = tags === NO_TAGS ? this.#noArguments : canonicalText(this.#argumentsOf(tags))
    // INVARIANT: actions are rows of a table, in ASCII.
    return (
      `{"action":"${action}","arguments":${given},"context":${this.#contextOf(context).text}${isWholeArguments}${isWhole}` +
      `,"principal":${this.#principals.recordText(principal)},"resource":${this.#resources.recordText(resource)}}`
    )
  }

  #contextRecord(context: ContextFacts): RequestRecord['context'] {
    return flattened(this.#reads.context.isWhole ? undefined : this.#contextPaths, context)
  }
  #argumentsOf(tags: Tags): RequestRecord['arguments'] {
    const asked = this.#pointers === 'all' ? tags.keys() : this.#pointers.keys()
    return Object.fromEntries(
      [...asked].flatMap(pointer => {
        const values = tags.get(pointer) ?? null
        return isShort(values) ? [[pointer, values]] : []
      }),
    )
  }
}

/** Characters of one argument that a record keeps. */
const MAX_RECORDED = 8192
const isShort = (values: readonly string[] | null): boolean => (values ?? []).reduce((sum, value) => sum + value.length, 0) <= MAX_RECORDED

const ARGUMENTS_UID: CedarUid = { type: cedarType('Arguments'), id: 'request' }
