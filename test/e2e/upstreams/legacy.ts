// The 2025-era upstream on the genuine v1 SDK: `node legacy.ts` serves stdio, `serveLegacy` Streamable HTTP in this process.

import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  ResultSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
  UrlElicitationRequiredError,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js'
import { eventStore } from '../../conformance/fixtures/event-store.ts'
import { jsonLines, processControl, type Control } from './control.ts'
import { listening, observed, type Served } from './http.ts'
import { CAPABILITIES, complete, Lists, PROMPTS, readResource, RESOURCES, TEMPLATES, text, type Json, type Reach } from './surface.ts'

let asked2025 = 0
type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

function reachOf(extra: Extra, control: Control): Reach {
  return {
    control,
    signal: extra.signal,
    async ask(questions) {
      const asked = Object.entries(questions).map(async ([key, question]): Promise<[string, Json]> => {
        // 2025-11-25 requires an id for url questions (R97)
        const params = question.params['mode'] === 'url' ? { ...question.params, elicitationId: `id-${++asked2025}` } : question.params
        const answer = await extra
          .sendRequest({ ...question, params } as unknown as ServerRequest, ResultSchema)
          .catch((error: unknown) => {
            control.emit('refused', { method: question.method, code: (error as { code?: number }).code })
            throw error
          })
        control.emit('answered', { method: question.method, answer })
        return [key, answer]
      })
      return Object.fromEntries(await Promise.all(asked))
    },
    later: () => Promise.resolve(),
    log: (level, data) => extra.sendNotification({ method: 'notifications/message', params: { level: level as 'info', data } }),
    async progress(progress, total) {
      const progressToken = extra._meta?.progressToken
      if (progressToken === undefined) return
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total } })
    },
    header: name => extra.requestInfo?.headers[name] as string | undefined,
    fail: {
      signIn(elicitations) {
        throw new UrlElicitationRequiredError(elicitations as never)
      },
      missing(capabilities) {
        throw new Error(`client does not support ${Object.keys(capabilities).join()}`)
      },
    },
    closeStream: () => extra.closeSSEStream?.(),
  }
}

function newServer(control: Control, lists: Lists): Server {
  const server = new Server({ name: 'legacy-upstream', version: '1.0.0' }, { capabilities: CAPABILITIES, instructions: 'a 2025 server' })
  const subscribed = new Set<string>()
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: lists.tools([]).map(tool => tool.definition as never) }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = lists.tools([]).find(({ definition }) => definition['name'] === params.name)
    if (!tool) throw new McpError(-32602, `Unknown tool: ${params.name}`)
    try {
      return await tool.run(params.arguments ?? {}, reachOf(extra, control))
    } catch (error) {
      if (error instanceof McpError && error.code === -32042) throw error
      return { ...text((error as Error).message), isError: true }
    }
  })
  server.setRequestHandler(ListPromptsRequestSchema, () => ({ prompts: PROMPTS.map(prompt => prompt.definition as never) }))
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }, extra) => {
    const prompt = PROMPTS.find(({ definition }) => definition['name'] === params.name)
    if (!prompt) throw new McpError(-32602, `Unknown prompt: ${params.name}`)
    return await prompt.run(params.arguments ?? {}, reachOf(extra, control))
  })
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: RESOURCES as never }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: TEMPLATES as never }))
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }, extra) => {
    const found = await readResource(uri, reachOf(extra, control))
    if (!found) throw new McpError(-32002, 'Resource not found', { uri })
    return found
  })
  server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }, { sessionId: session }) => {
    subscribed.add(uri)
    control.emit('subscribed', { uri, session })
    return {}
  })
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.delete(uri)
    control.emit('unsubscribed', { uri })
    return {}
  })
  server.setRequestHandler(CompleteRequestSchema, ({ params }) => complete(params.argument.value) as never)
  let isOpen = true
  server.onclose = () => (isOpen = false)
  control.onCommand(command => {
    if (!isOpen) return
    // a session whose stream is not open just does not hear it
    const sent = (promise: Promise<unknown>): void => void promise.catch(() => {})
    if ('change' in command) {
      const { tools, prompts, resources } = {
        tools: () => server.sendToolListChanged(),
        prompts: () => server.sendPromptListChanged(),
        resources: () => server.sendResourceListChanged(),
      }
      sent({ tools, prompts, resources }[command.change]())
    } else if ('updated' in command) {
      if (subscribed.has(command.updated)) sent(server.sendResourceUpdated({ uri: command.updated }))
    } else if ('unsolicited' in command) {
      const params = { message: 'out of nowhere', requestedSchema: { type: 'object' as const, properties: {} } }
      server
        .request({ method: 'elicitation/create', params }, ResultSchema)
        .then(answer => control.emit('answered', { method: 'elicitation/create', answer }))
        .catch((error: unknown) => control.emit('refused', { method: 'elicitation/create', code: (error as { code?: number }).code }))
    }
  })
  return server
}

const listsOf = (control: Control): Lists => {
  const lists = new Lists()
  control.onCommand(command => 'change' in command && command.change === 'tools' && lists.toggle())
  return lists
}

export async function serveLegacy(control: Control): Promise<Served> {
  const lists = listsOf(control)
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  control.onCommand(command => {
    if (!('forget' in command)) return
    for (const transport of sessions.values()) void transport.close()
    sessions.clear()
  })
  const http = createServer((request, response) => {
    void (async () => {
      const body = await observed(request, response, control)
      const id = request.headers['mcp-session-id'] as string | undefined
      let transport = sessions.get(id ?? '')
      if (!transport) {
        if (id !== undefined || body?.['method'] !== 'initialize') return response.writeHead(id === undefined ? 400 : 404).end()
        const opened = new StreamableHTTPServerTransport({
          sessionIdGenerator: randomUUID,
          eventStore: eventStore(),
          retryInterval: 30,
          onsessioninitialized: session => void sessions.set(session, opened),
          onsessionclosed: session => void sessions.delete(session),
        })
        transport = opened
        await newServer(control, lists).connect(transport)
      }
      return transport.handleRequest(request, response, body)
    })()
  })
  return listening(http)
}

if (import.meta.main) {
  const control = processControl()
  await newServer(control, listsOf(control)).connect(new StdioServerTransport())
  jsonLines(process.stdin, message => control.emit('received', { message }))
  control.emit('started')
}
