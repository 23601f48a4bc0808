// A light cancel signal for the data path: an AbortSignal costs more than the rest of a small call's bookkeeping.

export class Cancellation {
  #listeners: ((reason: string) => void)[] | undefined
  #reason: string | undefined

  get isCancelled(): boolean {
    return this.#reason !== undefined
  }
  get reason(): string | undefined {
    return this.#reason
  }
  /** Calls back once, at once when already cancelled. Returns a function that forgets the callback. */
  onCancel(listener: (reason: string) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason)
      return () => {}
    }
    ;(this.#listeners ??= []).push(listener)
    return () => {
      const at = this.#listeners?.indexOf(listener) ?? -1
      if (at >= 0) this.#listeners?.splice(at, 1)
    }
  }
  /** Idempotent. */
  cancel(reason: string): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    const listeners = this.#listeners
    this.#listeners = undefined
    for (const listener of listeners ?? []) listener(reason)
  }
}
