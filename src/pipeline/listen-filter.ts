// What a host wants to hear in subscriptions/listen, read once.

import type { Stop } from '../kernel/errors.ts'
import { member, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import type { ListenFilter } from './deps.ts'

/** Resources one session subscribes to, or names in one filter. */
export const MAX_SUBSCRIPTIONS = 1000
/** Characters of one such name: what is subscribed to is kept as long as the stream. RFC 9110 section 4.1 asks for 8000 octets at least. */
export const MAX_URI = 8192

/** Undefined when it is no object. */
export function readFilter(doc: JsonDoc, node: JsonNode | undefined): ListenFilter | Stop | undefined {
  if (node?.kind !== 'object') return undefined
  const strings = (key: string): string[] | undefined => {
    const list = member(node, key)
    if (list === undefined) return []
    const parsed: unknown = list.kind === 'array' ? JSON.parse(doc.bytes.toString('utf8', list.start, list.end)) : undefined
    return Array.isArray(parsed) && parsed.every(s => typeof s === 'string') ? parsed : undefined
  }
  const resourceSubscriptions = strings('resourceSubscriptions')
  const taskIds = strings('taskIds')
  if (!resourceSubscriptions || !taskIds) return { stop: 'params-invalid', detail: 'expected arrays of strings in `params.notifications`' }
  if (resourceSubscriptions.length + taskIds.length > MAX_SUBSCRIPTIONS)
    return { stop: 'subscription-limit', detail: `at most ${MAX_SUBSCRIPTIONS} names in one filter` }
  if ([...resourceSubscriptions, ...taskIds].some(name => name.length > MAX_URI))
    return { stop: 'params-invalid', detail: `expected names of at most ${MAX_URI} characters in \`params.notifications\`` }
  const isOn = (key: string): boolean => member(node, key)?.kind === 'true'
  return {
    toolsListChanged: isOn('toolsListChanged'),
    promptsListChanged: isOn('promptsListChanged'),
    resourcesListChanged: isOn('resourcesListChanged'),
    resourceSubscriptions: [...new Set(resourceSubscriptions)],
    taskIds: [...new Set(taskIds)],
  }
}
