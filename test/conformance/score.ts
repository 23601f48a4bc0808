// Compares two runs of the official suite check by check. The suite's own totals are never used: a dead port earns it ticks
// (docs/conformance.md, traps), so a scenario counts only by the checks that succeeded when the upstream was asked directly.

export type Status = 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
export type Check = { readonly id: string; readonly name: string; readonly status: Status; readonly errorMessage?: string }
/** checks by scenario, as the suite wrote them to checks.json; a scenario that crashed has none */
export type Run = ReadonlyMap<string, readonly Check[]>

/** A check that succeeded directly and did not through the gateway. */
export type Loss = { readonly id: string; readonly status: Status | 'missing'; readonly message: string }

export type Verdict =
  /** every check that succeeded directly succeeded through it, and nothing failed */
  | { readonly kind: 'kept' }
  /** nothing failed, but a check that succeeded directly is now a warning, skipped or missing */
  | { readonly kind: 'degraded'; readonly losses: readonly Loss[] }
  /** a check failed, or no check succeeded at all */
  | { readonly kind: 'lost'; readonly losses: readonly Loss[] }
  /** did not pass directly: nothing to keep */
  | { readonly kind: 'no-baseline' }

/** The check the suite adds to any scenario that saw a message: it says nothing about the scenario itself. */
const EVERYWHERE = 'wire-schema-valid'

const own = (checks: readonly Check[]): Check[] => checks.filter(check => check.id !== EVERYWHERE)

/** Stricter than the suite, which ticks a scenario of warnings: one check of its own succeeded, none failed or warned. */
export function passes(checks: readonly Check[]): boolean {
  const isClean = checks.every(check => check.status !== 'FAILURE' && check.status !== 'WARNING')
  return isClean && own(checks).some(check => check.status === 'SUCCESS')
}

/** Scenarios of `names` that pass. */
export const countPassed = (run: Run, names: readonly string[]): number => names.filter(name => passes(run.get(name) ?? [])).length

const keyOf = (check: Check): string => `${check.id}\n${check.name}`

function tally(checks: readonly Check[]): Map<string, Check[]> {
  const byKey = new Map<string, Check[]>()
  for (const check of checks) byKey.set(keyOf(check), [...(byKey.get(keyOf(check)) ?? []), check])
  return byKey
}

function lossOf(expected: Check, seen: readonly Check[] | undefined): Loss {
  const bad = seen?.find(check => check.status !== 'SUCCESS')
  return { id: expected.id, status: bad?.status ?? 'missing', message: bad?.errorMessage ?? 'the check did not run' }
}

/** Every success of the direct run that is not one any more, and every failure that is new. */
function lossesBetween(direct: readonly Check[], through: readonly Check[]): Loss[] {
  const seen = tally(through)
  const losses: Loss[] = []
  for (const [key, checks] of tally(direct.filter(check => check.status === 'SUCCESS'))) {
    const now = seen.get(key)
    const successes = now?.filter(check => check.status === 'SUCCESS').length ?? 0
    const first = checks[0]
    // the same check may run several times, so the number of its successes is compared
    if (first && successes < checks.length) losses.push(lossOf(first, now))
  }
  for (const check of through) {
    const isNew = check.status === 'FAILURE' && !losses.some(loss => loss.id === check.id)
    if (isNew) losses.push({ id: check.id, status: 'FAILURE', message: check.errorMessage ?? '' })
  }
  return losses
}

export function judge(direct: readonly Check[], through: readonly Check[]): Verdict {
  if (!passes(direct)) return { kind: 'no-baseline' }
  const losses = lossesBetween(direct, through)
  if (losses.length === 0) return { kind: 'kept' }
  const isLost = through.some(check => check.status === 'FAILURE') || !own(through).some(check => check.status === 'SUCCESS')
  return { kind: isLost ? 'lost' : 'degraded', losses }
}

/** Verdict by scenario, in the order of `names`. */
export function compare(direct: Run, through: Run, names: readonly string[]): Map<string, Verdict> {
  return new Map(names.map(name => [name, judge(direct.get(name) ?? [], through.get(name) ?? [])]))
}

/** Checks of the harness's own: they can fail a scenario, and never make one pass. */
const HARNESS: ReadonlySet<string> = new Set(['client-exit', 'gatehouse-outcome'])

/** Passes by the suite's own checks, and none of the harness's fails. */
export const passesAlone = (checks: readonly Check[]): boolean => passes(checks) && passes(checks.filter(check => !HARNESS.has(check.id)))

/**
 * For scenarios that have to pass whatever another client makes of them. Where that one passes, each kind of check that succeeded for it has to succeed here
 * as well; how often does not matter, because another client sends other requests.
 */
export function judgeAlone(other: readonly Check[], own: readonly Check[]): Verdict {
  const missing = (id: string): Loss => ({ id, status: 'missing', message: 'the check did not run' })
  if (!passesAlone(own)) {
    const bad = own.filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
    return { kind: 'lost', losses: bad.length > 0 ? bad.map(check => lossOf(check, [check])) : [missing('nothing-succeeded')] }
  }
  const successes = (checks: readonly Check[]): Set<string> =>
    new Set(checks.filter(({ status }) => status === 'SUCCESS').map(({ id }) => id))
  const wanted = passesAlone(other) ? [...successes(other)] : []
  const losses = wanted.filter(id => !successes(own).has(id)).map(missing)
  return losses.length > 0 ? { kind: 'degraded', losses } : { kind: 'kept' }
}

/** One loss that is allowed, with why it cannot be otherwise. `checks` are check ids. */
export type Allowance = { readonly scenario: string; readonly checks: readonly string[]; readonly reason: string }

export type Surprises = {
  /** losses nobody allowed: `scenario`, check, what the suite said */
  readonly unexpected: readonly { readonly scenario: string; readonly loss: Loss }[]
  /** allowed losses that did not happen: the allowance has to go */
  readonly stale: readonly { readonly scenario: string; readonly id: string }[]
}

export function surprises(verdicts: ReadonlyMap<string, Verdict>, allowed: readonly Allowance[]): Surprises {
  const unexpected: { scenario: string; loss: Loss }[] = []
  const happened = new Set<string>()
  for (const [scenario, verdict] of verdicts) {
    if (verdict.kind !== 'lost' && verdict.kind !== 'degraded') continue
    for (const loss of verdict.losses) {
      happened.add(`${scenario}\n${loss.id}`)
      const isAllowed = allowed.some(entry => entry.scenario === scenario && entry.checks.includes(loss.id))
      if (!isAllowed) unexpected.push({ scenario, loss })
    }
  }
  const stale = allowed
    .filter(entry => verdicts.has(entry.scenario))
    .flatMap(entry => entry.checks.map(id => ({ scenario: entry.scenario, id })))
    .filter(({ scenario, id }) => !happened.has(`${scenario}\n${id}`))
  return { unexpected, stale }
}
