// What obligations of the permit limit is spent here, right before the intent: whoever is refused earlier spends nothing.

import { isStop } from '../../kernel/errors.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Authenticated, Permitted, Received, Stage } from '../path.ts'
import type { Routed } from './resolve-route.ts'

export type Limited = { readonly isLimited: true }
const WITHIN: Limited = { isLimited: true }

export const limitStage = (deps: Pick<GatewayDeps, 'spend'>): Stage<Received & Authenticated & Routed & Permitted, Limited> => ({
  name: 'limit',
  run: ({ principal, address, route, permit: { obligations } }) => {
    if (!obligations || obligations.rates.length === 0) return WITHIN
    const spent = deps.spend({ principal, address, alias: route.entry.alias, name: route.name }, obligations)
    if (spent instanceof Promise) return spent.then(stop => stop ?? WITHIN)
    return spent && isStop(spent) ? spent : WITHIN
  },
})
