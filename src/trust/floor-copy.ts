// A copy, kept elsewhere, of what must not go back in `<dataDir>/trust`: whoever reaches that folder can put an older one there, and nothing in it would tell.

import { Fault } from '../kernel/errors.ts'
import { floorKey, SERVER_NAME, type FloorTable } from './floors.ts'
import { instantAt, integerAt, jsonAt, objectAt, reading, recordAt, SHA256, textAt, wrong, type TextRule } from './shape.ts'

/** `metadata`: by role. Times in milliseconds since the epoch. */
export type FloorCopy = {
  readonly exportedMs: number
  /** when the repository was asked last; absent = never */
  readonly lastSeenMs?: number
  readonly floors: FloorTable
  readonly metadata: ReadonlyMap<string, { readonly version: number; readonly sha256: string }>
}

export const MAX_COPY_BYTES = 16 * 1024 * 1024
const ROLE: TextRule = { pattern: /^[a-z][a-z0-9-]{0,63}$/, what: 'the name of a role' }

/** Throws Fault `floor-copy-invalid`, which says where. */
export function readFloorCopy(bytes: Buffer): FloorCopy {
  const refuse = (detail: string): never => {
    throw new Fault('floor-copy-invalid', `copy of floors: ${detail}`)
  }
  if (bytes.length > MAX_COPY_BYTES) return refuse(`expected at most ${MAX_COPY_BYTES} bytes`)
  return reading(() => {
    const file = recordAt(jsonAt(bytes, 'file'), 'file', ['version', 'exported', 'floors', 'metadata'], ['lastSeen'])
    if (file.version !== 1) throw wrong('version', '1')
    const floors = Object.entries(objectAt(file.floors, 'floors')).map(([name, sequence]): [string, number] => [
      floorKey(textAt(name, 'floors', SERVER_NAME)),
      integerAt(sequence, `floors.${name}`, 1),
    ])
    const metadata = Object.entries(objectAt(file.metadata, 'metadata')).map(([role, value]) => {
      const { version, sha256 } = recordAt(value, `metadata.${role}`, ['version', 'sha256'])
      const named = {
        version: integerAt(version, `metadata.${role}.version`, 1),
        sha256: textAt(sha256, `metadata.${role}.sha256`, SHA256),
      }
      return [textAt(role, 'metadata', ROLE), named] as const
    })
    return {
      exportedMs: instantAt(file.exported, 'exported'),
      ...(file.lastSeen !== undefined && { lastSeenMs: instantAt(file.lastSeen, 'lastSeen') }),
      floors: new Map(floors),
      metadata: new Map(metadata),
    }
  }, refuse)
}

export function writeFloorCopy({ exportedMs, lastSeenMs, floors, metadata }: FloorCopy): string {
  const sorted = <T>(map: ReadonlyMap<string, T>): Record<string, T> => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
  const times = { exported: iso(exportedMs), ...(lastSeenMs !== undefined && { lastSeen: iso(lastSeenMs) }) }
  return `${JSON.stringify({ version: 1, ...times, floors: sorted(floors), metadata: sorted(metadata) }, undefined, 2)}\n`
}
const iso = (ms: number): string => new Date(ms).toISOString()

/** What went back since the copy was made, one sentence each; empty = nothing did. */
export function wentBack(now: FloorCopy, copy: FloorCopy): readonly string[] {
  const told: string[] = []
  for (const [server, floor] of copy.floors) {
    const found = now.floors.get(server)
    if (found === undefined || found < floor) told.push(`the floor of ${server} was ${floor} and is ${found ?? 'gone'}`)
  }
  for (const [role, { version, sha256 }] of copy.metadata) {
    const found = now.metadata.get(role)
    if (!found || found.version < version)
      told.push(`${role} metadata was version ${version} and is ${found ? `version ${found.version}` : 'gone'}`)
    else if (found.version === version && found.sha256 !== sha256) told.push(`${role} metadata of version ${version} is another one`)
  }
  if ((now.lastSeenMs ?? 0) < (copy.lastSeenMs ?? 0))
    told.push(
      `the repository was last asked at ${iso(copy.lastSeenMs ?? 0)}, and now it says ${now.lastSeenMs === undefined ? 'never' : iso(now.lastSeenMs)}`,
    )
  return told
}
