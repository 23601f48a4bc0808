// The two servers of the deputy demo, in this process: MCP 2026-07-28 over plain HTTP, with an eye on every byte that reaches them.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Json = Readonly<Record<string, unknown>>

/** What one tool does with a call: a result, or something rude on the level of HTTP. */
export type Tool = (call: {
  readonly args: Json
  readonly state: string | undefined
  readonly answers: Json | undefined
}) => Json | HttpAnswer
/** An answer that is no MCP result: status and headers of the server's choosing. */
type HttpAnswer = { readonly status: number; readonly headers: Readonly<Record<string, string>> }

export type DemoServer = {
  readonly url: string
  /** everything that arrived, heads and bodies as text; a GET counts as well */
  readonly heard: readonly { readonly method: string; readonly head: string; readonly body: string }[]
  /** how often a tool was called */
  calls(tool: string): number
  close(): Promise<void>
}

const MAX_BODY = 1_000_000
const ANSWER = { resultType: 'complete' } as const

/** Listens on 127.0.0.1; port 0: a free one. */
export async function startServer(name: string, tools: Readonly<Record<string, Tool>>, port = 0): Promise<DemoServer> {
  const heard: { method: string; head: string; body: string }[] = []
  const server = createServer((req, res) => {
    void answer(req, res)
  })
  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of req) if (body.length < MAX_BODY) body += String(chunk)
    heard.push({ method: req.method ?? '', head: req.rawHeaders.join('\n'), body })
    const end = req.method === 'POST' ? handle(name, tools, JSON.parse(body) as Json) : { status: 405, headers: {} }
    if ('status' in end) res.writeHead(end.status as number, end.headers as Record<string, string>).end()
    else res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(end))
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  const isCallOf = (body: string, tool: string): boolean => body.includes('"tools/call"') && body.includes(`"name":"${tool}"`)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    heard,
    calls: tool => heard.filter(({ body }) => isCallOf(body, tool)).length,
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

function handle(name: string, tools: Readonly<Record<string, Tool>>, message: Json): Json | HttpAnswer {
  const params = isObject(message['params']) ? message['params'] : {}
  const end = resultOf(name, tools, message['method'], params)
  if ('status' in end) return end
  return { jsonrpc: '2.0', id: message['id'], ...('code' in end ? { error: end } : { result: end }) }
}

function resultOf(name: string, tools: Readonly<Record<string, Tool>>, method: unknown, params: Json): Json | HttpAnswer {
  switch (method) {
    case 'server/discover':
      return {
        ...ANSWER,
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {} },
        serverInfo: { name, version: '1.0.0' },
        ...{ ttlMs: 60_000, cacheScope: 'private' },
      }
    case 'tools/list':
      return {
        ...ANSWER,
        tools: Object.keys(tools).map(tool => ({ name: tool, inputSchema: { type: 'object' } })),
        ...{ ttlMs: 60_000, cacheScope: 'private' },
      }
    case 'tools/call': {
      const tool = tools[String(params['name'])]
      const [args, answers] = [params['arguments'], params['inputResponses']]
      const state = typeof params['requestState'] === 'string' ? params['requestState'] : undefined
      if (!tool) return { code: -32602, message: 'Unknown tool' }
      return tool({ args: isObject(args) ? args : {}, state, answers: isObject(answers) ? answers : undefined })
    }
    default:
      return { code: -32601, message: 'Method not found' }
  }
}

export const text = (value: string): Json => ({ ...ANSWER, content: [{ type: 'text', text: value }] })
/** Asks the host for something within a call. */
export const ask = (key: string, method: string, params: Json, requestState?: string): Json => ({
  resultType: 'input_required',
  inputRequests: { [key]: { method, params } },
  ...(requestState !== undefined && { requestState }),
})
