// Servers admitted `exact` that listed a stranger, in `<dataDir>/trust/strangers.json`: a restart does not forget it.

import { join } from 'node:path'
import type { Stranger, Strangers } from '../../admission/strangers.ts'
import { MAX_STRANGERS_BYTES, readStrangers, writeStrangers } from '../../admission/strangers.ts'
import { readSyncedFile, replaceSyncedFile } from '../synced-file.ts'

const KIND = 'strangers'

export class StrangerFile implements Strangers {
  readonly #file: string
  readonly #failed: (alias: string, cause: unknown) => void
  #strangers: ReadonlyMap<string, Stranger>

  /** Absent means none. Throws Fault `strangers-invalid` when it is there and unreadable. */
  constructor(dataDir: string, failed: (alias: string, cause: unknown) => void) {
    this.#file = join(dataDir, 'trust', 'strangers.json')
    this.#failed = failed
    const bytes = readSyncedFile(this.#file, KIND, MAX_STRANGERS_BYTES)
    this.#strangers = bytes === undefined ? new Map() : readStrangers(bytes)
  }

  of(alias: string): Stranger | undefined {
    return this.#strangers.get(alias)
  }

  /** In memory first: the server is held from here on, whatever the disk does. */
  keep(alias: string, stranger: Stranger): void {
    this.#strangers = new Map(this.#strangers).set(alias, stranger)
    try {
      replaceSyncedFile(this.#file, KIND, writeStrangers(this.#strangers))
    } catch (cause) {
      this.#failed(alias, cause)
    }
  }
}
