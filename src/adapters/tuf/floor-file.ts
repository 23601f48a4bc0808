// Floors in `<dataDir>/trust/floors.json`, which no backup of the database holds.

import { join } from 'node:path'
import { floorKey, MAX_FLOORS_BYTES, raised, readFloors, writeFloors, type Floors, type FloorTable } from '../../trust/floors.ts'
import { readSyncedFile, replaceSyncedFile } from '../synced-file.ts'

/** Small and rarely written (a floor rises with an admission), so it is written whole. */
export class FloorFile implements Floors {
  readonly #file: string
  #floors: FloorTable

  /** Absent means no floors yet. Throws Fault `floors-invalid` when it is there and unreadable: a lost floor would let an old version in. */
  constructor(trustFolder: string) {
    this.#file = join(trustFolder, 'floors.json')
    const bytes = readSyncedFile(this.#file, 'floors', MAX_FLOORS_BYTES)
    this.#floors = bytes === undefined ? new Map() : readFloors(bytes)
  }

  of(serverName: string): number {
    return this.#floors.get(floorKey(serverName)) ?? 0
  }

  raise(floors: FloorTable): void {
    const next = raised(this.#floors, floors)
    if (!next) return
    replaceSyncedFile(this.#file, 'floors', writeFloors(next))
    this.#floors = next
  }
}
