// The registry's signed index: every version it ever admitted, and how it stands. Whoever serves a registry cannot show a version, or other bytes of one, that is not in it.

import { hash } from 'node:crypto'
import { Fault } from '../kernel/errors.ts'
import { deny, shown, type Denial } from './denial.ts'
import { floorKey, SERVER_NAME } from './floors.ts'
import { integerAt, jsonAt, listAt, objectAt, reading, recordAt, SHA256, textAt, VISIBLE, wrong } from './shape.ts'

const INDEX_STANDINGS = ['admitted', 'deprecated', 'revoked'] as const
type IndexStanding = (typeof INDEX_STANDINGS)[number]

/** `digest`: SHA-256 over the canonical server.json, hexadecimal. */
export type IndexedVersion = {
  readonly version: string
  readonly sequence: number
  readonly digest: string
  readonly standing: IndexStanding
}

/** By server name in lower case, then by version. */
export type TrustIndex = ReadonlyMap<string, ReadonlyMap<string, IndexedVersion>>

const MAX_SERVERS = 20_000
/** Of one server: as many as a registry keeps. */
export const MAX_INDEXED_VERSIONS = 10_000

/** Which part of the index names a server: two hexadecimal digits. A change costs one part of it, and none is large. */
export const indexPart = (serverName: string): string => hash('sha256', floorKey(serverName)).slice(0, 2)

/**
 * Reads `{ "version": 1, "servers": { "<name>": [{ "version", "sequence", "sha256", "standing" }] } }`. Throws Fault `index-invalid`, which says where: a part
 * that cannot be read must not count as absent. `part`: which servers alone it may name; absent = all.
 */
export function readIndex(bytes: Buffer, part?: string): TrustIndex {
  const refuse = (detail: string): never => {
    throw new Fault('index-invalid', `index: ${detail}`)
  }
  return reading(() => {
    const file = recordAt(jsonAt(bytes, 'file'), 'file', ['version', 'servers'])
    if (file.version !== 1) throw wrong('version', '1')
    const servers = Object.entries(objectAt(file.servers, 'servers'))
    if (servers.length > MAX_SERVERS) throw wrong('servers', `at most ${MAX_SERVERS}`)
    const index = new Map<string, ReadonlyMap<string, IndexedVersion>>()
    for (const [name, versions] of servers) {
      const key = floorKey(textAt(name, 'servers', SERVER_NAME))
      // Two spellings of one name would be two lists for it.
      if (part !== undefined && indexPart(key) !== part) throw wrong(`servers.${name}`, `servers of part ${part}`)
      if (index.has(key)) throw wrong(`servers.${name}`, 'each server once, whatever its case')
      index.set(key, versionsAt(versions, `servers.${name}`))
    }
    return index
  }, refuse)
}

function versionsAt(value: unknown, path: string): ReadonlyMap<string, IndexedVersion> {
  const versions = new Map<string, IndexedVersion>()
  const sequences = new Set<number>()
  for (const [i, each] of listAt(value, path, MAX_INDEXED_VERSIONS).entries()) {
    const at = `${path}[${i}]`
    const { version, sequence, sha256, standing } = recordAt(each, at, ['version', 'sequence', 'sha256', 'standing'])
    const known = INDEX_STANDINGS.find(one => one === standing)
    if (known === undefined) throw wrong(`${at}.standing`, INDEX_STANDINGS.join(', '))
    const read = {
      version: textAt(version, `${at}.version`, VISIBLE),
      sequence: integerAt(sequence, `${at}.sequence`, 1),
      digest: textAt(sha256, `${at}.sha256`, SHA256),
      standing: known,
    }
    if (versions.has(read.version) || sequences.has(read.sequence)) throw wrong(at, 'each version and each sequence number once')
    versions.set(read.version, read)
    sequences.add(read.sequence)
  }
  return versions
}

/** The canonical text of an index, servers and versions in order. */
export function writeIndex(index: TrustIndex): string {
  const listed = [...index]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, versions]): [string, object[]] => [
      name,
      [...versions.values()]
        .sort((a, b) => a.sequence - b.sequence)
        .map(({ version, sequence, digest, standing }) => ({ version, sequence, sha256: digest, standing })),
    ])
  return `${JSON.stringify({ version: 1, servers: Object.fromEntries(listed) })}\n`
}

/** What is about to be used. `digest`, `sequence` as in the index. */
export type PresentedVersion = { readonly name: string; readonly version: string; readonly digest: string; readonly sequence: number }

/**
 * Why the index speaks against a version; undefined = it does not. A server that it names nowhere comes from somewhere else (a file, another registry), and it
 * says nothing about it.
 */
export function whyNotIndexed(index: TrustIndex, { name, version, digest, sequence }: PresentedVersion): Denial | undefined {
  const versions = index.get(floorKey(name))
  if (!versions) return undefined
  const indexed = versions.get(version)
  const named = shown(`${name}@${version}`)
  if (!indexed) return deny('index-absent', `the signed index names other versions of this server, and not ${named}`)
  if (indexed.digest !== digest) return deny('index-mismatch', `the signed index has another server.json for ${named}`)
  if (indexed.sequence !== sequence)
    return deny('index-mismatch', `the signed index has ${named} as number ${indexed.sequence}, not ${sequence}`)
  return indexed.standing === 'revoked' ? deny('version-revoked', `${named} was revoked`) : undefined
}
