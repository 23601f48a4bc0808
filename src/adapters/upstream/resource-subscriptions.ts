// Keeps a legacy connection subscribed to exactly the resources that are wanted now (resources/subscribe, resources/unsubscribe).

export class ResourceSubscriptions {
  readonly #send: (method: 'resources/subscribe' | 'resources/unsubscribe', uri: string) => Promise<unknown>
  readonly #have = new Set<string>()
  #want: ReadonlySet<string> = new Set()
  #isWorking = false

  /** `send` resolves when the upstream has answered, whatever it said; it never rejects. */
  constructor(send: (method: 'resources/subscribe' | 'resources/unsubscribe', uri: string) => Promise<unknown>) {
    this.#send = send
  }

  want(uris: readonly string[]): void {
    this.#want = new Set(uris)
    if (!this.#isWorking) void this.#work()
  }

  /** One request at a time, so that a host with many URIs cannot flood the upstream; later wishes win. */
  async #work(): Promise<void> {
    this.#isWorking = true
    for (let uri = this.#next(); uri !== undefined; uri = this.#next()) {
      const isWanted = this.#want.has(uri)
      if (isWanted) this.#have.add(uri)
      else this.#have.delete(uri)
      await this.#send(isWanted ? 'resources/subscribe' : 'resources/unsubscribe', uri)
    }
    this.#isWorking = false
  }

  #next(): string | undefined {
    for (const uri of this.#want) if (!this.#have.has(uri)) return uri
    for (const uri of this.#have) if (!this.#want.has(uri)) return uri
    return undefined
  }
}
