// The genuine SDK clients as hosts, behind one face: v1 for the 2025 revisions, v2 pinned to 2026-07-28.

import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
  type McpSubscription,
} from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, ResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { Mailbox } from './mailbox.ts'
import { Wire, type HttpAnswer } from './wire.ts'
import type { World } from './world.ts'

export type Revision = '2025-03-26' | '2025-06-18' | '2025-11-25' | '2026-07-28'
/** One of each era. */
export const REVISIONS = ['2025-11-25', '2026-07-28'] as const
export const eraOfRevision = (revision: Revision): 'legacy' | 'modern' => (revision === '2026-07-28' ? 'modern' : 'legacy')

type Params = Record<string, any>
type Message = { readonly method: string; readonly params: Params }
/** What the person in front of the host says to a question; throwing refuses it. */
export type Person = (method: string, params: Params) => Params | Promise<Params>

export const FULL = {
  elicitation: { form: {}, url: {} },
  sampling: { tools: {} },
  roots: { listChanged: true },
  extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } },
}

/** Says yes to everything: forms in turn `Ada`, `Bob`, then `Cleo` for ever. */
export function agreeable(): Person {
  const names = ['Ada', 'Bob', 'Cleo']
  return (method, params) => {
    if (method === 'roots/list') return { roots: [{ uri: 'file:///home/ada/project', name: 'project' }] }
    if (method === 'sampling/createMessage')
      return {
        model: 'test-model',
        role: 'assistant',
        content: params['tools'] ? [{ type: 'tool_use', id: 't1', name: 'look-up', input: {} }] : { type: 'text', text: 'Paris' },
        ...(params['tools'] && { stopReason: 'toolUse' }),
      }
    return params['mode'] === 'url'
      ? { action: 'accept' }
      : { action: 'accept', content: { name: names.length > 1 ? names.shift() : names[0] } }
  }
}

type CallOptions = { readonly onprogress?: (progress: Params) => void; readonly signal?: AbortSignal; readonly level?: string }

export interface Host {
  readonly revision: Revision
  readonly era: 'legacy' | 'modern'
  /** questions the host was asked */
  readonly asked: Mailbox<Message>
  /** notifications it heard */
  readonly heard: Mailbox<Message>
  /** HTTP answers it got: method of the request, status */
  readonly responses: Mailbox<HttpAnswer>
  person: Person
  readonly about: {
    readonly capabilities: Params
    readonly instructions: string | undefined
    readonly serverInfo: Params
    readonly version: string
  }
  call(name: string, args?: Params, options?: CallOptions): Promise<any>
  tools(): Promise<any[]>
  prompts(): Promise<any[]>
  resources(): Promise<any[]>
  templates(): Promise<any[]>
  prompt(name: string, args?: Params): Promise<any>
  read(uri: string): Promise<any>
  complete(ref: Params, argument: { name: string; value: string }): Promise<string[]>
  /** resources/subscribe, or a listen of its own; resolves to what ends it */
  subscribe(uri: string): Promise<() => Promise<void>>
  /** hears list changes from now on: a legacy host's GET stream is open, a modern host listens */
  listen(): Promise<void>
  close(): Promise<void>
  /** until the stream of `listen` has ended from the other side */
  ended(): Promise<void>
  /** breaks every running exchange, as a network would */
  cut(): void
  /** any method */
  request(method: string, params?: Params): Promise<any>
}

export type HostOptions = {
  readonly capabilities?: Params
  readonly person?: Person
  readonly sub?: string
  /** v2 client: hand `input_required` results over instead of answering them */
  readonly manual?: boolean
}

/** Connects a host to one endpoint path of the gateway. */
export async function connect(world: World, path: string, revision: Revision, options: HostOptions = {}): Promise<Host> {
  const token = await world.token(path, options.sub === undefined ? {} : { sub: options.sub })
  const wire = new Wire(token)
  const url = new URL(world.url + path)
  return revision === '2026-07-28' ? connectModern(url, wire, options) : connectLegacy(url, { wire, options, revision })
}

class Questions {
  readonly asked = new Mailbox<Message>('questions')
  readonly heard = new Mailbox<Message>('notifications')
  person: Person
  constructor(person: Person) {
    this.person = person
  }
  readonly answer = async (request: { method: string; params?: unknown }): Promise<any> => {
    const { method, params = {} } = request as { method: string; params?: Params }
    this.asked.push({ method, params })
    return this.person(method, params)
  }
  readonly hear = async (notification: { method: string; params?: unknown }): Promise<void> => {
    this.heard.push({ method: notification.method, params: notification.params ?? {} })
  }
}

async function connectLegacy(url: URL, how: { wire: Wire; options: HostOptions; revision: Revision }): Promise<Host> {
  const { wire, options, revision } = how
  const questions = new Questions(options.person ?? agreeable())
  const capabilities = options.capabilities ?? FULL
  const client = new LegacyClient({ name: 'legacy-host', version: '1' }, { capabilities })
  if (capabilities.elicitation) client.setRequestHandler(ElicitRequestSchema, questions.answer)
  if (capabilities.sampling) client.setRequestHandler(CreateMessageRequestSchema, questions.answer)
  if (capabilities.roots) client.setRequestHandler(ListRootsRequestSchema, questions.answer)
  client.fallbackNotificationHandler = questions.hear
  const transport = new LegacyTransport(url, {
    fetch: wire.fetch,
    reconnectionOptions: { initialReconnectionDelay: 10, maxReconnectionDelay: 100, reconnectionDelayGrowFactor: 1, maxRetries: 20 },
  })
  // The client always asks for its newest revision; an older client would have asked for its own.
  const send = transport.send.bind(transport)
  transport.send = (message: any, more) =>
    send(message.method === 'initialize' ? { ...message, params: { ...message.params, protocolVersion: revision } } : message, more)
  let version = ''
  const setVersion = transport.setProtocolVersion.bind(transport)
  transport.setProtocolVersion = given => setVersion((version = given))
  await client.connect(transport)
  return {
    revision,
    era: 'legacy',
    asked: questions.asked,
    heard: questions.heard,
    responses: wire.responses,
    request: (method, params = {}) => client.request({ method, params }, ResultSchema as never),
    about: {
      capabilities: client.getServerCapabilities() ?? {},
      instructions: client.getInstructions(),
      serverInfo: client.getServerVersion() ?? {},
      version,
    },
    get person() {
      return questions.person
    },
    set person(person) {
      questions.person = person
    },
    async call(name, args = {}, { onprogress, signal, level } = {}) {
      if (level !== undefined) await client.setLoggingLevel(level as 'info')
      return client.callTool({ name, arguments: args }, undefined, {
        ...(onprogress && { onprogress }),
        ...(signal && { signal }),
      })
    },
    tools: async () => (await client.listTools()).tools,
    prompts: async () => (await client.listPrompts()).prompts,
    resources: async () => (await client.listResources()).resources,
    templates: async () => (await client.listResourceTemplates()).resourceTemplates,
    prompt: (name, args = {}) => client.getPrompt({ name, arguments: args }),
    read: uri => client.readResource({ uri }),
    complete: async (ref, argument) => (await client.complete({ ref: ref as never, argument })).completion.values,
    async subscribe(uri) {
      await client.subscribeResource({ uri })
      return async () => {
        await client.unsubscribeResource({ uri })
      }
    },
    listen: async () => {
      await wire.responses.until('GET stream', r => r.http === 'GET' && r.status === 200)
    },
    ended: () => wire.ended('GET'),
    cut: () => wire.cut(),
    async close() {
      await transport.terminateSession()
      await client.close()
    },
  }
}

const LEVEL = 'io.modelcontextprotocol/logLevel'

async function connectModern(url: URL, wire: Wire, options: HostOptions): Promise<Host> {
  const questions = new Questions(options.person ?? agreeable())
  const capabilities = options.capabilities ?? FULL
  const client = new ModernClient(
    { name: 'modern-host', version: '1' },
    { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  if (capabilities.elicitation) client.setRequestHandler('elicitation/create', questions.answer)
  if (capabilities.sampling) client.setRequestHandler('sampling/createMessage', questions.answer)
  if (capabilities.roots) client.setRequestHandler('roots/list', questions.answer)
  client.fallbackNotificationHandler = questions.hear
  await client.connect(new ModernTransport(url, { fetch: wire.fetch }))
  const fresh = { cacheMode: 'bypass' } as const
  let listening: McpSubscription | undefined
  const manual = options.manual === true ? { allowInputRequired: true } : {}
  return {
    revision: '2026-07-28',
    era: 'modern',
    asked: questions.asked,
    heard: questions.heard,
    responses: wire.responses,
    request: (method, params = {}) => client.request({ method, params } as never, ResultSchema as never),
    about: {
      capabilities: client.getServerCapabilities() ?? {},
      instructions: client.getInstructions(),
      serverInfo: client.getServerVersion() ?? {},
      version: client.getNegotiatedProtocolVersion() ?? '',
    },
    get person() {
      return questions.person
    },
    set person(person) {
      questions.person = person
    },
    call: (name, args = {}, { onprogress, signal, level } = {}) =>
      client.callTool(
        { name, arguments: args, ...(level !== undefined && { _meta: { [LEVEL]: level } }) },
        { ...manual, ...(onprogress && { onprogress }), ...(signal && { signal }) },
      ),
    tools: async () => (await client.listTools(undefined, fresh)).tools,
    prompts: async () => (await client.listPrompts(undefined, fresh)).prompts,
    resources: async () => (await client.listResources(undefined, fresh)).resources,
    templates: async () => (await client.listResourceTemplates(undefined, fresh)).resourceTemplates,
    prompt: (name, args = {}) => client.getPrompt({ name, arguments: args }, manual),
    read: uri => client.readResource({ uri }, { ...fresh, ...manual }),
    complete: async (ref, argument) => (await client.complete({ ref: ref as never, argument })).completion.values,
    async subscribe(uri) {
      const subscription = await client.listen({ resourceSubscriptions: [uri] })
      return () => subscription.close()
    },
    listen: async () => {
      listening = await client.listen({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true })
    },
    async ended() {
      await listening?.closed
    },
    cut: () => wire.cut(),
    close: () => client.close(),
  }
}

/** What a promise failed with, as data. */
export async function failureOf(promise: Promise<unknown>): Promise<{ code: number; message: string; data?: any }> {
  const outcome = await promise.then(
    value => ({ value }),
    (error: unknown) => ({ error: error as { code: number; message: string; data?: any } }),
  )
  if ('value' in outcome) throw new Error(`expected a failure, got ${JSON.stringify(outcome.value)}`)
  const { code, message, data } = outcome.error
  return { code, message, ...(data !== undefined && { data }) }
}

export const textOf = (result: any): string => result.content[0].text as string
