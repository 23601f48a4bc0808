// All views: principals with the same entitlements and the same lists share one; bounded in number and bytes.

import { digestOf } from '../kernel/digest.ts'
import { View, type ViewRequest, type ViewTools } from './view.ts'

/** Views in all, and bytes of their pages. */
export type ViewLimits = { readonly views?: number; readonly bytes?: number }

type Held = { readonly view: View; bytes: number }

export class Views {
  readonly #tools: ViewTools
  readonly #limits: ViewLimits
  /** least recently used first */
  readonly #held = new Map<string, Held>()
  #bytes = 0

  constructor(tools: ViewTools, limits: ViewLimits = {}) {
    this.#tools = tools
    this.#limits = limits
  }

  /** Views and bytes held now, for metrics. */
  get size(): { readonly views: number; readonly bytes: number } {
    return { views: this.#held.size, bytes: this.#bytes }
  }

  /** The view of this request: an earlier one while endpoint, entitlement and every list are the same, else a new one. Cheap; pages are built when asked for. */
  of(request: ViewRequest): View {
    const key = keyOf(request)
    const known = this.#held.get(key)
    if (known) {
      this.#held.delete(key)
      this.#held.set(key, known)
      known.view.renew(request)
      return known.view
    }
    const held: Held = { view: new View(request, digestOf(key), this.#tools, bytes => this.#grow(key, held, bytes)), bytes: 0 }
    this.#held.set(key, held)
    this.#evict(held)
    return held.view
  }

  #grow(key: string, held: Held, bytes: number): void {
    if (this.#held.get(key) !== held) return // evicted while it was built: lives as long as its readers
    held.bytes += bytes
    this.#bytes += bytes
    this.#evict(held)
  }

  #evict(keep: Held): void {
    const { views = 512, bytes = 128 * 1024 * 1024 } = this.#limits
    for (const [key, held] of this.#held) {
      if (this.#held.size <= views && this.#bytes <= bytes) return
      if (held === keep) continue
      this.#held.delete(key)
      this.#bytes -= held.bytes
    }
  }
}

/** Digests have no spaces and endpoints (URIs) no line breaks, so parts cannot run into each other; a list's digest covers its alias. */
function keyOf({ endpoint, kind, isAggregated, entitlement, parts, isComplete, maxTtlMs }: ViewRequest): string {
  let key = `${endpoint}\n${kind} ${isAggregated} ${isComplete} ${maxTtlMs}\n${entitlement}\n`
  for (const { list } of parts) key += ` ${list.digest}`
  return key
}
