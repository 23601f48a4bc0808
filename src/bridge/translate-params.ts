// Parameters between the eras (research/protocol.md section 2): of upstreams' questions and notifications. Unknown members pass byte-exact. Those of hosts' requests: outgoing.ts.

import { isJsonFault, member, rawOf, readJson, textOf } from '../mcp/json.ts'
import type { JsonDoc, JsonNode } from '../mcp/json.ts'
import { CODE, META } from '../mcp/revisions.ts'
import type { Era } from '../mcp/revisions.ts'
import { objectEdits, splice } from '../mcp/splice.ts'
import type { Edit, Entry } from '../mcp/splice.ts'
import { docOf, indexed, isText } from './slices.ts'
import type { Slice } from './upstream.ts'

const RESERVED_META: ReadonlySet<string> = new Set(Object.values(META))
/** An object without some keys of its `_meta`; an emptied `_meta` goes too. The same memory when nothing changes. */
function withoutMeta(object: Slice, metaKeys: ReadonlySet<string>): Buffer {
  const { doc, node } = indexed(object)
  return splice(doc.bytes, metaEdits(node, metaKeys), node.start, node.end)
}
function metaEdits(node: JsonNode, metaKeys: ReadonlySet<string>): Edit[] {
  const meta = member(node, '_meta')
  if (!meta?.members) return []
  const isEmptied = meta.members.length > 0 && meta.members.every(m => metaKeys.has(m.key))
  return isEmptied ? objectEdits(node, key => key === '_meta') : objectEdits(meta, key => metaKeys.has(key))
}

const LEGACY_QUESTION: ReadonlySet<string> = new Set(['elicitationId', 'task', '_meta'])
const LEGACY_REQUEST: ReadonlySet<string> = new Set(['task', '_meta'])

/** Params of a 2025 upstream's request as those of an `inputRequests` entry (2026 has no elicitation ids and no task augmentation). */
export function inputParamsToModern(method: string, params: Slice): Buffer {
  const { doc, node } = indexed(params)
  const keys = method === 'elicitation/create' ? LEGACY_QUESTION : LEGACY_REQUEST
  return splice(
    doc.bytes,
    objectEdits(node, key => keys.has(key)),
    node.start,
    node.end,
  )
}

/** Params of an `inputRequests` entry as those of a request to a 2025 host. URL elicitations get the id that 2025-11-25 wants (R97). */
export function inputParamsToLegacy(method: string, params: Slice, elicitationId: string): Buffer {
  const { doc, node } = indexed(params)
  const isUrl = method === 'elicitation/create' && isText(doc, member(node, 'mode'), 'url')
  const entries: Entry[] = isUrl ? [['elicitationId', JSON.stringify(elicitationId)]] : []
  return splice(
    doc.bytes,
    objectEdits(node, () => false, entries),
    node.start,
    node.end,
  )
}

/** At most this many URL elicitations in one error. */
const MAX_ELICITATIONS = 16

/**
 * The elicitations of a -32042 error (2025-11-25) as params of `inputRequests` entries, in order. Undefined: the error does not hold what it must.
 * `error` is the whole error object.
 */
export function inputRequestsOfUrlElicitation(error: Slice): { readonly params: Slice }[] | undefined {
  const doc = readJson(rawOf(error.doc, error.node), { indexDepth: 4 })
  if (isJsonFault(doc)) return undefined
  const items = member(member(doc.root, 'data'), 'elicitations')?.items
  if (!items || items.length === 0 || items.length > MAX_ELICITATIONS) return undefined
  const requests: { params: Slice }[] = []
  for (const node of items) {
    const mode = member(node, 'mode')
    if (member(node, 'url')?.kind !== 'string' || member(node, 'message')?.kind !== 'string') return undefined
    if (mode && !isText(doc, mode, 'url')) return undefined
    // in 2026-07-28 an absent mode means form (R94)
    const edits = objectEdits(node, key => LEGACY_QUESTION.has(key), [['mode', '"url"']])
    const own = docOf(splice(doc.bytes, edits, node.start, node.end), 3)
    requests.push({ params: { doc: own, node: own.root } })
  }
  return requests
}

/** Longest id of an elicitation that travels. */
const MAX_ELICITATION_ID = 256

/**
 * -32042 for a host of 2025-11-25, made anew: what stands in an error passes no gate, so nothing of the upstream's does but the ids of its elicitations.
 * `shown`: of each of them, in order, the members that a host may be shown.
 */
export function urlElicitationError(error: Slice, message: string, shown: readonly (readonly Entry[])[]): Buffer {
  const doc = docOf(rawOf(error.doc, error.node), 4)
  const items = member(member(doc.root, 'data'), 'elicitations')?.items ?? []
  const elicitations = shown.map((entries, i) => {
    const id = member(items[i], 'elicitationId')
    const named = id?.kind === 'string' ? textOf(doc, id) : undefined
    const ids: readonly Entry[] =
      named !== undefined && named.length <= MAX_ELICITATION_ID ? [['elicitationId', JSON.stringify(named)]] : []
    return objectText([['mode', '"url"'], ...entries, ...ids])
  })
  return Buffer.from(
    objectText([
      ['code', String(CODE.urlElicitationLegacy)],
      ['message', JSON.stringify(message)],
      ['data', objectText([['elicitations', `[${elicitations.join(',')}]`]])],
    ]),
  )
}
const objectText = (entries: readonly Entry[]): string =>
  `{${entries.map(([key, text]) => `${JSON.stringify(key)}:${text.toString()}`).join(',')}}`

/** Notifications of an upstream that never travel on a call's stream: wrong direction, another hop's ids, or delivered by the subscription path. */
const NEVER_TO_HOST: ReadonlySet<string> = new Set([
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/roots/list_changed',
  'notifications/subscriptions/acknowledged',
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/tasks',
  // of tasks that no host was given: 2025 requests travel without theirs, and the id would be the upstream's own
  'notifications/tasks/status',
])
/** Notifications 2026-07-28 does not have. */
const LEGACY_ONLY: ReadonlySet<string> = new Set(['notifications/elicitation/complete'])
const QUESTIONS: ReadonlySet<string> = new Set(['inputRequests', 'requestState'])
const SUBSCRIPTION: ReadonlySet<string> = new Set([META.subscriptionId])

/** Whether a notification carries questions, or what answers are brought back with: results alone have them, where they pass the gates. */
export function holdsQuestions(message: JsonDoc): boolean {
  const params = member(message.root, 'params')
  if (params?.kind !== 'object') return false
  const { members = [] } = params.members ? params : indexed({ doc: message, node: params }).node
  return members.some(({ key }) => QUESTIONS.has(key))
}

/** A notification that an upstream sent inside a call, as this call's host gets it; undefined: it does not travel. */
export function notificationToHost(method: string, message: JsonDoc, era: Era): Buffer | undefined {
  // Whatever is no notification by its name: a question without an id is none that anybody judged.
  if (!method.startsWith('notifications/') || NEVER_TO_HOST.has(method) || (era === 'modern' && LEGACY_ONLY.has(method))) return undefined
  const params = member(message.root, 'params')
  if (!params || (params.members && !member(params, '_meta'))) return message.bytes
  const text = withoutMeta({ doc: message, node: params }, era === 'modern' ? SUBSCRIPTION : RESERVED_META)
  if (text.length === params.end - params.start) return message.bytes
  return splice(message.bytes, [{ start: params.start, end: params.end, text }])
}
