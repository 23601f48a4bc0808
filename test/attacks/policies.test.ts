// Policies on the data path: what they refuse is refused on every way there is, nothing that breaks becomes an allow, and what is written down can be decided again.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readRecord } from '../../src/policy/record.ts'
import { Replay } from '../../src/policy/replay.ts'
import { bundleOf, engine } from '../support/policies.ts'
import { json, type HttpExchange } from '../support/upstreams/http-upstream.ts'
import { admin } from './admin-wire.ts'
import { callTool, LegacyHost, modern, startWorld, type World } from './world.ts'
import type { Answer } from './wire.ts'

const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
const FORM = { mode: 'form', message: 'who?', requestedSchema: { type: 'object', properties: {} } }
/** A tool that asks its host for something. */
const asking =
  (method: string, params: object) =>
  ({ res, message }: HttpExchange): void =>
    json(res, { jsonrpc: '2.0', id: message.id, result: { resultType: 'input_required', inputRequests: { q: { method, params } } } })
const READ_ONLY = { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true, openWorldHint: false } }
const WRITES = { name: 'write', inputSchema: { type: 'object' }, annotations: { destructiveHint: false } }

let folder = ''
let world: World
const write = (file: string, text: string): void => {
  mkdirSync(join(folder, 'rules/authz'), { recursive: true })
  writeFileSync(join(folder, 'rules', file), text)
}
const GATES = { rate: '100000/1m', sampling: { rate: '100000/1m' }, elicitation: { origins: ['https://elsewhere.test'] } }
const config = (): Record<string, any> => ({
  limits: { principalPerSecond: 1_000_000, addressFailuresPerMinute: 1_000_000 },
  operators: ['root'],
  policies: { folder: join(folder, 'rules') },
  approvals: { limits: { perServer: 64 } }, // one server is asked for everything here
  upstreams: { up: { http: { url: world.up.url }, labels: ['lab'], allow: [], gates: GATES, timeouts: { park: '1s' } } },
})
/** These rules alone, in force. What waits for people waits a second. */
async function rules(text: string, change: object = {}): Promise<void> {
  write('authz/test.cedar', text)
  expect(await world.gateway.reload({ ...config(), ...change })).toBeUndefined()
}
const EVERYTHING = '@id("everything") permit (principal, action, resource);'

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-policies-'))
  write('authz/test.cedar', EVERYTHING)
  world = await startWorld({
    definitions: [READ_ONLY, WRITES],
    tools: {
      ask: asking('elicitation/create', FORM),
      'ask-url': asking('elicitation/create', { mode: 'url', message: 'sign in', url: 'https://elsewhere.test/', elicitationId: 'e' }),
      'ask-model': asking('sampling/createMessage', {
        messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }],
        maxTokens: 5,
      }),
      'ask-roots': asking('roots/list', {}),
      task: x =>
        json(x.res, {
          jsonrpc: '2.0',
          id: x.message.id,
          result: { resultType: 'task', taskId: 't-1', status: 'working', createdAt: 'x', lastUpdatedAt: 'x' },
        }),
    },
    more: ({ res, message }) => {
      const isOurs = message?.method?.startsWith('tasks/') === true || message?.method === 'skills/list'
      if (isOurs) json(res, { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', taskId: 't-1', status: 'working' } })
      return isOurs
    },
    config: { policies: { folder: join(folder, 'rules') }, operators: ['root'] },
    allow: [],
  })
})
afterAll(async () => {
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** What is honoured of a filter: the first message of the stream, or the refusal. */
const listen = async (notifications: object): Promise<any> => {
  const controller = new AbortController()
  const response = await fetch(`${world.gateway.url}${world.path}`, {
    method: 'POST',
    signal: controller.signal,
    headers: {
      authorization: `Bearer ${world.tokens.alice}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'subscriptions/listen',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'subscriptions/listen',
      params: {
        notifications,
        _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} },
      },
    }),
  })
  const reader = response.body!.getReader()
  const first = new TextDecoder().decode((await reader.read()).value)
  controller.abort()
  return JSON.parse(first.slice(first.indexOf('{')).trim())
}
const reasonOf = (answer: Answer): string | undefined => answer.body?.error?.data?.reason
/** What reached the upstream while this ran, beside lists and looks at what it is. */
async function reached(run: () => Promise<unknown>): Promise<string[]> {
  const before = world.up.seen.length
  await run()
  return world.up.seen
    .slice(before)
    .map(e => String(e.message?.method))
    .filter(method => !/\/list$|discover|initialize|initialized|undefined/.test(method))
}
const lastEvent = (type: string): Record<string, any> => world.gateway.events().findLast(e => e['type'] === type)!

/** Every way to have a server do something. `act`: its action; each answers as its host sees it. */
const WAYS: readonly { readonly name: string; readonly kind: string; readonly act: string; run(): Promise<Answer> }[] = [
  { name: 'a tool', kind: 'Tool', act: 'tools/call', run: () => callTool(world, 'look') },
  { name: 'a prompt', kind: 'Prompt', act: 'prompts/get', run: () => modern(world, 'prompts/get', { name: 'hello' }) },
  { name: 'a resource', kind: 'Resource', act: 'resources/read', run: () => modern(world, 'resources/read', { uri: 'mem://open' }) },
  {
    name: 'a resource of a template',
    kind: 'Resource',
    act: 'resources/read',
    run: () => modern(world, 'resources/read', { uri: 'mem://items/1' }),
  },
  {
    name: 'completion of a prompt',
    kind: 'Prompt',
    act: 'completion/complete',
    run: () => modern(world, 'completion/complete', { ref: { type: 'ref/prompt', name: 'hello' }, argument: { name: 'a', value: 'b' } }),
  },
  {
    name: 'completion of a template',
    kind: 'Template',
    act: 'completion/complete',
    run: () =>
      modern(world, 'completion/complete', {
        ref: { type: 'ref/resource', uri: 'mem://items{/id*}' },
        argument: { name: 'id', value: 'b' },
      }),
  },
  { name: 'a method of an extension', kind: 'Server', act: 'extension', run: () => modern(world, 'skills/list') },
  ...(
    [
      ['a tool', 'Tool', 'tools/call', { name: 'look' }],
      ['a prompt', 'Prompt', 'prompts/get', { name: 'hello' }],
      ['a resource', 'Resource', 'resources/read', { uri: 'mem://open' }],
      ['a resource of a template', 'Resource', 'resources/read', { uri: 'mem://items/1' }],
      [
        'completion of a prompt',
        'Prompt',
        'completion/complete',
        { ref: { type: 'ref/prompt', name: 'hello' }, argument: { name: 'a', value: 'b' } },
      ],
      [
        'completion of a template',
        'Template',
        'completion/complete',
        { ref: { type: 'ref/resource', uri: 'mem://items{/id*}' }, argument: { name: 'id', value: 'b' } },
      ],
      ['a subscription', 'Resource', 'resources/subscribe', { uri: 'mem://open' }],
    ] as const
  ).map(([name, kind, act, params]) => ({
    name: `${name}, of a 2025 host`,
    kind,
    act,
    run: async () => (await LegacyHost.open(world)).request(act, params),
  })),
]

/** Every list there is, as hosts of both eras see it: the names in it. */
const LISTS: readonly { readonly name: string; readonly act: string; run(): Promise<readonly string[]> }[] = (
  [
    ['tools/list', 'tools', 'name'],
    ['prompts/list', 'prompts', 'name'],
    ['resources/list', 'resources', 'uri'],
    ['resources/templates/list', 'resourceTemplates', 'uriTemplate'],
  ] as const
).flatMap(([act, key, member]) => {
  const names = ({ body }: Answer): string[] => body.result[key].map((each: any) => each[member])
  return [
    { name: act, act, run: async () => names(await modern(world, act)) },
    { name: `${act}, of a 2025 host`, act, run: async () => names(await (await LegacyHost.open(world)).request(act)) },
  ]
})

describe('without a permit nothing passes, and with one everything does, whichever way it is', () => {
  it.each(WAYS)('$name', async ({ act, run }) => {
    const sessions = '@id("sessions") permit (principal, action in [MCP::Action::"session", MCP::Action::"list"], resource);'
    await rules(EVERYTHING)
    expect((await run()).body).toHaveProperty('result')
    await rules(sessions)
    let refused: Answer | undefined
    expect(await reached(async () => (refused = await run()))).toEqual([])
    expect(reasonOf(refused!)).toBe('policy-denied')
    expect(lastEvent('refusal')).toMatchObject({
      reason: 'policy-denied',
      policy: { outcome: 'deny', code: 'not-permitted', rules: [], facts: { action: act } },
    })
    await rules(`${sessions}@id("this") permit (principal, action == MCP::Action::"${act}", resource);`)
    expect((await run()).body).toHaveProperty('result')
  })
})

describe('parity: a refusal of tools is a refusal of everything', () => {
  const ON = 'action in [MCP::Action::"use", MCP::Action::"task", MCP::Action::"ask"]'
  const REFUSALS: readonly [string, string, string][] = [
    ['a forbid on the server', `${EVERYTHING}@id("no") forbid (principal, ${ON}, resource in MCP::Server::"up");`, 'policy-denied'],
    ['a forbid on its label', `${EVERYTHING}@id("no") forbid (principal, ${ON}, resource in MCP::Label::"lab");`, 'policy-denied'],
    [
      'a forbid on who asks',
      `${EVERYTHING}@id("no") forbid (principal == MCP::User::"https://issuer.test alice", ${ON}, resource);`,
      'policy-denied',
    ],
    [
      'a forbid on what nobody signed',
      `${EVERYTHING}@id("no") forbid (principal, ${ON}, resource) unless { resource.server.signature == MCP::Signature::"verified" };`,
      'policy-denied',
    ],
    [
      'a need of approval',
      `${EVERYTHING}@id("no") @obligation("approval") @approvers("x") forbid (principal, ${ON}, resource) unless { context has approval };`,
      'approval-pending',
    ],
    [
      'a rule that cannot be evaluated',
      `${EVERYTHING}@id("no") forbid (principal, ${ON}, resource) when { 9223372036854775807 + context.weekday > 0 };`,
      'policy-failed',
    ],
    [
      'a server that is not shown',
      `${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"servers/list", resource);`,
      'unknown',
    ],
  ]
  it.each(REFUSALS)('%s', async (_, text, reason) => {
    await rules(EVERYTHING)
    const task = await callTool(world, 'task', {}, { capabilities: TASKS })
    const taskId = task.body.result.taskId as string
    const legacy = await LegacyHost.open(world)
    await rules(text)
    const tried: Record<string, string | undefined> = {}
    const methods = await reached(async () => {
      for (const { name, run } of WAYS) tried[name] = reasonOf(await run())
      tried['the end of a subscription'] = reasonOf(await legacy.request('resources/unsubscribe', { uri: 'mem://open' }))
      for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update'])
        tried[method] = reasonOf(await modern(world, method, { taskId }, { capabilities: TASKS }))
    })
    expect(methods).toEqual([])
    const expected = Object.fromEntries(
      Object.keys(tried).map(way => [way, way.includes('extension') && reason === 'unknown' ? 'method-unknown' : reason]),
    )
    expect(tried).toEqual(expected)
  })
  const HIDDEN = REFUSALS.filter(([name]) => name !== 'a need of approval' && name !== 'a server that is not shown')
  const onLists = (text: string): string => text.replace(ON, 'action in MCP::Action::"list"')
  it.each(HIDDEN)('what lists do not show cannot be used, of either era, and looks like what does not exist: %s', async (_, text) => {
    await rules(EVERYTHING)
    for (const { name, run } of LISTS) expect([name, (await run()).length > 0]).toEqual([name, true])
    await rules(onLists(text))
    const listed: Record<string, readonly string[]> = {}
    const used: Record<string, string | undefined> = {}
    const methods = await reached(async () => {
      for (const { name, run } of LISTS) listed[name] = await run()
      for (const { name, run } of WAYS) used[name] = reasonOf(await run())
    })
    expect(methods).toEqual([])
    expect(listed).toEqual(Object.fromEntries(LISTS.map(({ name }) => [name, []])))
    expect(used).toEqual(Object.fromEntries(WAYS.map(({ name }) => [name, name.includes('extension') ? 'method-unknown' : 'unknown'])))
    const [hidden, nowhere] = [await callTool(world, 'look'), await callTool(world, 'nowhere')]
    expect({ ...hidden.body, id: 0 }).toEqual({ ...nowhere.body, id: 0 })
  })
  it.each(LISTS)('a list is hidden by its own action, and the others are not: $name', async ({ act, run }) => {
    await rules(`${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"${act}", resource);`)
    expect(await run()).toEqual([])
    for (const other of LISTS.filter(each => each.act !== act)) expect((await other.run()).length).toBeGreaterThan(0)
  })

  /** A tool asks for it in its answer. */
  const QUESTIONS = [
    ['ask', { elicitation: { form: {} } }],
    ['ask-url', { elicitation: { url: {} } }],
    ['ask-model', { sampling: {} }],
    ['ask-roots', { roots: {} }],
  ] as const
  const onAsks = (text: string): string => text.replace(ON, 'action in MCP::Action::"ask"')
  it.each(REFUSALS.filter(([name]) => name !== 'a server that is not shown'))(
    'and what servers ask of hosts, whatever it is, is refused by the same rule: %s',
    async (name, text) => {
      const reason = name === 'a need of approval' ? 'approval-pending' : 'gated'
      const answers = async (): Promise<Record<string, string | undefined>> => {
        const all: Record<string, string | undefined> = {}
        for (const [tool, capabilities] of QUESTIONS) {
          const { body } = await callTool(world, tool, {}, { capabilities })
          all[tool] = body.error?.data?.reason ?? body.result.resultType
        }
        return all
      }
      await rules(EVERYTHING)
      expect(await answers()).toEqual(Object.fromEntries(QUESTIONS.map(([tool]) => [tool, 'input_required'])))
      await rules(onAsks(text))
      expect(await answers()).toEqual(Object.fromEntries(QUESTIONS.map(([tool]) => [tool, reason])))
      expect(lastEvent('server-request')).toMatchObject({ decision: 'refused', reason })
    },
  )
  it('and what a server asks of the host is refused by the same rule: the person is never asked', async () => {
    const host = { capabilities: { elicitation: { form: {} } } }
    await rules(EVERYTHING)
    expect((await callTool(world, 'ask', {}, host)).body.result).toMatchObject({ resultType: 'input_required' })
    await rules(`${EVERYTHING}@id("no") forbid (principal, action in MCP::Action::"ask", resource in MCP::Server::"up");`)
    expect(reasonOf(await callTool(world, 'ask', {}, host))).toBe('gated')
    expect(lastEvent('server-request')).toMatchObject({ decision: 'refused', reason: 'gated' })
    await rules(
      `${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"elicitation/create", resource) when { context.detail == "url" };`,
    )
    expect((await callTool(world, 'ask', {}, host)).body.result).toMatchObject({ resultType: 'input_required' })
  })
  it('and so is listening to a task: who may not ask for it hears nothing of it', async () => {
    await rules(EVERYTHING)
    const task = await callTool(world, 'task', {}, { capabilities: TASKS })
    const filter = { taskIds: [task.body.result.taskId as string] }
    expect((await listen(filter)).params.notifications).toEqual(filter)
    await rules(`${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"tasks/get", resource);`)
    expect((await listen(filter)).params.notifications).toEqual({})
  })
  it('and so is listening to a resource: the filter that is honoured does not hold it', async () => {
    const BOTH = { toolsListChanged: true, resourceSubscriptions: ['mem://open'] }
    await rules(EVERYTHING)
    expect((await listen(BOTH)).params.notifications).toEqual({ toolsListChanged: true, resourceSubscriptions: ['mem://open'] })
    await rules(`${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"resources/subscribe", resource);`)
    expect((await listen(BOTH)).params.notifications).toEqual({ toolsListChanged: true })
    await rules(`${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"subscriptions/listen", resource);`)
    expect((await listen(BOTH)).error.data.reason).toBe('policy-denied')
  })
  it('sessions and streams of 2025 hosts are asked for too', { tags: ['short'] }, async () => {
    const refusedAt = async (action: string, run: (host: LegacyHost) => Promise<Answer>): Promise<string | undefined> => {
      await rules(EVERYTHING)
      const host = await LegacyHost.open(world)
      await rules(`${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"${action}", resource);`)
      return reasonOf(await run(host))
    }
    expect(await refusedAt('ping', host => host.request('ping'))).toBe('policy-denied')
    expect(await refusedAt('logging/setLevel', host => host.request('logging/setLevel', { level: 'info' }))).toBe('policy-denied')
    await rules(`${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"initialize", resource);`)
    await expect(LegacyHost.open(world)).rejects.toThrow()
    expect(reasonOf(await modern(world, 'server/discover'))).toBe(undefined)
    await rules(`${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"server/discover", resource);`)
    expect(reasonOf(await modern(world, 'server/discover'))).toBe('policy-denied')
  })
})

describe('lists show what rules show, and what is not shown does not exist', () => {
  const tools = async (over = {}): Promise<string[]> =>
    (await modern(world, 'tools/list', {}, over)).body.result.tools.map((t: any) => t.name).sort()
  it('by the hints of each definition', async () => {
    await rules(`@id("server") permit (principal, action == MCP::Action::"servers/list", resource);
      @id("readers") permit (principal, action in [MCP::Action::"tools/list", MCP::Action::"tools/call"], resource is MCP::Tool) when { resource.hints.readOnly };`)
    expect(await tools()).toEqual(['look'])
    expect((await callTool(world, 'look')).body).toHaveProperty('result')
    const hidden = await callTool(world, 'write')
    const unknown = await callTool(world, 'nowhere')
    expect({ ...hidden.body, id: 0 }).toEqual({ ...unknown.body, id: 0 })
    expect(hidden.body.error.data).toEqual({ reason: 'unknown' })
    expect(lastEvent('refusal')).toMatchObject({ policy: { facts: { action: 'tools/list' } } })
  })
  it('by who asks, and nobody is served another’s view', async () => {
    await rules(`@id("server") permit (principal, action == MCP::Action::"servers/list", resource);
      @id("alice") permit (principal == MCP::User::"https://issuer.test alice", action == MCP::Action::"tools/list", resource) when { resource.name == "look" };
      @id("bob") permit (principal == MCP::User::"https://issuer.test bob", action == MCP::Action::"tools/list", resource) when { resource.name == "write" };`)
    for (let round = 0; round < 2; round += 1) {
      expect(await tools({ who: 'alice' })).toEqual(['look'])
      expect(await tools({ who: 'bob' })).toEqual(['write'])
    }
  })
  it('attack: a brace in a URI makes no template of a resource, and no rule about resources is evaded by it', async () => {
    await rules(
      `${EVERYTHING}@id("climbs") forbid (principal, action in MCP::Action::"read", resource is MCP::Resource) when { resource.climbs };`,
    )
    for (const uri of ['mem://items/../x', 'mem://items/../{x}', 'mem://items/%2e%2e/{x}'])
      for (const method of ['resources/read']) expect(reasonOf(await modern(world, method, { uri })), uri).toBe('policy-denied')
    const legacy = await LegacyHost.open(world)
    expect(reasonOf(await legacy.request('resources/subscribe', { uri: 'mem://items/../{x}' }))).toBe('policy-denied')
  })
  it('of every kind', async () => {
    await rules(`@id("server") permit (principal, action == MCP::Action::"servers/list", resource);
      @id("some") permit (principal, action in MCP::Action::"list", resource) unless { resource is MCP::Tool || resource is MCP::Prompt && resource.name == "forbidden" || resource is MCP::Resource && resource.uri like "*forbidden" };`)
    const names = async (method: string, key: string, name: string): Promise<string[]> =>
      (await modern(world, method)).body.result[key].map((each: any) => each[name])
    expect(await tools()).toEqual([])
    expect(await names('prompts/list', 'prompts', 'name')).toEqual(['hello'])
    expect(await names('resources/list', 'resources', 'uri')).toEqual(['mem://open'])
    expect(await names('resources/templates/list', 'resourceTemplates', 'uriTemplate')).toEqual(['mem://items{/id*}'])
  })
})

describe('allow rules count as permits beside them', () => {
  const allow = [{ id: 'staff', subjects: ['alice'], tools: ['look'], prompts: ['*'], resources: ['mem://*'] }]
  const withAllow = (): object => ({ upstreams: { up: { http: { url: world.up.url }, allow } } })
  it('under their own names, and a forbid overrides them', { tags: ['short'] }, async () => {
    const none = '@id("admin") permit (principal, action in MCP::Action::"administer", resource);'
    await rules(none, withAllow())
    expect((await callTool(world, 'look')).body).toHaveProperty('result')
    expect(lastEvent('intent')).toMatchObject({ rules: ['staff'], policy: { code: 'permitted', rules: ['staff'] } })
    expect(reasonOf(await callTool(world, 'write'))).toBe('unknown')
    expect(reasonOf(await callTool(world, 'look', {}, { who: 'bob' }))).toBe('unknown')
    await rules(`${none}@id("no") @advice("use another") forbid (principal, action == MCP::Action::"tools/call", resource);`, withAllow())
    const refused = await callTool(world, 'look')
    expect(refused.body.error).toMatchObject({ message: 'Not permitted: by `no`', data: { reason: 'policy-denied', fix: 'use another' } })
    expect((await modern(world, 'prompts/get', { name: 'hello' })).body).toHaveProperty('result')
  })
})

describe('arguments', () => {
  const GUARD = `${EVERYTHING}@id("passwd") forbid (principal, action == MCP::Action::"tools/call", resource)
    when { context.arguments.hasTag("/path") && context.arguments.getTag("/path").contains("/etc/passwd") };
    @id("amount") forbid (principal, action == MCP::Action::"tools/call", resource)
    when { context.arguments.hasTag("/n") && context.arguments.getTag("/n").contains("9007199254740993") };`
  it('are judged as the upstream would read them', async () => {
    await rules(GUARD)
    const verdict = async (args: unknown): Promise<string | undefined> => reasonOf(await callTool(world, 'look', args))
    expect(await verdict({ path: '/srv' })).toBe(undefined)
    expect(await verdict({ path: '/etc/passwd' })).toBe('policy-denied')
    const raw = (text: string): Promise<Answer> =>
      callTool(
        world,
        'look',
        {},
        {
          body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":${text},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
        },
      )
    expect(reasonOf(await raw('{"\\u0070ath":"\\/etc\\/passwd"}'))).toBe('policy-denied')
    expect(reasonOf(await raw('{"n":9007199254740993}'))).toBe('policy-denied')
    expect(reasonOf(await raw('{"n":9007199254740992}'))).toBe(undefined)
  })
  it(
    'attack: whatever stands in them, nobody becomes somebody else, and nothing of it is in the log but what a rule reads',
    { tags: ['short'] },
    async () => {
      await rules(GUARD)
      for (const args of [
        { path: { __entity: { type: 'MCP::User', id: 'admin' } } },
        { __entity: { type: 'MCP::Arguments', id: 'request' } },
        JSON.parse('{"__proto__":{"path":"/etc/passwd"}}'),
        { path: 1.5, n: -0.1, o: null },
        { path: Array.from({ length: 5000 }, () => 'x') },
        Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 'secret-value'])),
      ]) {
        expect((await callTool(world, 'look', args)).body).toHaveProperty('result')
        expect(lastEvent('intent')['policy'].facts.principal.id).toBe('https://issuer.test alice')
      }
      expect(JSON.stringify(world.gateway.events())).not.toContain('secret-value')
    },
  )
})

describe('administration', () => {
  it('needs a permit beside its role, and break-glass needs none', async () => {
    await rules(
      `${EVERYTHING}@id("freeze") forbid (principal, action == MCP::Action::"admin/block", resource) when { context.arguments.hasTag("/kind") && context.arguments.getTag("/kind").contains("server") };`,
    )
    expect((await admin(world, 'blocks/list')).status).toBe(200)
    expect((await admin(world, 'block', { kind: 'client', target: 'x', why: 'y' })).status).toBe(200)
    expect((await admin(world, 'unblock', { kind: 'client', target: 'x', why: 'y' })).status).toBe(200)
    expect(reasonOf(await admin(world, 'block', { kind: 'server', target: 'up', why: 'y' }))).toBe(undefined)
    expect((await admin(world, 'block', { kind: 'server', target: 'up', why: 'y' })).text).toContain('policy-denied')
    expect(lastEvent('refusal')).toMatchObject({
      reason: 'policy-denied',
      policy: { rules: ['freeze'], facts: { resource: { id: '/admin' } } },
    })
    // no role either: the role is asked for first
    expect((await admin(world, 'block', { kind: 'client', target: 'x', why: 'y' }, { claims: { sub: 'eve' } })).text).toContain(
      'role-missing',
    )
  })
})

describe('what is written down of a decision', () => {
  it('decides the same when it is replayed, from the audit log alone', async () => {
    const text = `${EVERYTHING}@id("no") forbid (principal, action == MCP::Action::"tools/call", resource) when { resource.hints.openWorld && context.arguments.hasTag("/path") };`
    await rules(text)
    await callTool(world, 'look', { path: 'x' })
    await callTool(world, 'write', { path: 'x' })
    await callTool(world, 'write', {})
    const records = world.gateway
      .events()
      .filter(e => e['policy'] && ['intent', 'refusal'].includes(e['type']))
      .slice(-3)
      .map(e => readRecord(e['policy'])!)
    expect(records.map(({ outcome }) => outcome)).toEqual(['allow', 'deny', 'allow'])
    expect(new Set(records.map(({ digest }) => digest)).size).toBe(1)
    const replay = new Replay(bundleOf(text), engine)
    expect(records.map(record => replay.of(record).verdict)).toEqual(['same', 'same', 'same'])
    const looser = new Replay(bundleOf(EVERYTHING), engine)
    expect(records.map(record => looser.of(record).verdict)).toEqual(['same', 'changed', 'same'])
  })
})

describe('a shadow', () => {
  const shadowed = (): object => ({ policies: { folder: join(folder, 'rules'), shadow: join(folder, 'shadow') } })
  const shadow = (text: string): void => {
    mkdirSync(join(folder, 'shadow/authz'), { recursive: true })
    writeFileSync(join(folder, 'shadow/authz/a.cedar'), text)
  }
  it('decides nothing, and is on record where it would decide otherwise', async () => {
    shadow(`${EVERYTHING}@id("soon") forbid (principal, action == MCP::Action::"tools/call", resource) when { resource.hints.openWorld };`)
    await rules(EVERYTHING, shadowed())
    expect((await callTool(world, 'write')).body).toHaveProperty('result')
    expect(lastEvent('intent')['policy']).toMatchObject({
      outcome: 'allow',
      shadow: { outcome: 'deny', code: 'forbidden', rules: ['soon'] },
    })
    expect((await callTool(world, 'look')).body).toHaveProperty('result')
    expect(lastEvent('intent')['policy']).not.toHaveProperty('shadow')
    shadow(`${EVERYTHING}@id("soon") forbid (principal, action == MCP::Action::"servers/list", resource);`)
    await rules(EVERYTHING, shadowed())
    await callTool(world, 'look')
    expect(lastEvent('intent')['policy'].shadow).toMatchObject({ outcome: 'deny', rules: ['soon'] })
  })
  it('that does not load is a warning, and nothing waits for it', async () => {
    shadow('permit (')
    await rules(EVERYTHING, shadowed())
    expect((await callTool(world, 'look')).body).toHaveProperty('result')
    expect(lastEvent('intent')['policy']).not.toHaveProperty('shadow')
  })
})

describe('obligations', () => {
  it('a rate that a rule demands holds, per principal', async () => {
    mkdirSync(join(folder, 'rules/obligations'), { recursive: true })
    write(
      'obligations/rates.cedar',
      '@id("twice") @rate("2/1h") @key("principal,tool") permit (principal, action == MCP::Action::"tools/call", resource) when { resource.name == "look" };',
    )
    await rules(EVERYTHING)
    expect((await callTool(world, 'look')).body).toHaveProperty('result')
    expect((await callTool(world, 'look')).body).toHaveProperty('result')
    const third = await callTool(world, 'look')
    expect(third.status).toBe(429)
    expect(third.body.error.data).toMatchObject({ reason: 'obligation-limited', retryAfterSeconds: expect.any(Number) })
    expect((await callTool(world, 'look', {}, { who: 'bob' })).body).toHaveProperty('result')
    expect((await callTool(world, 'write')).body).toHaveProperty('result')
    rmSync(join(folder, 'rules/obligations/rates.cedar'))
  })
})
