// A genuine SDK server of either era over HTTP whose names a test decides, and changes while it runs. What reaches it by method and name is kept.

import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, Server as ModernServer } from '@modelcontextprotocol/server'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { listening } from './http.ts'

/** Each tool and prompt by its name, with its description. */
export type Names = {
  tools?: Readonly<Record<string, string>>
  prompts?: Readonly<Record<string, string>>
  resources?: readonly string[]
  templates?: readonly string[]
}
export type Named = {
  readonly url: string
  /** what it lists from now on */
  names: Names
  /** calls, gets, reads, completions and subscriptions: `method name` */
  readonly asked: string[]
  /** tells whoever listens that its lists changed */
  announce(): Promise<void>
  close(): Promise<void>
}

const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  completions: {},
}
const NO_CACHE = { ttlMs: 0, cacheScope: 'private' } as const

/** What it answers; the same in both eras. */
function answers(state: { names: Names; asked: string[] }) {
  const asked = (method: string, name: string): void => void state.asked.push(`${method} ${name}`)
  const pairs = (of: Readonly<Record<string, string>> = {}) => Object.entries(of).map(([name, description]) => ({ name, description }))
  return {
    tools: () => ({ tools: pairs(state.names.tools).map(tool => ({ ...tool, inputSchema: { type: 'object' as const } })) }),
    prompts: () => ({ prompts: pairs(state.names.prompts) }),
    resources: () => ({ resources: (state.names.resources ?? []).map(uri => ({ uri, name: uri })) }),
    templates: () => ({ resourceTemplates: (state.names.templates ?? []).map(uriTemplate => ({ uriTemplate, name: uriTemplate })) }),
    call(name: string) {
      asked('tools/call', name)
      if (!Object.hasOwn(state.names.tools ?? {}, name)) throw new Error('there is no such tool')
      return { content: [{ type: 'text' as const, text: name }] }
    },
    prompt(name: string) {
      asked('prompts/get', name)
      return { messages: [{ role: 'user' as const, content: { type: 'text' as const, text: name } }] }
    },
    read(uri: string) {
      asked('resources/read', uri)
      return { contents: [{ uri, text: uri }] }
    },
    complete(ref: { name?: string; uri?: string }) {
      asked('completion/complete', ref.name ?? ref.uri ?? '')
      return { completion: { values: ['done'] } }
    },
    subscribe(uri: string) {
      asked('resources/subscribe', uri)
      return {}
    },
  }
}

export async function startNamed(era: 'legacy' | 'modern', names: Names): Promise<Named> {
  const state = { names, asked: [] as string[] }
  const { url, close, announce } = await (era === 'legacy' ? serveLegacy : serveModern)(answers(state))
  return {
    url,
    close,
    announce,
    asked: state.asked,
    get names() {
      return state.names
    },
    set names(next) {
      state.names = next
    },
  }
}

type Answers = ReturnType<typeof answers>
type Started = { readonly url: string; close(): Promise<void>; announce(): Promise<void> }

async function serveLegacy(say: Answers): Promise<Started> {
  const sessions = new Map<string, { readonly server: Server; readonly transport: StreamableHTTPServerTransport }>()
  const build = (): Server => {
    const server = new Server({ name: 'named', version: '1' }, { capabilities: CAPABILITIES })
    server.setRequestHandler(ListToolsRequestSchema, () => say.tools())
    server.setRequestHandler(ListPromptsRequestSchema, () => say.prompts())
    server.setRequestHandler(ListResourcesRequestSchema, () => say.resources())
    server.setRequestHandler(ListResourceTemplatesRequestSchema, () => say.templates())
    server.setRequestHandler(CallToolRequestSchema, ({ params }) => say.call(params.name))
    server.setRequestHandler(GetPromptRequestSchema, ({ params }) => say.prompt(params.name))
    server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => say.read(params.uri))
    server.setRequestHandler(CompleteRequestSchema, ({ params }) => say.complete(params.ref as { name?: string }))
    server.setRequestHandler(SubscribeRequestSchema, ({ params }) => say.subscribe(params.uri))
    server.setRequestHandler(UnsubscribeRequestSchema, () => ({}))
    return server
  }
  const http = createServer((request, response) => {
    void (async () => {
      const id = request.headers['mcp-session-id']
      const known = sessions.get(typeof id === 'string' ? id : '')
      if (known) return known.transport.handleRequest(request, response)
      if (id !== undefined) return void response.writeHead(404).end()
      const server = build()
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: session => void sessions.set(session, { server, transport }),
        onsessionclosed: session => void sessions.delete(session),
      })
      await server.connect(transport)
      await transport.handleRequest(request, response)
    })()
  })
  return {
    ...(await listening(http)),
    async announce() {
      for (const { server } of sessions.values()) await Promise.all([server.sendToolListChanged(), server.sendPromptListChanged()])
    },
  }
}

async function serveModern(say: Answers): Promise<Started> {
  const build = (): ModernServer => {
    const server = new ModernServer({ name: 'named', version: '1' }, { capabilities: CAPABILITIES })
    server.setRequestHandler('tools/list', () => ({ ...say.tools(), ...NO_CACHE }))
    server.setRequestHandler('prompts/list', () => ({ ...say.prompts(), ...NO_CACHE }))
    server.setRequestHandler('resources/list', () => ({ ...say.resources(), ...NO_CACHE }))
    server.setRequestHandler('resources/templates/list', () => ({ ...say.templates(), ...NO_CACHE }))
    server.setRequestHandler('tools/call', ({ params }) => say.call(params.name))
    server.setRequestHandler('prompts/get', ({ params }) => say.prompt(params.name))
    server.setRequestHandler('resources/read', ({ params }) => ({ ...say.read(params.uri), ...NO_CACHE }))
    server.setRequestHandler('completion/complete', ({ params }) => say.complete(params.ref as { name?: string }))
    return server
  }
  const handler = createMcpHandler(build, { legacy: 'reject' })
  const handle = toNodeHandler(handler)
  const http = createServer((request, response) => void handle(request as never, response as never))
  return {
    ...(await listening(http)),
    async announce() {
      handler.notify.toolsChanged()
      handler.notify.promptsChanged()
    },
  }
}
