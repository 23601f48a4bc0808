// Who acts in the registry, as its room sees them.

import { LOCAL_ISSUER } from '../administration/break-glass.ts'
import type { Actor } from '../registry/actor.ts'
import type { AdminDeps } from './administration.ts'
import type { Authenticated } from './path.ts'
import type { Granted } from './stages/authenticate-publisher.ts'

export const actorOf = (deps: Pick<AdminDeps, 'rolesOf'>, { principal, grant }: Authenticated & Granted): Actor => ({
  key: principal.key,
  ...(grant && { grant }),
  isOperator: !grant && (principal.issuer === LOCAL_ISSUER || deps.rolesOf(principal).has('operator')),
})
