// Groups that nobody can be in as issuers are configured now: a forbid that names one would be silent, so such rules do not load.

import type { Policy, PolicyFault } from './load.ts'
import { splitKey } from './request.ts'

/**
 * Of several issuers a group's name is `<issuer> <group>`, of one it is the group alone (facts.ts). Faults of the rules that name one in the other form; none
 * where no issuer is configured.
 */
export function unheldGroups(policies: readonly Policy[], issuers: readonly string[]): PolicyFault[] {
  const [only, ...others] = issuers
  if (only === undefined) return []
  const whyUnheld = (group: string): Pick<PolicyFault, 'message' | 'fix'> | undefined => {
    const named = issuers.some(issuer => group.startsWith(`${issuer} `))
    if (others.length > 0 && !named)
      return { message: `nobody is in the group \`${group}\`: several issuers are configured`, fix: `name it as \`<issuer> ${group}\`` }
    if (others.length === 0 && named)
      return {
        message: `nobody is in the group \`${group}\`: one issuer is configured`,
        fix: `name it as \`${group.slice(only.length + 1)}\``,
      }
    return undefined
  }
  return policies.flatMap(({ id, file, line, reads, approval }) =>
    [...groupsOf(reads), ...approversOf(approval)].flatMap(group => {
      const why = whyUnheld(group)
      return why ? [{ file, line, column: 1, id, ...why }] : []
    }),
  )
}

const groupsOf = (reads: Policy['reads']): readonly string[] =>
  [...reads.principal.within]
    .map(splitKey)
    .filter(({ type }) => type === 'Group')
    .map(({ id }) => id)
/** `self` is whoever asks. */
const approversOf = (approval: Policy['approval']): readonly string[] =>
  [...(approval?.approvers ?? []), ...(approval?.escalation?.approvers ?? [])].filter(name => name !== 'self')
