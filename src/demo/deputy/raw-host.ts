// A host that keeps to no rule: any token, any header, any body. Nothing of an SDK stands between it and the gateway.

type Json = Readonly<Record<string, unknown>>

export type RawAnswer = {
  readonly status: number
  readonly challenge: string | null
  readonly cookie: string | null
  readonly sessionId: string | null
  /** the body as it came */
  readonly text: string
  /** `error.data.reason`, where there is one */
  readonly reason: string | undefined
  readonly result: Json | undefined
}

export type RawRequest = {
  readonly path: string
  readonly token: string
  readonly method: string
  readonly params?: Json
  readonly headers?: Readonly<Record<string, string>>
  /** 2025-11-25 instead of 2026-07-28: in a session, or `initialize` */
  readonly isLegacy?: boolean
}

const HOST_CAN = { elicitation: { form: {} }, sampling: {} }
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** One request; the answer whatever it is. */
export async function send(url: string, request: RawRequest): Promise<RawAnswer> {
  const { path, token, method, params = {}, headers = {}, isLegacy = false } = request
  const name = typeof params['name'] === 'string' ? params['name'] : undefined
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': HOST_CAN,
  }
  const response = await fetch(url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      ...(!isLegacy && { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(name !== undefined && { 'mcp-name': name }) }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: isLegacy ? params : { ...params, _meta } }),
    redirect: 'manual',
    signal: AbortSignal.timeout(20_000),
  })
  const body = await response.text()
  const data = body
    .split('\n')
    .filter(line => line.startsWith('data: '))
    .at(-1)
    ?.slice(6)
  const message: unknown = data !== undefined || body.startsWith('{') ? JSON.parse(data ?? body) : undefined
  const error = isObject(message) && isObject(message['error']) ? message['error'] : undefined
  const reason = error && isObject(error['data']) ? error['data']['reason'] : undefined
  const of = (header: string): string | null => response.headers.get(header)
  return {
    status: response.status,
    challenge: of('www-authenticate'),
    cookie: of('set-cookie'),
    sessionId: of('mcp-session-id'),
    text: body,
    reason: typeof reason === 'string' ? reason : undefined,
    result: isObject(message) && isObject(message['result']) ? message['result'] : undefined,
  }
}

/** A token whose claims were edited after it was signed. */
export function edited(token: string, change: (claims: Json) => Json): string {
  const [head = '', claims = '', signature = ''] = token.split('.')
  return [head, encode(change(decode(claims))), signature].join('.')
}
/** The same token, saying of itself that it needs no signature. */
export function unsigned(token: string): string {
  const [head = '', claims = ''] = token.split('.')
  return [encode({ ...decode(head), alg: 'none' }), claims, ''].join('.')
}
const decode = (part: string): Json => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json
const encode = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('base64url')
