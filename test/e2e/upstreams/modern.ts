// The 2026-only upstream on the genuine v2 SDK: `node modern.ts` serves stdio, `serveModern` Streamable HTTP in this process.

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  createRequestStateCodec,
  inputRequired,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ResourceNotFoundError,
  Server,
  type InputRequiredResult,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { jsonLines, processControl, type Control } from './control.ts'
import { listening, observed, type Served } from './http.ts'
import {
  CAPABILITIES,
  complete,
  Lists,
  MODERN_TOOLS,
  PROMPTS,
  readResource,
  RESOURCES,
  TEMPLATES,
  VISIT,
  type Json,
  type Reach,
} from './surface.ts'

/** The answers of earlier rounds: the program runs again from its start with them. */
type State = { readonly answers: readonly Record<string, Json>[] }
const codec = createRequestStateCodec<State>({ key: randomBytes(32) })

class Pause extends Error {
  readonly required: InputRequiredResult
  constructor(required: InputRequiredResult) {
    super('input required')
    this.required = required
  }
}

function reachOf({ mcpReq, http }: ServerContext, control: Control): Reach {
  const earlier = mcpReq.requestState<State>()?.answers ?? []
  const known = [...earlier]
  let round = 0
  const ask: Reach['ask'] = async questions => {
    const at = round++
    if (known[at]) return known[at]
    const given = mcpReq.inputResponses as Record<string, Json> | undefined
    if (at === earlier.length && given && Object.keys(questions).every(key => given[key] !== undefined)) {
      known.push(given)
      control.emit('answered', { answers: given })
      return given
    }
    throw new Pause(inputRequired({ inputRequests: questions as never, requestState: await codec.mint({ answers: known }) }))
  }
  return {
    control,
    signal: mcpReq.signal,
    ask,
    async later() {
      if (round++ < earlier.length) return
      throw new Pause(inputRequired({ requestState: await codec.mint({ answers: [...known, {}] }) }))
    },
    log: (level, data) => mcpReq.log(level as 'info', data),
    async progress(progress, total) {
      const progressToken = mcpReq._meta?.progressToken
      if (progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total } })
    },
    header: name => http?.req?.headers.get(name) ?? undefined,
    fail: {
      // 2026-07-28 has no error for it: a url question instead, and the program again once it is answered
      signIn() {
        throw new Pause(inputRequired({ inputRequests: { visit: { method: 'elicitation/create', params: VISIT } } as never }))
      },
      missing(requiredCapabilities) {
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities })
      },
    },
    closeStream() {},
  }
}

async function run(program: () => unknown): Promise<never> {
  try {
    return (await program()) as never
  } catch (error) {
    if (error instanceof Pause) return error.required as never
    throw error
  }
}

function newServer(control: Control, lists: Lists): Server {
  const server = new Server(
    { name: 'modern-upstream', version: '1.0.0' },
    { capabilities: CAPABILITIES, instructions: 'a 2026 server', requestState: { verify: codec.verify } },
  )
  const tools = () => lists.tools(MODERN_TOOLS)
  server.setRequestHandler('tools/list', () => ({
    tools: tools().map(tool => tool.definition as never),
    ttlMs: 1000,
    cacheScope: 'public',
  }))
  server.setRequestHandler('tools/call', ({ params }, context) => {
    const tool = tools().find(({ definition }) => definition['name'] === params.name)
    if (!tool) throw new ProtocolError(-32602, `Unknown tool: ${params.name}`)
    return run(() => tool.run(params.arguments ?? {}, reachOf(context, control)))
  })
  server.setRequestHandler('prompts/list', () => ({ prompts: PROMPTS.map(prompt => prompt.definition as never) }))
  server.setRequestHandler('prompts/get', ({ params }, context) => {
    const prompt = PROMPTS.find(({ definition }) => definition['name'] === params.name)
    if (!prompt) throw new ProtocolError(-32602, `Unknown prompt: ${params.name}`)
    return run(() => prompt.run(params.arguments ?? {}, reachOf(context, control)))
  })
  server.setRequestHandler('resources/list', () => ({ resources: RESOURCES as never }))
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: TEMPLATES as never }))
  server.setRequestHandler('resources/read', ({ params: { uri } }, context) =>
    run(async () => {
      const found = await readResource(uri, reachOf(context, control))
      if (!found) throw new ResourceNotFoundError(uri)
      return found
    }),
  )
  server.setRequestHandler('completion/complete', ({ params }) => complete(params.argument.value) as never)
  return server
}

const listsOf = (control: Control): Lists => {
  const lists = new Lists()
  control.onCommand(command => 'change' in command && command.change === 'tools' && lists.toggle())
  return lists
}

export async function serveModern(control: Control): Promise<Served> {
  const lists = listsOf(control)
  const handler = createMcpHandler(() => newServer(control, lists), { legacy: 'reject' })
  const handle = toNodeHandler(handler)
  control.onCommand(command => {
    if ('change' in command)
      ({
        tools: () => handler.notify.toolsChanged(),
        prompts: () => handler.notify.promptsChanged(),
        resources: () => handler.notify.resourcesChanged(),
      })[command.change]()
    else if ('updated' in command) handler.notify.resourceUpdated(command.updated)
  })
  const http = createServer((request, response) => {
    void observed(request, response, control).then(body => handle(request as never, response as never, body))
  })
  return listening(http)
}

if (import.meta.main) {
  const control = processControl()
  const lists = listsOf(control)
  serveStdio(
    () => {
      const server = newServer(control, lists)
      control.onCommand(command => {
        const sent = (promise: Promise<unknown>): void => void promise.catch(() => {})
        if ('change' in command) {
          if (command.change === 'tools') sent(server.sendToolListChanged())
          else if (command.change === 'prompts') sent(server.sendPromptListChanged())
          else sent(server.sendResourceListChanged())
        } else if ('updated' in command) sent(server.sendResourceUpdated({ uri: command.updated }))
      })
      return server
    },
    { legacy: 'reject' },
  )
  jsonLines(process.stdin, message => control.emit('received', { message }))
  control.emit('started')
}
