// Which upstream a request means, in the upstream's own name. What the principal may not use at all does not exist.

import type { Slice } from '../../bridge/upstream.ts'
import type { Stop } from '../../kernel/errors.ts'
import { member, textOf } from '../../mcp/json.ts'
import type { Entitlement, Primitive } from '../../policy/allow-list.ts'
import type { NameKind } from '../catalogue.ts'
import type { GatewayDeps } from '../deps.ts'
import type { UpstreamEntry } from '../entry.ts'
import type { Authenticated, Classified, Joined, Received, Stage } from '../path.ts'

/** `name`: the primitive in the upstream's own name; `renamed`: the params member that has to be rewritten for the upstream. */
type Route = {
  readonly entry: UpstreamEntry
  readonly entitlement: Entitlement
  readonly kind: Primitive | 'task'
  readonly name: string
  readonly renamed?: { readonly key: string; readonly raw: string }
  /** what is said beside the reason where it does not exist, or may not be used */
  readonly absent?: Pick<Stop, 'data'>
}
export type Routed = { readonly route: Route }
type Asking = Received & Classified & Authenticated & Joined
type Deps = Pick<GatewayDeps, 'upstreams' | 'entitlement' | 'blockOf' | 'catalogue'>

const UNKNOWN: Stop = { stop: 'unknown' }
/** A resource that is not found is named in the error (SEP-2164), as long as a URI may be. */
const MAX_URI = 8192
const KEYS: Readonly<Record<NameKind, string>> = { tool: 'name', prompt: 'name', resource: 'uri' }

/** tools/call, prompts/get, resources/read, resources/subscribe: by the name in the params. */
export const resolveNameStage = (deps: Deps, kind: NameKind): Stage<Asking, Routed> => ({
  name: 'resolve-route',
  run: x => {
    const node = member(x.params, KEYS[kind])
    if (!x.doc || node?.kind !== 'string') return { stop: 'params-invalid', detail: `expected a string in \`params.${KEYS[kind]}\`` }
    const exposed = textOf(x.doc, node)
    const found = deps.catalogue.resolve(x, kind, exposed)
    const routed = (r: Awaited<typeof found>): Routed | Stop => {
      const absent = kind === 'resource' && exposed.length <= MAX_URI ? { data: { uri: exposed } } : undefined
      if (!r) return { ...UNKNOWN, ...absent }
      const renamed = r.name === exposed ? undefined : { key: KEYS[kind], raw: JSON.stringify(r.name) }
      return route(x, deps, { entry: r.entry, kind, name: r.name, ...(renamed && { renamed }), ...(absent && { absent }) })
    }
    return found instanceof Promise ? found.then(routed) : routed(found)
  },
})

/** completion/complete: the same access as to the prompt or resource it completes (R61). */
export const resolveReferenceStage = (deps: Deps): Stage<Asking, Routed> => ({
  name: 'resolve-route',
  run: async x => {
    const ref = member(x.params, 'ref')
    const type = member(ref, 'type')
    if (!x.doc || !ref || type?.kind !== 'string') return { stop: 'params-invalid', detail: 'expected `params.ref` with a `type`' }
    const kind: NameKind | undefined = { 'ref/prompt': 'prompt' as const, 'ref/resource': 'resource' as const }[textOf(x.doc, type)]
    const node = kind && member(ref, KEYS[kind])
    if (!kind || node?.kind !== 'string')
      return { stop: 'params-invalid', detail: 'expected a prompt or resource reference in `params.ref`' }
    const exposed = textOf(x.doc, node)
    const found = await deps.catalogue.resolve(x, kind, exposed)
    if (!found) return UNKNOWN
    const raw = found.name === exposed ? undefined : referenceWith({ doc: x.doc, node: ref }, KEYS[kind], found.name)
    return route(x, deps, { entry: found.entry, kind, name: found.name, ...(raw !== undefined && { renamed: { key: 'ref', raw } }) })
  },
})

/** Extension methods the gateway only relays: only where one upstream is meant. */
export const resolveMethodStage = (deps: Deps): Stage<Asking, Routed> => ({
  name: 'resolve-route',
  run: x => {
    const [alias, ...others] = x.endpoint.aliases
    const entry = alias !== undefined && others.length === 0 && x.endpoint.kind === 'server' ? deps.upstreams().get(alias) : undefined
    if (!entry) return { stop: 'method-unknown', detail: 'no such method' }
    const routed = route(x, deps, { entry, kind: 'method', name: x.method })
    return 'stop' in routed && routed.stop === 'unknown' ? { stop: 'method-unknown', detail: 'no such method' } : routed
  },
})

function route(x: Asking, deps: Deps, found: Omit<Route, 'entitlement'>): Routed | Stop {
  const entitlement = deps.entitlement(x, found.entry)
  if (entitlement.isEmpty)
    return (
      deps.blockOf(x, found.entry) ?? {
        ...UNKNOWN,
        detail: `nothing of \`${found.entry.alias}\` is permitted, or shown, to this principal`,
        ...found.absent,
      }
    )
  const block = found.kind === 'tool' ? deps.blockOf(x, found.entry, found.name) : undefined
  return block ?? { route: { ...found, entitlement } }
}

function referenceWith(ref: Slice, key: string, name: string): string {
  const parts = (ref.node.members ?? []).map(m =>
    m.key === key ? `${JSON.stringify(key)}:${JSON.stringify(name)}` : ref.doc.bytes.toString('utf8', m.keyStart, m.value.end),
  )
  return `{${parts.join(',')}}`
}
