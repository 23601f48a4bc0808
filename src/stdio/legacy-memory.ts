// What a host said that makes its 2025 session what it is, kept to begin the session anew after a restart of the gateway.

import { isJsonFault, member, readJson, rawOf, textOf } from '../mcp/json.ts'
import type { RequestMessage, ResponseMessage } from '../mcp/message.ts'
import type { Watched } from './changes.ts'

const REMEMBERED_MAX = 1000

export class SessionMemory {
  /** the host's own message */
  readonly initialize: Buffer
  /** the negotiated revision */
  readonly version: string
  readonly #lists: Watched['lists']
  #initialized: Buffer | undefined
  #level: Buffer | undefined
  /** resources/subscribe requests that hold, by the JSON text of their URI */
  readonly #subscriptions = new Map<string, Buffer>()

  private constructor(initialize: Buffer, version: string, lists: Watched['lists']) {
    this.initialize = initialize
    this.version = version
    this.#lists = lists
  }

  /** From the answer to `initialize`; undefined when it is an error or names no revision. */
  static of(initialize: Buffer, { doc, result }: ResponseMessage): SessionMemory | undefined {
    const own = result && readJson(rawOf(doc, result), { maxDepth: 256 })
    if (!own || isJsonFault(own)) return undefined
    const version = member(own.root, 'protocolVersion')
    if (version?.kind !== 'string') return undefined
    const capabilities = member(own.root, 'capabilities')
    const lists = (['tools', 'prompts', 'resources'] as const).filter(
      kind => member(member(capabilities, kind), 'listChanged')?.kind === 'true',
    )
    return new SessionMemory(initialize, textOf(own, version), lists)
  }

  /** The host said `notifications/initialized`. */
  begin(bytes: Buffer): void {
    this.#initialized = bytes
  }

  /** A request of the host succeeded. */
  remember({ doc, method, params }: RequestMessage): void {
    if (method === 'logging/setLevel') this.#level = doc.bytes
    const uri = member(params, 'uri')
    if (!uri) return
    const key = rawOf(doc, uri).toString()
    if (method === 'resources/unsubscribe') this.#subscriptions.delete(key)
    else if (method === 'resources/subscribe' && this.#subscriptions.size < REMEMBERED_MAX) this.#subscriptions.set(key, doc.bytes)
  }

  /** What is said after `initialize` to stand where the host stood. */
  words(): Buffer[] {
    return [this.#initialized, this.#level, ...this.#subscriptions.values()].filter(bytes => bytes !== undefined)
  }

  /** What may have changed while there was no session. */
  get watched(): Watched {
    return { lists: this.#lists, uris: [...this.#subscriptions.keys()] }
  }
}
