// HTTP towards the gateway: one endpoint, a bearer token on every request, no redirects, bounded answers.

import * as http from 'node:http'
import * as https from 'node:https'
import type { Socket } from 'node:net'
import { FailureFault, LOST } from './failures.ts'
import type { TokenSource } from './tokens.ts'

export type Outgoing = {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Buffer
}

/** `events`: an open event stream; else `body` holds what came as JSON, or nothing. */
export type Reply = {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  readonly events?: http.IncomingMessage
}

/** Largest message taken from the gateway; its own bound on upstream messages is 16 MiB unless configured otherwise. */
export const MESSAGE_MAX = 64 * 1024 * 1024
const CONNECT_MS = 10_000
const EMPTY = Buffer.alloc(0)

export class GatewayHttp {
  readonly url: string
  readonly #url: URL
  readonly #tokens: TokenSource
  readonly #agent: http.Agent | https.Agent
  readonly #request: typeof http.request

  constructor(url: URL, tokens: TokenSource) {
    this.#url = url
    this.url = url.origin + url.pathname
    this.#tokens = tokens
    const isTls = url.protocol === 'https:'
    const options = { keepAlive: true, maxFreeSockets: 8 }
    this.#agent = isTls ? new https.Agent(options) : new http.Agent(options)
    this.#request = isTls ? https.request : http.request
  }

  /**
   * Resolves once the status came (with a JSON body: once that is complete). A refused token is renewed and the request sent once more: a 401, and a
   * 403 for want of a scope (a newer token may have it), precede any effect. Throws FailureFault, and whatever the token source throws.
   */
  async send(outgoing: Outgoing, signal: AbortSignal): Promise<Reply> {
    const token = await this.#tokens.get()
    const reply = await this.#once(outgoing, token, signal)
    if (reply.status !== 401 && !lacksScope(reply)) return reply
    const other = await this.#tokens.renew(token)
    const second = other === undefined ? reply : await this.#once(outgoing, other, signal)
    if (second.status === 401)
      throw new FailureFault(
        { reason: 'token-refused', message: `the gateway does not accept the access token for ${this.url}`, fix: this.#tokens.fix },
        false,
      )
    return second
  }

  async #once({ method, headers, body }: Outgoing, token: string, signal: AbortSignal): Promise<Reply> {
    const all: Record<string, string> = { ...headers, authorization: `Bearer ${token}` }
    if (body) all['content-length'] = String(body.length)
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = this.#request(this.#url, { method, agent: this.#agent, headers: all })
      // Not the `signal` option: it destroys with an error, which an idle connection that was just given back has nobody to hear.
      const abort = (): void => void request.destroy()
      signal.addEventListener('abort', abort)
      request.on('close', () => signal.removeEventListener('abort', abort))
      request.on('socket', limitConnect)
      request.on('error', error => reject(this.#failure(error)))
      request.on('response', response => {
        // Whoever reads it hears of errors; where nobody reads (any more), one must not end the process.
        response.on('error', () => {})
        resolve(response)
      })
      if (signal.aborted) abort()
      else request.end(body)
    })
    return this.#read(response)
  }

  async #read(response: http.IncomingMessage): Promise<Reply> {
    const { statusCode: status = 0, headers } = response
    const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
    const isPlain = headers['content-encoding'] === undefined || headers['content-encoding'] === 'identity'
    if (status === 200 && type === 'text/event-stream' && isPlain) return { status, headers, body: EMPTY, events: response }
    if (type === 'application/json' && isPlain) return { status, headers, body: await bodyOf(response) }
    // Nothing in it is for us; an empty one leaves its connection for the next request.
    if (headers['content-length'] === '0' || status === 202 || status === 204) response.resume()
    else response.destroy()
    return { status, headers, body: EMPTY }
  }

  #failure(error: NodeJS.ErrnoException): FailureFault {
    const code = error.code ?? ''
    const options = { cause: error }
    if (/^(?:CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code))
      return new FailureFault(
        {
          reason: 'gateway-untrusted',
          message: `the TLS certificate of ${this.#url.origin} is not trusted (${code})`,
          fix: 'set NODE_EXTRA_CA_CERTS to the file of your certificate authority',
        },
        false,
        options,
      )
    // Several addresses were tried and none took the connection: node:net collects them in an AggregateError with the code of the first.
    const isUnreached = error.syscall === 'connect' || error.syscall === 'getaddrinfo' || error instanceof AggregateError
    if (isUnreached)
      return new FailureFault(
        {
          reason: 'gateway-unreachable',
          message: `the gateway at ${this.#url.origin} cannot be reached (${code})`,
          fix: 'start it with `gatehouse serve`, or name its address with --url',
        },
        true,
        options,
      )
    return new FailureFault(LOST, false, options)
  }

  /** Closes every connection, streams included. */
  close(): void {
    this.#agent.destroy()
  }
}

/** RFC 6750 section 3.1. What the gateway says about it is the host's to read. */
const lacksScope = ({ status, headers }: Reply): boolean =>
  status === 403 && headers['www-authenticate']?.includes('error="insufficient_scope"') === true

/** A connection that does not come about in time was not used: its error says so, as a refused one does. */
function limitConnect(socket: Socket): void {
  if (!socket.connecting) return
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT', syscall: 'connect' }))
  }, CONNECT_MS)
  const stop = (): void => clearTimeout(timer)
  socket.once('connect', stop).once('close', stop)
  // A gateway that vanished without a word is noticed while its answer is waited for.
  socket.setKeepAlive(true, 30_000)
}

/** Throws FailureFault when it breaks off or grows too large. */
async function bodyOf(response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MESSAGE_MAX) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof FailureFault ? error : new FailureFault(LOST, false, { cause: error })
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size)
}

export const tooLarge = (): FailureFault =>
  new FailureFault({ reason: 'answer-unusable', message: `an answer of the gateway is larger than ${MESSAGE_MAX} bytes` }, false)
