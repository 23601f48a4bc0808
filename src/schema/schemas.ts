// Compiled schemas by what they are of: the digest of a definition. Bounded; what was used last stays.

import { compileSchema, type CompiledSchema, type Unusable } from './schema.ts'

/** Definitions kept compiled. */
const MAX_SCHEMAS = 2_000
/** Bytes of schemas kept compiled: what is made of one is some ten times its size. */
const MAX_BYTES = 8 * 1024 * 1024

export class Schemas {
  readonly #known = new Map<string, { readonly made: CompiledSchema | Unusable; readonly bytes: number }>()
  #bytes = 0

  /** `digest` names exactly these bytes; they are asked for only where they are not known. */
  of(digest: string, bytesOf: () => Buffer): CompiledSchema | Unusable {
    const known = this.#known.get(digest)
    if (known) {
      this.#known.delete(digest)
      this.#known.set(digest, known)
      return known.made
    }
    const bytes = bytesOf()
    const made = compileSchema(bytes)
    this.#known.set(digest, { made, bytes: bytes.length })
    this.#bytes += bytes.length
    for (const [oldest, { bytes: freed }] of this.#known) {
      if (this.#known.size <= MAX_SCHEMAS && this.#bytes <= MAX_BYTES) break
      this.#known.delete(oldest)
      this.#bytes -= freed
    }
    return made
  }
}
