// The permit: until Cedar arrives, exactly what the typed allow-list names; everything else is denied, in the bytes of what does not exist.

import type { Stage, Received, Authenticated } from '../path.ts'
import type { Routed } from './resolve-route.ts'

/** `rules`: ids of the rules that permit it, recorded with the intent. */
export type Permitted = { readonly permit: { readonly rules: readonly string[] } }

export const evaluatePolicyStage: Stage<Received & Authenticated & Routed, Permitted> = {
  name: 'evaluate-policy',
  run: ({ route, principal }) => {
    const rule = route.kind === 'task' ? undefined : route.entitlement.permits(route.kind, route.name)
    if (rule !== undefined) return { permit: { rules: [rule] } }
    const detail = `no allow rule of \`${route.entry.alias}\` names this ${route.kind} for \`${principal.subject}\``
    if (route.kind === 'method') return { stop: 'method-unknown', detail }
    return { stop: 'denied', detail, fix: `add it to upstreams.${route.entry.alias}.allow`, ...route.absent }
  },
}
