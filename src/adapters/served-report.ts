// How the versions of the registry stood that this gateway serves, for commands: `<dataDir>/served.json`. Nothing is decided by it.

import { join } from 'node:path'
import { readPrivate, replacePrivate } from './private-text.ts'

/** As the audit log has it: names, numbers, digests, reason and rule, and what would mend it. */
export type ServedRow = Readonly<Record<string, unknown>> & { readonly upstream: string; readonly is: string }

const fileOf = (dataDir: string): string => join(dataDir, 'served.json')
const MAX_BYTES = 16 * 1024 * 1024

/** By alias; empty where no gateway has written one. Rejects with the Fault of a file that others could have written. */
export async function readServedReport(dataDir: string): Promise<ReadonlyMap<string, ServedRow>> {
  const text = await readPrivate(fileOf(dataDir), MAX_BYTES)
  if (text === undefined) return new Map()
  const { served } = JSON.parse(text) as { readonly served: Readonly<Record<string, ServedRow>> }
  return new Map(Object.entries(served))
}

export class ServedReport {
  readonly #dataDir: string
  readonly #failed: (cause: unknown) => void
  readonly #rows = new Map<string, ServedRow>()
  #writing: Promise<void> = Promise.resolve()

  constructor(dataDir: string, failed: (cause: unknown) => void) {
    this.#dataDir = dataDir
    this.#failed = failed
  }

  put(row: ServedRow): void {
    this.#rows.set(row.upstream, row)
    this.#write()
  }
  /** Resolves when what was put is written, or said not to be. */
  written(): Promise<void> {
    return this.#writing
  }

  #write(): void {
    this.#writing = this.#writing
      .then(() => replacePrivate(fileOf(this.#dataDir), `${JSON.stringify({ served: Object.fromEntries(this.#rows) }, undefined, 2)}\n`))
      .catch((cause: unknown) => this.#failed(cause))
  }
}
