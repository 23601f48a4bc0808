// Who publishes: a person or program by its token for administration, or whoever has just proved a namespace, by the registry's own token.

import { isStop } from '../../kernel/errors.ts'
import type { Grant } from '../../registry/registry-token.ts'
import type { AdminDeps, AdminReceived } from '../administration.ts'
import type { Authenticated, Stage } from '../path.ts'

/** Where a registry token may publish; absent = an account says who it is, and roles and memberships what it may. */
export type Granted = { readonly grant?: Grant }

/** `authenticate`: of everybody else. A registry token that does not count is no other token either. */
export const authenticatePublisherStage = (
  deps: Pick<AdminDeps, 'registry'>,
  authenticate: Stage<AdminReceived, Authenticated>,
): Stage<AdminReceived, Authenticated & Granted> => ({
  name: 'authenticate',
  run: x => {
    const shown = x.isPublishing ? deps.registry.tokens.read(x.authorization) : undefined
    if (!shown) return authenticate.run(x)
    return isStop(shown) ? shown : { principal: shown.principal, grant: shown.grant }
  },
})
