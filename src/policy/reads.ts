// What a policy reads of a request, worked out from its text once: which attributes, which groups and servers it asks about, which arguments. A decision can
// depend on nothing else, so this is what it is made of, remembered by, and recorded with.

import { stepsOf } from './arguments.ts'
import {
  literalEntity,
  literalText,
  operands,
  operation,
  pathOf,
  plainType,
  uidOf,
  type PolicyAst,
  type ScopeAst,
  type Uid,
} from './ast.ts'
import { keyOf, type EntityKey } from './request.ts'

/** What is read of the principal or the resource. `isWhole`: everything, its identity too. */
export type EntityReads = {
  isWhole: boolean
  /** entities it is compared with, or asked to be in */
  readonly within: Set<EntityKey>
  /** attributes, as `server.signature` */
  readonly paths: Set<string>
}

/** `isWhole`: the context as one value, so no answer can be remembered. `pointers`: `all` where one is worked out while it is evaluated. */
export type Reads = {
  readonly principal: EntityReads
  readonly resource: EntityReads
  readonly context: { isWhole: boolean; readonly paths: Set<string> }
  pointers: Set<string> | 'all'
}

const entityReads = (): EntityReads => ({ isWhole: false, within: new Set(), paths: new Set() })
const nothing = (): Reads => ({
  principal: entityReads(),
  resource: entityReads(),
  context: { isWhole: false, paths: new Set() },
  pointers: new Set(),
})

/** The attribute of the context that holds the arguments; no fact by itself. */
export const ARGUMENTS = 'arguments'

/** What one policy reads, head and conditions. */
export function readsOf(policy: PolicyAst): Reads {
  const reads = nothing()
  readScope(policy.principal, reads.principal)
  readScope(policy.resource, reads.resource)
  for (const condition of policy.conditions) walk(condition.body, reads)
  return reads
}

/** What several policies read together. */
export function allReads(each: Iterable<Reads>): Reads {
  const all = nothing()
  for (const reads of each) {
    for (const role of ['principal', 'resource'] as const) {
      all[role].isWhole ||= reads[role].isWhole
      for (const key of reads[role].within) all[role].within.add(key)
      for (const path of reads[role].paths) all[role].paths.add(path)
    }
    all.context.isWhole ||= reads.context.isWhole
    for (const path of reads.context.paths) all.context.paths.add(path)
    if (reads.pointers === 'all') all.pointers = 'all'
    else if (all.pointers !== 'all') for (const pointer of reads.pointers) all.pointers.add(pointer)
  }
  return all
}

const key = ({ type, id }: Uid): EntityKey => keyOf(plainType(type), id)

function readScope(scope: ScopeAst, reads: EntityReads): void {
  const of = scope.op === 'is' ? scope['in'] : scope
  if (scope.op === 'All' || of === undefined) return
  const { entity } = of as { readonly entity?: unknown }
  const uid = uidOf(entity)
  if (uid) reads.within.add(key(uid))
  else reads.isWhole = true
}

/** Operators whose operands are read one by one. Names of functions (`ip`, `decimal`) come with a list and are read the same way. */
const OPERATORS = new Set('! neg && || < <= > >= + - * contains containsAll containsAny isEmpty like if-then-else Set Record'.split(' '))

function walk(expr: unknown, reads: Reads): void {
  const found = operation(expr)
  if (!found) return readEverything(reads)
  const { op, of } = found
  switch (op) {
    case 'Value':
      return
    case 'Var':
    case '.':
      return readPath(expr, reads)
    case 'has':
      return readPresence(of, reads)
    case '==':
    case '!=':
    case 'in':
      return compare(of, reads)
    case 'is':
      return readType(of, reads)
    case 'hasTag':
    case 'getTag':
      return readTag(of, reads)
    default:
      if (!OPERATORS.has(op) && !Array.isArray(of)) return readEverything(reads)
      for (const [name, operand] of Object.entries(of as object)) if (op !== 'like' || name !== 'pattern') walk(operand, reads)
  }
}

/** A form that is not known may read whatever there is. */
function readEverything(reads: Reads): void {
  reads.principal.isWhole = true
  reads.resource.isWhole = true
  reads.context.isWhole = true
  reads.pointers = 'all'
}

/** The type of a variable is always known. */
function readType(of: unknown, reads: Reads): void {
  const { left, in: within } = of as { readonly left: unknown; readonly in?: unknown }
  if (within !== undefined) compare({ left, right: within }, reads)
  else if (pathOf(left)?.path.length !== 0) walk(left, reads)
}

function readPath(expr: unknown, reads: Reads): void {
  const path = pathOf(expr)
  // `.` of something that is worked out: what that is made of is read, and its attribute is a part of it.
  if (!path) return walk(operands(operation(expr)?.of).left, reads)
  read(path.root, path.path, reads)
}

function read(root: string, path: readonly string[], reads: Reads): void {
  if (root === 'action') return // one per slice
  if (root === 'context') {
    if (path[0] === ARGUMENTS) reads.pointers = 'all'
    else if (path.length === 0) {
      reads.context.isWhole = true
      reads.pointers = 'all'
    } else reads.context.paths.add(path.join('.'))
    return
  }
  const entity = root === 'principal' ? reads.principal : reads.resource
  if (path.length === 0) entity.isWhole = true
  else entity.paths.add(path.join('.'))
}

function readPresence(of: unknown, reads: Reads): void {
  const { left, attr } = of as { readonly left: unknown; readonly attr: string | readonly string[] }
  const path = pathOf(left)
  if (!path) return walk(left, reads)
  const names = typeof attr === 'string' ? [attr] : attr
  if (path.root === 'context' && path.path.length === 0 && names[0] === ARGUMENTS) return // always there
  read(path.root, [...path.path, ...names], reads)
}

/** `==`, `!=` and `in`: with literals beside it a variable is asked about those alone. */
function compare(of: unknown, reads: Reads): void {
  const { left, right } = operands(of)
  const literals = literalsOf(right)
  const mirrored = literals ? undefined : literalsOf(left)
  const [side, uids] = literals ? [left, literals] : [right, mirrored]
  const path = pathOf(side)
  // `"literal" in resource` holds where they are equal: no request says what the literal is in. A set on that side is compared as a value.
  const isAsked = uids && (literals !== undefined || uids.length === 1)
  if (isAsked && path?.path.length === 0 && (path.root === 'principal' || path.root === 'resource')) {
    for (const uid of uids) reads[path.root].within.add(key(uid))
    return
  }
  walk(left, reads)
  walk(right, reads)
}

function literalsOf(expr: unknown): readonly Uid[] | undefined {
  const one = literalEntity(expr)
  if (one) return [one]
  const found = operation(expr)
  const items = found?.op === 'Set' ? found.of : found?.op === 'Value' ? found.of : undefined
  if (!Array.isArray(items)) return undefined
  const uids = items.map(item => (found?.op === 'Set' ? literalEntity(item) : uidOf(item)))
  return uids.every(uid => uid !== undefined) ? uids : undefined
}

function readTag(of: unknown, reads: Reads): void {
  const { left, right } = operands(of)
  const path = pathOf(left)
  const pointer = literalText(right)
  const isArguments = path?.root === 'context' && path.path.length === 1 && path.path[0] === ARGUMENTS
  if (isArguments && pointer !== undefined && stepsOf(pointer)) {
    if (reads.pointers !== 'all') reads.pointers.add(pointer)
    return
  }
  walk(left, reads)
  walk(right, reads)
}
