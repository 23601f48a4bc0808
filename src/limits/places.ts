// How many calls run at once. A place is taken before a call leaves and given back exactly once, however it ends.

import { ShortLived } from '../kernel/short-lived.ts'

/** `most` at once under this key; `what` says per what, for whoever is refused. */
export type Wanted = { readonly key: string; readonly most: number; readonly what: string }

/** Calls under way by key. A key without any is not kept, so there are never more keys than calls times what each counts under. */
export class Places {
  readonly #held = new ShortLived<number>()
  #count = 0

  /** calls that hold a place */
  get size(): number {
    return this.#count
  }
  /** keys with calls */
  get keys(): number {
    return this.#held.size
  }

  /** All of them or none; otherwise the one that is full. */
  take(wanted: readonly Wanted[]): Place | Wanted {
    for (const each of wanted) if ((this.#held.get(each.key) ?? 0) >= each.most) return each
    for (const { key } of wanted) this.#held.set(key, (this.#held.get(key) ?? 0) + 1)
    this.#count += 1
    return new Place(() => {
      this.#count -= 1
      for (const { key } of wanted) {
        const left = (this.#held.get(key) ?? 1) - 1
        if (left > 0) this.#held.set(key, left)
        else this.#held.delete(key)
      }
    })
  }
}

export class Place {
  #giveBack: (() => void) | undefined
  #isHandedOn = false

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack
  }

  /** Whoever took it is done. Idempotent; nothing happens while something else holds it. */
  release(): void {
    if (!this.#isHandedOn) this.#end()
  }

  /** Held until that settles, whoever releases it meanwhile: the call goes on behind the request that began it. */
  until(settled: Promise<unknown>): void {
    this.#isHandedOn = true
    const end = (): void => this.#end()
    void settled.then(end, end)
  }

  #end(): void {
    const giveBack = this.#giveBack
    this.#giveBack = undefined
    giveBack?.()
  }
}

/** For what runs in another's place. */
export const NO_PLACE = new Place(() => {})
