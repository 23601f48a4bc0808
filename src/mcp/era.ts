// Which era a request belongs to, body first: no header can move a message to another era's rules (R36, N069). Never throws.

import type { Reason } from '../kernel/errors.ts'
import { decodeHeaderValue } from './header-values.ts'
import { member, rawOf, textOf, type JsonDoc, type JsonNode } from './json.ts'
import { LEGACY_VERSIONS, META, MODERN_VERSION } from './revisions.ts'

/** The headers the gateway reads, each at most once on the wire; names lower case. */
export type McpHeaders = {
  readonly protocolVersion?: string | undefined
  readonly method?: string | undefined
  readonly name?: string | undefined
  readonly sessionId?: string | undefined
  readonly lastEventId?: string | undefined
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
  /** the DPoP header (RFC 9449), and whether this HTTP request has spent it */
  readonly proof?: { readonly text: string; isSpent: boolean } | undefined
  /** Mcp-Param-*: [name after the prefix in lower case, value] */
  readonly params: readonly (readonly [string, string])[]
}

/** The per-request envelope of 2026-07-28 (`_meta`). */
export type Envelope = {
  /** raw JSON object text of clientCapabilities, as sent */
  readonly capabilities: string
  readonly clientInfo?: Buffer
  readonly logLevel?: string
}

export type Classification =
  | { readonly era: 'modern'; readonly envelope: Envelope }
  | { readonly era: 'legacy' }
  | { readonly fault: Reason; readonly detail: string; readonly data?: Readonly<Record<string, unknown>> }

/** Declarations are kept, compared and sent on with each request; no client has so many. */
export const MAX_CAPABILITIES_BYTES = 16_384

/** Where Mcp-Name comes from, per method (R9 and the tasks extension). */
const NAME_SOURCE: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** What Mcp-Name must say beside this message (R9), or undefined where it has no such header. */
export function headerNameOf({ doc, method, params }: Message): string | undefined {
  const source = Object.hasOwn(NAME_SOURCE, method) ? NAME_SOURCE[method] : undefined
  const node = source === undefined ? undefined : member(params, source)
  return node?.kind === 'string' ? textOf(doc, node) : undefined
}

const LOG_LEVELS = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'])
export const isLogLevel = (level: string): boolean => LOG_LEVELS.has(level)

type Message = { readonly doc: JsonDoc; readonly method: string; readonly params?: JsonNode; readonly meta?: JsonNode }

/** A request or notification; `isRequest` because header rules for notifications are undefined and never refuse (protocol.md ambiguity e). */
export function classify(message: Message, headers: McpHeaders, isRequest: boolean): Classification {
  const claimed = member(message.meta, META.protocolVersion)
  const modern = claimed !== undefined || headers.protocolVersion === MODERN_VERSION || headers.method !== undefined
  if (!modern) return { era: 'legacy' }
  if (!isRequest) return { era: 'modern', envelope: { capabilities: '{}' } }
  // A legacy client's `initialize` is legacy whatever its headers say; an enveloped one is an unknown method (R14).
  if (claimed === undefined && message.method === 'initialize') return { era: 'legacy' }
  if (claimed === undefined && isLegacyVersion(headers.protocolVersion)) return { era: 'legacy' }
  return readEnvelope(message, headers, claimed)
}

const isLegacyVersion = (version: string | undefined): boolean =>
  version !== undefined && (LEGACY_VERSIONS as readonly string[]).includes(version)

function readEnvelope(message: Message, headers: McpHeaders, claimed: JsonNode | undefined): Classification {
  const { doc, meta } = message
  if (claimed?.kind !== 'string') return envelopeFault(META.protocolVersion)
  const version = textOf(doc, claimed)
  if (headers.protocolVersion === undefined) return mismatch('MCP-Protocol-Version header is missing')
  if (headers.protocolVersion !== version) return mismatch('MCP-Protocol-Version header differs from `_meta`')
  if (version !== MODERN_VERSION)
    return {
      fault: 'version-unsupported',
      detail: `expected \`${MODERN_VERSION}\` in the envelope`,
      data: { supported: [MODERN_VERSION], requested: version },
    }
  const capabilities = member(meta, META.clientCapabilities)
  if (capabilities?.kind !== 'object') return envelopeFault(META.clientCapabilities)
  if (capabilities.end - capabilities.start > MAX_CAPABILITIES_BYTES)
    return {
      fault: 'envelope-invalid',
      detail: `\`_meta\` member \`${META.clientCapabilities}\` is larger than ${MAX_CAPABILITIES_BYTES} bytes`,
    }
  const clientInfo = member(meta, META.clientInfo)
  if (clientInfo !== undefined && clientInfo.kind !== 'object') return envelopeFault(META.clientInfo)
  const level = member(meta, META.logLevel)
  const logLevel = level?.kind === 'string' ? textOf(doc, level) : undefined
  if (level !== undefined && (logLevel === undefined || !isLogLevel(logLevel))) return envelopeFault(META.logLevel)
  const fault = compareHeaders(message, headers)
  if (fault !== undefined) return mismatch(fault)
  return {
    era: 'modern',
    envelope: {
      capabilities: doc.bytes.toString('utf8', capabilities.start, capabilities.end),
      ...(clientInfo && { clientInfo: rawOf(doc, clientInfo) }),
      ...(logLevel !== undefined && { logLevel }),
    },
  }
}

/** R8-R10: header and body must say the same; the body is what is judged, the header only has to agree. */
function compareHeaders(message: Message, headers: McpHeaders): string | undefined {
  if (headers.method === undefined) return 'Mcp-Method header is missing'
  if (headers.method !== message.method) return 'Mcp-Method header differs from the body'
  const source = NAME_SOURCE[message.method]
  if (source === undefined) return undefined
  const node = member(message.params, source)
  if (node?.kind !== 'string') return undefined // params-invalid later, with a better message
  if (headers.name === undefined) return 'Mcp-Name header is missing'
  const decoded = decodeHeaderValue(headers.name)
  if (decoded === undefined) return 'Mcp-Name header is not decodable'
  return decoded === textOf(message.doc, node) ? undefined : 'Mcp-Name header differs from the body'
}

const envelopeFault = (key: string): Classification => ({
  fault: 'envelope-invalid',
  detail: `\`_meta\` member \`${key}\` is missing or of the wrong type`,
})
const mismatch = (detail: string): Classification => ({ fault: 'header-mismatch', detail })
