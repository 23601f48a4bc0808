// Whether a gateway of this configuration would take its policies, and what of them does less than it says.

import type { Snapshot } from '../../config/schema.ts'
import { policiesOf, type FolderReport } from '../policy/in-gateway.ts'
import { fail, ok, warn, type Check, type World } from './check.ts'

const NAME = 'policies'

export async function checkPolicies(_world: World, snapshot: Snapshot, cwd = process.cwd()): Promise<Check[]> {
  if (!snapshot.policies)
    return [ok(NAME, 'no `policies.folder`: the allow rules of the configuration decide alone; docs/policies.md has a set to begin with')]
  return (await policiesOf(snapshot, cwd)).flatMap(checksOf)
}

function checksOf({ role, dir, faults, warnings, findings, rules, digest }: FolderReport): Check[] {
  const name = role === 'shadow' ? 'policies, shadow' : NAME
  if (faults.length > 0) {
    const mend = `\`gatehouse policy validate ${dir}\` and \`gatehouse policy test ${dir}\` show it; ${role === 'shadow' ? 'until then nothing is asked beside' : 'a gateway that runs keeps its old rules, and one that starts does not serve'}`
    return faults.map(fault => (role === 'shadow' ? warn(name, fault, mend) : fail(name, fault, mend)))
  }
  return [
    ok(name, `${rules} rules of ${dir} load and pass their tests; digest ${digest ?? ''}`),
    ...warnings.map(warning => warn(name, warning, 'docs/policies.md says what does not hold yet')),
    ...(findings > 0
      ? [warn(name, `${findings} rules of ${dir} do nothing, or too much`, `\`gatehouse policy lint ${dir}\` names them`)]
      : []),
  ]
}
