// The head of a policy: for which requests it can count at all. Whatever is not understood can count for all of them.

import { actionRow } from './actions.ts'
import { plainType, uidOf, type PolicyAst, type ScopeAst } from './ast.ts'
import { keyOf, type EntityKey } from './request.ts'

/** Marks a type among keys: no type is called so. */
const TYPE = 'is'

/**
 * One of these a principal or resource must be, or be in, for the policy to count; undefined = any may. More than is needed may pass, less never: Cedar
 * judges the head itself.
 */
export function demanded(scope: ScopeAst): EntityKey | undefined {
  if (scope.op === 'is') {
    const within = keyIn(scope['in'])
    if (within !== undefined) return within
    return typeof scope['entity_type'] === 'string' ? keyOf(TYPE, plainType(scope['entity_type'])) : undefined
  }
  return scope.op === '==' || scope.op === 'in' ? keyIn(scope) : undefined
}

function keyIn(of: unknown): EntityKey | undefined {
  if (typeof of !== 'object' || of === null || !('entity' in of)) return undefined
  const uid = uidOf(of.entity)
  return uid && keyOf(plainType(uid.type), uid.id)
}

/** What every entity of a type fulfils. */
export const typeKey = (type: string): EntityKey => keyOf(TYPE, type)

/** Whether a policy can count for an action: its own name, or a group it is in. */
export function concernsAction({ action }: Pick<PolicyAst, 'action'>, name: string): boolean {
  if (action.op !== '==' && action.op !== 'in') return true
  const { entity, entities } = action as { readonly entity?: unknown; readonly entities?: unknown }
  const uids = (Array.isArray(entities) ? entities : [entity]).map(uidOf)
  if (uids.some(uid => uid === undefined)) return true
  const within: readonly string[] = action.op === 'in' ? (actionRow(name)?.within ?? []) : []
  return uids.some(uid => uid !== undefined && plainType(uid.type) === 'Action' && (uid.id === name || within.includes(uid.id)))
}
