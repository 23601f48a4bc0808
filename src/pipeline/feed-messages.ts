// Change notifications as hosts get them, in both eras.

import type { ListKind } from '../bridge/upstream.ts'
import { member, rawOf, type JsonDoc } from '../mcp/json.ts'
import { META } from '../mcp/revisions.ts'
import { setMember } from '../mcp/splice.ts'

export const LIST_CHANGED: Readonly<Record<ListKind, string>> = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  resources: 'notifications/resources/list_changed',
}

/** A notification without params, or with params as JSON text. */
export const notification = (method: string, params?: string): Buffer =>
  Buffer.from(`{"jsonrpc":"2.0","method":"${method}"${params === undefined ? '' : `,"params":${params}`}}`)

/** params of resources/updated with the URI as the host knows it. */
export function updatedParams(message: JsonDoc, uri: string): Buffer {
  const params = member(message.root, 'params')
  return setMember(params?.kind === 'object' ? rawOf(message, params) : Buffer.from('{}'), 'uri', JSON.stringify(uri))
}

/** R79: every message of a listen carries its id verbatim. */
export const stampOf = (rawId: string): string => `{"${META.subscriptionId}":${rawId}}`
export const stamped = (params: Buffer, rawId: string): string => setMember(params, '_meta', stampOf(rawId)).toString()
