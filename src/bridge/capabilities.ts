// Effective client capabilities: what the host declared, what the gateway can bridge and what the allow-list permits; never more (R38).

import { isJsonFault, member, rawOf, readJson, type JsonNode } from '../mcp/json.ts'
import type { Era } from '../mcp/revisions.ts'

export type RequestKind = 'elicitation.form' | 'elicitation.url' | 'sampling' | 'sampling.tools' | 'roots'

/** The host's declared capabilities that matter to bridging; everything else is relayed or dropped by `effective`. */
export type HostCapabilities = {
  readonly kinds: ReadonlySet<RequestKind>
  /** raw JSON objects of the elicitation modes as declared: what they say beyond being there (`applyDefaults`) is the upstream's to read */
  readonly modes: ReadonlyMap<'form' | 'url', string>
  readonly extensions: ReadonlyMap<string, string>
}

const TASKS = 'io.modelcontextprotocol/tasks'

/** Reads a `capabilities` object (already judged JSON text). `elicitation: {}` means form only (R94). `version` bounds what a legacy revision knows. */
export function readCapabilities(text: string, era: Era, version: string): HostCapabilities {
  const doc = readJson(Buffer.from(text), { indexDepth: 3 })
  const kinds = new Set<RequestKind>()
  const extensions = new Map<string, string>()
  const modes = new Map<'form' | 'url', string>()
  if (isJsonFault(doc)) return { kinds, modes, extensions }
  const { root } = doc
  const elicitation = objectMember(root, 'elicitation')
  if (elicitation && version !== '2025-03-26') {
    const url = member(elicitation, 'url') !== undefined
    if (member(elicitation, 'form') !== undefined || !url) kinds.add('elicitation.form')
    if (url && version !== '2025-06-18') kinds.add('elicitation.url')
    for (const mode of ['form', 'url'] as const) {
      const declared = objectMember(elicitation, mode)
      if (declared) modes.set(mode, rawOf(doc, declared).toString())
    }
  }
  const sampling = objectMember(root, 'sampling')
  if (sampling) {
    kinds.add('sampling')
    if (member(sampling, 'tools') !== undefined && version !== '2025-06-18' && version !== '2025-03-26') kinds.add('sampling.tools')
  }
  if (objectMember(root, 'roots')) kinds.add('roots')
  for (const extension of objectMember(root, 'extensions')?.members ?? []) {
    // The tasks extension exists only between modern peers (research/protocol.md section 2, row tasks).
    if (extension.key === TASKS && era === 'legacy') continue
    extensions.set(extension.key, rawOf(doc, extension.value).toString())
  }
  return { kinds, modes, extensions }
}

/**
 * Canonical JSON text of the capabilities shown to an upstream. `kinds` must already be the intersection of host and policy.
 * A legacy upstream is never told of extensions it cannot be bridged to.
 */
export function upstreamCapabilities(kinds: ReadonlySet<RequestKind>, host: HostCapabilities, upstreamEra: Era): string {
  const parts: string[] = []
  const modes = (['form', 'url'] as const)
    .filter(mode => kinds.has(`elicitation.${mode}`))
    .map(mode => `"${mode}":${host.modes.get(mode) ?? '{}'}`)
  if (modes.length > 0) parts.push(`"elicitation":{${modes.join(',')}}`)
  const extensions = [...host.extensions]
    .filter(([name]) => upstreamEra === 'modern' || name !== TASKS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  if (extensions.length > 0) parts.push(`"extensions":{${extensions.map(([k, v]) => `${JSON.stringify(k)}:${v}`).join(',')}}`)
  if (kinds.has('roots')) parts.push('"roots":{}')
  if (kinds.has('sampling')) parts.push(kinds.has('sampling.tools') ? '"sampling":{"tools":{}}' : '"sampling":{}')
  return `{${parts.join(',')}}`
}

export const declaresTasks = (host: HostCapabilities): boolean => host.extensions.has(TASKS)

function objectMember(node: JsonNode, key: string): JsonNode | undefined {
  const value = member(node, key)
  return value?.kind === 'object' ? value : undefined
}
