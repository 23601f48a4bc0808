// What limits the server, its tool and the permit's obligations is spent here, and a place taken, right before the intent: whoever is refused earlier spends nothing.

import { isStop, type Stop } from '../../kernel/errors.ts'
import type { Place } from '../../limits/places.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Authenticated, Limited, Permitted, Received, Stage } from '../path.ts'
import type { Prepared } from './prepare-arguments.ts'
import type { Routed } from './resolve-route.ts'

type Need = Received & Authenticated & Routed & Permitted & Partial<Prepared>

export const limitStage = (deps: Pick<GatewayDeps, 'reserve' | 'parked'>): Stage<Need, Limited> => ({
  name: 'limit',
  run: ({ principal, address, route: { entry, kind, name }, permit: { obligations }, prepared }) => {
    // A URI is the caller's to choose: counted by it, every query behind it would be a limit of its own.
    const tool = kind === 'tool' || kind === 'prompt' ? `${kind} ${name}` : kind
    // The answer to a parked call's question goes to a call that holds its place: with another one to take, the last place could never be left.
    const parked = prepared?.state?.parkedCall
    const isGoingOn = parked !== undefined && deps.parked.find(parked, principal.key) !== undefined
    const reserved = deps.reserve({ principal, address, alias: entry.alias, tool }, obligations, isGoingOn)
    return reserved instanceof Promise ? reserved.then(limited) : limited(reserved)
  },
})

const limited = (reserved: Place | Stop): Limited | Stop => (isStop(reserved) ? reserved : { place: reserved })
