// A recorded decision under other rules: the same, changed, or undecidable, where those rules ask for a fact that was not recorded. Never a guess.

import { operation } from './ast.ts'
import { PolicyRules } from './evaluate.ts'
import type { PolicyEngine } from './language.ts'
import type { Bundle, Policy } from './load.ts'
import { Recollection } from './recollection.ts'
import type { DecisionRecord, Outcome } from './record.ts'
import { concernsAction } from './scope.ts'

export type Replayed =
  | { readonly verdict: 'same' | 'changed'; readonly before: Outcome; readonly after: Outcome; readonly rules: readonly string[] }
  /** `missing`: facts that the rules ask for, in words */
  | { readonly verdict: 'undecidable'; readonly before: Outcome; readonly missing: readonly string[] }

export class Replay {
  readonly #bundle: Bundle
  readonly #engine: PolicyEngine
  /** rules that can be judged, by their names */
  readonly #judged = new Map<string, PolicyRules>()

  constructor(bundle: Bundle, engine: PolicyEngine) {
    this.#bundle = bundle
    this.#engine = engine
  }

  of(record: DecisionRecord): Replayed {
    const { outcome: before, facts } = record
    if (!facts) return { verdict: 'undecidable', before, missing: ['no facts were recorded'] }
    const known = new Recollection(facts)
    const judged: Policy[] = []
    const open: Policy[] = []
    const missing = new Set<string>()
    for (const policy of this.#bundle.policies) {
      if (!concernsAction(policy.ast, facts.action) || known.rulesOut(policy)) continue
      const lacks = known.lacks(policy)
      for (const fact of lacks) missing.add(fact)
      ;(lacks.length === 0 ? judged : open).push(policy)
    }
    const { outcome: after, code, rules } = this.#rules(judged).decide(known.request)
    const isSure = open.every(policy => changesNothing(policy, after, () => code === 'forbidden' && this.#isFinal(rules)))
    if (!isSure) return { verdict: 'undecidable', before, missing: [...missing].sort() }
    return { verdict: before === after ? 'same' : 'changed', before, after, rules }
  }

  /** No approval lifts it. */
  #isFinal(rules: readonly string[]): boolean {
    return this.#bundle.policies.some(({ id, approval }) => approval === undefined && rules.includes(id))
  }

  #rules(policies: readonly Policy[]): PolicyRules {
    const key = policies.map(({ id }) => id).join('\n')
    let rules = this.#judged.get(key)
    if (!rules) this.#judged.set(key, (rules = new PolicyRules({ ...this.#bundle, policies }, this.#engine)))
    return rules
  }
}

/** Whether the outcome stays what it is, whatever this rule would say. */
function changesNothing(policy: Policy, outcome: Outcome, isFinal: () => boolean): boolean {
  if (outcome === 'deny' && isFinal()) return true
  if (canFail(policy)) return false // a rule that cannot be evaluated denies
  if (policy.set === 'obligations') return true
  return policy.ast.effect === 'permit' ? outcome === 'allow' : outcome === 'deny'
}

/** Under strict validation only arithmetic and functions can fail. */
const canFail = ({ ast }: Policy): boolean => ast.conditions.some(({ body }) => hasArithmetic(body))

function hasArithmetic(expr: unknown): boolean {
  if (typeof expr !== 'object' || expr === null) return false
  const found = operation(expr)
  if (found?.op === 'Value') return false
  if (found && (['+', '-', '*', 'neg'].includes(found.op) || (Array.isArray(found.of) && found.op !== 'Set'))) return true
  return Object.values(expr).some(hasArithmetic)
}
