// Why a request came out as it did: which rules decided, which did not apply and for want of what. For people; it costs an evaluation per condition.

import { PolicyRules, type PolicyDecision } from './evaluate.ts'
import { conditionsOf, headOf } from './conjuncts.ts'
import type { PolicyEngine, PolicyLanguage } from './language.ts'
import type { Policy } from './load.ts'
import { readsOf } from './reads.ts'
import type { DecisionRecord } from './record.ts'
import type { PolicyRequest } from './request.ts'

/** `unmet`: what of it does not hold for this request, as it is written; empty = it applies. */
type Explained = { readonly policy: Policy; readonly unmet: readonly string[] }
export type Explanation = {
  readonly decision: PolicyDecision
  readonly record: DecisionRecord
  readonly decidedBy: readonly Policy[]
  /** where no permit applies: those there are, the ones that lack least first */
  readonly otherPermits: readonly Explained[]
  readonly demandedBy: readonly Policy[]
}

export type ExplainTools = { readonly language: PolicyLanguage; readonly engine: PolicyEngine }

export function explain(request: PolicyRequest, rules: PolicyRules, tools: ExplainTools): Explanation {
  const decision = rules.decide(request)
  const named = (ids: readonly string[]): Policy[] => ids.flatMap(id => rules.policy(id) ?? [])
  const permits =
    decision.outcome === 'allow' ? [] : rules.concerned(request).filter(({ set, ast }) => set === 'authz' && ast.effect === 'permit')
  const others = permits.map(policy => ({ policy, unmet: unmetOf(policy, request, tools) }))
  const isPermitted = others.some(({ unmet }) => unmet.length === 0)
  return {
    decision,
    record: rules.record(request, decision),
    decidedBy: named(decision.rules),
    otherPermits: isPermitted ? [] : others.sort((a, b) => a.unmet.length - b.unmet.length),
    demandedBy: named(decision.demandedBy),
  }
}

/** Each condition by itself: those that do not hold, or cannot be evaluated without the ones before. */
function unmetOf(policy: Policy, request: PolicyRequest, { language, engine }: ExplainTools): readonly string[] {
  return [...headOf(policy.ast), ...conditionsOf(policy.ast)]
    .map(expr => language.write(expr))
    .filter(text => {
      const source = `permit (principal, action, resource) when { ${text} };`
      const ast = language.read(source)
      if ('faults' in ast) return true
      const alone = { ...policy, set: 'authz' as const, ast, text: source, reads: readsOf(ast) }
      return new PolicyRules({ digest: '', policies: [alone] }, engine, { remembered: 0 }).decide(request).outcome !== 'allow'
    })
}
