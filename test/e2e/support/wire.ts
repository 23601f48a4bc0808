// The network between a host and the gateway: it carries the token, tells what came back, and can be cut.

import { Mailbox } from './mailbox.ts'

/** One HTTP answer: the request's HTTP and JSON-RPC method, the status. */
export type HttpAnswer = { readonly http: string; readonly status: number; readonly rpc?: string }

export class Wire {
  readonly responses = new Mailbox<HttpAnswer>('responses')
  readonly #ends = new Mailbox<string>('ends')
  readonly #running = new Set<AbortController>()
  readonly #token: string
  constructor(token: string) {
    this.#token = token
  }

  readonly fetch = async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${this.#token}`)
    const cut = new AbortController()
    this.#running.add(cut)
    const signal = init.signal ? AbortSignal.any([init.signal, cut.signal]) : cut.signal
    const response = await fetch(url, { ...init, headers, signal })
    const rpc = typeof init.body === 'string' ? (JSON.parse(init.body) as { method?: string }).method : undefined
    const body = response.body?.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({ flush: () => this.#ends.push(init.method ?? 'GET') }),
    )
    this.responses.push({ http: init.method ?? 'GET', status: response.status, ...(rpc !== undefined && { rpc }) })
    return new Response(body ?? null, response)
  }

  /** Until the body of an answer to such a request has ended. */
  async ended(method: string): Promise<void> {
    await this.#ends.until(`end of ${method}`, m => m === method)
  }

  /** Cuts every exchange that is running. */
  cut(): void {
    for (const running of this.#running) running.abort(new Error('connection reset'))
    this.#running.clear()
  }
}
