// What the rules say of a request that people let through: how many have to, whom each rule asks, and the decision with their word in it. The rules permit, nobody
// else: an approval is a fact they read (research/policy-audit.md, "Permit but needs human approval").

import type { Demand } from '../approvals/approval.ts'
import type { Stop } from '../kernel/errors.ts'
import type { PolicyDecision } from '../policy/evaluate.ts'
import type { PolicyRequest } from '../policy/request.ts'
import type { Judged } from './judge.ts'
import type { Authenticated, Permitted, Received } from './path.ts'
import { recordOf, refusalOf, verdictOf } from './verdict.ts'

/** What passes once people approved it; undefined = nobody has to. */
export type Needing = { readonly needs?: Judged | undefined }

export type Needed = { readonly demands: readonly Demand[]; readonly quorum: number }

/** More people than any rule can ask for here. */
const MAX_QUORUM = 10

/** Whom each rule asks, and the least number of people with whom the rules permit it; a stop where no number does. */
export function neededFor({ policy, ...judged }: Judged): Needed | Stop {
  const demands = policy.approvals.map((approval, at) => ({ rule: policy.rules[at] ?? '', ...approval }))
  for (let quorum = 1; quorum <= MAX_QUORUM; quorum++) if (decidedWith(judged, quorum).outcome === 'allow') return { demands, quorum }
  return { stop: 'approval-required', detail: `by \`${policy.rules.join('`, `')}\`, which ask for more than ${MAX_QUORUM} people` }
}

/** The rules over the same request with so many approvals; `by` is told beside the rules that permit it. */
export function permitWith(x: Received & Authenticated, judged: Judged, count: number, by: string): Permitted | Stop {
  const policy = decidedWith(judged, count)
  const approved: Judged = { ...judged, request: withApproval(judged.request, count), policy }
  const verdict = verdictOf(approved, {})
  x.judged = recordOf(approved, verdict)
  if (!verdict.pass) return refusalOf(x, approved, verdict)
  return { permit: { rules: [by, ...verdict.rules], obligations: verdict.obligations } }
}

/** Whether so many people are enough for the rules. */
export const permitsWith = (judged: Judged, count: number): boolean => decidedWith(judged, count).outcome === 'allow'

const decidedWith = ({ rules, request }: Pick<Judged, 'rules' | 'request'>, count: number): PolicyDecision =>
  rules.decide(withApproval(request, count))

const withApproval = (request: PolicyRequest, count: number): PolicyRequest => ({
  ...request,
  context: { ...request.context, approval: { count } },
})
