// Task ids towards hosts: sealed, so that they name upstream, principal and endpoint, and work for nobody else (R89).

import { mintTaskId } from '../bridge/task-id.ts'
import type { Sealer } from '../kernel/seal.ts'
import { isJsonFault, member, readJson, textOf } from '../mcp/json.ts'
import { setMember } from '../mcp/splice.ts'
import type { Authenticated, Received } from './path.ts'

type Bound = Pick<Received, 'endpoint'> & Authenticated

/** A result or params object with its top-level `taskId` replaced by the host's id; undefined when it has none. */
export function exposeTask(sealer: Sealer, x: Bound, alias: string, object: Buffer): Buffer | undefined {
  const doc = readJson(object, { indexDepth: 1 })
  if (isJsonFault(doc)) return undefined
  const id = member(doc.root, 'taskId')
  if (id?.kind !== 'string') return undefined
  const exposed = mintTaskId(sealer, { principal: x.principal.key, endpoint: x.endpoint.resource }, { alias, taskId: textOf(doc, id) })
  return exposed === undefined ? undefined : setMember(object, 'taskId', JSON.stringify(exposed))
}
