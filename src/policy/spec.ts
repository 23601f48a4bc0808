// A request in plain data, as cases, `gatehouse policy explain` and people write it: principals and servers by name, a definition, arguments.

import { FINDING_CODES } from '../kernel/finding-words.ts'
import { keyOf as principalKey, type Principal } from '../kernel/principal.ts'
import { ACTIONS } from './actions.ts'
import {
  contextFacts,
  definitionEntity,
  endpointEntity,
  principalEntity,
  serverEntity,
  type Definition,
  type ServerFacts,
} from './facts.ts'
import type { Data, PlainReader } from './plain.ts'
import type { ContextFacts, Entity, PolicyRequest } from './request.ts'

export type World = { readonly principals: ReadonlyMap<string, Entity>; readonly servers: ReadonlyMap<string, ServerFacts> }

const DEFAULT_ISSUER = 'https://login.example.com'
const TARGETS = ['tool', 'prompt', 'resource', 'template', 'server', 'endpoint'] as const
const HINTS = ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const
const CONTEXT = ['scopes', 'endpoint', 'era', 'detail', 'hour', 'weekday', 'readUntrusted', 'readPrivate', 'findings', 'approval'] as const
const STANDINGS = ['admitted', 'configured', 'deprecated', 'quarantined', 'revoked']
/** Monday noon: a case says so where it matters. */
const NOON = { hour: 12, weekday: 1 }

/** Members that a request is made of. */
export const REQUEST_MEMBERS = ['principal', 'action', ...TARGETS, 'hints', 'digest', 'arguments', 'context']

/** The named principals and servers of a file. */
export function readWorld(read: PlainReader, file: Data | undefined): World {
  const members = (name: string): readonly (readonly [string, unknown])[] =>
    file?.[name] === undefined ? [] : Object.entries(read.record(file[name], name, 'any') ?? {})
  const principals = new Map<string, Entity>()
  const servers = new Map<string, ServerFacts>()
  for (const [name, data] of members('principals')) {
    const found = readPrincipal(read, data, { path: `principals.${name}`, name })
    if (found) principals.set(name, found)
  }
  for (const [name, data] of members('servers')) {
    const found = readServer(read, data, { path: `servers.${name}`, name })
    if (found) servers.set(name, found)
  }
  return { principals, servers }
}

type Named = { readonly path: string; readonly name: string }

function readPrincipal(read: PlainReader, value: unknown, { path, name }: Named): Entity | undefined {
  const data = read.record(value ?? {}, path, ['kind', 'issuer', 'subject', 'client', 'groups'])
  if (!data) return undefined
  const kind = data['kind'] === undefined ? 'person' : read.oneOf(data['kind'], `${path}.kind`, ['person', 'workload'])
  const [issuer, subject, client] = (['issuer', 'subject', 'client'] as const).map(each => read.optional(data[each], `${path}.${each}`))
  const groups = data['groups'] === undefined ? [] : read.texts(data['groups'], `${path}.groups`)
  if (kind === undefined || !groups) return undefined
  const who = { issuer: issuer ?? DEFAULT_ISSUER, subject: subject ?? name }
  return principalEntity({
    ...who,
    key: principalKey(who.issuer, who.subject),
    kind: kind as Principal['kind'],
    ...(client !== undefined && { client }),
    groups,
    scopes: [],
    wildcards: [],
    expiresAtSeconds: 0,
  })
}

function readServer(read: PlainReader, value: unknown, { path, name: alias }: Named): ServerFacts | undefined {
  const texts = ['registryName', 'version', 'publisher', 'reviewer'] as const
  const data = read.record(value ?? {}, path, [...texts, 'signature', 'standing', 'labels'])
  if (!data) return undefined
  const given = texts.flatMap(name => {
    const text = read.optional(data[name], `${path}.${name}`)
    return text === undefined ? [] : [[name, text] as const]
  })
  const { signature: signed = 'unsigned', standing: stands = 'admitted' } = data
  const signature = read.oneOf(signed, `${path}.signature`, ['verified', 'unsigned'])
  const standing = read.oneOf(stands, `${path}.standing`, STANDINGS)
  const labels = data['labels'] === undefined ? [] : read.texts(data['labels'], `${path}.labels`)
  if (signature === undefined || standing === undefined || !labels) return undefined
  return { alias, ...Object.fromEntries(given), signature, standing, labels } as ServerFacts
}

/** `data` holds some of REQUEST_MEMBERS. */
export function readRequest(read: PlainReader, data: Data, path: string, world: World): PolicyRequest | undefined {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
  const principal = readWho(read, data['principal'], at('principal'), world)
  const action = read.oneOf(data['action'], at('action'), Object.keys(ACTIONS))
  const resource = readTarget(read, data, at, world)
  const context = readContext(read, data['context'], at('context'))
  if (!principal || action === undefined || !resource || !context) return undefined
  const types: readonly string[] = ACTIONS[action]?.resources ?? []
  if (!types.includes(resource.type))
    return read.fault(at('action'), `\`${action}\` is about ${types.map(type => `one ${type.toLowerCase()}`).join(' or ')}`)
  return { principal, action, resource, context, ...(data['arguments'] !== undefined && { arguments: data['arguments'] }) }
}

function readWho(read: PlainReader, value: unknown, path: string, world: World): Entity | undefined {
  if (typeof value !== 'string') return readPrincipal(read, value, { path, name: 'somebody' })
  return world.principals.get(value) ?? read.unknown(path, value, [...world.principals.keys()])
}

function readTarget(read: PlainReader, data: Data, at: (name: string) => string, world: World): Entity | undefined {
  const [kind, ...others] = TARGETS.filter(name => data[name] !== undefined)
  if (!kind || others.length > 0) return read.fault(at(others[0] ?? 'action'), `expected one of ${TARGETS.join(', ')}`)
  const name = read.text(data[kind], at(kind))
  if (name === undefined) return undefined
  if (kind === 'endpoint') return endpointEntity(name)
  // `files/read_file`, and the whole name of a server
  const slash = kind === 'server' ? name.length : name.indexOf('/')
  if (slash < 0) return read.fault(at(kind), `expected \`<server>/<${kind}>\``)
  const alias = name.slice(0, slash)
  const server = world.servers.get(alias)
  if (!server) return read.unknown(at(kind), alias, [...world.servers.keys()])
  if (kind === 'server') return serverEntity(server)
  const definition = readDefinition(read, data, at, { kind, name: name.slice(slash + 1) })
  return definition && definitionEntity(server, definition)
}

type NamedDefinition = { readonly kind: 'tool' | 'prompt' | 'resource' | 'template'; readonly name: string }

function readDefinition(
  read: PlainReader,
  data: Data,
  at: (name: string) => string,
  { kind, name }: NamedDefinition,
): Definition | undefined {
  const digest = read.optional(data['digest'], at('digest'))
  const known = digest === undefined ? {} : { digest }
  if (kind === 'prompt') return { kind, name, ...known }
  if (kind === 'resource') return { kind, uri: name }
  if (kind === 'template') return { kind, uriTemplate: name }
  const hints = data['hints'] === undefined ? {} : read.record(data['hints'], at('hints'), HINTS)
  for (const [hint, value] of Object.entries(hints ?? {})) read.flag(value, `${at('hints')}.${hint}`)
  return hints && { kind, name, hints: hints, ...known }
}

function readContext(read: PlainReader, value: unknown, path: string): ContextFacts | undefined {
  const data = value === undefined ? {} : read.record(value, path, CONTEXT)
  if (!data) return undefined
  const before = read.faults.length
  const known = Object.fromEntries(Object.entries(data).map(([name, given]) => [name, readFact(read, name, given, `${path}.${name}`)]))
  if (read.faults.length > before) return undefined
  const { approval, ...facts } = known
  const base = contextFacts(0, { endpoint: '/mcp', era: 'modern', ...NOON })
  return { ...base, ...(facts as Partial<ContextFacts>), ...(approval !== undefined && { approval: { count: approval as number } }) }
}

/** A code that does not exist would be found in no arguments. */
function readCodes(read: PlainReader, given: unknown, path: string): unknown {
  const codes = read.texts(given, path)
  const known: readonly string[] = FINDING_CODES
  for (const code of codes ?? []) if (!known.includes(code)) read.unknown(path, code, known)
  return codes
}

function readFact(read: PlainReader, name: string, given: unknown, path: string): unknown {
  if (name === 'scopes') return read.texts(given, path)
  if (name === 'findings') return readCodes(read, given, path)
  if (name === 'endpoint' || name === 'detail') return read.text(given, path)
  if (name === 'era') return read.oneOf(given, path, ['legacy', 'modern'])
  return name.startsWith('read') ? read.flag(given, path) : read.whole(given, path)
}
