// A witness's memory without a disk.

import type { SeenCheckpoint, WitnessMemory } from '../../src/audit/witnessing.ts'

export class MemoryWitness implements WitnessMemory {
  readonly #seen = new Map<string, Map<number, SeenCheckpoint>>()

  latest(origin: string): SeenCheckpoint | undefined {
    return [...(this.#seen.get(origin)?.values() ?? [])].at(-1)
  }

  at(origin: string, size: number): SeenCheckpoint | undefined {
    return this.#seen.get(origin)?.get(size)
  }

  advance(origin: string, from: number, to: SeenCheckpoint): boolean {
    const size = this.latest(origin)?.size ?? 0
    if (size !== from || to.size < size) return false
    const seen = this.#seen.get(origin) ?? new Map<number, SeenCheckpoint>()
    this.#seen.set(origin, seen.set(to.size, to))
    return true
  }
}
