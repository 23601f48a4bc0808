// Task ids towards hosts: sealed, so that they name upstream, principal and endpoint, and work for nobody else (R89).

import { mintTaskId, openTaskId, type UpstreamTask } from '../bridge/task-id.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Sealer } from '../kernel/seal.ts'
import { isJsonFault, member, readJson, textOf } from '../mcp/json.ts'
import { setMember } from '../mcp/splice.ts'
import type { UpstreamEntry } from './entry.ts'
import type { Authenticated, Received } from './path.ts'

type Server = Pick<UpstreamEntry, 'alias' | 'version'>
type Bound = Pick<Received, 'endpoint'> & Authenticated

/** A result or params object with its top-level `taskId` replaced by the host's id; undefined when it has none. */
export function exposeTask(sealer: Sealer, x: Bound, { alias, version }: Server, object: Buffer): Buffer | undefined {
  const doc = readJson(object, { indexDepth: 1 })
  if (isJsonFault(doc)) return undefined
  const id = member(doc.root, 'taskId')
  if (id?.kind !== 'string') return undefined
  const exposed = mintTaskId(
    sealer,
    { principal: x.principal.key, endpoint: x.endpoint.resource },
    { alias, taskId: textOf(doc, id), version: version && digestOf(version) },
  )
  return exposed === undefined ? undefined : setMember(object, 'taskId', JSON.stringify(exposed))
}

/** The upstream's task behind a host's id; undefined = unknown, forged, somebody else's, or of another version of the server. All alike. */
export function taskIn(
  sealer: Sealer,
  { principal, endpoint }: Bound,
  text: string,
  entryOf: (alias: string) => Server | undefined,
): UpstreamTask | undefined {
  const task = openTaskId(sealer, text, { principal: principal.key, endpoint: endpoint.resource })
  const version = task && entryOf(task.alias)?.version
  return task && task.version === (version && digestOf(version)) ? task : undefined
}
