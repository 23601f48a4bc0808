import { describe, expect, it } from 'vitest'
import { decide, decideFrom, demandsOf, type Considered } from '../../src/policy/decision.ts'
import type { PolicyDecision } from '../../src/policy/evaluate.ts'
import { NO_OBLIGATIONS } from '../../src/policy/obligations.ts'
import { compare, poison } from '../soak/policy.ts'

const policy = (change: Partial<PolicyDecision> = {}): PolicyDecision => ({
  outcome: 'allow',
  code: 'permitted',
  rules: ['a'],
  obligations: NO_OBLIGATIONS,
  demandedBy: [],
  approvals: [],
  advice: [],
  ...change,
})
const considered = (change: Partial<Considered> = {}): Considered => ({
  policy: policy(),
  list: policy(),
  missingScopes: [],
  standing: undefined,
  enforced: new Set(),
  exhausted: [],
  ...change,
})
const rated = policy({ obligations: { ...NO_OBLIGATIONS, rates: [{ count: 1, seconds: 1, per: ['tool'] }] }, demandedBy: ['r'] })
const DENIED = policy({ outcome: 'deny', code: 'forbidden', rules: ['f'] })
const WAITS = policy({ outcome: 'approval', code: 'approval-required', rules: ['w'] })

describe('the table of decisions', () => {
  it('passes what nothing refuses, with what the permit demands', () => {
    expect(decide(considered())).toEqual({ pass: true, rules: ['a'], obligations: NO_OBLIGATIONS })
    expect(decide(considered({ policy: rated, enforced: new Set(['rate']) }))).toMatchObject({ pass: true, obligations: rated.obligations })
  })
  it.each<[string, Partial<Considered>, object]>([
    ['what may not be seen does not exist, whatever the rules say of calling it', { list: DENIED }, { reason: 'unknown', rules: ['f'] }],
    ['nor does what would be seen only once approved', { list: WAITS }, { reason: 'unknown' }],
    ['nor what could not be judged', { list: policy({ outcome: 'deny', code: 'engine-crash' }) }, { reason: 'unknown' }],
    ['a denial', { policy: DENIED, missingScopes: ['x'], standing: 'drifted' }, { reason: 'denied', rules: ['f'] }],
    [
      'a rule that failed',
      { policy: policy({ outcome: 'deny', code: 'policy-error', rules: ['b'], detail: 'the rule `b`' }) },
      { reason: 'policy-failed', rules: ['b'], detail: 'the rule `b`' },
    ],
    ['an engine that failed', { policy: policy({ outcome: 'deny', code: 'engine-crash' }) }, { reason: 'policy-failed' }],
    ['scopes, all of them', { missingScopes: ['x', 'y'], standing: 'drifted' }, { reason: 'scope-missing', detail: 'x y' }],
    ['a server that may not be used now', { standing: 'drifted', policy: WAITS }, { reason: 'standing', detail: 'drifted' }],
    ['an approval', { policy: WAITS, exhausted: [{ retryAfterSeconds: 1 }] }, { reason: 'approval-required', rules: ['w'] }],
    [
      'a demand that nothing enforces',
      { policy: rated, exhausted: [{ retryAfterSeconds: 1 }] },
      { reason: 'obligation-unenforced', rules: ['r'], detail: 'rate' },
    ],
    [
      'limits, with the longest wait',
      { policy: rated, enforced: new Set(['rate']), exhausted: [{ retryAfterSeconds: 3 }, { retryAfterSeconds: 9 }] },
      { reason: 'limited', retryAfterSeconds: 9 },
    ],
  ])('refuses: %s', (_, change, verdict) => {
    expect(decide(considered(change))).toMatchObject({ pass: false, ...verdict })
  })
  it('attack: an outcome that nobody knows is no permit', () => {
    expect(decide(considered({ policy: { ...policy(), outcome: 'maybe' as 'allow' } }))).toMatchObject({ pass: false })
  })
  it('attack: whatever throws while facts are gathered refuses', () => {
    const trap = new Proxy(considered(), {
      get: () => {
        throw new Error('x')
      },
    })
    expect(decideFrom(() => trap)).toEqual({ pass: false, reason: 'policy-failed', rules: [] })
    for (const name of Object.keys(considered()) as (keyof Considered)[]) {
      const gathered = (): Considered => ({
        ...considered(),
        get [name](): never {
          throw new Error('x')
        },
      })
      expect(decideFrom(gathered)).toMatchObject({ pass: false, reason: 'policy-failed' })
    }
    expect(decideFrom(considered)).toMatchObject({ pass: true })
  })
  it('knows every kind of demand', () => {
    const all = {
      rates: [{ count: 1, seconds: 1, per: [] }],
      concurrency: [{ count: 1, per: [] }],
      maxResultBytes: 1,
      redact: ['secrets'],
      stopOn: ['low'],
      record: ['result' as const],
    }
    expect(demandsOf(all)).toEqual(['rate', 'concurrency', 'max-result', 'redact', 'stop-on', 'record'])
    expect(demandsOf(NO_OBLIGATIONS)).toEqual([])
  })
})

// `npm run soak -- --only policy` runs these in full: 100,000 decisions, 10,000 of Cedar itself, 5,000 poisoned calls.
describe('law: against a naive model of the shipped rules and the table', () => {
  it('random decisions do not differ, and whatever an engine fails in is refused', () => {
    const { differences, passed, injected } = compare(5000, 3, true)
    expect(differences).toEqual([])
    expect(passed).toBeGreaterThan(500)
    expect(injected).toBeGreaterThan(500)
  })
  it('nor do those of Cedar when nothing is remembered', () => {
    expect(compare(1000, 4, false).differences).toEqual([])
  })
  it('attack: calls with poisoned arguments leave the engine right', () => {
    expect(poison(90)).toEqual({ wrong: 0, replaced: 0 })
  })
})
