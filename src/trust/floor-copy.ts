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
  /** how much was seen to be revoked, and digest of the keys it was signed by: by other keys it is another list */
  readonly revoked?: { readonly keys: string; readonly count: number }
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
    const file = recordAt(jsonAt(bytes, 'file'), 'file', ['version', 'exported', 'floors', 'metadata'], ['lastSeen', 'revoked'])
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
    const revoked = file.revoked === undefined ? undefined : recordAt(file.revoked, 'revoked', ['keys', 'count'])
    return {
      exportedMs: instantAt(file.exported, 'exported'),
      ...(file.lastSeen !== undefined && { lastSeenMs: instantAt(file.lastSeen, 'lastSeen') }),
      floors: new Map(floors),
      metadata: new Map(metadata),
      ...(revoked && {
        revoked: { keys: textAt(revoked.keys, 'revoked.keys', SHA256), count: integerAt(revoked.count, 'revoked.count', 0) },
      }),
    }
  }, refuse)
}

export function writeFloorCopy({ exportedMs, lastSeenMs, floors, metadata, revoked }: FloorCopy): string {
  const sorted = <T>(map: ReadonlyMap<string, T>): Record<string, T> => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
  const times = { exported: iso(exportedMs), ...(lastSeenMs !== undefined && { lastSeen: iso(lastSeenMs) }) }
  return `${JSON.stringify({ version: 1, ...times, floors: sorted(floors), metadata: sorted(metadata), ...(revoked && { revoked }) }, undefined, 2)}\n`
}
const iso = (ms: number): string => new Date(ms).toISOString()

/** What went back since the copy was made, one sentence each; empty = nothing did. */
export const wentBack = (now: FloorCopy, copy: FloorCopy): readonly string[] =>
  [floorsBack, metadataBack, revokedBack, timeBack].flatMap(look => look(now, copy))

type Look = (now: FloorCopy, copy: FloorCopy) => readonly string[]

const floorsBack: Look = (now, copy) =>
  [...copy.floors].flatMap(([server, floor]) => {
    const found = now.floors.get(server)
    return found !== undefined && found >= floor ? [] : [`the floor of ${server} was ${floor} and is ${found ?? 'gone'}`]
  })

const metadataBack: Look = (now, copy) =>
  [...copy.metadata].flatMap(([role, { version, sha256 }]) => {
    const found = now.metadata.get(role)
    if (!found || found.version < version)
      return [`${role} metadata was version ${version} and is ${found ? `version ${found.version}` : 'gone'}`]
    return found.version === version && found.sha256 !== sha256 ? [`${role} metadata of version ${version} is another one`] : []
  })

const revokedBack: Look = ({ revoked: now }, { revoked: before }) => {
  if (!before || (now && now.keys !== before.keys)) return []
  const count = now?.count ?? 0
  return count < before.count ? [`of ${before.count} revocations ${count === 0 ? 'none is' : `${count} are`} left`] : []
}

const timeBack: Look = ({ lastSeenMs: now }, { lastSeenMs: before = 0 }) =>
  (now ?? 0) < before ? [`the repository was last asked at ${iso(before)}, and now it says ${now === undefined ? 'never' : iso(now)}`] : []
