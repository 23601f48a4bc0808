// What is in force, in `<dataDir>/trust/in-force/<alias>.json`: in no backup, for the grace belongs to the machine that verified it.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { InForce, InForceStore } from '../trust/in-force.ts'
import { readSyncedFile, replaceSyncedFile } from './synced-file.ts'

type Kept = { readonly current: InForce; readonly previous?: InForce }
const MAX_BYTES = 4 * 1024 * 1024

/** INVARIANT: an alias has letters, digits and dashes alone (config/upstream-table.ts), so it names a file of this folder. */
export class InForceFiles implements InForceStore {
  readonly #folder: string
  readonly #kept = new Map<string, Kept | undefined>()

  constructor(dataDir: string) {
    this.#folder = join(dataDir, 'trust', 'in-force')
  }

  current(alias: string): InForce | undefined {
    return this.#of(alias)?.current
  }
  previous(alias: string): InForce | undefined {
    return this.#of(alias)?.previous
  }

  put(alias: string, version: InForce): void {
    const before = this.#of(alias)
    const isOther = before && before.current.content !== version.content
    const previous = isOther ? before.current : before?.previous
    const next: Kept = { current: version, ...(previous && { previous }) }
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    replaceSyncedFile(this.#file(alias), 'in-force', `${JSON.stringify({ version: 1, ...next })}\n`)
    this.#kept.set(alias, next)
  }

  #file(alias: string): string {
    return join(this.#folder, `${alias}.json`)
  }

  #of(alias: string): Kept | undefined {
    if (!this.#kept.has(alias)) this.#kept.set(alias, this.#read(alias))
    return this.#kept.get(alias)
  }

  /** What cannot be read was not in force: that only ends a grace, and shows no differences. */
  #read(alias: string): Kept | undefined {
    try {
      const bytes = readSyncedFile(this.#file(alias), 'in-force', MAX_BYTES)
      if (bytes === undefined) return undefined
      const { version, current, previous } = JSON.parse(bytes.toString('utf8')) as { version?: unknown } & Kept
      if (version !== 1 || !isInForce(current)) return undefined
      return { current, ...(isInForce(previous) && { previous }) }
    } catch {
      return undefined
    }
  }
}

/** Written by this gateway, or by whoever may write here: nothing is admitted by it. */
const isInForce = (value: unknown): value is InForce => {
  const { name, version, digest, content, sequence, countsAs, surface, sinceMs } = (value ?? {}) as Partial<Record<keyof InForce, unknown>>
  return (
    [name, version, digest, content].every(text => typeof text === 'string') &&
    [sequence, countsAs, sinceMs].every(number => typeof number === 'number') &&
    typeof surface === 'object' &&
    surface !== null
  )
}
