// What the bench upstream answers, for both eras and both transports. Cheap on purpose: the measured process is the proxy in front of it.

const MODERN = '2026-07-28'
const SERVER = { name: 'bench-upstream', version: '1.0.0' }
const CAPABILITIES = { tools: { listChanged: true } }
const PAGE = 500

export type UpstreamOptions = {
  readonly era: 'legacy' | 'modern'
  /** how many tools tools/list names, `echo` among them */
  readonly tools: number
}
/** `status` is for HTTP; `body` undefined = a notification, nothing to answer. `isStream`: `body` is the first message of a stream that stays open. */
export type Reply = { readonly status: number; readonly body?: Buffer; readonly startsSession?: boolean; readonly isStream?: boolean }

const ECHO = {
  name: 'echo',
  description: 'Answers with its text',
  inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
}

type Tool = { readonly name: string; readonly [member: string]: unknown }

/** About 450 bytes a tool, like a small real one. */
function toolOf(index: number): Tool {
  if (index === 0) return ECHO
  const name = `tool_${String(index).padStart(5, '0')}`
  const properties = {
    path: { type: 'string', description: 'Where to look, relative to the root that the server was started with' },
    pattern: { type: 'string', description: 'What to look for; letters, digits and * match' },
    limit: { type: 'integer', minimum: 1, maximum: 1000, description: 'At most this many results' },
  }
  return {
    name,
    title: `Tool ${index}`,
    description: `Finds things of kind ${index} and says where they are`,
    inputSchema: { type: 'object', properties, required: ['path'] },
  }
}

/** The definitions of so many tools, as they are listed. */
export const toolsOf = (count: number): readonly Tool[] => Array.from({ length: count }, (_, i) => toolOf(i))

export class BenchUpstream {
  readonly #era: 'legacy' | 'modern'
  readonly #pages: Buffer[] = []

  constructor(options: UpstreamOptions) {
    this.#era = options.era
    for (let at = 0; at < Math.max(options.tools, 1); at += PAGE) {
      const end = Math.min(at + PAGE, options.tools)
      const page = {
        tools: Array.from({ length: Math.max(end - at, 1) }, (_, i) => toolOf(at + i)),
        ...(end < options.tools && { nextCursor: String(end) }),
      }
      this.#pages.push(Buffer.from(JSON.stringify({ ...page, ...this.#stamp(true) }).slice(1, -1)))
    }
  }

  answer(body: Buffer): Reply {
    return echoOf(body, this.#era) ?? this.#slow(JSON.parse(body.toString()) as Message)
  }

  #slow(message: Message): Reply {
    const { id, method, params } = message
    if (id === undefined) return { status: 202 }
    const isModern = this.#era === 'modern'
    const result = (value: object): Reply => ({ status: 200, body: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result: value })) })
    const error = (status: number, code: number, text: string, data?: unknown): Reply => ({
      status,
      body: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message: text, data } })),
    })
    switch (method) {
      case 'initialize':
        if (isModern)
          return error(400, -32022, 'unsupported protocol version', { supported: [MODERN], requested: params?.['protocolVersion'] })
        return { ...result({ protocolVersion: '2025-11-25', capabilities: CAPABILITIES, serverInfo: SERVER }), startsSession: true }
      case 'server/discover':
        if (!isModern) return error(400, -32601, 'Method not found')
        return result({ supportedVersions: [MODERN], capabilities: CAPABILITIES, ...this.#stamp(true) })
      case 'ping':
        return isModern ? error(404, -32601, 'Method not found') : result({})
      case 'tools/list': {
        const page = this.#pages[Number(params?.['cursor'] ?? 0) / PAGE]
        if (!page) return error(200, -32602, 'Invalid cursor')
        return {
          status: 200,
          body: Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{`), page, Buffer.from('}}')]),
        }
      }
      case 'tools/call':
        if (params?.['name'] !== 'echo') return error(200, -32602, `Unknown tool: ${String(params?.['name'])}`)
        return result({
          content: [{ type: 'text', text: (params['arguments'] as { text?: string } | undefined)?.text ?? '' }],
          ...this.#stamp(false),
        })
      case 'subscriptions/listen': {
        if (!isModern) return error(200, -32601, 'Method not found')
        const acknowledged = { notifications: params?.['notifications'], _meta: { 'io.modelcontextprotocol/subscriptionId': id } }
        const body = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: acknowledged })
        return { status: 200, body: Buffer.from(body), isStream: true }
      }
      default:
        return error(isModern ? 404 : 200, -32601, 'Method not found')
    }
  }

  /** What a modern result carries besides (R19, R21, R66). */
  #stamp(isCacheable: boolean): object {
    if (this.#era !== 'modern') return {}
    const meta = { 'io.modelcontextprotocol/serverInfo': SERVER }
    return { resultType: 'complete', _meta: meta, ...(isCacheable && { ttlMs: 3_600_000, cacheScope: 'public' }) }
  }
}

type Message = { readonly id?: string | number; readonly method?: string; readonly params?: Record<string, unknown> }

const TEXT = Buffer.from('"text":"')
const HEAD = Buffer.from('{"jsonrpc":"2.0","id":')
const LEGACY_TAIL = Buffer.from('"}]}}')
const MODERN_TAIL = Buffer.from(`"}],"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":${JSON.stringify(SERVER)}}}}`)

/**
 * The echo answer without parsing the text: it is cut out and put back as it stands. Undefined where the message is not plainly of the
 * shape that the load generator and proxies write, for the slow way to answer.
 */
function echoOf(body: Buffer, era: 'legacy' | 'modern'): Reply | undefined {
  const start = body.indexOf(TEXT)
  if (start < 0) return undefined
  const from = start + TEXT.length
  const to = body.indexOf(0x22, from)
  if (to < 0 || body.subarray(from, Math.min(to, from + 64)).includes(0x5c) || body[to - 1] === 0x5c) return undefined
  let rest: Message
  try {
    rest = JSON.parse(body.toString('latin1', 0, from) + body.toString('latin1', to)) as Message
  } catch {
    return undefined
  }
  const args = rest.params?.['arguments'] as { text?: unknown } | undefined
  if (rest.id === undefined || rest.method !== 'tools/call' || rest.params?.['name'] !== 'echo' || args?.text !== '') return undefined
  const head = Buffer.from(`${HEAD.toString()}${JSON.stringify(rest.id)},"result":{"content":[{"type":"text","text":"`)
  return { status: 200, body: Buffer.concat([head, body.subarray(from, to), era === 'modern' ? MODERN_TAIL : LEGACY_TAIL]) }
}
