// Spends one request of the principal's budget, before anything costs more than looking; then who is blocked, or signed out, ends here.

import type { Stop } from '../../kernel/errors.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Authenticated, Received, Stage } from '../path.ts'

type Admitted = { readonly isAdmitted: true }
const ADMITTED: Admitted = { isAdmitted: true }

/** Blocks are judged behind the budget: each refusal is recorded singly, and a blocked flood must not fill the log. */
export const admitStage = (deps: Pick<GatewayDeps, 'admit' | 'standing'>): Stage<Received & Authenticated, Admitted> => ({
  name: 'admit',
  run: x => {
    const stop = deps.admit(x.principal)
    if (stop instanceof Promise) return stop.then((s): Admitted | Stop => s ?? deps.standing(x.principal) ?? ADMITTED)
    return stop ?? deps.standing(x.principal) ?? ADMITTED
  },
})
