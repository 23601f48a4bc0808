// Grants in memory: what a test of the vault keeps them in. It can fail before or after it persists, and hold a call.

import { Fault } from '../../src/kernel/errors.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type { GrantStore, StoredGrant } from '../../src/vault/grant.ts'

export class MemoryGrantStore implements GrantStore {
  /** by id, as they are on the imaginary disk */
  readonly rows = new Map<string, StoredGrant>()
  /** calls that reached it */
  reads = 0
  #fail: 'before' | 'after' | undefined

  /** The next change fails: `before` it is kept, or `after`. */
  failNext(when: 'before' | 'after'): void {
    this.#fail = when
  }

  async find(principal: PrincipalKey, upstream: string): Promise<StoredGrant | undefined> {
    this.reads += 1
    return structuredClone([...this.rows.values()].find(({ grant }) => grant.principal === principal && grant.upstream === upstream))
  }

  async list(principal: PrincipalKey): Promise<readonly StoredGrant[]> {
    const rows = [...this.rows.values()].filter(({ grant }) => grant.principal === principal)
    return structuredClone(rows.sort((a, b) => a.grant.createdAtSeconds - b.grant.createdAtSeconds || (a.grant.id < b.grant.id ? -1 : 1)))
  }

  put(row: StoredGrant): Promise<void> {
    return this.#change(() => {
      for (const { grant } of this.rows.values())
        if (grant.principal === row.grant.principal && grant.upstream === row.grant.upstream) this.rows.delete(grant.id)
      this.rows.set(row.grant.id, structuredClone(row))
    })
  }

  replace(row: StoredGrant, revision: number): Promise<boolean> {
    return this.#change(() => {
      if (this.rows.get(row.grant.id)?.grant.revision !== revision) return false
      this.rows.set(row.grant.id, structuredClone(row))
      return true
    })
  }

  remove(principal: PrincipalKey, id: string): Promise<boolean> {
    return this.#change(() => this.rows.get(id)?.grant.principal === principal && this.rows.delete(id))
  }

  async sealedOtherwise(keyId: string, afterId: string, limit: number): Promise<readonly StoredGrant[]> {
    const rows = [...this.rows.values()].filter(row => row.keyId !== keyId && row.grant.id > afterId)
    return structuredClone(rows.sort((a, b) => (a.grant.id < b.grant.id ? -1 : 1)).slice(0, limit))
  }

  async #change<T>(work: () => T): Promise<T> {
    const fail = this.#fail
    this.#fail = undefined
    const unavailable = new Fault('state-unavailable', 'the memory store was told to fail')
    if (fail === 'before') throw unavailable
    const result = work()
    if (fail === 'after') throw unavailable
    return result
  }
}
