// Who may administer: roles of principals, from subjects and groups the configuration names. Nobody has a role by default.

import type { Principal, PrincipalKey } from '../kernel/principal.ts'

/**
 * operator: blocks, sessions, keys. policy-author: proposes policy and trust. approver: approves what somebody else proposed. auditor: reads.
 * publisher: publishes servers.
 */
export const ROLES = ['operator', 'policy-author', 'approver', 'auditor', 'publisher'] as const
export type Role = (typeof ROLES)[number]

/** One role and who has it. Empty lists name nobody. */
export type RoleRule = {
  readonly role: Role
  readonly subjects: readonly PrincipalKey[]
  readonly groups: readonly string[]
  /** groups count only in tokens of these issuers; absent = of any (the configuration demands it where there are several) */
  readonly issuers?: readonly string[]
}

/** Roles of one principal by the rules in force now: a role never outlives the rule or the token's groups. Not for the data path. */
export function rolesOf(rules: readonly RoleRule[], principal: Principal): ReadonlySet<Role> {
  // attacker-controlled in part (group names of another issuer): compared as literals, and only where the issuer counts
  const has = ({ subjects, groups, issuers }: RoleRule): boolean =>
    subjects.includes(principal.key) ||
    ((issuers === undefined || issuers.includes(principal.issuer)) && groups.some(group => principal.groups.includes(group)))
  return new Set(rules.filter(has).map(({ role }) => role))
}

/**
 * Whether anybody could still be an operator: a group may always have members, a named subject counts unless it is blocked. What would make this
 * false is refused: blocks, reloads.
 */
export const hasOperator = (rules: readonly RoleRule[], isBlocked: (key: PrincipalKey) => boolean): boolean =>
  rules.some(({ role, groups, subjects }) => role === 'operator' && (groups.length > 0 || subjects.some(key => !isBlocked(key))))
