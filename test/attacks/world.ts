// One gateway with an upstream that records everything it is sent, one attacker (Alice) and one bystander (Bob).

import { expect } from 'vitest'
import type { GatewayOptions } from '../../src/main.ts'
import type { Logger } from '../../src/adapters/telemetry/logs.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { greet, json, notFound, result, startHttp, type HttpExchange, type HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { send, type Answer } from './wire.ts'

type Behaviour = (exchange: HttpExchange) => void
export type RecorderOptions = {
  readonly era?: 'modern' | 'legacy'
  /** tool name -> what happens when it is called; each is listed and permitted */
  readonly tools?: Readonly<Record<string, Behaviour>>
  /** definitions for tools/list beside the plain ones */
  readonly definitions?: readonly object[]
  readonly capabilities?: object
  /** any exchange; true = taken over */
  readonly more?: (exchange: HttpExchange) => boolean
}

/** A well-behaved upstream of either era that answers `echo` with its own arguments; what it saw is in `seen`. */
export function startRecorder(options: RecorderOptions = {}): Promise<HttpUpstream> {
  const {
    era = 'modern',
    tools = {},
    definitions = [],
    capabilities = { tools: {}, prompts: {}, resources: {}, completions: {} },
  } = options
  const listed = ['echo', 'forbidden', ...Object.keys(tools)].filter(name => !definitions.some(d => 'name' in d && d.name === name))
  const lists: Record<string, unknown> = {
    tools: [...listed.map(name => ({ name, inputSchema: { type: 'object' } })), ...definitions],
    prompts: [{ name: 'hello' }, { name: 'forbidden' }],
    resources: [
      { uri: 'mem://open', name: 'open' },
      { uri: 'mem://forbidden', name: 'forbidden' },
    ],
    resourceTemplates: [{ uriTemplate: 'mem://items{/id*}', name: 'items' }],
  }
  const page = (key: string): object => ({
    [key]: lists[key],
    ...(era === 'modern' && { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }),
  })
  let sessions = 0
  const answers: Record<string, (m: any) => object> = {
    'tools/list': () => page('tools'),
    'prompts/list': () => page('prompts'),
    'resources/list': () => page('resources'),
    'resources/templates/list': () => page('resourceTemplates'),
    'prompts/get': m => ({ resultType: 'complete', messages: [{ role: 'user', content: { type: 'text', text: m.params.name } }] }),
    'resources/read': m => ({
      resultType: 'complete',
      contents: [{ uri: m.params.uri, text: m.params.uri }],
      ttlMs: 0,
      cacheScope: 'private',
    }),
    'completion/complete': m => ({ resultType: 'complete', completion: { values: [String(m.params.ref.name ?? m.params.ref.uri)] } }),
  }
  return startHttp(exchange => {
    if (options.more?.(exchange)) return
    if (greet(exchange, { era, capabilities, session: () => `upstream-${++sessions}` })) return
    const { res, message } = exchange
    const behaviour = message.method === 'tools/call' && Object.hasOwn(tools, message.params.name) ? tools[message.params.name] : undefined
    if (behaviour) return behaviour(exchange)
    if (message.method === 'tools/call') return json(res, result(message.id, JSON.stringify(message.params.arguments ?? null)))
    const make = Object.hasOwn(answers, message.method) ? answers[message.method] : undefined
    return make ? json(res, { jsonrpc: '2.0', id: message.id, result: make(message) }) : json(res, notFound(message.id), 404)
  })
}

/** Enough for any test: limits are attacked on purpose or not at all. */
export const ROOMY = {
  principalPerSecond: 1_000_000,
  addressFailuresPerMinute: 1_000_000,
  rates: { address: '1000000/1s', client: '1000000/1s', server: '1000000/1s', tool: '1000000/1s' },
}

/** Tools of the recorder by name, `forbidden` never. */
const allowing = (...tools: string[]): object => ({
  id: 'test',
  subjects: ['*'],
  tools: ['echo', ...tools],
  prompts: ['hello'],
  resources: ['mem://open', 'mem://items*'],
  serverRequests: ['elicitation.form', 'sampling', 'roots'],
})

export type Who = 'alice' | 'bob'
export type World = {
  readonly gateway: TestGateway
  readonly port: number
  readonly up: HttpUpstream
  /** endpoint path of the upstream */
  readonly path: string
  readonly tokens: Readonly<Record<Who, string>>
  stop(): Promise<void>
}

export type WorldOptions = RecorderOptions & {
  /** settings of the upstream besides its transport and rules */
  readonly settings?: object
  /** rules instead of the usual one */
  readonly allow?: readonly object[]
  /** members of the configuration */
  readonly config?: Readonly<Record<string, any>>
  /** sent to the upstream with each request */
  readonly headers?: Readonly<Record<string, string>>
  /** members of the issuer's settings; by default it gives everybody all scopes */
  readonly issuer?: object
  readonly logger?: Logger
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly counterOf?: GatewayOptions['counterOf']
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const up = await startRecorder(options)
  const { upstreams = {}, limits = {}, ...config } = options.config ?? {}
  const allow = options.allow ?? [allowing(...Object.keys(options.tools ?? {}), ...(options.definitions ?? []).map(d => (d as any).name))]
  const { logger, environment, counterOf } = options
  const gateway = await startTestGateway(
    {
      limits: { ...ROOMY, ...limits },
      upstreams: { up: { http: { url: up.url, headers: options.headers ?? {} }, allow, ...options.settings }, ...upstreams },
      ...config,
    },
    {
      ...(logger && { logger }),
      ...(counterOf && { counterOf }),
      ...(environment && { environment }),
      ...(options.issuer && { issuer: { ...options.issuer } }),
    },
  )
  const path = '/servers/up/mcp'
  const tokens = { alice: await gateway.token(path), bob: await gateway.token(path, { sub: 'bob' }) }
  const world: World = {
    gateway,
    port: Number(new URL(gateway.url).port),
    up,
    path,
    tokens,
    async stop() {
      await gateway.stop()
      await up.close()
    },
  }
  // What is asked once and kept (era, lists) is asked now, so that afterwards every request at the upstream is somebody's.
  for (const who of ['alice', 'bob'] as const) await works(world, who)
  return world
}

const ENVELOPE = (capabilities: object) => ({
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': capabilities,
})
let nextId = 1

export type Over = {
  readonly who?: Who
  readonly token?: string
  readonly path?: string
  readonly id?: unknown
  readonly capabilities?: object
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** instead of the JSON text of the message */
  readonly body?: string | Buffer
}

/** Headers of a modern request as they ought to be. */
export const modernHeaders = (world: World, method: string, params: any = {}, over: Over = {}) => ({
  host: `127.0.0.1:${world.port}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  authorization: `Bearer ${over.token ?? world.tokens[over.who ?? 'alice']}`,
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': method,
  'mcp-name': params.name ?? params.uri ?? params.taskId,
  ...over.headers,
})
export const modernBody = (method: string, params: any = {}, over: Pick<Over, 'id' | 'capabilities'> = {}): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: over.id ?? nextId++,
    method,
    params: { ...params, _meta: { ...ENVELOPE(over.capabilities ?? {}), ...params._meta } },
  })

/** One request of a 2026 host. */
export const modern = (world: World, method: string, params: any = {}, over: Over = {}): Promise<Answer> =>
  send(world.port, {
    path: over.path ?? world.path,
    headers: modernHeaders(world, method, params, over),
    body: over.body ?? modernBody(method, params, over),
  })
export const callTool = (world: World, name: string, args: unknown = {}, over: Over = {}): Promise<Answer> =>
  modern(world, 'tools/call', { name, arguments: args }, over)

/** A session of a 2025 host. */
export class LegacyHost {
  readonly world: World
  readonly id: string
  readonly version: string
  readonly token: string
  readonly path: string
  #next = 1
  private constructor(world: World, fields: { id: string; version: string; token: string; path: string }) {
    this.world = world
    this.id = fields.id
    this.version = fields.version
    this.token = fields.token
    this.path = fields.path
  }

  static async open(
    world: World,
    over: { who?: Who; version?: string; capabilities?: object; token?: string; path?: string } = {},
  ): Promise<LegacyHost> {
    const { version = '2025-11-25', capabilities = {}, token = world.tokens[over.who ?? 'alice'], path = world.path } = over
    const answer = await send(world.port, {
      path,
      headers: legacyHeaders(token),
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 'init',
        method: 'initialize',
        params: { protocolVersion: version, capabilities, clientInfo: { name: 'host', version: '1' } },
      }),
    })
    expect(answer).toMatchObject({ status: 200, body: { result: { protocolVersion: version } } })
    return new LegacyHost(world, { id: String(answer.headers['mcp-session-id']), version, token, path })
  }
  get headers() {
    return { ...legacyHeaders(this.token), 'mcp-session-id': this.id, 'mcp-protocol-version': this.version }
  }
  /** any bytes in this session */
  post(body: string | Buffer, headers: Over['headers'] = {}): Promise<Answer> {
    return send(this.world.port, { path: this.path, headers: { ...this.headers, ...headers }, body })
  }
  request(method: string, params: object = {}, headers: Over['headers'] = {}): Promise<Answer> {
    return this.post(JSON.stringify({ jsonrpc: '2.0', id: this.#next++, method, params }), headers)
  }
  call(name: string, args: unknown = {}): Promise<Answer> {
    return this.request('tools/call', { name, arguments: args })
  }
}
export const legacyHeaders = (token: string) => ({
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  authorization: `Bearer ${token}`,
})

export type Refused = { readonly status: number; readonly code: number; readonly reason: string }
export const expectRefused = (answer: Answer, { status, code, reason }: Refused, what?: string): void =>
  expect(
    { status: answer.status, code: answer.body?.error?.code, reason: answer.body?.error?.data?.reason, result: answer.body?.result },
    what,
  ).toEqual({ status, code, reason, result: undefined })

/** A call that has to work. */
export async function works(world: World, who: Who = 'bob'): Promise<void> {
  const word = `${who} ${nextId}`
  const answer = await callTool(world, 'echo', { word }, { who })
  expect(answer.status).toBe(200)
  expect(answer.body.result?.content[0].text, JSON.stringify(answer.body)).toBe(JSON.stringify({ word }))
}

/** Runs the attack: the upstream sees nothing of it, and Bob's call right after it works and is all the upstream has seen since. */
export async function unseen<T>(world: World, attack: () => Promise<T>): Promise<T> {
  const before = world.up.seen.length
  const got = await attack()
  await works(world)
  const since = world.up.seen.slice(before).map(e => e.message?.params?.arguments?.word ?? `${e.req.method} ${e.message?.method}`)
  expect(since, 'what the upstream saw').toEqual([expect.stringMatching(/^bob /)])
  return got
}
