// The lowest sequence of each server that may still be admitted. It only rises: an older version stays out after restarts and restored backups.

import { Fault } from '../kernel/errors.ts'
import { integerAt, jsonAt, objectAt, reading, recordAt, textAt, wrong, type TextRule } from './shape.ts'

/** Floors by server name, which is compared without case. */
export type FloorTable = ReadonlyMap<string, number>

/**
 * Where floors are kept, apart from every database: whoever restores one brings no floor back. `raise` is durable once it returns, atomic (a reader or a crash
 * sees the old or the new floors) and leaves alone what is higher already; it throws a Fault when that cannot be, and the version must then not be admitted.
 */
export interface Floors {
  /** 0 where there is none */
  of(serverName: string): number
  raise(floors: FloorTable): void
}

/** Largest document of floors, in bytes. */
export const MAX_FLOORS_BYTES = 8 * 1024 * 1024
export const SERVER_NAME: TextRule = {
  pattern: /^[a-zA-Z0-9.-]{1,150}\/[a-zA-Z0-9._-]{1,198}$/,
  what: 'a server name such as `io.github.acme/weather`',
}

/** The one form in which server names are keys. */
export const floorKey = (serverName: string): string => serverName.toLowerCase()

/** Reads `{ "version": 1, "floors": { "<server name>": <sequence> } }`. Throws Fault `floors-invalid`, which says where: a lost floor would let an old version in. */
export function readFloors(bytes: Buffer): FloorTable {
  const refuse = (detail: string): never => {
    throw new Fault('floors-invalid', `floors: ${detail}`)
  }
  if (bytes.length > MAX_FLOORS_BYTES) return refuse(`expected at most ${MAX_FLOORS_BYTES} bytes`)
  return reading(() => {
    const file = recordAt(jsonAt(bytes, 'file'), 'file', ['version', 'floors'])
    if (file.version !== 1) throw wrong('version', '1')
    const floors = new Map<string, number>()
    for (const [name, sequence] of Object.entries(objectAt(file.floors, 'floors'))) {
      const key = floorKey(textAt(name, 'floors', SERVER_NAME))
      // Two spellings of one name would be two floors for it.
      if (floors.has(key)) throw wrong(`floors.${name}`, 'each server once, whatever its case')
      floors.set(key, integerAt(sequence, `floors.${name}`, 1))
    }
    return floors
  }, refuse)
}

/** The canonical text of floors, sorted by name, with a line break at its end. */
export const writeFloors = (floors: FloorTable): string =>
  `${JSON.stringify({ version: 1, floors: Object.fromEntries([...floors].sort(([a], [b]) => (a < b ? -1 : 1))) }, undefined, 2)}\n`

/** Both tables, the higher floor of each name; undefined when `added` raises nothing. */
export function raised(kept: FloorTable, added: FloorTable): FloorTable | undefined {
  const floors = new Map(kept)
  let isHigher = false
  for (const [name, sequence] of added) {
    const key = floorKey(name)
    if (sequence <= (floors.get(key) ?? 0)) continue
    floors.set(key, sequence)
    isHigher = true
  }
  return isHigher ? floors : undefined
}
