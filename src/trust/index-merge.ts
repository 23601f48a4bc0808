// How the index follows the registry: versions are added, standings change, and nothing that was signed once is taken back.

import { floorKey, SERVER_NAME } from './floors.ts'
import { MAX_INDEXED_VERSIONS, type IndexedVersion, type TrustIndex } from './index-document.ts'
import { SHA256, VISIBLE } from './shape.ts'

/** A version as the registry has it now. */
export type IndexChange = IndexedVersion & {
  readonly name: string
  /** it is of no account where the index does not have it: whoever publishes could fill the index with what nobody ever admitted */
  readonly isOfKnown?: boolean
}

export type Merged = {
  readonly index: TrustIndex
  readonly isChanged: boolean
  /** changes that contradict what was signed, or that no reader would take: they are left out */
  readonly refused: readonly IndexChange[]
}

/** Another server.json or number for a version that is known, another version of a known number, a revoked version that counts again: refused. */
export function mergedIndex(index: TrustIndex, changes: Iterable<IndexChange>): Merged {
  const touched = new Map<string, Growing>()
  const refused: IndexChange[] = []
  let isChanged = false
  for (const change of changes) {
    const key = floorKey(change.name)
    const server = touched.get(key) ?? growing(index.get(key))
    touched.set(key, server)
    const { version, sequence, digest, standing } = change
    const entry = { version, sequence, digest, standing }
    const known = server.versions.get(entry.version)
    if (!known && change.isOfKnown === true) continue
    if (known ? isContradicted(known, entry) : !isReadable(change) || isFull(server, entry)) {
      refused.push(change)
      continue
    }
    if (known?.standing === entry.standing) continue
    server.versions.set(entry.version, entry)
    server.numbers.add(entry.sequence)
    isChanged = true
  }
  const grown = [...touched].filter(([, { versions }]) => versions.size > 0)
  return {
    index: new Map([...index, ...grown.map(([key, { versions }]): [string, Growing['versions']] => [key, versions])]),
    isChanged,
    refused,
  }
}

type Growing = { readonly versions: Map<string, IndexedVersion>; readonly numbers: Set<number> }
function growing(known: ReadonlyMap<string, IndexedVersion> = new Map()): Growing {
  return { versions: new Map(known), numbers: new Set([...known.values()].map(({ sequence }) => sequence)) }
}

const isContradicted = (known: IndexedVersion, { sequence, digest, standing }: IndexedVersion): boolean =>
  known.digest !== digest || known.sequence !== sequence || (known.standing === 'revoked' && standing !== 'revoked')

const isReadable = ({ name, version, digest, sequence }: IndexChange): boolean =>
  SERVER_NAME.pattern.test(name) &&
  VISIBLE.pattern.test(version) &&
  SHA256.pattern.test(digest) &&
  Number.isSafeInteger(sequence) &&
  sequence >= 1

const isFull = ({ versions, numbers }: Growing, { sequence }: IndexedVersion): boolean =>
  versions.size >= MAX_INDEXED_VERSIONS || numbers.has(sequence)

/** Versions of the index that the registry does not have: it was restored to before them, or somebody took them out. */
export function forgotten(index: TrustIndex, all: readonly IndexChange[]): readonly string[] {
  const known = new Set(all.map(({ name, version }) => `${floorKey(name)}@${version}`))
  return [...index].flatMap(([name, versions]) => [...versions.keys()].map(version => `${name}@${version}`)).filter(key => !known.has(key))
}
