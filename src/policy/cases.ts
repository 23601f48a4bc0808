// Cases of policies: a request, and what should come of it. Read from plain data with every fault at once; run against rules; and held against the rules they
// are about: each decides some case, and without any one of them some case fails.

import type { PolicyDecision, PolicyRules } from './evaluate.ts'
import type { Policy } from './load.ts'
import { PlainReader, type PlainFault } from './plain.ts'
import type { Outcome } from './record.ts'
import type { PolicyRequest } from './request.ts'
import { readRequest, readWorld, REQUEST_MEMBERS, type World } from './spec.ts'

export type Case = {
  readonly name: string
  readonly request: PolicyRequest
  readonly outcome: Outcome
  /** rules that must have decided; absent = any */
  readonly rules?: readonly string[]
  /** rules that must have added what they demand; absent = any */
  readonly obligations?: readonly string[]
  /** where it stands, as its reader names it: `cases[3]` */
  readonly path: string
}

const OUTCOMES = ['allow', 'deny', 'approval']

/** The cases of one file of policies/tests, as plain data. */
export function readCases(data: unknown): { readonly cases: readonly Case[]; readonly faults: readonly PlainFault[] } {
  const read = new PlainReader()
  const file = read.record(data, '', ['servers', 'principals', 'cases'])
  const world = readWorld(read, file)
  const list = file && read.list(file['cases'], 'cases')
  if (list?.length === 0) read.fault('cases', 'expected cases')
  const cases = (list ?? []).flatMap((item, at) => readCase(read, item, `cases[${at}]`, world) ?? [])
  return { cases, faults: read.faults }
}

function readCase(read: PlainReader, data: unknown, path: string, world: World): Case | undefined {
  const item = read.record(data, path, [...REQUEST_MEMBERS, 'case', 'expect', 'rules', 'obligations'])
  if (!item) return undefined
  const name = read.text(item['case'], `${path}.case`)
  const outcome = read.oneOf(item['expect'], `${path}.expect`, OUTCOMES)
  const [rules, obligations] = ['rules', 'obligations'].map(each =>
    item[each] === undefined ? undefined : read.texts(item[each], `${path}.${each}`),
  )
  const request = readRequest(read, item, path, world)
  if (name === undefined || outcome === undefined || !request) return undefined
  return {
    name,
    request,
    outcome: outcome as Outcome,
    ...(rules && { rules: [...rules].sort() }),
    ...(obligations && { obligations: [...obligations].sort() }),
    path,
  }
}

/** What a case got instead, in words; undefined = it is as expected. */
export function whyNot({ outcome, rules, obligations }: Case, got: PolicyDecision): string | undefined {
  const by = (ids: readonly string[]): string => (ids.length === 0 ? 'no rule' : ids.map(id => `\`${id}\``).join(', '))
  if (got.outcome !== outcome)
    return `expected ${outcome}, got ${got.outcome} (${got.code}) by ${by(got.rules)}${got.detail ? `: ${got.detail}` : ''}`
  if (rules && rules.join() !== got.rules.join()) return `expected ${outcome} by ${by(rules)}, got it by ${by(got.rules)}`
  if (obligations && obligations.join() !== got.demandedBy.join())
    return `expected demands of ${by(obligations)}, got those of ${by(got.demandedBy)}`
  return undefined
}

/** `unused` decide no case; `unguarded`: without one of them all cases are still as expected, so nobody would notice that it is gone. */
export type Coverage = { readonly unused: readonly Policy[]; readonly unguarded: readonly Policy[] }

/**
 * Holds cases against the rules they are about. All cases must be as expected. `without`: the same rules less one. Costs a bundle per rule, and asks only the
 * cases that the rule decided.
 */
export function coverageOf(cases: readonly Case[], rules: PolicyRules, without: (policy: Policy) => PolicyRules): Coverage {
  const decided = new Map<string, Case[]>()
  for (const each of cases) {
    const { rules: ids, demandedBy } = rules.decide(each.request)
    for (const id of [...ids, ...demandedBy]) decided.set(id, [...(decided.get(id) ?? []), each])
  }
  const unused: Policy[] = []
  const unguarded: Policy[] = []
  for (const policy of rules.bundle.policies) {
    const own = decided.get(policy.id)
    if (!own) unused.push(policy)
    else if (!isMissed(own, without(policy))) unguarded.push(policy)
  }
  return { unused, unguarded }
}

const isMissed = (cases: readonly Case[], rules: PolicyRules): boolean =>
  cases.some(each => whyNot(each, rules.decide(each.request)) !== undefined)
