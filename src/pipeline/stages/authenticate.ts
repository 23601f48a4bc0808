// Bearer token -> principal, for exactly this endpoint's resource (R104). Every request, session or not.

import type { GatewayDeps } from '../deps.ts'
import type { Authenticated, Received, Stage } from '../path.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import type { Principal } from '../../kernel/principal.ts'

const fact = (found: Principal | Stop): Authenticated | Stop => (isStop(found) ? found : { principal: found })

export const authenticateStage = (deps: Pick<GatewayDeps, 'authenticate' | 'now'>): Stage<Received, Authenticated> => ({
  name: 'authenticate',
  run: x => {
    const { proof } = x.headers
    const possession = proof && { proof, ...(x.target ?? { method: httpMethodOf(x) }) }
    const found = deps.authenticate(x.authorization, x.endpoint.resource, Math.floor(deps.now() / 1000), possession)
    return found instanceof Promise ? found.then(fact) : fact(found)
  },
})

/** Transport acts carry no message; their names say how they came. */
function httpMethodOf({ message, method }: Received): string {
  if (message !== undefined) return 'POST'
  if (method === 'session/stream') return 'GET'
  return method === 'session/end' ? 'DELETE' : 'POST'
}
