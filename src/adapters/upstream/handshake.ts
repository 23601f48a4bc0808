// What an upstream says when first spoken to: server/discover (modern) or initialize (legacy), read as evidence of its era (R33-R35).

import type { Caller, UpstreamAnswer, UpstreamFace } from '../../bridge/upstream.ts'
import { member, textOf, valueOf, type JsonDoc, type JsonNode } from '../../mcp/json.ts'
import { CODE, LEGACY_VERSIONS, MODERN_VERSION } from '../../mcp/revisions.ts'
import type { Failure } from './calls.ts'
import type { Exchange } from './exchange.ts'

export type Evidence =
  | { readonly era: 'modern'; readonly face: UpstreamFace }
  /** it does not know server/discover; initialize will tell */
  | { readonly era: 'legacy' }
  /** no evidence (401, 403, 5xx, network, time), or nothing that can be worked with */
  | {
      readonly era: undefined
      readonly failure: Failure
      /** it refused the revision and named that same one as supported: one more try */ readonly again?: true
    }

/** Revisions accepted from an upstream. Servers of 2024-11-05 speak a subset of 2025-03-26. */
const ACCEPTED: ReadonlySet<string> = new Set([...LEGACY_VERSIONS, '2024-11-05'])
/** Errors that only a 2026-07-28 server sends. */
const MODERN_ERRORS: ReadonlySet<number> = new Set([CODE.headerMismatch, CODE.capabilityMissing, CODE.versionUnsupported])
/** Statuses that say nothing about the era (R34). */
const NO_EVIDENCE: ReadonlySet<number> = new Set([0, 401, 403, 407, 408, 421, 425, 429])

type PlainObject = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is PlainObject => typeof value === 'object' && value !== null && !Array.isArray(value)
const objectAt = (doc: JsonDoc, node: JsonNode, key: string): PlainObject => {
  const value = member(node, key)
  const plain = value?.kind === 'object' ? valueOf(doc, value) : {}
  return isObject(plain) ? plain : {}
}
const textsAt = (doc: JsonDoc, node: JsonNode | undefined, key: string): string[] => {
  const value = member(node, key)
  const plain = value?.kind === 'array' ? valueOf(doc, value) : []
  return Array.isArray(plain) ? plain.filter(item => typeof item === 'string') : []
}

const unusable = (detail: string): Evidence & { readonly era: undefined } => ({
  era: undefined,
  failure: { stop: 'upstream-invalid', detail, contact: 'reached' },
})
const NO_VERSION = 'it speaks no protocol revision that is known here'

/** Reads the answer to server/discover. `isHttp`: silence and an end say nothing there, statuses do. */
export function evidenceOf(answer: UpstreamAnswer, exchange: Exchange, isHttp: boolean): Evidence {
  if (answer.kind === 'result') return evidenceOfResult(answer.result.doc, answer.result.node)
  if (answer.kind === 'stop') {
    const { status } = exchange
    // R33: on a channel an exit and a timeout count as legacy.
    if (!isHttp && (answer.stop === 'upstream-lost' || answer.stop === 'upstream-timeout')) return { era: 'legacy' }
    if (!isHttp || NO_EVIDENCE.has(status) || (status >= 500 && status !== 501) || answer.stop === 'upstream-lost') {
      const contact = answer.stop === 'upstream-unavailable' && status === 0 ? 'unreached' : 'none'
      const { stop, detail, retryAfterSeconds } = answer
      return { era: undefined, failure: { stop, detail, contact, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) } }
    }
    return { era: 'legacy' }
  }
  if (!MODERN_ERRORS.has(answer.code)) return { era: 'legacy' }
  const { doc, node } = answer.error
  const supported = textsAt(doc, member(node, 'data'), 'supported')
  // R33: tried again, never a fallback: it says that it knows the very revision that was asked for.
  if (answer.code === CODE.versionUnsupported && supported.includes(MODERN_VERSION)) return { ...unusable(NO_VERSION), again: true }
  if (answer.code === CODE.versionUnsupported && supported.some(version => ACCEPTED.has(version))) return { era: 'legacy' }
  return unusable(answer.code === CODE.versionUnsupported ? NO_VERSION : `it refused server/discover (${answer.code})`)
}

function evidenceOfResult(doc: JsonDoc, node: JsonNode): Evidence {
  const versions = textsAt(doc, node, 'supportedVersions')
  if (versions.includes(MODERN_VERSION)) return { era: 'modern', face: modernFace(doc, node) }
  // Neither a discover result nor an error: a server that answers anything to anything.
  if (versions.length === 0 || versions.some(version => ACCEPTED.has(version))) return { era: 'legacy' }
  return unusable(NO_VERSION)
}

function modernFace(doc: JsonDoc, node: JsonNode): UpstreamFace {
  const discover = valueOf(doc, node) as PlainObject
  const meta = member(node, '_meta')
  return {
    era: 'modern',
    protocolVersion: MODERN_VERSION,
    capabilities: objectAt(doc, node, 'capabilities'),
    serverInfo: meta ? objectAt(doc, meta, 'io.modelcontextprotocol/serverInfo') : {},
    ...instructionsOf(doc, node),
    discover,
  }
}

const instructionsOf = (doc: JsonDoc, node: JsonNode): { instructions?: string } => {
  const instructions = member(node, 'instructions')
  return instructions?.kind === 'string' ? { instructions: textOf(doc, instructions) } : {}
}

/** `params` of initialize. */
export const initializeParams = (caller: Caller, ownInfo: string): Buffer =>
  Buffer.from(`{"protocolVersion":"${LEGACY_VERSIONS[0]}","capabilities":${caller.capabilities},"clientInfo":${ownInfo}}`)

/** Reads the answer to initialize (R45: only revisions both sides know). */
export function legacyFace(answer: UpstreamAnswer): UpstreamFace | Failure {
  if (answer.kind === 'stop') {
    const contact = answer.stop === 'upstream-unavailable' ? 'unreached' : answer.stop === 'upstream-lost' ? 'lost' : 'none'
    return { stop: answer.stop, detail: answer.detail, contact }
  }
  if (answer.kind === 'error') return { stop: 'upstream-invalid', detail: `it refused initialize (${answer.code})`, contact: 'reached' }
  const { doc, node } = answer.result
  const version = member(node, 'protocolVersion')
  const protocolVersion = version?.kind === 'string' ? textOf(doc, version) : ''
  if (!ACCEPTED.has(protocolVersion)) return { stop: 'upstream-invalid', detail: NO_VERSION, contact: 'reached' }
  return {
    era: 'legacy',
    protocolVersion,
    capabilities: objectAt(doc, node, 'capabilities'),
    serverInfo: objectAt(doc, node, 'serverInfo'),
    ...instructionsOf(doc, node),
  }
}
