// Task ids as hosts see them: the upstream's id sealed for one principal on one endpoint, which also makes them route themselves (R89).
//
// One upstream task has one host id, so that polls, cancels and notifications agree without a table. The nonce is therefore derived from
// the content under a key of its own (kernel/seal.ts, as in SIV): equal ids are equal texts, and that two texts are equal says only that
// they name the same task of the same principal. Nothing can be guessed: a text that was not minted fails its 128-bit tag.

import type { PrincipalKey } from '../kernel/principal.ts'
import { contextOf, type Sealer } from '../kernel/seal.ts'

/** Longest sealed id in characters (base64url, so an Mcp-Name header carries it as it is, R9): room for about 1,400 bytes of an upstream's id. */
export const MAX_TASK_ID = 2048

/** Whose id it is: another principal or endpoint does not open it. */
export type TaskBinding = { readonly principal: PrincipalKey; /** resource identifier */ readonly endpoint: string }
/** `version`: of the registry, where the server is one: another version finds none of the tasks before it */
export type UpstreamTask = { readonly alias: string; readonly taskId: string; readonly version?: string | undefined }

/** The host's id of an upstream's task, the same each time until the key is rotated (old ids still open then). Undefined when the upstream's id is empty or too long. */
export function mintTaskId(sealer: Sealer, binding: TaskBinding, task: UpstreamTask): string | undefined {
  if (task.taskId.length === 0 || task.taskId.length > MAX_TASK_ID) return undefined
  const text = sealer.seal(
    'task-id',
    Buffer.from(JSON.stringify([task.alias, task.taskId, ...(task.version === undefined ? [] : [task.version])])),
    contextOfTask(binding),
  )
  return text.length > MAX_TASK_ID ? undefined : text
}

/** The upstream's task, or undefined: unknown, forged, or somebody else's. All alike. */
export function openTaskId(sealer: Sealer, text: string, binding: TaskBinding): UpstreamTask | undefined {
  const payload = sealer.open('task-id', text, MAX_TASK_ID, contextOfTask(binding))
  if (payload === undefined) return undefined
  const [alias, taskId, version] = JSON.parse(payload.toString()) as [string, string, string?]
  return { alias, taskId, ...(version !== undefined && { version }) }
}

const contextOfTask = (b: TaskBinding): Buffer => contextOf([b.principal, b.endpoint])
