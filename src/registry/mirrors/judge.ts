// What becomes of an entry of another registry: taken into waiting, passed over, or refused. Nothing of it is believed but that it was said.

import { hash } from 'node:crypto'
import { canonicalJsonOf } from '../../kernel/canonical-json.ts'
import type { SchemaFault } from '../json-schema.ts'
import { isWithinOne, skeletonOf } from '../../kernel/look-alikes.ts'
import { parseServerName, type ServerName } from '../names.ts'
import { MAX_SERVER_JSON_BYTES, readServerJson } from '../server-json.ts'
import type { MirrorEntry, Said } from './page.ts'
import type { MirrorChange, MirroredVersion } from './store.ts'

/** Which namespaces a mirror is read for: `io.github.*` for all below one, `com.example` for that one, `*` for all. Lower case. */
export type NamespacePattern = string

export type Judged =
  | {
      readonly kind: 'entry'
      readonly name: ServerName
      readonly version: string
      readonly serverJson: string
      readonly digest: string
      readonly said: Said
    }
  | { readonly kind: 'outside' }
  | { readonly kind: 'refused'; readonly name: string; readonly why: string }

/** By the rules of this registry, and where it would come from. `at`: its place, for one without a name. */
export function judgeEntry(
  entry: MirrorEntry,
  at: number,
  {
    patterns,
    checkSchema,
  }: { readonly patterns: readonly NamespacePattern[]; readonly checkSchema: (value: unknown) => readonly SchemaFault[] },
): Judged {
  if ('fault' in entry) return { kind: 'refused', name: `entry ${at}`, why: entry.fault }
  const { serverJson, said } = entry
  if (Buffer.byteLength(serverJson) > MAX_SERVER_JSON_BYTES)
    return { kind: 'refused', name: `entry ${at}`, why: `expected at most ${MAX_SERVER_JSON_BYTES} bytes` }
  const value = JSON.parse(serverJson) as Readonly<Record<string, unknown>>
  const named = namesOf(value)
  const namespace = named.server?.namespace.toLowerCase()
  if (namespace !== undefined && !patterns.some(pattern => isIn(namespace, pattern))) return { kind: 'outside' }
  const document = readServerJson(value, checkSchema)
  if (!('name' in document)) return { kind: 'refused', name: named.text ?? `entry ${at}`, why: wordsOf(document) }
  const canonical = canonicalJsonOf(serverJson)
  if (canonical === undefined) return { kind: 'refused', name: named.text ?? `entry ${at}`, why: 'it has no canonical form' }
  return { kind: 'entry', name: document.name, version: document.version, serverJson, digest: hash('sha256', canonical), said }
}

const isIn = (namespace: string, pattern: NamespacePattern): boolean =>
  pattern === '*' || pattern === namespace || (pattern.endsWith('.*') && namespace.startsWith(pattern.slice(0, -1)))

/** For people, where it can be shown at all. */
function namesOf({ name, version }: Readonly<Record<string, unknown>>): {
  readonly server: ServerName | undefined
  readonly text: string | undefined
} {
  const server = typeof name === 'string' ? parseServerName(name) : undefined
  const shown = typeof version === 'string' && /^[\x21-\x7e]{1,100}$/.test(version) ? `@${version}` : ''
  return { server, text: server && server.text + shown }
}
const wordsOf = (faults: readonly SchemaFault[]): string =>
  faults
    .slice(0, 3)
    .map(({ at, problem }) => (at === '' ? problem : `${at}: ${problem}`))
    .join('; ')
    .slice(0, 300)

/** What is here by its own right. `namespaces`: registered ones; `servers`: those of the names at hand that were published here; both lower case. */
export type Local = { readonly namespaces: ReadonlySet<string>; readonly servers: ReadonlySet<string> }
export type Fate =
  | { readonly kind: 'added'; readonly version: MirroredVersion }
  | { readonly kind: 'same' }
  | { readonly kind: 'changed'; readonly change: MirrorChange }
  | { readonly kind: 'refused'; readonly why: string; readonly change?: MirrorChange }

/** `known`: the same version as it was first seen, at whatever mirror. */
export function fateOf(
  { name, version, serverJson, digest, said }: Extract<Judged, { kind: 'entry' }>,
  {
    source,
    local,
    known,
    nowMs,
  }: { readonly source: string; readonly local: Local; readonly known: MirroredVersion | undefined; readonly nowMs: number },
): Fate {
  // Dependency confusion: a name that is somebody's here means his, whatever version another registry offers under it.
  const namespace = name.namespace.toLowerCase()
  if (local.namespaces.has(namespace)) return { kind: 'refused', why: 'its namespace is registered here' }
  if (local.servers.has(name.key)) return { kind: 'refused', why: 'a server of this name was published here' }
  if (!known) return { kind: 'added', version: asNew({ name, version, serverJson, digest, said }, { source, local, nowMs }) }
  const change: MirrorChange = {
    name: known.name,
    version: known.version,
    status: said.status,
    ...(said.message !== undefined && { message: said.message }),
  }
  if (known.digest !== digest)
    return { kind: 'refused', why: 'the same version has other bytes than before', change: { ...change, alteredTo: digest } }
  return known.status === said.status && known.message === said.message ? { kind: 'same' } : { kind: 'changed', change }
}

function asNew(
  { name, version, serverJson, digest, said }: Omit<Extract<Judged, { kind: 'entry' }>, 'kind'>,
  { source, local, nowMs }: { readonly source: string; readonly local: Local; readonly nowMs: number },
): MirroredVersion {
  const looksLike = lookalikeNamespace(name.namespace, local.namespaces)
  return {
    name: name.text,
    ...{ version, source, serverJson, digest, status: said.status },
    ...(said.message !== undefined && { message: said.message }),
    isWithdrawn: said.status === 'deleted',
    ...(looksLike !== undefined && { looksLike }),
    seenMs: nowMs,
  }
}

/** A registered namespace that this one could be mistaken for. */
export function lookalikeNamespace(namespace: string, registered: Iterable<string>): string | undefined {
  const key = namespace.toLowerCase()
  const skeleton = skeletonOf(key)
  for (const other of registered) if (other.toLowerCase() !== key && isWithinOne(skeletonOf(other), skeleton)) return other
  return undefined
}
