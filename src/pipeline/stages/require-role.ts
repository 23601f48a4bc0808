// Who may administer: the roles of this principal by the rules in force now, each time anew.

import type { Role } from '../../administration/roles.ts'
import { LOCAL_ISSUER, localPrincipal } from '../../administration/break-glass.ts'
import type { Stop } from '../../kernel/errors.ts'
import type { AdminDeps, AdminReceived } from '../administration.ts'
import { permitEndpoint } from '../permit-endpoint.ts'
import type { Authenticated, Permit, Received, Stage } from '../path.ts'
import type { Granted } from './authenticate-publisher.ts'

type Ranked = { readonly permit: Permit }

/** A role is needed, and where there are policies their permit too. Break-glass asks neither: it is for when they are broken. */
function permitted(deps: Pick<AdminDeps, 'judge'>, x: Received & Authenticated, by: readonly string[]): Ranked | Stop {
  const permit = permitEndpoint(deps.judge, x)
  return 'stop' in permit ? permit : { permit: { rules: [...by, ...permit.rules] } }
}

/** Any of these roles is enough. Where none is named, being signed in is. */
export const requireRoleStage = (
  deps: Pick<AdminDeps, 'rolesOf' | 'breakGlass' | 'judge'>,
  ...roles: readonly Role[]
): Stage<Received & Authenticated, Ranked> => ({
  name: 'require-role',
  run: x => {
    if (x.principal.issuer === LOCAL_ISSUER)
      return deps.breakGlass.now
        ? { permit: { rules: ['break-glass'] } }
        : { stop: 'break-glass-closed', fix: 'gatehouse break-glass --for 30m --why …' }
    const own = deps.rolesOf(x.principal)
    const role = roles.find(r => own.has(r))
    if (role !== undefined) return permitted(deps, x, [`role:${role}`])
    if (roles.length === 0) return permitted(deps, x, [])
    return { stop: 'role-missing', detail: `needs the role ${roles.join(' or ')}`, fix: 'ask an operator of this gateway' }
  },
})

/** The same where a registry token is enough: it was given for publishing, and says where. */
export const requirePublisherStage = (
  deps: Pick<AdminDeps, 'rolesOf' | 'breakGlass' | 'judge'>,
  ...roles: readonly Role[]
): Stage<Received & Authenticated & Granted, Ranked> => {
  const ranked = requireRoleStage(deps, ...roles)
  return { name: ranked.name, run: x => (x.grant ? permitted(deps, x, ['registry-token']) : ranked.run(x)) }
}

/** Instead of a token: the file that the act came in. What came over the network never has one. */
export const identifyLocalStage: Stage<AdminReceived, Authenticated> = {
  name: 'identify-local',
  run: ({ local }) => (local ? { principal: localPrincipal(local.user) } : { stop: 'token-missing', detail: 'expected a local command' }),
}

/** Instead of a token: a session of the console, verified with its request (http/control-plane/console). What came with a token never has one. */
export const identifyPersonStage: Stage<AdminReceived, Authenticated> = {
  name: 'identify-person',
  run: ({ person }) => (person ? { principal: person } : { stop: 'token-missing', detail: 'expected a session of the console' }),
}
