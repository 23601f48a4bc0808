// Which questions of tasks were asked already: whoever looks at a task again is not asked again, and it costs nothing again.

const MAX_KNOWN = 10_000

/** Questions of tasks that were asked: a host looks at a task many times, and is asked each once. Bounded; what is forgotten costs once more. */
export class AskedInTasks {
  readonly #known = new Set<string>()
  has(digest: string): boolean {
    return this.#known.has(digest)
  }
  /** Once nothing kept it from the host: what was refused was not asked. */
  add(digest: string): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.add(digest)
  }
}
