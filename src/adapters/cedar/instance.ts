// One instance of Cedar's WebAssembly, replaced when it was hurt: each call that throws leaks some of its stack (some 1,400 of them end it for good), and a
// RuntimeError says that it is ended already.

import { createRequire } from 'node:module'

type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs')

const PACKAGE = '@cedar-policy/cedar-wasm/nodejs'
const MAX_THROWS = 64
const require = createRequire(import.meta.url)

export class CedarInstance {
  #cedar: Cedar = fresh()
  #throws = 0
  /** counts instances: what was prepared in an earlier one is gone */
  generation = 0

  /** Throws what Cedar throws; by then the instance is fit for the next call, or another one. */
  call<T>(use: (cedar: Cedar) => T): T {
    try {
      return use(this.#cedar)
    } catch (cause) {
      if (isTheEnd(cause) || ++this.#throws >= MAX_THROWS) this.#replace()
      throw cause
    }
  }

  #replace(): void {
    this.#cedar = fresh()
    this.#throws = 0
    this.generation += 1
  }
}

/** A WebAssembly.RuntimeError: out of bounds, unreachable, or out of stack. */
const isTheEnd = (cause: unknown): boolean => cause instanceof Error && cause.name === 'RuntimeError'

/** The package keeps its instance in its module: a new one needs the module anew. */
function fresh(): Cedar {
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the only way to make a CommonJS module run again
  delete require.cache[require.resolve(PACKAGE)]
  return require(PACKAGE) as Cedar
}
