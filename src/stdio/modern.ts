// 2026-07-28 over Streamable HTTP: every request its own POST with headers that say what its body says; closing the POST cancels (R8-R10, R17, R24-R28).

import { headerNameOf } from '../mcp/era.ts'
import { encodeHeaderValue } from '../mcp/header-values.ts'
import { isJsonFault, member, rawOf, readJson, textOf } from '../mcp/json.ts'
import { isMessageFault, readMessage } from '../mcp/message.ts'
import type { NotificationMessage, RequestMessage, ResponseMessage } from '../mcp/message.ts'
import { CODE, META, MODERN_VERSION } from '../mcp/revisions.ts'
import { AnswerStream } from './answer-stream.ts'
import { RELAYED, type Exchange } from './exchange.ts'
import { failureOf, LOST, statusFailure } from './failures.ts'
import type { GatewayHttp, Outgoing, Reply } from './gateway-http.ts'
import { sendPatiently, type Delay } from './patience.ts'
import { ToolHeaders } from './tool-headers.ts'

export type ModernOptions = { readonly http: GatewayHttp; readonly delay: Delay }

/** Pages of tools/list read to learn the headers of one tool. */
const PAGES_MAX = 100

export class ModernLink {
  readonly #http: GatewayHttp
  readonly #delay: Delay
  readonly #tools = new ToolHeaders()
  #asked = 0

  constructor({ http, delay }: ModernOptions) {
    this.#http = http
    this.#delay = delay
  }

  /** Sends one request and relays what comes back. Never rejects: what goes wrong is the host's answer. */
  async request(exchange: Exchange): Promise<void> {
    const { message, abort } = exchange
    try {
      let reply = await sendPatiently(this.#http, this.#outgoing(message), abort.signal, this.#delay)
      // R27: the schema the headers come from may have changed, or was listed before this process lived. Refused so, the call had no effect.
      if (message.method === 'tools/call' && isHeaderMismatch(reply) && (await this.#relearn(message, abort.signal)))
        reply = await this.#http.send(this.#outgoing(message), abort.signal)
      await this.#relay(exchange, reply)
    } catch (error) {
      exchange.fail(failureOf(error))
    }
  }

  async #relay(exchange: Exchange, reply: Reply): Promise<void> {
    const stream = new AnswerStream()
    const answer = (message: ResponseMessage): void => {
      if (exchange.message.method === 'tools/list') this.#tools.learn(message)
    }
    for await (const bytes of stream.messages(reply)) await exchange.receive(bytes, reply.status >= 400, { answer })
    // R28: a broken stream loses the request; only the host knows whether to ask again.
    if (!exchange.isOver) exchange.fail(reply.events ? LOST : statusFailure(reply.status, this.#http.url, 'modern'))
  }

  #outgoing(message: RequestMessage): Outgoing {
    return { method: 'POST', headers: { ...modernHeaders(message), ...this.#tools.of(message) }, body: message.doc.bytes }
  }

  /** Reads the tool lists again, with the host's own envelope, until the called tool was seen. False: its headers are as they were. */
  async #relearn(call: RequestMessage, signal: AbortSignal): Promise<boolean> {
    const before = JSON.stringify(this.#tools.of(call))
    const meta = call.meta ? rawOf(call.doc, call.meta).toString() : '{}'
    let cursor: string | undefined
    for (let page = 0; page < PAGES_MAX; page++) {
      const params = `{${cursor === undefined ? '' : `"cursor":${cursor},`}"_meta":${meta}}`
      const body = Buffer.from(`{"jsonrpc":"2.0","id":"gatehouse-stdio-${(this.#asked += 1)}","method":"tools/list","params":${params}}`)
      const list = readMessage(body, RELAYED)
      if (isMessageFault(list) || list.kind !== 'request') return false
      const reply = await this.#http.send({ method: 'POST', headers: modernHeaders(list), body }, signal)
      for await (const bytes of new AnswerStream().messages(reply)) {
        const answer = readMessage(bytes, RELAYED)
        if (isMessageFault(answer) || answer.kind !== 'response') continue
        this.#tools.learn(answer)
        const next = member(answer.result, 'nextCursor')
        cursor = next?.kind === 'string' ? rawOf(answer.doc, next).toString() : undefined
      }
      if (JSON.stringify(this.#tools.of(call)) !== before) return true
      if (cursor === undefined) return false
    }
    return false
  }
}

/** Headers of one modern POST, read from the body (R6, R8, R9). */
export function modernHeaders(message: RequestMessage | NotificationMessage): Record<string, string> {
  const { doc, method, meta } = message
  const version = member(meta, META.protocolVersion)
  const name = headerNameOf(message)
  return {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': version?.kind === 'string' ? encodeHeaderValue(textOf(doc, version)) : MODERN_VERSION,
    'mcp-method': encodeHeaderValue(method),
    ...(name !== undefined && { 'mcp-name': encodeHeaderValue(name) }),
  }
}

function isHeaderMismatch({ status, body }: Reply): boolean {
  if (status !== 400 || body.length === 0) return false
  const doc = readJson(body, RELAYED)
  const code = isJsonFault(doc) ? undefined : member(member(doc.root, 'error'), 'code')
  return code !== undefined && body.toString('latin1', code.start, code.end) === String(CODE.headerMismatch)
}
