// What stands where in an MCP message: keys the gateway reads at each place, and the kinds of the parameters it reads.
// A key that differs from one of these by case only is refused at that place (GHSA-4gph-2hhr-5mwg): a lenient reader would take it for the real one.

import { member } from './json.ts'
import type { JsonNode } from './json.ts'
import { META } from './revisions.ts'

type Place = { readonly exact: ReadonlySet<string>; readonly folded: ReadonlySet<string>; readonly longest: number }

/** Case folding as lenient readers do it, wider than needed: also U+017F (long s) and U+212A (Kelvin sign). */
const fold = (key: string): string => key.toUpperCase().toLowerCase()
const place = (keys: string): Place => {
  const exact = new Set(keys.split(' '))
  return { exact, folded: new Set([...exact].map(fold)), longest: Math.max(...[...exact].map(k => k.length)) }
}

const PLACES = {
  message: place('jsonrpc id method params result error'),
  params: place(
    'name arguments uri cursor taskId _meta inputResponses requestState level ref argument context notifications requestId progressToken task ' +
      'protocolVersion capabilities clientInfo messages systemPrompt includeContext tools toolChoice maxTokens mode message requestedSchema url elicitationId',
  ),
  meta: place(`progressToken traceparent tracestate baggage io.modelcontextprotocol/related-task ${Object.values(META).join(' ')}`),
  ref: place('type name uri'),
  argument: place('name value'),
  context: place('arguments'),
  notifications: place('toolsListChanged promptsListChanged resourcesListChanged resourceSubscriptions taskIds'),
  capabilities: place('roots sampling elicitation tasks experimental extensions'),
  clientInfo: place('name version title'),
  inputRequest: place('method params'),
  error: place('code message data'),
  result: place(
    '_meta resultType inputRequests requestState ttlMs cacheScope nextCursor tools prompts resources resourceTemplates contents content ' +
      'structuredContent isError messages completion capabilities serverInfo protocolVersion supportedVersions instructions task tasks taskId ' +
      'status action model role roots',
  ),
} as const satisfies Record<string, Place>
export type PlaceName = keyof typeof PLACES

const RESERVED_PREFIX = 'io.modelcontextprotocol/'

/** The first key at this place that is a case variant of one the gateway reads there, or undefined. Needs an indexed node. */
export function caseVariant(node: JsonNode | undefined, name: PlaceName): string | undefined {
  const members = node?.members
  if (!members) return undefined
  const { exact, folded, longest } = PLACES[name]
  for (const { key } of members) {
    if (exact.has(key) || key.length > longest) continue
    const lower = fold(key)
    if (folded.has(lower)) return key
    if (name === 'meta' && lower.startsWith(RESERVED_PREFIX) && !key.startsWith(RESERVED_PREFIX)) return key
  }
  return undefined
}

/** `?` after the kind: may be absent. `id`: a string or an integer in plain decimal form. */
type Kind = 'string' | 'object' | 'id' | 'string?' | 'object?' | 'id?'
type Shape = Readonly<Record<string, Kind>>
type Rule = { readonly key: string; readonly kind: 'string' | 'object' | 'id'; readonly isOptional: boolean }

const PAGED: Shape = { cursor: 'string?' }
const NAMED: Shape = { name: 'string', arguments: 'object?', inputResponses: 'object?', requestState: 'string?' }
const URI: Shape = { uri: 'string' }
const TASK: Shape = { taskId: 'string' }

/**
 * Parameters the gateway reads, per method. Everything else in `params` is relayed as it is. Methods of the legacy era alone are not here: to a
 * modern host they are unknown whatever their params (R14), so their stages look at params after the era is known.
 */
const SHAPES: Readonly<Record<string, Shape>> = {
  'tools/list': PAGED,
  'prompts/list': PAGED,
  'resources/list': PAGED,
  'resources/templates/list': PAGED,
  'tools/call': NAMED,
  'prompts/get': NAMED,
  'resources/read': { uri: 'string', inputResponses: 'object?', requestState: 'string?' },
  'completion/complete': { ref: 'object', argument: 'object', context: 'object?' },
  'subscriptions/listen': { notifications: 'object' },
  'tasks/get': TASK,
  'tasks/cancel': TASK,
  'tasks/update': { taskId: 'string', inputResponses: 'object?' },
  'elicitation/create': { message: 'string', mode: 'string?', requestedSchema: 'object?', url: 'string?' },
  'notifications/progress': { progressToken: 'id' },
  'notifications/cancelled': { requestId: 'id?' },
  'notifications/resources/updated': URI,
  'notifications/message': { level: 'string' },
}
const RULES: ReadonlyMap<string, readonly Rule[]> = new Map(
  Object.entries(SHAPES).map(([method, shape]) => [
    method,
    Object.entries(shape).map(([key, kind]) => ({ key, kind: kind.replace('?', '') as Rule['kind'], isOptional: kind.endsWith('?') })),
  ]),
)
const WORDS = { string: 'a string', object: 'an object', id: 'a string or an integer' } as const

/** Notifications of the protocol itself: with an id they are malformed; any other `notifications/…` with an id is an unknown method. */
export const CORE_NOTIFICATIONS: ReadonlySet<string> = new Set([
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/message',
  'notifications/roots/list_changed',
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/elicitation/complete',
  'notifications/subscriptions/acknowledged',
  'notifications/tasks',
  'notifications/tasks/status',
])

/**
 * The exact text of a number that every reader takes for the same one: an integer in plain decimal form within +-(2^53-1). Undefined for
 * all other numbers: fractions, exponents, `-0`, and what readers would round (N085).
 */
export function plainInteger(bytes: Buffer, { start, end }: JsonNode): string | undefined {
  if (end - start > 17) return undefined
  const first = bytes[start] === MINUS ? start + 1 : start
  let value = 0
  for (let i = first; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  if (value > Number.MAX_SAFE_INTEGER || (first > start && value === 0)) return undefined
  return String(first > start ? -value : value)
}
const MINUS = 0x2d

const fits = (bytes: Buffer, value: JsonNode, kind: Rule['kind']): boolean => {
  if (kind !== 'id') return value.kind === kind
  if (value.kind === 'string') return true
  return value.kind === 'number' && plainInteger(bytes, value) !== undefined
}

/** What is wrong with the kinds of the parameters this method is read for, or undefined (N092). */
export function shapeFault(bytes: Buffer, method: string, params: JsonNode | undefined): string | undefined {
  const rules = RULES.get(method)
  if (!rules) return undefined
  for (const { key, kind, isOptional } of rules) {
    const value = member(params, key)
    if (value === undefined ? !isOptional : !fits(bytes, value, kind)) return `\`params.${key}\` must be ${WORDS[kind]}`
  }
  return undefined
}
