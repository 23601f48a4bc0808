// Advisories in the Open Source Vulnerability format, schema 1.x: as much of a document as decides, read strictly. The rest is kept, and passed on as it came.

import { isRecord, type SchemaFault } from '../json-schema.ts'
import { parseServerName } from '../names.ts'
import { ecosystemOf, nameKey, versionKey, type Ecosystem } from './ecosystems.ts'

/** A point of a range: from `introduced` on, until `fixed`, or after `last_affected`; nothing from `limit` on is judged by the range. */
export type RangeEvent = { readonly kind: 'introduced' | 'fixed' | 'last_affected' | 'limit'; readonly version: string }
/** Versions of one package that are concerned: those that are listed, and those in any of the ranges. */
export type Affected = {
  readonly ecosystem: Ecosystem
  readonly name: string
  readonly versions: readonly string[]
  readonly ranges: readonly (readonly RangeEvent[])[]
}
export type Advisory = {
  readonly id: string
  /** milliseconds since the epoch: of two documents of one id the later one counts */
  readonly modifiedMs: number
  /** there is nothing in it after all */
  readonly isWithdrawn: boolean
  /** the package itself does harm: by its id, or another name of it, in the list of malicious packages */
  readonly isMalware: boolean
  readonly summary?: string
  readonly severity: readonly { readonly type: string; readonly score: string }[]
  /** of packages that servers are made of; what else the document is about is not here */
  readonly affected: readonly Affected[]
}

export const MAX_ADVISORY_BYTES = 524_288
const MAX = { affected: 1000, ranges: 200, events: 1000, versions: 20_000, severity: 20, aliases: 200 } as const
const MAX_FAULTS = 20
const MAX_SHOWN = 300
const ID = /^[A-Za-z][A-Za-z0-9]*(?:[-:._][A-Za-z0-9]+)+$/
const MALWARE = 'MAL-'
const KINDS = ['introduced', 'fixed', 'last_affected', 'limit'] as const
/** Before every version there is, and behind it. */
export const FIRST = '0'
export const NO_LIMIT = '*'

type Members = Readonly<Record<string, unknown>>
class Faults {
  readonly list: SchemaFault[] = []
  add(at: string, problem: string): void {
    if (this.list.length < MAX_FAULTS) this.list.push({ at, problem })
  }
}

/** Answers the advisory, or what is wrong with the document. What it says of a package that servers are made of is all understood, or it is refused. Never throws. */
export function readAdvisory(document: unknown): Advisory | readonly SchemaFault[] {
  if (!isRecord(document)) return [{ at: '', problem: 'expected an object' }]
  const faults = new Faults()
  const { id, modified, withdrawn, aliases, summary, severity, affected, schema_version: schema } = document
  if (schema !== undefined && !(typeof schema === 'string' && /^1\.\d{1,3}\.\d{1,3}$/.test(schema)))
    faults.add('schema_version', 'expected 1.x')
  if (!(typeof id === 'string' && id.length <= 100 && ID.test(id))) faults.add('id', 'expected an id such as `GHSA-xxxx-xxxx-xxxx`')
  const modifiedMs = timeOf(modified)
  if (modifiedMs === undefined) faults.add('modified', TIME)
  if (withdrawn !== undefined && timeOf(withdrawn) === undefined) faults.add('withdrawn', TIME)
  if (summary !== undefined && typeof summary !== 'string') faults.add('summary', 'expected a text')
  const names = textsOf(aliases, 'aliases', MAX.aliases, faults)
  const all = entriesOf(affected, 'affected', MAX.affected, faults).flatMap((entry, i) => readAffected(entry, `affected[${i}]`, faults))
  const scores = entriesOf(severity, 'severity', MAX.severity, faults).map((entry, i) => readScore(entry, `severity[${i}]`, faults))
  if (faults.list.length > 0) return faults.list
  return {
    id: id as string,
    modifiedMs: modifiedMs ?? 0,
    isWithdrawn: withdrawn !== undefined,
    isMalware: [id as string, ...names].some(name => name.startsWith(MALWARE)),
    ...(typeof summary === 'string' && { summary: summary.slice(0, MAX_SHOWN) }),
    severity: scores,
    affected: all,
  }
}

function readAffected(entry: Members, at: string, faults: Faults): readonly Affected[] {
  const { package: named, versions, ranges } = entry
  const about = named === undefined ? undefined : readPackage(named, `${at}.package`, faults)
  const listed = textsOf(versions, `${at}.versions`, MAX.versions, faults)
  const read = entriesOf(ranges, `${at}.ranges`, MAX.ranges, faults).map((range, i) =>
    readRange(range, about?.ecosystem, `${at}.ranges[${i}]`, faults),
  )
  return about ? [{ ...about, versions: listed, ranges: read.filter(events => events !== undefined) }] : []
}

/** Undefined for packages that no server is made of. */
function readPackage(value: unknown, at: string, faults: Faults): { readonly ecosystem: Ecosystem; readonly name: string } | undefined {
  const { ecosystem: text, name, purl } = isRecord(value) ? value : {}
  if (typeof text !== 'string' || text === '' || text.length > 100) {
    faults.add(`${at}.ecosystem`, 'expected a text')
    return undefined
  }
  if (typeof name !== 'string' || !/^[\x21-\x7e]{1,500}$/.test(name)) {
    faults.add(`${at}.name`, 'expected a name in visible ASCII')
    return undefined
  }
  const ecosystem = ecosystemOf(text)
  if (ecosystem === undefined) return undefined
  if (ecosystem === 'MCP' && !parseServerName(name)) faults.add(`${at}.name`, 'expected a server as `namespace/name`')
  if (purl !== undefined && (typeof purl !== 'string' || isOtherPackage(purl, ecosystem, name)))
    faults.add(`${at}.purl`, 'names another package than `ecosystem` and `name`')
  return { ecosystem, name }
}

/** A document that names two packages in one place is not to be trusted with either. */
function isOtherPackage(purl: string, ecosystem: Ecosystem, name: string): boolean {
  const [, type = '', path = ''] = /^pkg:([a-z]+)\/([^@?#]+)/i.exec(purl) ?? []
  const expected = { npm: 'npm', PyPI: 'pypi', NuGet: 'nuget', OCI: undefined, MCP: undefined }[ecosystem]
  if (expected === undefined) return false
  try {
    return type.toLowerCase() !== expected || nameKey(ecosystem, decodeURIComponent(path)) !== nameKey(ecosystem, name)
  } catch {
    return true // half an escape
  }
}

/** Undefined for ranges of commits, and for those of packages that no server is made of. */
function readRange(range: Members, ecosystem: Ecosystem | undefined, at: string, faults: Faults): readonly RangeEvent[] | undefined {
  const { type } = range
  if (type !== 'SEMVER' && type !== 'ECOSYSTEM' && type !== 'GIT') {
    faults.add(`${at}.type`, 'expected SEMVER, ECOSYSTEM or GIT')
    return undefined
  }
  const events = entriesOf(range['events'], `${at}.events`, MAX.events, faults).map((event, i) =>
    readEvent(event, `${at}.events[${i}]`, faults),
  )
  if (type === 'GIT' || ecosystem === undefined) return undefined
  if (!events.some(event => event?.kind === 'introduced')) faults.add(`${at}.events`, 'expected one that says where it was introduced')
  const read = events.filter(event => event !== undefined).map(event => ({ ...event, version: ordered(ecosystem, event.version) }))
  const isPlaced = ({ kind, version }: RangeEvent): boolean =>
    version === (kind === 'limit' ? NO_LIMIT : FIRST) || versionKey(ecosystem, version) !== undefined
  const odd = read.findIndex(event => !isPlaced(event))
  if (odd >= 0) faults.add(`${at}.events[${odd}]`, `expected a version as ${ecosystem} orders them`)
  return read
}

function readEvent(event: Members, at: string, faults: Faults): RangeEvent | undefined {
  const kinds = KINDS.filter(kind => event[kind] !== undefined)
  const [kind] = kinds
  const version = kind && event[kind]
  if (kind === undefined || kinds.length > 1 || typeof version !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(version)) {
    faults.add(at, `expected one of ${KINDS.join(', ')} with a version`)
    return undefined
  }
  return { kind, version }
}

/** Some documents end a range at `2` or `2.1` where versions have three numbers. */
const ordered = (ecosystem: Ecosystem, version: string): string =>
  (ecosystem === 'npm' || ecosystem === 'MCP') && version !== FIRST && /^\d+(?:\.\d+)?$/.test(version)
    ? `${version}.0${version.includes('.') ? '' : '.0'}`
    : version

function readScore(entry: Members, at: string, faults: Faults): { readonly type: string; readonly score: string } {
  const { type, score } = entry
  if (typeof type === 'string' && /^\w{1,40}$/.test(type) && typeof score === 'string' && /^[\x21-\x7e]{1,300}$/.test(score))
    return { type, score }
  faults.add(at, 'expected `type` and `score`')
  return { type: '', score: '' }
}

/** RFC 3339, in UTC, as the format asks for. */
function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/.test(value)) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}
const TIME = 'expected a date and time such as `2026-01-31T12:00:00Z`'

function entriesOf(value: unknown, at: string, max: number, faults: Faults): readonly Members[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.length <= max && value.every(isRecord)) return value
  faults.add(at, `expected a list of at most ${max} objects`)
  return []
}
function textsOf(value: unknown, at: string, max: number, faults: Faults): readonly string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.length <= max && value.every(entry => typeof entry === 'string' && entry.length <= 255))
    return value as readonly string[]
  faults.add(at, `expected a list of at most ${max} short texts`)
  return []
}
