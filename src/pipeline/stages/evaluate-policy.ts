// The permit. With a folder of policies: what its rules say of the whole request, joined with scopes and standing in one table (policy/decision.ts). Without one: what
// the typed allow-list names; everything else is denied, in the bytes of what does not exist.

import { isStop, type Stop } from '../../kernel/errors.ts'
import type { Needing } from '../approved-verdict.ts'
import { askToConnect, type AskDeps } from '../ask-to-connect.ts'
import { argumentCodes } from '../inspect-arguments.ts'
import type { Verified } from '../catalogue.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Defined } from '../judge-entities.ts'
import type { Judged } from '../judge.ts'
import type { Authenticated, Classified, Joined, Permitted, Received, Stage } from '../path.ts'
import { permitEndpoint } from '../permit-endpoint.ts'
import { lateArguments } from '../policy-arguments.ts'
import { recordOf, refusalOf, verdictOf } from '../verdict.ts'
import type { Routed } from './resolve-route.ts'

type Asking = Received & Classified & Authenticated & Joined & Routed
type Permitting = Permitted & Needing
type Deps = AskDeps & Pick<GatewayDeps, 'catalogue' | 'judge' | 'entitlement' | 'inspect'>

export const evaluatePolicyStage = (deps: Deps): Stage<Asking, Permitting> => ({
  name: 'evaluate-policy',
  run: x => (deps.judge.rules ? byRules(x, deps) : byAllowList(x, deps)),
})

/** Asked anew: what the route was given may be the word of rules that a reload took away meanwhile, and says only what is shown. */
function byAllowList(x: Asking, { entitlement }: Pick<Deps, 'entitlement'>): Permitted | Stop {
  const { route, principal } = x
  // The call that made a task was permitted, and only its caller holds the id.
  const rule = route.kind === 'task' ? 'task-owner' : entitlement(x, route.entry).permits(route.kind, route.name)
  if (rule !== undefined) return { permit: { rules: [rule] } }
  const detail = `no allow rule of \`${route.entry.alias}\` names this ${route.kind} for \`${principal.subject}\``
  if (route.kind === 'method') return { stop: 'method-unknown', detail }
  return { stop: 'denied', detail, fix: `add it to upstreams.${route.entry.alias}.allow`, ...route.absent }
}

/** Hints and digest stand in the list of the very caller; nothing is judged by what a server says today of what was not admitted. */
function byRules(x: Asking, deps: Deps): Permitting | Stop | Promise<Permitting | Stop> {
  const { entry, kind, name } = x.route
  if (kind !== 'tool' && kind !== 'prompt') return judged(x, undefined, deps)
  const found = deps.catalogue.definition(x, entry, kind, name)
  return found instanceof Promise ? found.then(defined => judged(x, defined, deps)) : judged(x, found, deps)
}

function judged(x: Asking, defined: Defined | Stop | undefined, deps: Deps): Permitting | Stop | Promise<Permitting | Stop> {
  const { entry, kind, name } = x.route
  if (defined && isStop(defined)) return settle(x, defined, deps)
  const { rules } = deps.judge
  if (!rules) return byAllowList(x, deps) // a reload took the rules away meanwhile
  // Or put others in their place, which hide the whole server.
  if (deps.entitlement(x, entry).isEmpty) return { stop: 'unknown', ...x.route.absent }
  const given = deps.judge.request(rules, x, entry, {
    kind,
    name,
    method: x.method,
    defined,
    late: { arguments: lateArguments(x), findings: () => argumentCodes(deps.inspect, x, entry) },
  })
  if (!given) return { stop: 'params-invalid', detail: 'a name is not well-formed' }
  const missingScopes = entry.scopes.missing(x.principal, kind, name) ?? []
  const early = verdictOf(given, { missingScopes })
  // Nobody who may not use it hears how a server stands.
  if (!early.pass && early.reason !== 'approval-required') return refused(x, given, early)
  const verified = deps.catalogue.verify(x, entry, { kind, name })
  const conclude = (standing: Verified | Stop): Permitting | Stop | Promise<Stop> => {
    const stop = isStop(standing) ? standing : undefined
    const verdict = verdictOf(given, { missingScopes, ...(stop && { standing: stop.stop }) })
    if (!verdict.pass && verdict.reason === 'approval-required') {
      x.judged = recordOf(given, verdict)
      return { permit: { rules: verdict.rules }, needs: given }
    }
    if (!verdict.pass) return verdict.reason === 'standing' && stop ? settle(x, stop, deps) : refused(x, given, verdict)
    x.judged = recordOf(given)
    return { permit: { rules: verdict.rules, obligations: verdict.obligations } }
  }
  return verified instanceof Promise ? verified.then(conclude) : conclude(verified)
}

function refused(x: Asking, given: Judged, verdict: Parameters<typeof refusalOf>[2]): Stop {
  x.judged = recordOf(given, verdict)
  const stop = refusalOf(x, given, verdict)
  if (stop.stop !== 'denied') return stop
  return x.route.kind === 'method' ? { ...stop, stop: 'method-unknown' } : { ...stop, ...x.route.absent }
}

/** Without a connected account there is no list to judge by, and nothing goes upstream either: the host is asked to connect first. */
const settle = (x: Asking, stop: Stop, deps: AskDeps): Stop | Promise<Stop> =>
  stop.stop === 'connection-required' ? askToConnect(x, x.route.entry, stop, deps) : stop

type Known = Received & Classified & Authenticated

/** The same for what is about no server: sessions, streams, notifications. Without rules whoever is authenticated may. */
export const evaluateEndpointStage = (deps: Pick<GatewayDeps, 'judge'>): Stage<Known, Permitted> => ({
  name: 'evaluate-policy',
  run: x => {
    const permit = permitEndpoint(deps.judge, x)
    return 'stop' in permit ? permit : { permit }
  },
})
