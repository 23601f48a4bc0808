// A host without an SDK, for what an SDK hides: bytes, event ids, retries by hand. Both eras; the modern one is test/support/gateway.ts's postModern.

import type { World } from './world.ts'

export type RawSession = {
  readonly id: string
  readonly token: string
  /** one JSON-RPC message, as text where the bytes matter */
  post(message: object | string, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** the GET stream, or the rest of another one */
  get(lastEventId?: string, token?: string): Promise<Response>
}

/** Opens a 2025 session. */
export async function openRaw(
  world: World,
  path: string,
  { sub, version = '2025-11-25', capabilities = {} }: { sub?: string; version?: string; capabilities?: object } = {},
): Promise<RawSession> {
  const token = await world.token(path, sub === undefined ? {} : { sub })
  let id = ''
  const send = (method: string, headers: Record<string, string>, body?: string): Promise<Response> =>
    fetch(world.url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(id !== '' && { 'mcp-session-id': id, 'mcp-protocol-version': version }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    })
  const post: RawSession['post'] = (message, headers = {}) =>
    send(
      'POST',
      { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      typeof message === 'string' ? message : JSON.stringify(message),
    )
  const params = { protocolVersion: version, capabilities, clientInfo: { name: 'raw', version: '1' } }
  const opened = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
  id = opened.headers.get('mcp-session-id') ?? ''
  await opened.text()
  await post({ jsonrpc: '2.0', method: 'notifications/initialized' })
  return {
    id,
    token,
    post,
    get: (lastEventId, other = token) =>
      send('GET', {
        authorization: `Bearer ${other}`,
        accept: 'text/event-stream',
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      }),
  }
}

export type SseEvent = { readonly id?: string; readonly data: string; readonly retry?: string }

/** Events of a stream as they come; ends with the stream. */
export async function* eventsOf(response: Response): AsyncGenerator<SseEvent> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body!) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true })
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const fields = new Map(
        rest
          .slice(0, end)
          .split('\n')
          .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]),
      )
      rest = rest.slice(end + 2)
      const [id, retry] = [fields.get('id'), fields.get('retry')]
      yield { data: fields.get('data') ?? '', ...(id !== undefined && { id }), ...(retry !== undefined && { retry }) }
    }
  }
}

/** The first event with data. */
export async function nextEvent(events: AsyncGenerator<SseEvent>): Promise<SseEvent> {
  for (;;) {
    const { value, done } = await events.next()
    if (done === true) throw new Error('the stream ended')
    if (value.data !== '') return value
  }
}

export type RawAnswer = {
  readonly status: number
  readonly headers: Headers
  /** the whole body as text */
  readonly text: string
  /** the messages in it: one of JSON, or all of an event stream */
  readonly messages: any[]
  readonly last: any
}

let nextId = 1
/** One modern request; headers say what the body says unless overridden. */
export async function postModern(
  world: World,
  path: string,
  { method, params = {}, capabilities = {}, headers, sub, claims, signal }: ModernRequest,
): Promise<RawAnswer> {
  const token = await world.token(path, { ...claims, ...(sub !== undefined && { sub }) })
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    ...(params['_meta'] as object | undefined),
  }
  const name = (params['name'] ?? params['uri'] ?? params['taskId']) as string | undefined
  const response = await fetch(world.url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(name !== undefined && { 'mcp-name': name }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: nextId++, method, params: { ...params, _meta: meta } }),
    ...(signal && { signal }),
  })
  return answerOf(response)
}
export type ModernRequest = {
  readonly method: string
  readonly params?: Readonly<Record<string, any>>
  readonly capabilities?: object
  readonly headers?: Readonly<Record<string, string>>
  readonly sub?: string
  /** further claims of the token */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly signal?: AbortSignal
}

export async function answerOf(response: Response): Promise<RawAnswer> {
  const text = await response.text()
  const isStream = response.headers.get('content-type')?.includes('event-stream') === true
  const datas = isStream
    ? text
        .split('\n')
        .filter(line => line.startsWith('data: ') && line.length > 6)
        .map(line => line.slice(6))
    : [text]
  const messages = datas.filter(data => data !== '').map(data => JSON.parse(data) as unknown)
  return { status: response.status, headers: response.headers, text, messages, last: messages.at(-1) }
}
