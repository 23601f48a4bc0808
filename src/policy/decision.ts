// The one table that joins everything a request is judged by: whether it is seen, what the rules say, scopes, the server's standing, approvals, obligations, limits.
// Read from top to bottom; the first row that refuses is the answer, and what no row refuses passes.

import type { PolicyDecision } from './evaluate.ts'
import type { Obligations } from './obligations.ts'

/** Kinds of demands, so that one which nothing enforces is told from one that holds. */
export type DemandKind = 'rate' | 'concurrency' | 'max-result' | 'redact' | 'stop-on' | 'record'

export type Considered = {
  /** the rules about this request */
  readonly policy: PolicyDecision
  /** the rules about showing what it is for; absent where nothing is shown (sessions, tasks, what servers ask, administration) */
  readonly list?: PolicyDecision
  /** scopes the token lacks */
  readonly missingScopes: readonly string[]
  /** why the server or definition may not be used now; undefined = it may */
  readonly standing: string | undefined
  /** demands that hold on this way */
  readonly enforced: ReadonlySet<DemandKind>
  /** limits that are used up, each with the seconds until it is not */
  readonly exhausted: readonly { readonly retryAfterSeconds: number }[]
}

type VerdictReason =
  /** told as what does not exist */
  | 'unknown'
  /** the rules could not be asked, or not all of them */
  | 'policy-failed'
  | 'denied'
  | 'scope-missing'
  | 'standing'
  | 'approval-required'
  /** the permit demands what nothing here does */
  | 'obligation-unenforced'
  | 'limited'

/** `rules` decided. Whatever is not `pass` refuses. */
export type Verdict =
  | { readonly pass: true; readonly rules: readonly string[]; readonly obligations: Obligations }
  | {
      readonly pass: false
      readonly reason: VerdictReason
      readonly rules: readonly string[]
      readonly detail?: string
      readonly retryAfterSeconds?: number
    }

type Row = (x: Considered) => Verdict | undefined

const stop = (
  reason: VerdictReason,
  rules: readonly string[] = [],
  more: { readonly detail?: string; readonly retryAfterSeconds?: number } = {},
): Verdict => ({
  pass: false,
  reason,
  rules,
  ...more,
})
const FAILED = new Set(['policy-error', 'bad-request', 'unknown-action', 'engine-crash'])

const ROWS: readonly Row[] = [
  // What may not be seen does not exist, whatever else is wrong with it.
  ({ list }) => (list && list.outcome !== 'allow' ? stop('unknown', list.rules) : undefined),
  ({ policy }) =>
    FAILED.has(policy.code) ? stop('policy-failed', policy.rules, policy.detail === undefined ? {} : { detail: policy.detail }) : undefined,
  ({ policy }) => (policy.outcome === 'allow' || policy.outcome === 'approval' ? undefined : stop('denied', policy.rules)),
  // A token that could be had is asked for only where it would help.
  ({ missingScopes, policy }) =>
    missingScopes.length > 0 ? stop('scope-missing', policy.rules, { detail: missingScopes.join(' ') }) : undefined,
  ({ standing, policy }) => (standing === undefined ? undefined : stop('standing', policy.rules, { detail: standing })),
  ({ policy }) => (policy.outcome === 'approval' ? stop('approval-required', policy.rules) : undefined),
  ({ policy, enforced }) => {
    const missing = demandsOf(policy.obligations).find(kind => !enforced.has(kind))
    return missing && stop('obligation-unenforced', policy.demandedBy, { detail: missing })
  },
  ({ policy, exhausted }) =>
    exhausted.length > 0
      ? stop('limited', policy.demandedBy, { retryAfterSeconds: Math.max(...exhausted.map(each => each.retryAfterSeconds)) })
      : undefined,
]

/** The verdict over what was gathered. Pure. */
export function decide(considered: Considered): Verdict {
  for (const row of ROWS) {
    const verdict = row(considered)
    if (verdict) return verdict
  }
  const { policy } = considered
  return policy.outcome === 'allow' ? { pass: true, rules: policy.rules, obligations: policy.obligations } : stop('policy-failed')
}

/** Gathers and decides; whatever is thrown on the way refuses. */
export function decideFrom(gather: () => Considered): Verdict {
  try {
    return decide(gather())
  } catch {
    return stop('policy-failed')
  }
}

/** The kinds of demands in obligations. */
export function demandsOf({ rates, concurrency, maxResultBytes, redact, stopOn, record }: Obligations): readonly DemandKind[] {
  return [
    ...(rates.length > 0 ? ['rate' as const] : []),
    ...(concurrency.length > 0 ? ['concurrency' as const] : []),
    ...(maxResultBytes !== undefined ? ['max-result' as const] : []),
    ...(redact.length > 0 ? ['redact' as const] : []),
    ...(stopOn.length > 0 ? ['stop-on' as const] : []),
    ...(record !== undefined && record.length > 0 ? ['record' as const] : []),
  ]
}
