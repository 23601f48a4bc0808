// The publishing half of a gateway with a repository of trust: what is due is signed, what the registry changed is in it.

import { prune } from '../adapters/tuf/pruning.ts'
import { publishDueTrust, RENEWED_MS } from '../adapters/tuf/publish.ts'
import { TrustFolder } from '../adapters/tuf/trust-folder.ts'
import { Fault } from '../kernel/errors.ts'
import { RegistryDocuments, type Gathered, type RegistrySource } from './registry-documents.ts'

const PRUNED_MS = 6 * 3_600_000

export class TrustPublishing {
  readonly #folder: TrustFolder
  readonly #registry: RegistryDocuments | undefined

  #doneMs = -Infinity
  #prunedMs = -Infinity

  constructor(path: string, source: RegistrySource | undefined) {
    this.#folder = new TrustFolder(path)
    this.#registry = source && new RegistryDocuments(source)
  }

  /** As `gatehouse trust publish`: what keyholders signed meanwhile is taken up too. Why it could not be; what was published before is followed on. */
  async publishDue(nowMs: number): Promise<string | undefined> {
    try {
      const unlock = this.#folder.lock()
      try {
        return await this.#publish(nowMs)
      } finally {
        unlock()
      }
    } catch (error) {
      return whyOf(error)
    }
  }

  /** What cannot be removed now is removed later: nothing depends on it. */
  async #prune(nowMs: number): Promise<void> {
    if (nowMs < this.#prunedMs + PRUNED_MS) return
    this.#prunedMs = nowMs
    await prune(this.#folder, nowMs).catch(() => 0)
  }

  async #publish(nowMs: number): Promise<string | undefined> {
    let gathered: Gathered | undefined
    let failure: string | undefined
    try {
      gathered = await this.#registry?.gather(this.#folder)
    } catch (error) {
      failure = `the registry is not published: ${whyOf(error)}` // timestamps all the same: what was published must not expire with it
    }
    if (gathered || this.#folder.hasStaged() || nowMs < this.#doneMs || nowMs >= this.#doneMs + RENEWED_MS) {
      await publishDueTrust(this.#folder, gathered?.documents ?? {}, nowMs)
      this.#doneMs = nowMs
      gathered?.taken()
      await this.#prune(nowMs)
    }
    return failure ?? this.#registry?.warning()
  }
}

export const whyOf = (error: unknown): string => (error instanceof Fault ? error.message : 'the trust repository could not be read')
