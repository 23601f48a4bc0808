// What era each upstream was seen to speak, dated and kept over restarts: a modern one is never spoken to as legacy again (R34).

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Fault } from '../../kernel/errors.ts'
import type { Era } from '../../mcp/revisions.ts'
import { syncDirectoryNow } from '../sync-directory.ts'

/** `at`: when it was last seen so, ISO 8601. */
export type EraPin = { readonly era: Era; readonly at: string }

/**
 * Verdicts by alias. `set` is durable once it returns, atomic (a reader or a crash sees the old or the new file), and last one wins; it
 * throws a Fault when it cannot be kept, and the verdict must then not be relied on.
 */
export interface EraPins {
  get(alias: string): EraPin | undefined
  set(alias: string, pin: EraPin): void
}

const isPin = (value: unknown): value is EraPin => {
  if (typeof value !== 'object' || value === null) return false
  const { era, at } = value as Readonly<Record<string, unknown>>
  return (era === 'legacy' || era === 'modern') && typeof at === 'string' && !Number.isNaN(Date.parse(at))
}

/** `era-pins.json` in the folder `<dataDir>/trust`. Small and rarely written (a verdict changes seldom), so it is written whole. */
export class EraPinFile implements EraPins {
  readonly #file: string
  readonly #pins = new Map<string, EraPin>()

  /** Reads the file; absent means empty. Throws Fault `era-pins-invalid` when it is there and unreadable: a lost pin would allow a downgrade. */
  constructor(trustFolder: string) {
    this.#file = join(trustFolder, 'era-pins.json')
    const text = this.#read()
    if (text === undefined) return
    for (const [alias, pin] of Object.entries(parse(text, this.#file))) {
      if (!isPin(pin)) throw new Fault('era-pins-invalid', `expected era and date of \`${alias}\` in ${this.#file}`)
      this.#pins.set(alias, pin)
    }
  }

  #read(): string | undefined {
    try {
      return readFileSync(this.#file, 'utf8')
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new Fault('era-pins-invalid', `cannot read ${this.#file}`, { cause })
    }
  }

  get(alias: string): EraPin | undefined {
    return this.#pins.get(alias)
  }

  set(alias: string, pin: EraPin): void {
    this.#write(new Map(this.#pins).set(alias, pin))
  }

  /** The operator's way to allow an upstream to become legacy again. */
  remove(alias: string): void {
    const pins = new Map(this.#pins)
    if (pins.delete(alias)) this.#write(pins)
  }

  /** On disk after each line: nothing new; the new file beside the old, synced; the new file; its name, synced. */
  #write(pins: ReadonlyMap<string, EraPin>): void {
    const folder = dirname(this.#file)
    const fresh = `${this.#file}.new`
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      writeSynced(fresh, JSON.stringify(Object.fromEntries([...pins].sort(([a], [b]) => (a < b ? -1 : 1))), undefined, 2) + '\n')
      renameSync(fresh, this.#file)
      syncDirectoryNow(folder)
    } catch (cause) {
      throw new Fault('era-pins-unwritable', `cannot write ${this.#file}`, { cause })
    }
    this.#pins.clear()
    for (const [alias, pin] of pins) this.#pins.set(alias, pin)
  }
}

function parse(text: string, file: string): object {
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // reported below, like any other content
  }
  throw new Fault('era-pins-invalid', `expected one JSON object in ${file}`)
}

function writeSynced(file: string, text: string): void {
  const handle = openSync(file, 'w', 0o600)
  try {
    writeSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
