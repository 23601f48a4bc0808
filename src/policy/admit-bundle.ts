// Whether rules may come into force in a gateway: they load, the cases of their folder come out as expected, and whatever they demand is enforced.

import { readCases, whyNot } from './cases.ts'
import { demandsOf, type DemandKind } from './decision.ts'
import { PolicyRules } from './evaluate.ts'
import type { PolicyEngine } from './language.ts'
import { loadBundle, type Bundle, type LoadTools, type PolicyFault, type PolicyFile } from './load.ts'
import { concernsAction } from './scope.ts'

export type Candidate = {
  readonly files: readonly PolicyFile[]
  /** rules that the configuration makes; cases are not about them */
  readonly generated: readonly PolicyFile[]
  readonly cases: readonly { readonly name: string; readonly data: unknown }[]
  readonly enforced: readonly DemandKind[]
}

/** Never throws. */
export function gateBundle(
  { files, generated, cases, enforced }: Candidate,
  tools: LoadTools,
  engine: PolicyEngine,
): { readonly bundle: Bundle; readonly warnings: readonly string[] } | { readonly faults: readonly PolicyFault[] } {
  const loaded = loadBundle([...files, ...generated], tools)
  if ('faults' in loaded) return loaded
  const { bundle } = loaded
  const own = new Set(files.map(({ name }) => name))
  const tested = new PolicyRules({ ...bundle, policies: bundle.policies.filter(({ file }) => own.has(file)) }, engine)
  const faults = [...unenforced(bundle, new Set(enforced)), ...cases.flatMap(file => failing(file, tested))]
  return faults.length > 0 ? { faults } : { bundle, warnings: warningsOf(bundle) }
}

function unenforced({ policies }: Bundle, enforced: ReadonlySet<DemandKind>): PolicyFault[] {
  return policies.flatMap(({ obligations, id, file, line }) => {
    const kind = obligations && demandsOf(obligations).find(each => !enforced.has(each))
    return kind === undefined ? [] : [{ file, line, column: 1, id, message: `demands what this gateway does not enforce yet: ${kind}` }]
  })
}

/** A half-written folder may well load: what it has lost, its cases miss. */
function failing({ name: file, data }: Candidate['cases'][number], rules: PolicyRules): PolicyFault[] {
  const { cases, faults } = readCases(data)
  const unread = faults.map(({ path, message }) => `${path}: ${message}`)
  const wrong = cases.flatMap(each => {
    const why = whyNot(each, rules.decide(each.request))
    return why === undefined ? [] : [`${each.name}: ${why}`]
  })
  return [...unread, ...wrong].map(message => ({ file, line: 0, column: 0, message }))
}

function warningsOf({ policies }: Bundle): string[] {
  const permits = policies.filter(({ set, ast }) => set === 'authz' && ast.effect === 'permit')
  const administers = permits.some(({ ast }) => concernsAction(ast, 'admin/whoami'))
  return administers ? [] : ['no rule permits acts of administration: only break-glass administers this gateway']
}
