// What reading a configuration leaves behind besides the values: faults, warnings, and where everything stood.

import { isAbsolute, resolve } from 'node:path'
import type { ConfigFault, ConfigWarning, FaultCode, WarningCode } from './faults.ts'
import type { Yaml, YamlNode } from './parse.ts'

const MAX_FAULTS = 200

/** A path, absolute, and whether it was written to start at the folder of the configuration. */
export type Place = { readonly file: string; readonly isRelative: boolean }

export class Reading {
  readonly faults: ConfigFault[] = []
  readonly warnings: ConfigWarning[] = []
  readonly #positionOf: Yaml['positionOf']
  readonly #folder: string
  readonly #places = new Map<string, number>()
  readonly #keys = new Map<string, readonly string[]>()
  readonly #kept = new Map<string, readonly number[]>()
  #isRead = false

  /** @param folder the folder of the configuration file, absolute: relative paths start there */
  constructor(positionOf: Yaml['positionOf'], folder: string) {
    this.#positionOf = positionOf
    this.#folder = folder
  }

  /** Remembers where the value of `path` stands. */
  place(path: string, node: Pick<YamlNode, 'at'>): void {
    this.#places.set(path, node.at)
  }

  /** Remembers the keys of a map, faulty entries included, so that a reference to one of them is not called unknown. */
  keys(path: string, keys: readonly string[]): void {
    this.#keys.set(path, keys)
  }
  keysOf(path: string): readonly string[] {
    return this.#keys.get(path) ?? []
  }

  /** Of a list from which faulty entries were left out: which entry of the file each is that was kept. */
  kept(path: string, indices: readonly number[]): void {
    this.#kept.set(path, indices)
  }
  /** From here on paths count the entries that were kept, as the document has them; faults name those of the file. */
  isRead(): void {
    this.#isRead = true
  }

  has(path: string): boolean {
    return this.#places.has(this.#written(path))
  }

  /** Whether anything at or below `path` is at fault already. */
  isFaulty(counted: string): boolean {
    const path = this.#written(counted)
    return this.faults.some(f => f.path === path || f.path.startsWith(`${path}.`) || f.path.startsWith(`${path}[`))
  }

  /** Reports a fault and answers undefined, which is what the reader of a faulty value answers. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- lets `return reading.refuse(…)` stand in readers of every type
  refuse<T>(code: FaultCode, path: string, message: string, fix?: string): T | undefined {
    this.fault(code, path, message, fix)
    return undefined
  }

  fault(code: FaultCode, path: string, message: string, fix?: string): void {
    if (this.faults.length < MAX_FAULTS) this.faults.push({ code, ...this.#at(path), message, ...(fix ? { fix } : {}) })
  }

  warn(code: WarningCode, path: string, message: string, fix?: string): void {
    if (this.warnings.length < MAX_FAULTS) this.warnings.push({ code, ...this.#at(path), message, ...(fix ? { fix } : {}) })
  }

  absolute(path: string): string {
    return isAbsolute(path) ? resolve(path) : resolve(this.#folder, path)
  }

  /** The same, with how it was written. */
  placeOf(path: string): Place {
    return { file: this.absolute(path), isRelative: !isAbsolute(path) }
  }

  #at(counted: string): { path: string; line: number; column: number } {
    const path = this.#written(counted)
    return { path, ...this.#position(path) }
  }

  #written(path: string): string {
    if (!this.#isRead || this.#kept.size === 0) return path
    const [first = '', ...rest] = path.split('[')
    return rest.reduce((written, part) => {
      const end = part.indexOf(']')
      const index = Number(part.slice(0, end))
      return `${written}[${this.#kept.get(written)?.[index] ?? index}${part.slice(end)}`
    }, first)
  }

  /** Position of the value, or of the nearest thing around it. */
  #position(path: string): { line: number; column: number } {
    for (let around = path; ; around = around.slice(0, Math.max(around.lastIndexOf('.'), around.lastIndexOf('['), 0))) {
      const at = this.#places.get(around)
      if (at !== undefined) return this.#positionOf(at)
      if (around === '') return { line: 0, column: 0 }
    }
  }
}
