// Protocol revisions, eras and the reserved `_meta` keys of MCP 2026-07-28.

/** `legacy`: the session-based 2025 revisions; `modern`: stateless 2026-07-28. */
export type Era = 'legacy' | 'modern'

export const MODERN_VERSION = '2026-07-28'
/** Newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'] as const
export type LegacyVersion = (typeof LEGACY_VERSIONS)[number]

export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
} as const

/** MCP 2026-07-28 and JSON-RPC error codes that the gateway reads or writes. */
export const CODE = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  resourceNotFoundLegacy: -32002,
  headerMismatch: -32020,
  capabilityMissing: -32021,
  versionUnsupported: -32022,
  urlElicitationLegacy: -32042,
} as const
