// Tokens that may not do what they ask for (area B of the negative tests): scopes on every row of the table, before the first byte, on both eras.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventsOf, nextEvent } from '../e2e/support/raw.ts'
import { json, type HttpExchange } from '../support/upstreams/http-upstream.ts'
import {
  callTool,
  LegacyHost,
  modern,
  modernBody,
  modernHeaders,
  startRecorder,
  startWorld,
  works,
  type Over,
  type World,
} from './world.ts'
import type { Answer } from './wire.ts'

const TASKS = 'io.modelcontextprotocol/tasks'
const PATH = '/servers/up/mcp'
const GRANT = [
  { to: { subjects: ['alice', 'bob'] }, scopes: ['*'] },
  { to: { groups: ['writers'] }, scopes: ['up:write'] },
]
const SCOPES = {
  read: { tools: ['echo'], prompts: ['hello'], resources: ['mem://items*'] },
  write: { tools: ['write_*', 'both'], resources: ['mem://open'] },
  audit: { tools: ['both'] },
}
const makesTask = ({ res, message }: HttpExchange): void =>
  json(res, {
    jsonrpc: '2.0',
    id: message!.id,
    result: { resultType: 'task', taskId: 't-1', status: 'working', createdAt: 'x', lastUpdatedAt: 'x' },
  })

let world: World
let other: Awaited<ReturnType<typeof startRecorder>>
beforeAll(async () => {
  other = await startRecorder()
  const plain = ({ res, message }: HttpExchange): void =>
    json(res, { jsonrpc: '2.0', id: message!.id, result: { resultType: 'complete', content: [] } })
  world = await startWorld({
    tools: { write_file: plain, both: plain, erase: plain, unscoped: plain, work: makesTask },
    definitions: [{ name: 'erase', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true, destructiveHint: false } }],
    capabilities: {
      tools: {},
      prompts: {},
      resources: { subscribe: true, listChanged: true },
      completions: {},
      extensions: { [TASKS]: {} },
    },
    more: ({ res, message }) => {
      if (message?.method?.startsWith('tasks/') !== true && message?.method !== 'skills/list') return false
      json(res, { jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', taskId: 't-1', status: 'working' } })
      return true
    },
    settings: { scopes: { ...SCOPES, destroy: { tools: ['erase'] } } },
    allow: [
      {
        id: 'test',
        subjects: ['*'],
        tools: ['echo', 'write_file', 'both', 'erase', 'unscoped', 'work'],
        prompts: ['hello'],
        resources: ['mem://open', 'mem://items*'],
        methods: ['skills/list'],
      },
    ],
    issuer: { grant: GRANT },
    config: {
      upstreams: {
        other: {
          http: { url: other.url },
          allow: [
            { groups: ['others'], tools: ['*'] },
            { subjects: ['alice'], tools: ['*'] },
          ],
        },
      },
      sets: { dev: ['up', 'other'] },
    },
  })
})
afterAll(async () => {
  await world.stop()
  await other.close()
})

/** Runs the attack: the upstream sees nothing of it. The gateway's own streams for changes of lists come and go by themselves. */
async function unseen<T>(run: () => Promise<T>): Promise<T> {
  const before = world.up.seen.length
  const got = await run()
  await works(world)
  const since = world.up.seen.slice(before).filter(e => e.message?.method !== 'subscriptions/listen')
  expect(since.map(e => e.message?.params?.arguments?.word ?? e.message?.method)).toEqual([expect.stringMatching(/^bob /)])
  return got
}

/** Carol's token: nothing but these scopes. */
const carol = (scope: unknown, path = PATH, more: object = {}): Promise<string> =>
  world.gateway.token(path, { sub: 'carol', scope, ...more })
const stepUp = (answer: Answer) => {
  const header = String(answer.headers['www-authenticate'] ?? '')
  const part = (name: string): string | undefined => new RegExp(`${name}="([^"]*)"`).exec(header)?.[1]
  return {
    status: answer.status,
    error: part('error'),
    scope: part('scope'),
    metadata: part('resource_metadata'),
    reason: answer.body?.error?.data?.reason,
    missing: answer.body?.error?.data?.scopes,
    result: answer.body?.result,
  }
}
const insufficient = (path: string, missing: readonly string[], scope = missing.join(' ')) => ({
  status: 403, error: 'insufficient_scope', scope, metadata: `${world.gateway.url}/.well-known/oauth-protected-resource${path}`, reason: 'scope-missing', missing, result: undefined,
}) // prettier-ignore

describe('N021: a call whose token lacks a scope', () => {
  it('is answered with 403, all that is missing at once, and where the metadata is; the upstream sees no byte', async () => {
    const token = await carol('up:read')
    const answer = await unseen(() => callTool(world, 'write_file', {}, { token }))
    expect(stepUp(answer)).toEqual(insufficient(PATH, ['up:write'], 'up:write up:read'))
    expect(stepUp(await unseen(() => callTool(world, 'both', {}, { token })))).toEqual(
      insufficient(PATH, ['up:write', 'up:audit'], 'up:write up:audit up:read'),
    )
    expect(String(answer.headers['content-type'])).toBe('application/json')
    const recorded = world.gateway.events().filter(e => e['type'] === 'refusal' && e['reason'] === 'scope-missing')
    expect(recorded.length).toBe(2)
    expect(JSON.stringify(recorded)).not.toContain(token)
  })
  it('goes through with a token that has what the challenge named', async () => {
    expect((await callTool(world, 'both', {}, { token: await carol('up:write up:audit up:read') })).status).toBe(200)
    expect((await callTool(world, 'unscoped', {}, { token: await carol('up:use') })).status).toBe(200)
  })
  it('what is given to a group counts like what the token says, for that group alone', async () => {
    expect((await callTool(world, 'write_file', {}, { token: await carol('', PATH, { groups: ['writers'] }) })).status).toBe(200)
    expect((await callTool(world, 'write_file', {}, { token: await carol('', PATH, { groups: ['Writers'] }) })).status).toBe(403)
  })
})

describe('parity: every row that reaches an upstream asks for the same scopes', () => {
  const extensions = { extensions: { [TASKS]: {} } }
  const refused: readonly (readonly [string, object, string, readonly string[]])[] = [
    ['tools/call', { name: 'echo', arguments: {} }, 'up:write', ['up:read']],
    ['tools/call', { name: 'unscoped', arguments: {} }, 'up:write', ['up:use']],
    ['prompts/get', { name: 'hello' }, 'up:write', ['up:read']],
    ['resources/read', { uri: 'mem://open' }, 'up:read', ['up:write']],
    ['resources/read', { uri: 'mem://items/1' }, 'up:write', ['up:read']],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'hello' }, argument: { name: 'a', value: '' } }, 'up:write', ['up:read']],
    [
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'mem://open' }, argument: { name: 'a', value: '' } },
      'up:read',
      ['up:write'],
    ],
    ['skills/list', {}, 'up:read up:write', ['up:use']],
  ]
  it.each(refused)('%s %j of a 2026 host', async (method, params, held, missing) => {
    const token = await carol(held)
    expect(stepUp(await unseen(() => modern(world, method, params, { token })))).toEqual(
      insufficient(PATH, missing, [...missing, ...held.split(' ')].join(' ')),
    )
    const whole = await carol([...missing, held].join(' '))
    expect((await modern(world, method, params, { token: whole })).status).toBe(200)
  })
  const legacy = [
    ...refused.filter(([method]) => method !== 'skills/list'),
    ['resources/subscribe', { uri: 'mem://open' }, 'up:read', ['up:write']],
    ['resources/unsubscribe', { uri: 'mem://items/1' }, 'up:write', ['up:read']],
    ['skills/list', {}, 'up:read', ['up:use']],
  ] as const
  it.each(legacy)('%s %j of a 2025 host', async (method, params, held, missing) => {
    const host = await LegacyHost.open(world, { token: await carol(held) })
    expect(stepUp(await unseen(() => host.request(method, params)))).toEqual(insufficient(PATH, missing, [...missing, held].join(' ')))
    // The session goes on with a better token: scopes are judged anew in each request.
    const better = await host.request(method, params, { authorization: `Bearer ${await carol([...missing, held].join(' '))}` })
    expect(better.status).toBe(200)
  })
  it('subscriptions/listen names the scopes of all that is asked for, and of nothing that does not exist for the caller', async () => {
    const asked = (resourceSubscriptions: string[]) => ({ notifications: { resourceSubscriptions } })
    const token = await carol('up:use')
    const answer = await unseen(() =>
      modern(world, 'subscriptions/listen', asked(['mem://open', 'mem://items/1', 'mem://forbidden', 'mem://nothing']), { token }),
    )
    expect(stepUp(answer)).toEqual(insufficient(PATH, ['up:write', 'up:read'], 'up:write up:read up:use'))
    const params = asked(['mem://forbidden', 'mem://nothing'])
    const headers = new Headers(
      Object.entries(modernHeaders(world, 'subscriptions/listen', params, { token })).filter(
        (e): e is [string, string] => typeof e[1] === 'string' && e[0] !== 'host',
      ),
    )
    const stream = await fetch(world.gateway.url + PATH, { method: 'POST', headers, body: modernBody('subscriptions/listen', params) })
    const first = JSON.parse((await nextEvent(eventsOf(stream))).data) as { params: { notifications: object } }
    expect(first).toMatchObject({ method: 'notifications/subscriptions/acknowledged' })
    expect(first.params.notifications).toEqual({})
  })
  it('N034: tasks/* needs some scope of the upstream, and still only its own caller’s id opens', async () => {
    const made = (await callTool(world, 'work', {}, { token: await carol('up:use'), capabilities: extensions })).body.result
    const task = { taskId: made.taskId as string }
    for (const [method, more] of [
      ['tasks/get', {}],
      ['tasks/update', { inputResponses: {} }],
      ['tasks/cancel', {}],
    ] as const) {
      const ask = (token: string): Promise<Answer> => modern(world, method, { ...task, ...more }, { token, capabilities: extensions })
      const without = await carol('other:use up:* mcp')
      expect(stepUp(await unseen(() => ask(without)))).toEqual(insufficient(PATH, ['up:use']))
      expect((await ask(await carol('up:audit'))).status).toBe(200)
      const dave = await world.gateway.token(PATH, { sub: 'dave', scope: 'up:use' })
      expect((await unseen(() => ask(dave))).body.error).toEqual(
        (await modern(world, method, { taskId: 'made-up', ...more }, { token: dave, capabilities: extensions })).body.error,
      )
    }
    const listen = await unseen(async () =>
      modern(
        world,
        'subscriptions/listen',
        { notifications: { taskIds: [task.taskId] } },
        { token: await carol('mcp'), capabilities: extensions },
      ),
    )
    expect(stepUp(listen)).toEqual(insufficient(PATH, ['up:use']))
  })
  it('an element of a batch: its own answer says so, the others are answered', async () => {
    const host = await LegacyHost.open(world, { token: await carol('up:read'), version: '2025-03-26' })
    const call = (id: number, name: string): object => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name, arguments: { n: id } },
    })
    const answer = await host.post(JSON.stringify([call(1, 'echo'), call(2, 'write_file'), call(3, 'echo')]))
    expect(answer.status).toBe(200)
    const byId = Object.fromEntries(answer.messages.flat().map(m => [m.id, m.error?.data ?? m.result.content[0].text]))
    expect(byId).toMatchObject({ 1: '{"n":1}', 2: { reason: 'scope-missing', scopes: ['up:write'] }, 3: '{"n":3}' })
    expect(world.up.seen.some(e => e.message?.params?.name === 'write_file' && e.message?.params?.arguments?.n === 2)).toBe(false)
  })
  it.each([
    ['/mcp', 'up__write_file'],
    ['/sets/dev/mcp', 'up__write_file'],
  ])('at %s the same scopes count, and the challenge keeps what the token has of that endpoint', async (path, name) => {
    const token = await carol('up:read other:use elsewhere:use', path)
    const answer = await unseen(() => callTool(world, name, {}, { token, path }))
    expect(stepUp(answer)).toEqual(insufficient(path, ['up:write'], 'up:write up:read other:use'))
  })
  it('lists show what somebody is entitled to, whatever the token’s scopes', async () => {
    const names = async (token: string): Promise<string[]> =>
      (await modern(world, 'tools/list', {}, { token })).body.result.tools.map((t: any) => t.name).sort()
    expect(await names(await carol(''))).toEqual(await names(await carol('up:read up:write')))
  })
})

describe('N022 N023: scope strings that look like the right one', () => {
  const tricks = [
    'up:writeX', 'up:write,up:read', 'UP:WRITE', 'up:*', '*', 'up:write\u00a0', 'up:write\n', '\tup:write', 'up:writ', 'up::write', 'other:write', 'up.write', 'up:wrıte', 'up%3Awrite', '"up:write"',
  ] // prettier-ignore
  it.each(tricks)('N022: %j is another word', async scope => {
    const answer = await unseen(async () => callTool(world, 'write_file', {}, { token: await carol(scope) }))
    expect(stepUp(answer)).toMatchObject({ status: 403, error: 'insufficient_scope', missing: ['up:write'] })
  })
  it.each([' up:write', 'up:write ', 'up:read  up:write'])('N022: more spaces make no other word of %j', async scope => {
    expect((await callTool(world, 'write_file', {}, { token: await carol(scope) })).status).toBe(200)
    expect((await callTool(world, 'both', {}, { token: await carol(scope) })).status).toBe(403)
  })
  it.each([
    ['scope and scp that disagree', { scope: 'up:read', scp: 'up:write' }],
    ['scope and a longer scp', { scope: 'up:read', scp: ['up:read', 'up:write'] }],
    ['an empty scope and scp', { scope: '', scp: ['up:write'] }],
  ])('N023: %s are never united', async (_what, claims) => {
    const token = await world.gateway.token(PATH, { sub: 'carol', ...claims })
    const answer = await unseen(() => callTool(world, 'write_file', {}, { token }))
    expect([401, 403]).toContain(answer.status)
  })
  it('a list of scopes is as good as a string', async () => {
    expect((await callTool(world, 'write_file', {}, { token: await carol(['up:write']) })).status).toBe(200)
    expect((await callTool(world, 'write_file', {}, { token: await carol(undefined, PATH, { scp: ['up:write'] }) })).status).toBe(200)
  })
})

describe('N024 N025: a scope makes nothing visible', () => {
  const bytes = (answer: Answer) => [answer.status, answer.text.replace(/"id":\d+/, ''), answer.headers['www-authenticate']]
  const unknown = async (over: Over, name = 'no_such_tool') => bytes(await callTool(world, name, {}, over))
  it('N025: a hidden tool answers with the bytes of one that does not exist, whether or not the token has its scope', async () => {
    for (const scope of ['', 'up:use', 'up:write up:read up:audit up:use']) {
      const token = await carol(scope)
      expect(bytes(await unseen(() => callTool(world, 'forbidden', {}, { token })))).toEqual(await unknown({ token }))
    }
  })
  it('N024: the scope of another server, for somebody it does not exist for: not listed, not called, not contacted', async () => {
    const before = other.seen.length
    const token = await carol('up:use other:use', '/mcp')
    const listed = (await modern(world, 'tools/list', {}, { token, path: '/mcp' })).body.result.tools.map((t: any) => t.name)
    expect(listed.filter((name: string) => name.startsWith('other'))).toEqual([])
    expect(bytes(await callTool(world, 'other__echo', {}, { token, path: '/mcp' }))).toEqual(
      await unknown({ token, path: '/mcp' }, 'other__nothing'),
    )
    const there = await carol('other:use', '/servers/other/mcp')
    expect(bytes(await callTool(world, 'echo', {}, { token: there, path: '/servers/other/mcp' }))).toEqual(
      await unknown({ token: there, path: '/servers/other/mcp' }),
    )
    expect(other.seen.length).toBe(before)
  })
  it('N024: the scope of one server opens no tool of the other, for somebody entitled to both', async () => {
    const before = other.seen.length
    const token = await carol('up:use up:read', '/mcp', { groups: ['others'] })
    expect(stepUp(await callTool(world, 'other__echo', {}, { token, path: '/mcp' }))).toEqual(
      insufficient('/mcp', ['other:use'], 'other:use up:use up:read'),
    )
    expect(other.seen.slice(before).filter(e => e.message?.method === 'tools/call')).toEqual([])
  })
  it('N033: a destructive tool that calls itself read-only needs what the administrator said', async () => {
    const answer = await unseen(async () => callTool(world, 'erase', {}, { token: await carol('up:use up:read up:write') }))
    expect(stepUp(answer)).toMatchObject({ status: 403, missing: ['up:destroy'] })
    expect((await callTool(world, 'erase', {}, { token: await carol('up:destroy') })).status).toBe(200)
  })
})

describe('N031: a token refreshed with fewer scopes while a stream is open', () => {
  it('the next request of the session is judged by the new token', async () => {
    const host = await LegacyHost.open(world, { token: await carol('up:read up:write') })
    expect((await host.call('write_file')).status).toBe(200)
    const fewer = { authorization: `Bearer ${await carol('up:read')}` }
    expect(stepUp(await unseen(() => host.request('tools/call', { name: 'write_file', arguments: {} }, fewer)))).toMatchObject({
      status: 403,
      missing: ['up:write'],
    })
  })
})

it('N001: 401 and the metadata ask for little: the scope of whatever needs no other', async () => {
  const metadata = `${world.gateway.url}/.well-known/oauth-protected-resource${PATH}`
  const answer = await unseen(() => modern(world, 'tools/list', {}, { headers: { authorization: undefined } }))
  expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, `Bearer scope="up:use", resource_metadata="${metadata}"`])
  expect(await (await fetch(metadata)).json()).toMatchObject({ resource: world.gateway.url + PATH, scopes_supported: ['up:use'] })
})
