// What obligations of the permit limit is spent here, right before the intent: whoever is refused earlier spends nothing.

import { isStop } from '../../kernel/errors.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Authenticated, Permitted, Received, Stage } from '../path.ts'
import type { Routed } from './resolve-route.ts'

export type Limited = { readonly isLimited: true }
const WITHIN: Limited = { isLimited: true }

export const limitStage = (deps: Pick<GatewayDeps, 'spend'>): Stage<Received & Authenticated & Routed & Permitted, Limited> => ({
  name: 'limit',
  run: ({ principal, address, route: { entry, kind, name }, permit: { obligations } }) => {
    if (!obligations || obligations.rates.length === 0) return WITHIN
    // A URI is the caller's to choose: counted by it, every query behind it would be a limit of its own.
    const tool = kind === 'tool' || kind === 'prompt' ? `${kind} ${name}` : kind
    const spent = deps.spend({ principal, address, alias: entry.alias, tool }, obligations)
    if (spent instanceof Promise) return spent.then(stop => stop ?? WITHIN)
    return spent && isStop(spent) ? spent : WITHIN
  },
})
