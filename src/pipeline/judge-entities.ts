// Principals, servers and definitions as policies see them, made once for as long as the things themselves live.

import type { Entry, ListKind } from '../catalog/entry.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Primitive } from '../policy/allow-list.ts'
import { definitionEntity, endpointEntity, principalEntity, serverEntity, type Definition, type ServerFacts } from '../policy/facts.ts'
import type { Entity } from '../policy/request.ts'
import { readToolHints } from './tool-hints.ts'

/** A definition as its list has it; `digest` of an admitted one, '' where nobody admitted it. */
export type Defined = { readonly entry: Entry; readonly digest: string }
/** What is asked for at a server, in its own name. `method`: as the host sent it. */
export type Wanted = { readonly kind: Primitive | 'task'; readonly name: string; readonly method: string }

type Known = { readonly server: Entity | undefined; readonly definitions: WeakMap<Entry, Entity> }

/** Undefined throughout: a name that is not well-formed, of which no policy can speak. */
export class Entities {
  readonly #groupPrefix: (issuer: string) => string
  readonly #principals = new WeakMap<Principal, { readonly prefix: string; readonly entity: Entity | undefined }>()
  readonly #servers = new WeakMap<ServerFacts, Known>()
  readonly #endpoints = new Map<string, Entity>()

  constructor(groupPrefix: (issuer: string) => string) {
    this.#groupPrefix = groupPrefix
  }

  principal(principal: Principal): Entity | undefined {
    const prefix = this.#groupPrefix(principal.issuer)
    let known = this.#principals.get(principal)
    // Another issuer came or went, and groups are named otherwise.
    if (known?.prefix !== prefix) this.#principals.set(principal, (known = { prefix, entity: principalEntity(principal, prefix) }))
    return known.entity
  }

  server(facts: ServerFacts): Entity | undefined {
    return this.#known(facts).server
  }

  endpoint(path: string): Entity | undefined {
    const known = this.#endpoints.get(path)
    if (known) return known
    const made = endpointEntity(path)
    // INVARIANT: paths of endpoints are the configuration's.
    if (made) this.#endpoints.set(path, made)
    return made
  }

  resource(facts: ServerFacts, { kind, name, method, defined }: Wanted & { readonly defined?: Defined | undefined }): Entity | undefined {
    if (kind === 'task' || kind === 'method') return this.server(facts)
    if (defined && (kind === 'tool' || kind === 'prompt')) return this.entry(facts, kind === 'tool' ? 'tools' : 'prompts', defined)
    // Only completion names templates. What is read is a resource, braces or not: rules about resources must not be evaded by a brace.
    const isTemplate = kind === 'resource' && method === 'completion/complete' && /[{}]/.test(name)
    return isTemplate ? definitionEntity(facts, { kind: 'template', uriTemplate: name }) : namedEntity(facts, kind, name)
  }

  entry(facts: ServerFacts, kind: ListKind, { entry, digest }: Defined): Entity | undefined {
    const { definitions } = this.#known(facts)
    const known = definitions.get(entry)
    if (known) return known
    const made = definitionEntity(facts, described(kind, entry, digest))
    if (made) definitions.set(entry, made)
    return made
  }

  #known(facts: ServerFacts): Known {
    let known = this.#servers.get(facts)
    if (!known) this.#servers.set(facts, (known = { server: serverEntity(facts), definitions: new WeakMap() }))
    return known
  }
}

function described(kind: ListKind, { name, raw }: Entry, digest: string): Definition {
  switch (kind) {
    case 'tools':
      return { kind: 'tool', name, digest, hints: readToolHints(raw) }
    case 'prompts':
      return { kind: 'prompt', name, digest }
    case 'resources':
      return { kind: 'resource', uri: name }
    case 'templates':
      return { kind: 'template', uriTemplate: name }
  }
}

/** By its name alone: a tool without its hints is as dangerous as one can be. */
export function namedEntity(facts: ServerFacts, kind: Primitive, name: string): Entity | undefined {
  switch (kind) {
    case 'tool':
      return definitionEntity(facts, { kind, name, hints: {} })
    case 'prompt':
      return definitionEntity(facts, { kind, name })
    case 'resource':
      return definitionEntity(facts, { kind, uri: name })
    case 'method':
      return serverEntity(facts)
  }
}
