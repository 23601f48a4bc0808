// tasks/get, tasks/update, tasks/cancel: routed by the sealed id, for the principal it was issued to (R87-R90).

import { declaresTasks } from '../../bridge/capabilities.ts'
import { member, textOf } from '../../mcp/json.ts'
import type { GatewayDeps } from '../deps.ts'
import { taskIn } from '../task-names.ts'
import type { Authenticated, Classified, Joined, Received, Stage } from '../path.ts'
import type { Routed } from './resolve-route.ts'

type Known = Received & Classified & Authenticated & Joined
const REQUIRED = { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } }

/** A foreign, forged or unknown id is simply unknown (N034). */
export const resolveTaskStage = (
  deps: Pick<GatewayDeps, 'upstreams' | 'entitlement' | 'blockOf' | 'callers' | 'sealer'>,
): Stage<Known, Routed> => ({
  name: 'resolve-route',
  run: x => {
    if (!declaresTasks(deps.callers.declared(x)))
      return { stop: 'capability-missing', detail: 'this method needs the tasks extension', data: REQUIRED }
    const id = member(x.params, 'taskId')
    if (!x.doc || id?.kind !== 'string') return { stop: 'params-invalid', detail: 'expected a string in `params.taskId`' }
    const task = taskIn(deps.sealer, x, textOf(x.doc, id), alias => deps.upstreams().get(alias))
    const entry = task && x.endpoint.aliases.includes(task.alias) ? deps.upstreams().get(task.alias) : undefined
    if (!task || !entry) return { stop: 'unknown' }
    const entitlement = deps.entitlement(x, entry)
    if (entitlement.isEmpty) return deps.blockOf(x, entry) ?? { stop: 'unknown' }
    return { route: { entry, entitlement, kind: 'task', name: task.taskId, renamed: { key: 'taskId', raw: JSON.stringify(task.taskId) } } }
  },
})
