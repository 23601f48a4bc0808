// Which packages a version of a server is made of, and whether an advisory concerns one of them.

import { isRecord } from '../json-schema.ts'
import { versionKey, type Ecosystem } from './ecosystems.ts'
import { FIRST, NO_LIMIT, type Affected, type RangeEvent } from './osv.ts'

/** A package as a version of a server names it. `versions`: usually one; an image is named by tag and digest. */
export type NamedPackage = { readonly ecosystem: Ecosystem; readonly name: string; readonly versions: readonly string[] }

const TYPES: Readonly<Record<string, Ecosystem>> = { npm: 'npm', pypi: 'PyPI', nuget: 'NuGet', oci: 'OCI' }

/** The server itself, and what its server.json says is to be run. */
export function packagesOf(name: string, version: string, serverJson: unknown): readonly NamedPackage[] {
  const own: NamedPackage = { ecosystem: 'MCP', name, versions: [version] }
  const listed = isRecord(serverJson) && Array.isArray(serverJson['packages']) ? (serverJson['packages'] as readonly unknown[]) : []
  return [own, ...listed.flatMap(packageOf)]
}
function packageOf(value: unknown): readonly NamedPackage[] {
  if (!isRecord(value)) return []
  const { registryType, identifier, version } = value
  const ecosystem = typeof registryType === 'string' ? TYPES[registryType] : undefined
  if (ecosystem === undefined || typeof identifier !== 'string') return []
  if (ecosystem === 'OCI') return [imageOf(identifier)]
  return [{ ecosystem, name: identifier, versions: typeof version === 'string' ? [version] : [] }]
}

/** `host/path:tag@digest` */
function imageOf(reference: string): NamedPackage {
  const [, name = reference, tag, digest] = /^(.*?)(?::([^/:@]+))?(?:@(.+))?$/.exec(reference) ?? []
  return { ecosystem: 'OCI', name, versions: [tag, digest].filter(part => part !== undefined) }
}

/** A version that has no place in the order of its ecosystem counts as in every range: nobody can say that it is not. */
export function isAffected({ versions, ecosystem }: NamedPackage, affected: Pick<Affected, 'versions' | 'ranges'>): boolean {
  return (
    versions.length === 0 ||
    versions.some(version => isListed(version, ecosystem, affected.versions) || isInAny(version, ecosystem, affected.ranges))
  )
}

function isListed(version: string, ecosystem: Ecosystem, listed: readonly string[]): boolean {
  if (listed.includes(version)) return true
  const key = versionKey(ecosystem, version)
  return key !== undefined && listed.some(other => versionKey(ecosystem, other) === key)
}

function isInAny(version: string, ecosystem: Ecosystem, ranges: readonly (readonly RangeEvent[])[]): boolean {
  if (ranges.length === 0) return false
  // A local version of PEP 440 (`1.0+ours`) is somebody's build of the public one, and has its holes.
  const keys = [version, ...(ecosystem === 'PyPI' ? [version.replace(/\+.*$/s, '')] : [])].map(text => versionKey(ecosystem, text))
  return keys.some(key => key === undefined || ranges.some(events => isIn(key, ecosystem, events)))
}

/** At one version: what is fixed there and introduced there is there; what was affected last there is so no more behind it. */
const AT_ONCE: Readonly<Record<RangeEvent['kind'], number>> = { fixed: 0, introduced: 1, last_affected: 2, limit: 3 }

/** The evaluation of the OSV schema: the last event at or before a version decides. */
function isIn(key: string, ecosystem: Ecosystem, events: readonly RangeEvent[]): boolean {
  const limits = events.filter(({ kind }) => kind === 'limit')
  if (limits.length > 0 && !limits.some(({ version }) => version === NO_LIMIT || key < placeOf(ecosystem, version))) return false
  const inOrder = events
    .filter(({ kind }) => kind !== 'limit')
    .map(({ kind, version }) => ({ kind, at: version === FIRST ? '' : placeOf(ecosystem, version) }))
    .sort((a, b) => (a.at === b.at ? AT_ONCE[a.kind] - AT_ONCE[b.kind] : a.at < b.at ? -1 : 1))
  let isAffectedHere = false
  for (const { kind, at } of inOrder) {
    if (kind === 'introduced' && key >= at) isAffectedHere = true
    else if (kind === 'fixed' && key >= at) isAffectedHere = false
    else if (kind === 'last_affected' && key > at) isAffectedHere = false
  }
  return isAffectedHere
}

/** INVARIANT: `readAdvisory` took nothing that has no place. */
const placeOf = (ecosystem: Ecosystem, version: string): string => versionKey(ecosystem, version) ?? ''
