// Rules that are valid and do nothing: that can never match, that another one always decides, or that are said twice. A finding is certain: what is not told from
// heads and conditions alone is not reported.

import { ACTIONS } from './actions.ts'
import { uidOf, type ScopeAst, type Uid } from './ast.ts'
import { conditionsOf, headOf, textOf } from './conjuncts.ts'
import { contradiction } from './contradiction.ts'
import type { Policy } from './load.ts'
import { joinObligations } from './obligations.ts'
import { concernsAction } from './scope.ts'

type LintCode =
  /** its conditions contradict each other */
  | 'never'
  /** a permit that a forbid always overrides */
  | 'overridden'
  /** another rule says as much */
  | 'covered'
  /** permits everything to everybody */
  | 'everything'
export type LintFinding = {
  readonly code: LintCode
  readonly policy: Policy
  readonly message: string
  /** the other rule */ readonly by?: Policy
}

/** What is compared of a rule, worked out once. */
type Lintable = {
  readonly policy: Policy
  readonly actions: ReadonlySet<string>
  readonly conditions: ReadonlySet<string>
  /** conditions, and what the head says of principal and resource */
  readonly demands: ReadonlySet<string>
}

/** In the order of the rules. Compares rules that share an action: quadratic in those. */
export function lint(policies: readonly Policy[]): readonly LintFinding[] {
  const all = policies.map((policy): Lintable => ({
    policy,
    actions: new Set(Object.keys(ACTIONS).filter(name => concernsAction(policy.ast, name))),
    conditions: new Set(conditionsOf(policy.ast).map(textOf)),
    demands: new Set([...headOf(policy.ast), ...conditionsOf(policy.ast)].map(textOf)),
  }))
  return all.flatMap((each, at) => findingsOf(each, at, all))
}

function findingsOf(each: Lintable, at: number, all: readonly Lintable[]): LintFinding[] {
  const { policy } = each
  const why = contradiction(policy)
  if (why !== undefined) return [{ code: 'never', policy, message: `can never match: ${why}` }]
  const isEverything = policy.set === 'authz' && policy.ast.effect === 'permit' && isWide(each)
  const found: LintFinding[] = isEverything ? [{ code: 'everything', policy, message: 'permits everything to everybody' }] : []
  for (const [i, other] of all.entries()) {
    if (i === at || other.policy.set !== policy.set || !covers(other, each)) continue
    const by = other.policy
    if (policy.ast.effect === 'permit' && by.ast.effect === 'forbid')
      return [...found, { code: 'overridden', policy, by, message: `\`${by.id}\` forbids all that it permits` }]
    // Of two that say the same, the later one is said twice.
    if (saysAsMuch(by, policy) && (i < at || !covers(each, other) || !saysAsMuch(policy, by)))
      return [...found, { code: 'covered', policy, by, message: `\`${by.id}\` says as much already` }]
  }
  return found
}

const isWide = ({ policy: { ast }, conditions }: Lintable): boolean =>
  conditions.size === 0 && ast.principal.op === 'All' && ast.action.op === 'All' && ast.resource.op === 'All'

/** Whether every request that `narrow` matches is matched by `wide`. False = not certain. */
function covers(wide: Lintable, narrow: Lintable): boolean {
  for (const action of narrow.actions) if (!wide.actions.has(action)) return false
  for (const condition of wide.conditions) if (!narrow.demands.has(condition)) return false
  const types = new Set([...narrow.actions].flatMap(name => ACTIONS[name]?.resources ?? []))
  // What one says in its head another may say in a condition.
  const isDemanded = headOf(wide.policy.ast).every(each => narrow.demands.has(textOf(each)))
  return (
    isDemanded ||
    (scopeCovers(wide.policy.ast.principal, narrow.policy.ast.principal, new Set(['User', 'Workload'])) &&
      scopeCovers(wide.policy.ast.resource, narrow.policy.ast.resource, types))
  )
}

/** `types` there can be where the narrow one says nothing. */
function scopeCovers(wide: ScopeAst, narrow: ScopeAst, types: ReadonlySet<string>): boolean {
  if (wide.op === 'All' || JSON.stringify(wide) === JSON.stringify(narrow)) return true
  const isIn = (scope: ScopeAst, within: unknown): boolean => {
    const [narrower, wider] = [entityOf(scope.op === 'is' ? scope['in'] : scope), entityOf(within)]
    return narrower !== undefined && narrower.type === wider?.type && narrower.id === wider.id
  }
  if (wide.op === 'in') return isIn(narrow, wide)
  if (wide.op !== 'is') return false
  const type = String(wide['entity_type'])
  const named = entityOf(narrow)?.type
  const isType =
    narrow.op === 'is'
      ? narrow['entity_type'] === type
      : narrow.op === '=='
        ? named === type
        : types.size === 1 && types.has(type.replace('MCP::', ''))
  return isType && (wide['in'] === undefined || isIn(narrow, wide['in']))
}

const entityOf = (of: unknown): Uid | undefined => uidOf((of as { readonly entity?: unknown } | undefined)?.entity)

/** Whether `other` leaves nothing for `policy` to say where both match. */
function saysAsMuch(other: Policy, policy: Policy): boolean {
  if (other.ast.effect !== policy.ast.effect) return false
  if (policy.set === 'obligations') {
    const [alone, both] = [[other], [other, policy]].map(each => joinObligations(each.flatMap(({ obligations }) => obligations ?? [])))
    return JSON.stringify(alone) === JSON.stringify(both)
  }
  return other.approval === undefined || JSON.stringify(other.approval) === JSON.stringify(policy.approval)
}
