// Genuine 2025-era upstreams on the v1 SDK: `node sdk-v1.ts` serves stdio; `startV1` and `startV1Sse` serve HTTP in this process.

import { randomUUID } from 'node:crypto'
import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'

import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport, type EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  CallToolRequestSchema,
  ElicitResultSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'

const FORM = { message: 'your name?', requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } } }
const text = (value: string): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text: value }] })
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

export type V1 = { readonly server: Server; readonly subscribed: Set<string>; waiting: number; cancelled: number }

function buildV1(): V1 {
  const server = new Server(
    { name: 'v1', version: '1' },
    {
      capabilities: { tools: { listChanged: true }, logging: {}, resources: { subscribe: true, listChanged: true } },
      instructions: 'v1 upstream',
    },
  )
  const built: V1 = { server, subscribed: new Set(), waiting: 0, cancelled: 0 }
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }))
  server.setRequestHandler(SubscribeRequestSchema, request => (built.subscribed.add(request.params.uri), {}))
  server.setRequestHandler(UnsubscribeRequestSchema, request => (built.subscribed.delete(request.params.uri), {}))
  server.setRequestHandler(ReadResourceRequestSchema, request => {
    throw new McpError(-32002, `Resource not found: ${request.params.uri}`)
  })
  server.setRequestHandler(CallToolRequestSchema, async (request, extra) => {
    const { name, arguments: given = {} } = request.params
    if (name === 'echo') return text(String(given['text']))
    if (name === 'ask') {
      const first = await extra.sendRequest({ method: 'elicitation/create', params: FORM }, ElicitResultSchema)
      const second = await extra.sendRequest({ method: 'elicitation/create', params: { ...FORM, message: 'again?' } }, ElicitResultSchema)
      return text(`${String(first.content?.['name'])} and ${String(second.content?.['name'])}`)
    }
    if (name === 'slow') {
      const token = extra._meta?.progressToken
      for (let progress = 1; progress <= 3; progress++) {
        if (token !== undefined)
          await extra.sendNotification({ method: 'notifications/progress', params: { progressToken: token, progress, total: 3 } })
        await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data: `step ${progress}` } })
      }
      return text('done')
    }
    if (name === 'wait') {
      built.waiting++
      while (!extra.signal.aborted) await pause(5)
      built.cancelled++
      return text('cancelled')
    }
    if (name === 'poll') {
      // SEP-1699: the server closes the stream and the client comes back for the rest
      extra.closeSSEStream?.()
      await pause(20)
      return text('polled')
    }
    if (name === 'change') {
      await server.sendToolListChanged()
      for (const uri of built.subscribed) await server.sendResourceUpdated({ uri })
      return text('changed')
    }
    throw new McpError(-32602, `Unknown tool: ${name}`)
  })
  return built
}

/** Keeps every event, so that streams can be resumed. */
class Events implements EventStore {
  readonly #events: { id: string; stream: string; message: object }[] = []
  storeEvent(stream: string, message: object): Promise<string> {
    const id = `${stream}/${this.#events.length}`
    this.#events.push({ id, stream, message })
    return Promise.resolve(id)
  }
  async replayEventsAfter(last: string, { send }: { send: (id: string, message: never) => Promise<void> }): Promise<string> {
    const at = this.#events.findIndex(event => event.id === last)
    const stream = this.#events[at]?.stream ?? ''
    for (const event of this.#events.slice(at + 1))
      if (event.stream === stream && 'jsonrpc' in event.message) await send(event.id, event.message as never)
    return stream
  }
}

const bodyOf = async (request: IncomingMessage): Promise<any> => {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk as string
  return body === '' ? undefined : JSON.parse(body)
}
const listen = (server: HttpServer): Promise<string> =>
  new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)))
const closer = (server: HttpServer) => (): Promise<void> =>
  new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

export type StartedV1 = { readonly url: string; readonly sessions: Map<string, V1>; close(): Promise<void> }

export async function startV1(): Promise<StartedV1> {
  const sessions = new Map<string, V1>()
  const transports = new Map<string, StreamableHTTPServerTransport>()
  const http = createServer((request, response) => {
    void (async () => {
      const body = request.method === 'POST' ? await bodyOf(request) : undefined
      const id = request.headers['mcp-session-id'] as string | undefined
      let transport = transports.get(id ?? '')
      if (!transport) {
        if (id !== undefined) return void response.writeHead(404).end()
        const built = buildV1()
        transport = new StreamableHTTPServerTransport({
          sessionIdGenerator: () => randomUUID(),
          eventStore: new Events(),
          retryInterval: 30,
          onsessioninitialized: session => {
            transports.set(session, transport!)
            sessions.set(session, built)
          },
          onsessionclosed: session => void (transports.delete(session), sessions.delete(session)),
        })
        await built.server.connect(transport)
      }
      await transport.handleRequest(request, response, body)
    })()
  })
  return { url: `${await listen(http)}/mcp`, sessions, close: closer(http) }
}

export async function startV1Sse(): Promise<StartedV1> {
  const sessions = new Map<string, V1>()

  const transports = new Map<string, SSEServerTransport>()
  const http = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      if (request.method === 'GET') {
        const transport = new SSEServerTransport('/messages', response)
        const built = buildV1()
        transports.set(transport.sessionId, transport)
        sessions.set(transport.sessionId, built)
        response.on('close', () => void (transports.delete(transport.sessionId), sessions.delete(transport.sessionId)))
        return built.server.connect(transport)
      }
      const transport = transports.get(url.searchParams.get('sessionId') ?? '')
      if (!transport) return void response.writeHead(404).end()
      await transport.handlePostMessage(request, response)
    })()
  })
  return { url: `${await listen(http)}/sse`, sessions, close: closer(http) }
}

if (import.meta.main) await buildV1().server.connect(new StdioServerTransport())
