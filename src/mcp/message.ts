// JSON-RPC messages as MCP uses them: bytes in, one judged message out. What cannot be read in exactly one way is refused.

import { isJsonFault, member, readJson, textOf } from './json.ts'
import type { JsonDoc, JsonLimits, JsonNode } from './json.ts'
import { caseVariant, CORE_NOTIFICATIONS, plainInteger, shapeFault } from './message-shapes.ts'
import type { PlaceName } from './message-shapes.ts'
import { CODE } from './revisions.ts'

/** `id`: exact text, with quotes for strings; `meta`: `params._meta`. Nodes point into `doc`. */
export type RequestMessage = {
  readonly kind: 'request'
  readonly doc: JsonDoc
  readonly method: string
  readonly id: string
  readonly idNode: JsonNode
  readonly params?: JsonNode
  readonly meta?: JsonNode
}
export type NotificationMessage = {
  readonly kind: 'notification'
  readonly doc: JsonDoc
  readonly method: string
  readonly params?: JsonNode
  readonly meta?: JsonNode
}
/** Exactly one of `result` (an object) and `error` (an object with `code` and `message`). `id` is absent only on an error without one. */
export type ResponseMessage = {
  readonly kind: 'response'
  readonly doc: JsonDoc
  readonly id?: string
  readonly result?: JsonNode
  readonly error?: JsonNode
}
export type SingleMessage = RequestMessage | NotificationMessage | ResponseMessage
/** 2025-03-26 only; every element was judged by itself, its `doc` covers its own bytes. 1 to 100 items, none of them `initialize`. */
type BatchMessage = { readonly kind: 'batch'; readonly doc: JsonDoc; readonly items: readonly (SingleMessage | MessageFault)[] }
export type Message = SingleMessage | BatchMessage

/** `detail` names keys and rules, never values. `id`: the raw request id when it could be read. */
export type MessageFault = {
  readonly reason: 'json-invalid' | 'message-invalid' | 'params-invalid'
  readonly code: number
  readonly detail: string
  readonly id?: string
}
export const isMessageFault = (m: Message | MessageFault): m is MessageFault => 'reason' in m

const ID_MAX_BYTES = 512
const METHOD_MAX_BYTES = 256
const BATCH_MAX = 100

const JSON_DETAIL = {
  syntax: 'not valid JSON',
  depth: 'nested too deeply',
  'duplicate-key': 'an object has the same key twice',
  encoding: 'not UTF-8 without byte order mark',
  surrogate: 'an escape names half a character',
  trailing: 'data after the JSON text',
  empty: 'empty',
  nodes: 'too many values',
} as const

/** Reads one body or line. Never throws. `limits` default to depth 64, index 3: members of `params`, and of the objects in it. */
export function readMessage(bytes: Buffer, limits?: JsonLimits): Message | MessageFault {
  const doc = readJson(bytes, limits)
  if (isJsonFault(doc)) return { reason: 'json-invalid', code: CODE.parse, detail: `${JSON_DETAIL[doc.fault]} at byte ${doc.at}` }
  return doc.root.kind === 'array' ? readBatch(doc, limits) : readSingle(doc)
}

const invalid = (detail: string, id?: string): MessageFault =>
  id === undefined
    ? { reason: 'message-invalid', code: CODE.invalidRequest, detail }
    : { reason: 'message-invalid', code: CODE.invalidRequest, detail, id }
const badParams = (detail: string, id?: string): MessageFault =>
  id === undefined
    ? { reason: 'params-invalid', code: CODE.invalidParams, detail }
    : { reason: 'params-invalid', code: CODE.invalidParams, detail, id }

function readBatch(doc: JsonDoc, limits?: JsonLimits): BatchMessage | MessageFault {
  const elements = doc.root.items
  if (!elements || elements.length > BATCH_MAX) return invalid(`a batch of more than ${BATCH_MAX} messages`)
  if (elements.length === 0) return invalid('an empty batch')
  const items: (SingleMessage | MessageFault)[] = []
  for (const element of elements) {
    const own = readJson(doc.bytes.subarray(element.start, element.end), limits)
    const item = isJsonFault(own) ? invalid('unreadable') : readSingle(own)
    if ('method' in item && item.method === 'initialize') return invalid('`initialize` in a batch')
    items.push(item)
  }
  return { kind: 'batch', doc, items }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Parts = { version?: JsonNode; id?: JsonNode; method?: JsonNode; params?: JsonNode; result?: JsonNode; error?: JsonNode }

function readSingle(doc: JsonDoc): SingleMessage | MessageFault {
  const { members } = doc.root
  if (!members) return invalid('a message must be an object')
  const parts: Parts = {}
  for (const { key, value } of members) {
    if (key === 'jsonrpc') parts.version = value
    else if (key === 'id' || key === 'method' || key === 'params' || key === 'result' || key === 'error') parts[key] = value
  }
  const id = parts.id && idText(doc, parts.id)
  const variant = caseVariant(doc.root, 'message')
  if (variant !== undefined) return invalid(variantDetail(variant, 'message'), id)
  const { version } = parts
  if (version?.kind !== 'string' || textOf(doc, version) !== '2.0') return invalid('`jsonrpc` must be "2.0"', id)
  if (parts.id && id === undefined && (parts.method || parts.result || parts.id.kind !== 'null')) {
    return invalid('`id` must be a string of at most 512 bytes, or an integer within 2^53-1 in plain decimal form')
  }
  return parts.method ? readCall(doc, parts, parts.method, id) : readResponse(doc, parts, id)
}

/** The exact text of a usable id. Numbers that readers may round or rewrite, and null, are none (R19, N085, N089). */
function idText(doc: JsonDoc, node: JsonNode): string | undefined {
  if (node.kind === 'number') return plainInteger(doc.bytes, node)
  const isUsable = node.kind === 'string' && node.end - node.start <= ID_MAX_BYTES + 2
  return isUsable ? doc.bytes.toString('utf8', node.start, node.end) : undefined
}

const variantDetail = (key: string, place: PlaceName): string =>
  `${JSON.stringify(key.slice(0, 64))} differs only by case from a key of \`${place}\``

function readCall(doc: JsonDoc, parts: Parts, name: JsonNode, id: string | undefined): SingleMessage | MessageFault {
  if (parts.result || parts.error) return invalid('both a call and a response', id)
  if (name.kind !== 'string' || name.end - name.start > METHOD_MAX_BYTES)
    return invalid('`method` must be a string of at most 254 bytes', id)
  const method = textOf(doc, name)
  const { params, id: idNode } = parts
  if (id === undefined && !method.startsWith('notifications/')) return invalid('a request needs an `id`')
  if (id !== undefined && CORE_NOTIFICATIONS.has(method)) return invalid('a notification has no `id`', id)
  const meta = member(params, '_meta')
  const fault = (params && paramsFault(doc, params, meta)) ?? shapeFault(doc.bytes, method, params)
  if (fault !== undefined) return badParams(fault, id)
  const message: Mutable<RequestMessage> | Mutable<NotificationMessage> =
    id === undefined || !idNode ? { kind: 'notification', doc, method } : { kind: 'request', doc, method, id, idNode }
  if (params) message.params = params
  if (meta) message.meta = meta
  return message
}

/** Places inside `params` whose keys the gateway reads. */
const NESTED: ReadonlyMap<string, PlaceName> = new Map([
  ['_meta', 'meta'],
  ['ref', 'ref'],
  ['argument', 'argument'],
  ['context', 'context'],
  ['notifications', 'notifications'],
  ['capabilities', 'capabilities'],
  ['clientInfo', 'clientInfo'],
])

function paramsFault(doc: JsonDoc, params: JsonNode, meta: JsonNode | undefined): string | undefined {
  if (!params.members) return '`params` must be an object'
  const variant = caseVariant(params, 'params')
  if (variant !== undefined) return variantDetail(variant, 'params')
  if (meta && meta.kind !== 'object') return '`params._meta` must be an object'
  for (const { key, value } of params.members) {
    const place = NESTED.get(key)
    const nested = place && caseVariant(value, place)
    if (place && nested !== undefined) return variantDetail(nested, place)
  }
  const token = member(meta, 'progressToken')
  return token && idText(doc, token) === undefined ? '`progressToken` must be a string or an integer' : undefined
}

function readResponse(doc: JsonDoc, parts: Parts, id: string | undefined): ResponseMessage | MessageFault {
  const { result, error } = parts
  if (parts.params || (result === undefined) === (error === undefined)) return invalid('neither a call nor a response', id)
  if (result) {
    if (id === undefined) return invalid('a result needs an `id`')
    if (result.kind !== 'object') return invalid('`result` must be an object', id)
  } else if (error && !isError(doc, error)) return invalid('`error` must have an integer `code` and a `message`', id)
  const variant = result ? (caseVariant(result, 'result') ?? caseVariant(member(result, '_meta'), 'meta')) : caseVariant(error, 'error')
  if (variant !== undefined) return invalid(variantDetail(variant, result ? 'result' : 'error'), id)
  const message: Mutable<ResponseMessage> = { kind: 'response', doc }
  if (id !== undefined) message.id = id
  if (result) message.result = result
  if (error) message.error = error
  return message
}

function isError(doc: JsonDoc, error: JsonNode): boolean {
  const code = member(error, 'code')
  const message = member(error, 'message')
  return code?.kind === 'number' && idText(doc, code) !== undefined && message?.kind === 'string'
}
