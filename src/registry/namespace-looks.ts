// Proofs by a domain looked at again before they end, without anybody asking: the same key still published prolongs them, nothing else does.

import type { Binding } from './binding.ts'
import { keyIn } from './domain-key.ts'
import { domainOf } from './domain-proofs.ts'
import type { DomainKeys, Look, Namespace, NamespaceStore, NamespaceWatch } from './namespace.ts'
import { PROOF_SECONDS, type Namespaces } from './namespaces.ts'

export type NamespaceLooksParts = {
  readonly store: NamespaceWatch & Pick<NamespaceStore, 'list'>
  readonly domainKeys: DomainKeys
  readonly namespaces: Pick<Namespaces, 'noteSigner'>
  /** as in NamespaceParts */
  readonly signers: () => Promise<ReadonlyMap<string, string>>
  readonly nowSeconds: () => number
  readonly cooldownSeconds: () => number
  /** written down before anything is changed by it; rejects where it cannot be, and then nothing changes */
  readonly record: (found: Found) => Promise<void>
  readonly onFault: (cause: unknown) => void
}
/** `until`: when the proof ends, after this look. */
export type Found = { readonly namespace: string; readonly found: Look['found']; readonly untilSeconds: number }

/** Days in which a domain that cannot be reached for a while, or a record that got lost, can be mended. */
const BEFORE_END_SECONDS = 7 * 86_400
const BETWEEN_LOOKS_SECONDS = 6 * 3600
/** Of one round, and at one time: each is an answer of somebody else's server, and may take its whole deadline. */
const MAX_LOOKS = 20
const AT_ONCE = 4

export class NamespaceLooks {
  readonly #parts: NamespaceLooksParts
  #isLooking = false
  constructor(parts: NamespaceLooksParts) {
    this.#parts = parts
  }

  /** One round; a round that is still under way is not joined by another. Never rejects. */
  async look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const { store, namespaces, nowSeconds } = this.#parts
      const signers = await this.#parts.signers()
      // Noted when it changes, not when somebody publishes by it: the quiet time is for owners to see it in.
      if (signers.size > 0) for (const namespace of await store.list()) await namespaces.noteSigner(namespace, signers)
      const now = nowSeconds()
      const waiting = [...(await store.due(now + BEFORE_END_SECONDS, now - BETWEEN_LOOKS_SECONDS, MAX_LOOKS))]
      const work = async (): Promise<void> => {
        for (let one = waiting.shift(); one; one = waiting.shift()) await this.#lookAt(one)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
    } catch (cause) {
      this.#parts.onFault(cause)
    } finally {
      this.#isLooking = false
    }
  }

  async #lookAt({ name, proof, bound, proveAgainAtSeconds = 0 }: Namespace): Promise<void> {
    const { store, nowSeconds, cooldownSeconds, record } = this.#parts
    if (!bound || (proof !== 'dns' && proof !== 'https')) return
    const found = await this.#found(name, proof, bound)
    const now = nowSeconds()
    const until = found === 'same' ? now + PROOF_SECONDS : proveAgainAtSeconds
    await record({ namespace: name, found, untilSeconds: until })
    await store.looked(name, bound, {
      atSeconds: now,
      found,
      ...(found === 'same' && { proveAgainAtSeconds: until }),
      // The domain names another key and not this one: whoever has it now is not whom we know, and every look that finds it so says so again.
      ...(found === 'other-key' && { quiet: { untilSeconds: now + cooldownSeconds(), why: 'key' } }),
    })
  }

  async #found(name: string, method: 'dns' | 'https', bound: Binding): Promise<Look['found']> {
    try {
      const keys = (await this.#parts.domainKeys.read(domainOf(name), method)).map(keyIn).filter(key => key !== undefined)
      if (bound.kind === 'key' && keys.includes(bound.key)) return 'same'
      return keys.length === 0 ? 'absent' : 'other-key'
    } catch {
      return 'unreadable'
    }
  }
}
