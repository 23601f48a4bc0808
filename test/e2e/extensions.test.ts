// Extensions: tasks between a modern host and a modern upstream and nowhere else (R87-R90); apps untouched in every quadrant (R92, R93).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALLOW_ALL } from '../support/gateway.ts'
import { connect, failureOf, type Host } from './support/hosts.ts'
import { QUADRANTS, TITLE } from './support/quadrants.ts'
import { postModern, type RawAnswer } from './support/raw.ts'
import { KINDS, startWorld, type World } from './support/world.ts'
import { UI_EXTENSION } from './upstreams/surface.ts'

const TASKS = 'io.modelcontextprotocol/tasks'
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/
let world: World
beforeAll(async () => {
  world = await startWorld({
    ...Object.fromEntries(KINDS.map(kind => [kind, { kind }])),
    tasks: { kind: 'v2-stdio', program: 'tasks' },
    quiet: { kind: 'v2-stdio', program: 'tasks', settings: { allow: [{ ...ALLOW_ALL, serverRequests: [] }] } },
  })
})
afterAll(() => world.stop())

type Params = Record<string, any>
const CAPABILITIES = { elicitation: { form: {} }, extensions: { [TASKS]: {} } }

describe.each([
  { place: 'alone', path: '/servers/tasks/mcp', prefix: '' },
  { place: 'together', path: '/mcp', prefix: 'tasks__' },
])('tasks, $place', ({ path, prefix }) => {
  const send = (method: string, params: Params, more: { sub?: string; path?: string; capabilities?: object } = {}): Promise<RawAnswer> =>
    postModern(world, more.path ?? path, {
      method,
      params,
      capabilities: more.capabilities ?? CAPABILITIES,
      ...(more.sub !== undefined && { sub: more.sub }),
    })
  const create = async (name: string, args: Params = {}): Promise<string> => {
    const { result } = (await send('tools/call', { name: prefix + name, arguments: args })).last
    expect(result).toMatchObject({ resultType: 'task', taskId: expect.any(String) })
    return result.taskId as string
  }
  /** Asks until the task has this status. */
  const until = async (taskId: string, status: string): Promise<Params> => {
    for (;;) {
      const { result } = (await send('tasks/get', { taskId })).last
      expect(result).toMatchObject({ resultType: 'complete', taskId: expect.any(String) })
      if (result.status === status) return result as Params
      expect(result.status).toBe('working')
    }
  }

  it('a task runs to its end under an id that says nothing of the upstream’s', async () => {
    const taskId = await create('slow_compute', { seconds: 0.05, label: 'x' })
    expect(taskId).not.toMatch(UUID)
    expect(await until(taskId, 'completed')).toMatchObject({ result: { content: [{ text: 'computed "x"' }] } })
  })

  it('a task fails, and another is cancelled', async () => {
    const failing = await create('protocol_error_job')
    expect(await until(failing, 'failed')).toMatchObject({ error: { code: -32603, message: 'the job crashed' } })
    const slow = await create('slow_compute', { seconds: 60, label: 'y' })
    expect((await send('tasks/cancel', { taskId: slow })).last.result).toMatchObject({ resultType: 'complete' })
    await until(slow, 'cancelled')
  })

  it('a task asks, and the question is recorded before the host sees it', async () => {
    const taskId = await create('confirm_delete', { filename: 'a.txt' })
    const since = world.events().length
    const { inputRequests } = await until(taskId, 'input_required')
    // R89: what the answer is held against is sealed into the key, which is the same however often the task is looked at.
    const [key = '', ...others] = Object.keys(inputRequests as object)
    expect(others).toEqual([])
    expect(inputRequests[key]).toMatchObject({
      method: 'elicitation/create',
      params: { message: expect.stringMatching(/\] Delete a\.txt\?$/) },
    })
    expect(Object.keys((await until(taskId, 'input_required'))['inputRequests'] as object)).toEqual([key])
    expect(
      world
        .events()
        .slice(since)
        .filter(e => e['type'] === 'server-request'),
    ).toMatchObject(Array(2).fill({ decision: 'allowed', requestMethod: 'elicitation/create' }))
    await send('tasks/update', { taskId, inputResponses: { [key]: { action: 'accept', content: { confirm: true } } } })
    expect(await until(taskId, 'completed')).toMatchObject({ result: { content: [{ text: 'deleted' }] } })
  })

  it('a call that first asks and then becomes a task', async () => {
    const name = `${prefix}test_tool_with_task`
    const { result } = (await send('tools/call', { name, arguments: {} })).last
    expect(result).toMatchObject({ resultType: 'input_required', inputRequests: { user_name: {} } })
    const inputResponses = { user_name: { action: 'accept', content: { name: 'Ada' } } }
    const made = (await send('tools/call', { name, arguments: {}, requestState: result.requestState, inputResponses })).last.result
    expect(await until(made.taskId as string, 'completed')).toMatchObject({ result: { content: [{ text: 'Hello, Ada!' }] } })
  })

  it('N034, CVE-2026-52870 (python-sdk): a task id works for nobody else and on no other endpoint', async () => {
    const taskId = await create('slow_compute', { seconds: 60, label: 'z' })
    const unknown = (await send('tasks/get', { taskId: 'made-up' })).last.error
    expect(unknown.code).toBe(-32602)
    expect((await send('tasks/get', { taskId }, { sub: 'bob' })).last.error).toEqual(unknown)
    expect((await send('tasks/get', { taskId }, { path: path === '/mcp' ? '/servers/tasks/mcp' : '/mcp' })).last.error).toEqual(unknown)
    expect((await send('tasks/cancel', { taskId }, { sub: 'bob' })).last.error).toEqual(unknown)
    expect((await send('tasks/get', { taskId })).last.result.status).toBe('working')
  })

  it('a host that does not declare the extension gets no task: -32021, or the plain result', async () => {
    const without = { capabilities: { elicitation: {} } }
    const required = { code: -32021, data: { requiredCapabilities: { extensions: { [TASKS]: {} } } } }
    const refused = await send('tools/call', { name: `${prefix}failing_job`, arguments: {} }, without)
    expect([refused.status, refused.last.error]).toMatchObject([400, required])
    const got = await send('tasks/get', { taskId: 'x' }, without)
    expect([got.status, got.last.error]).toMatchObject([400, required])
    const plain = await send('tools/call', { name: `${prefix}slow_compute`, arguments: { seconds: 0, label: 'p' } }, without)
    expect(plain.last.result).toMatchObject({ resultType: 'complete', content: [{ text: 'computed "p"' }] })
  })

  it('a 2025 host is not told of the extension, and gets text where only a task would do', async () => {
    const host = await connect(world, path, '2025-11-25')
    expect(host.about.capabilities['extensions'] ?? {}).not.toHaveProperty([TASKS])
    expect(host.about.capabilities['tasks']).toBeUndefined()
    expect(await host.call(`${prefix}failing_job`)).toMatchObject({ isError: true })
    expect((await host.call(`${prefix}slow_compute`, { seconds: 0, label: 'q' })).content[0].text).toBe('computed "q"')
    for (const method of ['tasks/list', 'tasks/get', 'tasks/result'])
      expect((await failureOf(host.request(method, { taskId: 'x' }))).code).toBe(-32601)
    await host.close()
  })
})

it('a modern host is told of the extension where the upstream has it', async () => {
  const { result } = (await postModern(world, '/servers/tasks/mcp', { method: 'server/discover' })).last
  expect(result.capabilities.extensions).toEqual({ [TASKS]: {} })
})

it('R90: what no rule permits is not asked through a task either', async () => {
  const path = '/servers/quiet/mcp'
  const send = (method: string, params: Params): Promise<RawAnswer> =>
    postModern(world, path, { method, params, capabilities: CAPABILITIES })
  const { taskId } = (await send('tools/call', { name: 'confirm_delete', arguments: { filename: 'a' } })).last.result
  const since = world.events().length
  expect((await send('tasks/get', { taskId })).last.error).toMatchObject({ code: -31403, data: { reason: 'gated' } })
  expect(
    world
      .events()
      .slice(since)
      .filter(e => e['type'] === 'server-request'),
  ).toMatchObject([{ decision: 'refused', reason: 'gated' }])
})

describe.each(QUADRANTS)(`apps: ${TITLE}`, q => {
  let host: Host
  beforeAll(async () => {
    host = await q.connect(world)
  })
  afterAll(() => host.close())

  it('a tool names its app, and the app can be read though no list has it', async () => {
    const tool = (await host.tools()).find(t => t.name === q.tool('app'))
    expect(tool._meta).toEqual({ ui: { resourceUri: q.uri('ui://clock/app.html'), visibility: ['model'] } })
    expect((await host.resources()).some(r => (r.uri as string).startsWith('ui://'))).toBe(false)
    const { contents } = await host.read(tool._meta.ui.resourceUri as string)
    expect(contents).toEqual([
      {
        uri: q.uri('ui://clock/app.html'),
        mimeType: 'text/html;profile=mcp-app',
        text: '<p>12:00</p>',
        _meta: { ui: { csp: { connectDomains: ['https://time.example'] } } },
      },
    ])
  })

  it('the upstream learns that the host shows apps', () => {
    const seen = q
      .upstream(world)
      .events.all.map(({ message }) =>
        message?.method === 'initialize'
          ? message.params.capabilities
          : message?.params?._meta?.['io.modelcontextprotocol/clientCapabilities'],
      )
    expect(seen.some(capabilities => capabilities?.extensions?.[UI_EXTENSION]?.mimeTypes?.[0] === 'text/html;profile=mcp-app')).toBe(true)
  })
})
