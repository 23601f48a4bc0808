// Spends one request of the principal's budget, before anything costs more than looking.

import type { GatewayDeps } from '../deps.ts'
import type { Authenticated, Received, Stage } from '../path.ts'

type Admitted = { readonly isAdmitted: true }
const ADMITTED: Admitted = { isAdmitted: true }

export const admitStage = (deps: Pick<GatewayDeps, 'admit'>): Stage<Received & Authenticated, Admitted> => ({
  name: 'admit',
  run: x => {
    const stop = deps.admit(x.principal)
    return stop instanceof Promise ? stop.then(s => s ?? ADMITTED) : (stop ?? ADMITTED)
  },
})
