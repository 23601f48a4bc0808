// The last decisions in force, in `<dataDir>/trust/admissions.json`, which no backup holds.

import { join } from 'node:path'
import { MAX_ADMISSION_FLOORS_BYTES, readFloors, writeFloors, type AdmissionFloor, type AdmissionFloors } from '../../admission/floors.ts'
import { readSyncedFile, replaceSyncedFile } from '../synced-file.ts'

const KIND = 'admission-floors'
const fileIn = (dataDir: string): string => join(dataDir, 'trust', 'admissions.json')

/** Small and rarely written (a floor rises with a decision), so it is written whole. */
export class AdmissionFloorFile implements AdmissionFloors {
  readonly #file: string
  #floors: ReadonlyMap<string, AdmissionFloor>

  /** Absent means no floors yet. Throws Fault `admission-floors-invalid` when it is there and unreadable. */
  constructor(dataDir: string) {
    this.#file = fileIn(dataDir)
    const bytes = readSyncedFile(this.#file, KIND, MAX_ADMISSION_FLOORS_BYTES)
    this.#floors = bytes === undefined ? new Map() : readFloors(bytes)
  }

  of(alias: string): AdmissionFloor | undefined {
    return this.#floors.get(alias)
  }

  raise(alias: string, floor: AdmissionFloor): void {
    const next = new Map(this.#floors).set(alias, floor)
    replaceSyncedFile(this.#file, KIND, writeFloors(next))
    this.#floors = next
  }
}

/** For commands: as far as whoever runs them may read it, and never written. */
export function floorsFor(dataDir: string): AdmissionFloors {
  try {
    const file = new AdmissionFloorFile(dataDir)
    return { of: alias => file.of(alias), raise: () => {} }
  } catch {
    // Another user's, or broken: the gateway says so at its start.
    return { of: () => undefined, raise: () => {} }
  }
}
