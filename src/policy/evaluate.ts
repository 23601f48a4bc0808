// One decision of the rules: permit, deny, or permit once people have approved; with what a permit demands. Whatever goes wrong denies.

import { canonicalText } from '../kernel/canonical-text.ts'
import { digestOf } from '../kernel/digest.ts'
import { ACTIONS } from './actions.ts'
import type { ApprovalDemand } from './annotations.ts'
import type { EngineAnswer, PolicyEngine } from './language.ts'
import type { Bundle, Policy } from './load.ts'
import { joinObligations, NO_OBLIGATIONS, type Obligations } from './obligations.ts'
import type { Projection, View } from './projection.ts'
import type { DecisionCode, DecisionRecord, Outcome } from './record.ts'
import type { ContextFacts, Entity, PolicyRequest } from './request.ts'
import { Slices, type Slice } from './slices.ts'

/** Immutable, and shared between requests that look the same to the rules. */
export type PolicyDecision = {
  readonly outcome: Outcome
  readonly code: DecisionCode
  /** ids of the rules that decided, sorted */
  readonly rules: readonly string[]
  /** what comes with a permit, and the rules that say so */
  readonly obligations: Obligations
  readonly demandedBy: readonly string[]
  /** who may approve: one of each */
  readonly approvals: readonly ApprovalDemand[]
  /** which rule or argument; never a value */
  readonly detail?: string
  /** what the rules advise to whom they refuse */
  readonly advice: readonly string[]
}

export type EvaluateLimits = {
  /** decisions remembered; default 50,000, 0 = none */
  readonly remembered?: number
}

/** More approvals than any rule asks for: whether the same request would pass if people approved it. */
const APPROVED = { count: 1_000_000 }
/** Longer keys are remembered by their digest, so that arguments cannot fill the memory. */
const MAX_KEY = 256

const refuse = (code: DecisionCode, rules: readonly string[] = [], detail?: string): PolicyDecision => ({
  outcome: 'deny',
  code,
  rules,
  obligations: NO_OBLIGATIONS,
  demandedBy: [],
  approvals: [],
  ...(detail !== undefined && { detail }),
  advice: [],
})

const UNKNOWN_ACTION = refuse('unknown-action')
const CRASHED = refuse('engine-crash')
const NOT_PERMITTED = refuse('not-permitted')

/** The rules of one bundle, ready to be asked. A new bundle is a new object, so nothing that was decided outlives its rules. */
export class PolicyRules {
  readonly bundle: Bundle
  readonly #engine: PolicyEngine
  readonly #slices: Slices
  readonly #shows: Projection
  readonly #byId: ReadonlyMap<string, Policy>
  readonly #remembered = new Map<string, PolicyDecision>()
  readonly #maxRemembered: number
  /** how the records of a decision begin, and how they end after its facts */
  readonly #frames = new WeakMap<object, { readonly head: string; readonly tail: string }>()

  constructor(bundle: Bundle, engine: PolicyEngine, limits: EvaluateLimits = {}) {
    this.bundle = bundle
    this.#engine = engine
    this.#slices = new Slices(bundle.policies)
    this.#shows = this.#slices.projectionOf(name => ['list', 'ask'].some(group => ACTIONS[name]?.within.includes(group as 'list')))
    this.#byId = new Map(bundle.policies.map(policy => [policy.id, policy]))
    this.#maxRemembered = limits.remembered ?? 50_000
  }

  /** Never throws. */
  decide(request: PolicyRequest): PolicyDecision {
    try {
      const slice = this.#slices.of(request)
      if (!slice) return UNKNOWN_ACTION
      const view = slice.projection.view(request)
      return 'unreadable' in view ? unreadable(view.unreadable) : this.#remember(slice, view, request)
    } catch {
      return CRASHED // a fault of ours; what it was made of may be an argument
    }
  }

  /** A decision of `decide` for this very request, as it is written down. */
  record(request: PolicyRequest, { outcome, code, rules }: Pick<PolicyDecision, 'outcome' | 'code' | 'rules'>): DecisionRecord {
    const slice = this.#slices.of(request)
    const view = slice?.projection.view(request)
    const facts = slice && view && !('unreadable' in view) ? slice.projection.record(request, view) : undefined
    return { digest: this.bundle.digest, outcome, code, rules, ...(facts && { facts }) }
  }

  /** `record` as canonical JSON text; `shadow`: what a trial would have come to. */
  recordText(request: PolicyRequest, decision: Pick<PolicyDecision, 'outcome' | 'code' | 'rules'>, shadow?: object): string {
    const slice = this.#slices.of(request)
    const view = slice?.projection.view(request)
    const facts = slice && view && !('unreadable' in view) ? `,"facts":${slice.projection.recordText(request, view)}` : ''
    let frame = this.#frames.get(decision)
    if (!frame) {
      const { outcome, code, rules } = decision
      const head = `{"code":"${code}","digest":${canonicalText(this.bundle.digest)}`
      this.#frames.set(decision, (frame = { head, tail: `,"outcome":"${outcome}","rules":${canonicalText(rules)}` }))
    }
    return `${frame.head}${facts}${frame.tail}${shadow ? `,"shadow":${canonicalText(shadow)}` : ''}}`
  }

  /**
   * What decides which entries are shown and what servers may ask, besides those entries and servers: equal standpoints see equal lists. Whatever the request,
   * the facts of principal and moment that any of those rules read.
   */
  standpoint(principal: Entity, context: ContextFacts): string {
    return this.#shows.standpoint(principal, context)
  }

  /** Makes what is asked first ready, in turns. */
  async prepare(pause: () => Promise<void>): Promise<void> {
    for (const slice of this.#slices.whole()) {
      await pause()
      this.#engine.prepare(slice.authz)
      if (slice.obligations) this.#engine.prepare(slice.obligations)
    }
  }

  policy(id: string): Policy | undefined {
    return this.#byId.get(id)
  }

  /** The rules that a request concerns. */
  concerned(request: PolicyRequest): readonly Policy[] {
    return this.#slices.of(request)?.policies ?? []
  }

  #remember(slice: Slice, view: View, request: PolicyRequest): PolicyDecision {
    if (view.key === undefined) return this.#evaluate(slice, view, request)
    const whole = `${slice.name}\n${view.key}`
    const key = whole.length > MAX_KEY ? digestOf(whole) : whole
    const known = this.#remembered.get(key)
    if (known) return known
    const made = this.#evaluate(slice, view, request)
    // A failure of the engine says nothing about the next time.
    if (made.code === 'engine-crash' || made.code === 'bad-request' || this.#maxRemembered === 0) return made
    if (this.#remembered.size >= this.#maxRemembered) this.#forget()
    this.#remembered.set(key, made)
    return made
  }

  /** The oldest tenth: one key at a time would cost every decision something. */
  #forget(): void {
    let left = Math.ceil(this.#maxRemembered / 10)
    for (const key of this.#remembered.keys()) {
      if (left-- === 0) return
      this.#remembered.delete(key)
    }
  }

  #evaluate(slice: Slice, view: View, request: PolicyRequest): PolicyDecision {
    const asked = slice.projection.cedar(request, view)
    const answer = this.#engine.evaluate(slice.authz, asked)
    const failed = failureOf(answer)
    if (failed) return failed
    const rules = reasonsOf(answer)
    if (isAllowed(answer)) return this.#permitted(slice, rules, asked)
    if (rules.length === 0) return NOT_PERMITTED
    const policies = rules.flatMap(id => this.#byId.get(id) ?? [])
    const approvals = policies.flatMap(({ approval }) => approval ?? [])
    if (approvals.length === rules.length) {
      const again = this.#engine.evaluate(slice.authz, slice.projection.cedar(request, view, approvedContext(view.context)))
      const failure = failureOf(again)
      if (failure) return failure
      if (isAllowed(again)) return { ...refuse('approval-required', rules), outcome: 'approval', approvals, advice: adviceOf(policies) }
    }
    // What a rule advises that an approval lifts is to ask for one, which would not help here.
    return { ...refuse('forbidden', rules), advice: adviceOf(policies.filter(({ approval }) => !approval)) }
  }

  /** What comes with it. A rule that fails here denies as well: what it demands would be missing. */
  #permitted(slice: Slice, rules: readonly string[], asked: Parameters<PolicyEngine['evaluate']>[1]): PolicyDecision {
    const permit: PolicyDecision = { ...refuse('permitted', rules), outcome: 'allow' }
    if (!slice.obligations) return permit
    const answer = this.#engine.evaluate(slice.obligations, asked)
    const failed = failureOf(answer)
    if (failed) return failed
    const demandedBy = isAllowed(answer) ? reasonsOf(answer) : []
    const obligations = joinObligations(demandedBy.flatMap(id => this.#byId.get(id)?.obligations ?? []))
    return { ...permit, obligations, demandedBy }
  }
}

const approvedContext = (context: ContextFacts): ContextFacts => ({ ...context, approval: APPROVED })

const isAllowed = (answer: EngineAnswer): boolean => answer.kind === 'answer' && answer.isAllowed
const reasonsOf = (answer: EngineAnswer): readonly string[] => (answer.kind === 'answer' ? [...answer.reasons].sort() : [])
const adviceOf = (policies: readonly Policy[]): readonly string[] => policies.flatMap(({ advice }) => advice || [])
const unreadable = (pointer: string): PolicyDecision =>
  refuse('bad-request', [], pointer === '' ? 'the arguments cannot be judged' : `the argument \`${pointer}\` cannot be judged`)

/** Cedar passes over a rule that it cannot evaluate: a forbid would be lost, so any error denies. */
function failureOf(answer: EngineAnswer): PolicyDecision | undefined {
  if (answer.kind === 'refused') return refuse('bad-request')
  if (answer.kind === 'crashed') return CRASHED
  const [first, ...more] = answer.errors.map(({ id }) => id).sort()
  return first === undefined ? undefined : refuse('policy-error', [first, ...more], `the rule \`${first}\` cannot be evaluated`)
}
