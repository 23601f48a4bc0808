// Lists from the catalog and what an endpoint says about itself: no upstream is called, the decision is recorded.

import { member, textOf } from '../../mcp/json.ts'
import { askToConnect, type AskDeps } from '../ask-to-connect.ts'
import type { ListMethod } from '../catalogue.ts'
import type { GatewayDeps } from '../deps.ts'
import { isStop } from '../../kernel/errors.ts'
import type { Answered, Authenticated, Classified, Joined, Received, Stage } from '../path.ts'

type Known = Received & Classified & Authenticated & Joined
const result = (bytes: Buffer): Answered => ({ answer: { kind: 'result', result: bytes, outcome: 'ok' } })

export const listStage = (deps: AskDeps & Pick<GatewayDeps, 'catalogue' | 'upstreams'>, method: ListMethod): Stage<Known, Answered> => ({
  name: 'filter-list',
  run: async x => {
    const node = member(x.params, 'cursor')
    if (node !== undefined && node.kind !== 'string') return { stop: 'params-invalid', detail: 'expected a string in `params.cursor`' }
    const bytes = await deps.catalogue.list(x, method, node && x.doc ? textOf(x.doc, node) : undefined)
    if (!isStop(bytes)) return result(bytes)
    const [alias] = x.endpoint.aliases
    const entry = alias === undefined ? undefined : deps.upstreams().get(alias)
    return entry ? askToConnect(x, entry, bytes, deps) : bytes
  },
})

/** server/discover (R32), answered from what the upstreams said about themselves. */
export const discoverStage = (deps: Pick<GatewayDeps, 'faces'>): Stage<Known, Answered> => ({
  name: 'describe-endpoint',
  run: async x => {
    const bytes = await deps.faces.discoverResult(x)
    return isStop(bytes) ? bytes : result(bytes)
  },
})
