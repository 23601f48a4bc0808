// The last signed decision about each server that was in force: an older one that somebody puts back, signature and all, counts no more.

import { Fault } from '../kernel/errors.ts'
import { isJsonFault, member, readJson, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { isDigest, type Digest } from './primitive.ts'
import { isInstant } from './statement.ts'

export type AdmissionFloor = {
  /** RFC 3339 UTC, as the statement has it */
  readonly reviewedAt: string
  /** SHA-256 of the statement's bytes: of two with one time only this one counts */
  readonly statement: Digest
}

/**
 * Where floors are kept, apart from every database and backup, and from the folder of statements. `raise` is durable once it returns, and atomic: a reader
 * or a crash sees the old or the new floor. It throws a Fault where that cannot be, and the statement must then not count.
 */
export interface AdmissionFloors {
  of(alias: string): AdmissionFloor | undefined
  raise(alias: string, floor: AdmissionFloor): void
}

type FloorTable = ReadonlyMap<string, AdmissionFloor>

/** Largest document of floors, in bytes: a thousand servers fit. */
export const MAX_ADMISSION_FLOORS_BYTES = 1024 * 1024

/** Why a statement may not follow the one that was in force; undefined where it may. */
export function whyBelow(floor: AdmissionFloor | undefined, { reviewedAt, statement }: AdmissionFloor): string | undefined {
  if (floor === undefined || floor.statement === statement) return undefined
  const [then, now] = [Date.parse(floor.reviewedAt), Date.parse(reviewedAt)]
  if (now > then) return undefined
  return `is ${now === then ? 'another of the same time as' : `of ${reviewedAt}, older than`} the one of ${floor.reviewedAt} that was in force: an old decision was put back; approve the server again`
}

/** Reads what `writeFloors` wrote. Throws Fault `admission-floors-invalid`: a lost floor would let an old decision count. */
export function readFloors(bytes: Buffer): FloorTable {
  const doc = readJson(bytes, { indexDepth: 3 })
  const servers = isJsonFault(doc) ? undefined : member(doc.root, 'servers')
  if (isJsonFault(doc) || servers?.kind !== 'object' || !servers.members) throw invalid('expected `{ "version": 1, "servers": { … } }`')
  return new Map(servers.members.map(({ key, value }) => [key, floorAt(doc, value)] as const))
}

function floorAt(doc: JsonDoc, node: JsonNode): AdmissionFloor {
  const text = (key: string): string => {
    const found = member(node, key)
    return found?.kind === 'string' ? textOf(doc, found) : ''
  }
  const [reviewedAt, statement] = [text('reviewedAt'), text('statement')]
  if (!isInstant(reviewedAt) || !isDigest(statement)) throw invalid('expected `reviewedAt` and `statement` of each server')
  return { reviewedAt, statement }
}

const invalid = (detail: string): Fault => new Fault('admission-floors-invalid', `trust/admissions.json: ${detail}`)

/** Sorted by alias, with a line break at its end. */
export const writeFloors = (floors: FloorTable): string =>
  `${JSON.stringify({ version: 1, servers: Object.fromEntries([...floors].sort(([a], [b]) => (a < b ? -1 : 1))) }, undefined, 2)}\n`
