// Notifications about an upstream as a whole, and which of them a filter asks for.

import type { SubscriptionFilter, UpstreamChanges } from '../../bridge/upstream.ts'
import { isJsonFault, member, readJson, textOf, type JsonDoc } from '../../mcp/json.ts'
import { META } from '../../mcp/revisions.ts'
import { objectEdits, splice } from '../../mcp/splice.ts'

const LISTS = {
  'notifications/tools/list_changed': 'tools',
  'notifications/prompts/list_changed': 'prompts',
  'notifications/resources/list_changed': 'resources',
} as const
const UPDATED = 'notifications/resources/updated'

const listOf = (method: string): 'tools' | 'prompts' | 'resources' | undefined =>
  method in LISTS ? LISTS[method as keyof typeof LISTS] : undefined

/** True for list_changed and resources/updated. */
export const isChange = (method: string): boolean => method in LISTS || method === UPDATED

/** Hands a change to a subscriber if its filter asks for it (MN send unrequested types, R80). */
export function deliver(method: string, doc: JsonDoc, filter: SubscriptionFilter, changes: UpstreamChanges): void {
  const list = listOf(method)
  if (list !== undefined) {
    if (filter[`${list}ListChanged`]) changes.listChanged(list)
    return
  }
  const params = member(doc.root, 'params')
  if (method === UPDATED) {
    const uri = member(params, 'uri')
    if (uri?.kind !== 'string') return
    const text = textOf(doc, uri)
    if (filter.resourceSubscriptions?.some(asked => covers(asked, text))) changes.resourceUpdated(text, doc)
    return
  }
  const task = member(params, 'taskId')
  if (task?.kind === 'string' && !filter.taskIds?.includes(textOf(doc, task))) return
  changes.other(method, doc)
}

/** An update may name a sub-resource of the one subscribed to (MCP schema, ResourceUpdatedNotification). */
const covers = (asked: string, updated: string): boolean =>
  updated === asked || updated.startsWith(asked.endsWith('/') ? asked : asked + '/')

/** The notification without the listen stream's `_meta` subscriptionId, which belongs to our hop. */
export function unstamped(doc: JsonDoc): JsonDoc {
  const meta = member(member(doc.root, 'params'), '_meta')
  if (!meta?.members) return doc
  const cut = readJson(
    splice(
      doc.bytes,
      objectEdits(meta, key => key === META.subscriptionId),
    ),
  )
  return isJsonFault(cut) ? doc : cut
}

/** What several subscribers together want. */
export function unionOf(filters: Iterable<SubscriptionFilter>): SubscriptionFilter {
  const flags: Partial<Record<'toolsListChanged' | 'promptsListChanged' | 'resourcesListChanged', boolean>> = {}
  const uris = new Set<string>()
  const tasks = new Set<string>()
  for (const filter of filters) {
    if (filter.toolsListChanged) flags.toolsListChanged = true
    if (filter.promptsListChanged) flags.promptsListChanged = true
    if (filter.resourcesListChanged) flags.resourcesListChanged = true
    for (const uri of filter.resourceSubscriptions ?? []) uris.add(uri)
    for (const task of filter.taskIds ?? []) tasks.add(task)
  }
  return {
    ...flags,
    ...(uris.size > 0 && { resourceSubscriptions: [...uris].sort() }),
    ...(tasks.size > 0 && { taskIds: [...tasks].sort() }),
  }
}

/** `params` of subscriptions/listen without `_meta`. */
export const listenParams = (filter: SubscriptionFilter): Buffer => Buffer.from(JSON.stringify({ notifications: filter }))
