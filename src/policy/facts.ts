// From verified principals and admitted definitions to the facts of policies. What is not well-formed has no facts: whoever asks with it is refused.

import { hasTraversal } from '../kernel/prefixes.ts'
import type { Principal } from '../kernel/principal.ts'
import { keyOf, type ContextFacts, type Entity, type EntityKey, type EntityType, type Facts, type ResourceType } from './request.ts'

/** What is known of a server. `registryName`, `version` and `publisher` only where a signature over this very version was verified. */
export type ServerFacts = {
  readonly alias: string
  readonly registryName?: string
  readonly version?: string
  /** the namespace whose owner signed */
  readonly publisher?: string
  readonly signature: 'verified' | 'unsigned'
  readonly standing: 'admitted' | 'configured' | 'deprecated' | 'quarantined' | 'revoked'
  readonly reviewer?: string
  /** an administrator's words for it */
  readonly labels: readonly string[]
}

/** The annotations of an admitted definition, as far as they say anything. */
export type ToolHints = {
  readonly readOnlyHint?: boolean
  readonly destructiveHint?: boolean
  readonly idempotentHint?: boolean
  readonly openWorldHint?: boolean
}

/** `digest` of the admitted definition; resources have contents of their own behind one. */
export type Definition =
  | { readonly kind: 'tool'; readonly name: string; readonly digest?: string; readonly hints: ToolHints }
  | { readonly kind: 'prompt'; readonly name: string; readonly digest?: string }
  | { readonly kind: 'resource'; readonly uri: string }
  | { readonly kind: 'template'; readonly uriTemplate: string }

/**
 * The principal of a verified token. `groupPrefix` stands in front of every group where several issuers could hold the same one. Undefined where a name is not
 * well-formed: two of those would look the same to a policy.
 */
export function principalEntity(principal: Principal, groupPrefix = ''): Entity | undefined {
  const { issuer, subject, client = '', groups } = principal
  return entity(
    principal.kind === 'workload' ? 'Workload' : 'User',
    principal.key,
    groups.map(group => keyOf('Group', groupPrefix + group)),
    { issuer, subject, client },
  )
}

/** A server itself. */
export const serverEntity = (server: ServerFacts): Entity | undefined =>
  entity('Server', server.alias, ancestorsOf(server).slice(1), { server: factsOf(server) })

export const endpointEntity = (path: string): Entity | undefined => entity('Endpoint', path, [], {})

/** A definition of a server. */
export function definitionEntity(server: ServerFacts, definition: Definition): Entity | undefined {
  const { type, id, attributes } = described(definition)
  return entity(type, `${server.alias}/${id}`, ancestorsOf(server), { ...attributes, server: factsOf(server) })
}

function described(definition: Definition): { readonly type: ResourceType; readonly id: string; readonly attributes: Facts } {
  switch (definition.kind) {
    case 'tool': {
      const { name, digest = '', hints } = definition
      const readOnly = hints.readOnlyHint === true
      return {
        type: 'Tool',
        id: name,
        attributes: {
          name,
          digest,
          hints: {
            readOnly,
            // MCP 2026-07-28 ToolAnnotations: true unless said otherwise, and meaningful only where the tool is not read-only; one that says both is both
            destructive: readOnly ? hints.destructiveHint === true : hints.destructiveHint !== false,
            idempotent: hints.idempotentHint === true,
            openWorld: hints.openWorldHint !== false,
          },
        },
      }
    }
    case 'prompt':
      return { type: 'Prompt', id: definition.name, attributes: { name: definition.name, digest: definition.digest ?? '' } }
    case 'resource':
      return { type: 'Resource', id: definition.uri, attributes: { uri: definition.uri, climbs: hasTraversal(definition.uri) } }
    case 'template':
      return {
        type: 'Template',
        id: definition.uriTemplate,
        attributes: { uriTemplate: definition.uriTemplate, climbs: hasTraversal(definition.uriTemplate) },
      }
  }
}

function ancestorsOf({ alias, labels, signature, publisher, registryName }: ServerFacts): EntityKey[] {
  const verified = signature === 'verified'
  return [
    keyOf('Server', alias),
    ...labels.map(label => keyOf('Label', label)),
    ...(verified && publisher ? [keyOf('Publisher', publisher)] : []),
    ...(verified && registryName ? [keyOf('Registered', registryName)] : []),
  ]
}

function factsOf({ alias, registryName, version, publisher, signature, standing, reviewer = '' }: ServerFacts): Facts {
  const verified = signature === 'verified'
  return {
    alias,
    registryName: (verified && registryName) || '',
    version: (verified && version) || '',
    publisher: (verified && publisher) || '',
    signature,
    standing,
    reviewer,
  }
}

function entity(type: EntityType, id: string, ancestors: readonly EntityKey[], attributes: Facts): Entity | undefined {
  const within = new Set([keyOf(type, id), ...ancestors])
  for (const key of within) if (!key.isWellFormed()) return undefined
  return isWellFormed(attributes) ? { type, id, within, attributes } : undefined
}

function isWellFormed(facts: Facts): boolean {
  return Object.values(facts).every(value =>
    typeof value === 'string' ? value.isWellFormed() : typeof value !== 'object' || Array.isArray(value) || isWellFormed(value as Facts),
  )
}

/** Facts of an ordinary request; what is not known yet says so by its default. */
export function contextFacts(nowMs: number, known: Partial<ContextFacts> & Pick<ContextFacts, 'endpoint' | 'era'>): ContextFacts {
  const hours = Math.floor(nowMs / 3_600_000)
  return {
    scopes: [],
    detail: '',
    hour: hours % 24,
    // The first of January 1970 was a Thursday.
    weekday: ((Math.floor(hours / 24) + 3) % 7) + 1,
    readUntrusted: false,
    readPrivate: false,
    findings: [],
    ...known,
  }
}
