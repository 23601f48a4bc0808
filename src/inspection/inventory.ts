// Whose tools there are, of all servers whose lists were read: what a description of one server that speaks of another's tool is held against (SAFE-T1008).

import { nameKey, type Mention, type Mentions, type NameKey } from './mentions.ts'

/** Names of one server that are remembered, to whomever it lists them. What lies beyond is shadowed unnoticed. */
const MAX_NAMES = 20_000

export class Inventory {
  readonly #names = new Map<string, Set<NameKey>>()
  /** owners by name; mostly one */
  readonly #owners = new Map<NameKey, Set<string>>()
  #version = 0

  /** Another number once another name is known. */
  get version(): number {
    return this.#version
  }

  /** Names that a server lists to somebody, beside those that it listed to others. */
  add(alias: string, tools: Iterable<string>): void {
    let names = this.#names.get(alias)
    if (!names) {
      this.#names.set(alias, (names = new Set()))
      this.#own(names, alias, nameKey(alias))
    }
    for (const tool of tools) {
      if (names.size >= MAX_NAMES) return
      this.#own(names, alias, nameKey(tool))
      this.#own(names, alias, nameKey(alias, tool))
    }
  }

  /** The server is gone, or another one. */
  drop(alias: string): void {
    for (const name of this.#names.get(alias) ?? []) {
      const owners = this.#owners.get(name)
      owners?.delete(alias)
      if (owners?.size === 0) this.#owners.delete(name)
    }
    if (this.#names.delete(alias)) this.#version += 1
  }

  /** Mentions that mean another server or a tool of it, and none of its own. One look each. */
  foreign(alias: string, { named }: Mentions): readonly Mention[] {
    return this.#names.size < 2 ? [] : named.filter(({ key }) => this.#owners.get(key)?.has(alias) === false)
  }

  #own(names: Set<NameKey>, alias: string, key: NameKey | undefined): void {
    if (key === undefined || names.has(key)) return
    names.add(key)
    const owners = this.#owners.get(key) ?? new Set()
    this.#owners.set(key, owners.add(alias))
    this.#version += 1
  }
}
