// Limits as those who hit them see them: which one, when to come again, in both eras and in a batch; and what does not get around them.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { json, result, type HttpExchange } from '../support/upstreams/http-upstream.ts'
import { nodeServer } from '../support/upstreams/stdio.ts'
import { Raw, send, type Answer } from './wire.ts'
import {
  callTool,
  expectRefused,
  LegacyHost,
  modern,
  modernBody,
  modernHeaders,
  startWorld,
  works,
  type Over,
  type World,
  type WorldOptions,
} from './world.ts'

const worlds: World[] = []
async function start(options: WorldOptions): Promise<World> {
  const world = await startWorld(options)
  worlds.push(world)
  return world
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})
const limits = (settings: object): WorldOptions => ({ config: { limits: settings } })

const reasonOf = (answer: Answer): string => answer.body?.error?.data?.reason ?? 'ok'
/** Reasons of so many calls, one after the other. */
async function calls(world: World, times: number, over: Over = {}, name = 'echo'): Promise<string[]> {
  const reasons: string[] = []
  for (let n = 0; n < times; n++) reasons.push(reasonOf(await callTool(world, name, {}, over)))
  return reasons
}
/** 429, its reason, and when to come again: the same in header and body, in whole seconds. */
function expectLimited(answer: Answer, reason: string): void {
  expectRefused(answer, { status: 429, code: -31429, reason })
  const seconds = answer.body.error.data.retryAfterSeconds as number
  expect(seconds).toBeGreaterThanOrEqual(1)
  expect(Number.isInteger(seconds)).toBe(true)
  expect(answer.headers['retry-after']).toBe(String(seconds))
  expect(answer.body.error.data.fix).toEqual(expect.any(String))
}
const toolCalls = (world: World): number => world.up.of('tools/call').length

/** A tool whose calls are answered when the test says so. */
function holding(): {
  readonly tool: (x: HttpExchange) => void
  readonly held: HttpExchange[]
  answerAll(): void
  until(count: number): Promise<void>
} {
  const held: HttpExchange[] = []
  let arrived: () => void = () => {}
  return {
    held,
    tool(x) {
      held.push(x)
      arrived()
    },
    answerAll() {
      for (const { res, message } of held.splice(0)) json(res, result(message.id, 'done'))
    },
    async until(count) {
      while (held.length < count) await new Promise<void>(resolve => (arrived = resolve))
    },
  }
}

describe('each limit says what it is, in both eras, and what it refuses reaches nobody', () => {
  // Long windows: whatever the machine does, no window ends within a test. Both callers' first calls count too (startWorld).
  it.each([
    ['server-limited', { rates: { server: '5/1h' } }, {}],
    ['tool-limited', { rates: { tool: '5/1h' } }, {}],
    ['server-limited', {}, { limits: { rate: '5/1h' } }],
    ['tool-limited', {}, { limits: { toolRate: '5/1h' } }],
    ['client-limited', { rates: { client: '5/1h' } }, {}],
  ] as const)('%s', async (reason, config, settings) => {
    const world = await start({ ...limits(config), settings })
    expect(await calls(world, 3)).toEqual(['ok', 'ok', 'ok'])
    const before = toolCalls(world)
    const answer = await callTool(world, 'echo')
    expectLimited(answer, reason)
    expect(JSON.stringify(answer.body)).not.toMatch(/bob|127\.0\.0\.1/)
    if (reason !== 'client-limited') {
      const host = await LegacyHost.open(world)
      expectLimited(await host.call('echo'), reason)
    }
    expect(toolCalls(world)).toBe(before)
  })
  it('in a batch each element has an answer of its own: what is left runs, the rest is refused by name', async () => {
    const world = await start({ settings: { limits: { toolRate: '32/1h' } } })
    const host = await LegacyHost.open(world, { version: '2025-03-26' })
    const batch = Array.from({ length: 100 }, (_, n) => ({
      jsonrpc: '2.0',
      id: n,
      method: 'tools/call',
      params: { name: 'echo', arguments: { n } },
    }))
    const answer = await host.post(JSON.stringify(batch))
    const answers = answer.messages.flat()
    expect(answer.status).toBe(200)
    expect(new Set(answers.map(({ id }) => id)).size).toBe(100)
    const refused = answers.filter(({ error }) => error !== undefined)
    expect(answers.length - refused.length).toBe(30)
    for (const { error } of refused)
      expect(error).toMatchObject({ code: -31429, data: { reason: 'tool-limited', retryAfterSeconds: expect.any(Number) } })
  })
  it('a later limit gives back what an earlier one took: refusals by the tool’s use nothing of the server’s', async () => {
    const world = await start({
      settings: { limits: { rate: '10/1h', toolRate: '3/1h' } },
      tools: { other: x => json(x.res, result(x.message.id, 'o')) },
    })
    expect(await calls(world, 20)).toEqual(['ok', ...Array.from({ length: 19 }, () => 'tool-limited')])
    expect(await calls(world, 3, {}, 'other')).toEqual(['ok', 'ok', 'ok'])
  })
  it('attack: a retry storm is counted, not written down one by one, and a bystander is served meanwhile', async () => {
    const world = await start(limits({ principalPerSecond: 20 }))
    const host = await LegacyHost.open(world)
    const storm = await Promise.all(Array.from({ length: 400 }, () => host.call('echo')))
    const refused = storm.filter(answer => reasonOf(answer) === 'principal-limited')
    expect(refused.length).toBeGreaterThan(100)
    for (const answer of refused.slice(0, 5)) expectLimited(answer, 'principal-limited')
    await works(world)
    expect(world.gateway.events().filter(({ type, reason }) => type === 'refusal' && reason === 'principal-limited')).toEqual([])
  })
})

describe('attack: one more name each time', () => {
  it('clients: another one each time does not raise what a principal may send', async () => {
    const world = await start(limits({ principalPerSecond: 5 }))
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, n) =>
        callTool(world, 'echo', {}, { token: await world.gateway.token(world.path, { client_id: `client-${n}` }) }),
      ),
    )
    expect(answers.filter(answer => reasonOf(answer) === 'principal-limited').length).toBeGreaterThan(20)
  })
  it('tools: names that nobody lists are no way around the server’s limit, and long ones cost no memory', async () => {
    const world = await start({
      settings: { limits: { rate: '22/1h' } },
      allow: [{ id: 'all', subjects: ['*'], tools: ['*'] }],
    })
    const reasons: string[] = []
    for (let n = 0; n < 30; n++) reasons.push(reasonOf(await callTool(world, `invented-${n}-${'x'.repeat(1000)}`)))
    expect(reasons.filter(reason => reason === 'server-limited')).toHaveLength(10)
  })
  it('addresses of one IPv6 /64 are one address, and the next /64 is served', async () => {
    const world = await start({
      config: {
        publicUrl: 'https://gw.example.com',
        operators: ['root'],
        trustedProxies: ['127.0.0.1/32'],
        limits: { rates: { address: '10/1h' } },
      },
    })
    const from = (address: string): Over => ({ headers: { host: 'gw.example.com', 'x-forwarded-for': address } })
    const reasons: string[] = []
    for (let n = 0; n < 12; n++) reasons.push(...(await calls(world, 1, from(`2001:db8:0:1::${n.toString(16)}`))))
    expect(reasons).toEqual([...Array.from({ length: 10 }, () => 'ok'), 'address-limited', 'address-limited'])
    expect(await calls(world, 1, from('2001:db8:0:2::1'))).toEqual(['ok'])
  })
})

describe('attack: a flood of strangers', () => {
  const visit = (world: World, path: string): Promise<Answer> => send(world.port, { method: 'GET', path })
  it('an address asks so much of everything that needs no account, and is told when to come again', async () => {
    const world = await start(limits({ rates: { visitor: '5/1h' } }))
    const statuses: number[] = []
    for (let n = 0; n < 7; n++) statuses.push((await visit(world, '/.well-known/oauth-protected-resource/mcp')).status)
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429])
    const answer = await visit(world, '/oauth/anything')
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    expect(answer.body.error.data.reason).toBe('address-limited')
    await works(world)
  })
  it('all of them together as well; whoever watches the gateway still sees it alive, and signed-in callers are served', async () => {
    const world = await start(limits({ rates: { visitors: '5/1h' } }))
    for (let n = 0; n < 5; n++) expect((await visit(world, '/.well-known/oauth-protected-resource/mcp')).status).toBe(200)
    expect(await visit(world, '/.well-known/oauth-protected-resource/mcp')).toMatchObject({
      status: 503,
      body: { error: { data: { reason: 'gateway-overloaded', retryAfterSeconds: expect.any(Number) } } },
    })
    expect((await visit(world, '/healthz')).status).toBe(200)
    await works(world)
  })
  it('guessed tokens cost an address more than other failures', async () => {
    const world = await start(limits({ addressFailuresPerMinute: 50 }))
    const forged = `${world.tokens.alice.slice(0, -20)}${'A'.repeat(20)}`
    const statuses: number[] = []
    for (let n = 0; n < 12; n++) statuses.push((await callTool(world, 'echo', {}, { token: forged })).status)
    expect(statuses.filter(status => status === 401).length).toBeLessThanOrEqual(11)
    expect(statuses.at(-1)).toBe(429)
  })
})

describe('calls at once', () => {
  it.each([
    ['of a principal', { concurrency: { principal: 2 } }, {}],
    ['of a client', { concurrency: { client: 2 } }, {}],
    ['to a server', { concurrency: { server: 2 } }, {}],
    ['to a server that has a limit of its own', {}, { limits: { atOnce: 2 } }],
  ])('%s: one more is refused at once, and passes when one has ended', async (_, config, settings) => {
    const { tool, until, answerAll } = holding()
    const world = await start({ ...limits(config), settings, tools: { hold: tool } })
    const running = [callTool(world, 'hold'), callTool(world, 'hold')]
    await until(2)
    expectLimited(await callTool(world, 'echo'), 'concurrency-limited')
    expectLimited(await (await LegacyHost.open(world)).call('echo'), 'concurrency-limited')
    answerAll()
    for (const answer of await Promise.all(running)) expect(reasonOf(answer)).toBe('ok')
    expect(await calls(world, 3)).toEqual(['ok', 'ok', 'ok'])
  })
  it('one principal’s calls are not another’s', async () => {
    const { tool, until, answerAll } = holding()
    const world = await start({ ...limits({ concurrency: { principal: 1 } }), tools: { hold: tool } })
    const running = callTool(world, 'hold')
    await until(1)
    await works(world, 'bob')
    answerAll()
    await running
  })
  it('attack: a storm of cancelled calls leaks no place', async () => {
    const { tool, until, held } = holding()
    const world = await start({ ...limits({ concurrency: { principal: 4 } }), tools: { hold: tool } })
    for (let round = 0; round < 10; round++) {
      held.length = 0
      const gone: Promise<unknown>[] = []
      const sockets = Array.from({ length: 4 }, () => {
        const raw = new Raw(world.port)
        const body = modernBody('tools/call', { name: 'hold', arguments: {} })
        const headers = Object.entries({
          ...modernHeaders(world, 'tools/call', { name: 'hold' }),
          'content-length': Buffer.byteLength(body),
        })
        raw.socket.write(
          `POST ${world.path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${String(value)}\r\n`).join('')}\r\n${body}`,
        )
        return raw
      })
      await until(4)
      for (const { res } of held) gone.push(closed(res))
      for (const { socket } of sockets) socket.destroy()
      // The upstream's own connection is closed once the call has been cancelled there.
      await Promise.all(gone)
    }
    expect(await Promise.all(Array.from({ length: 4 }, () => callTool(world, 'echo').then(reasonOf)))).toEqual(['ok', 'ok', 'ok', 'ok'])
  })
  it('attack: a host that does not read its answers holds no place', async () => {
    const world = await start({
      ...limits({ concurrency: { principal: 1 } }),
      tools: { big: x => json(x.res, result(x.message.id, 'x'.repeat(4_000_000))) },
    })
    for (let n = 0; n < 3; n++) {
      const raw = new Raw(world.port)
      const body = modernBody('tools/call', { name: 'big', arguments: {} })
      const headers = Object.entries({ ...modernHeaders(world, 'tools/call', { name: 'big' }), 'content-length': Buffer.byteLength(body) })
      raw.socket.write(
        `POST ${world.path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${String(value)}\r\n`).join('')}\r\n${body}`,
      )
      // It takes the first bytes, so the answer was begun, and nothing more.
      await new Promise<void>(resolve => raw.socket.once('data', () => resolve()))
      raw.socket.pause()
      expect(await calls(world, 1)).toEqual(['ok'])
      raw.socket.destroy()
    }
  })
  it('a call that fails, is refused upstream or is never answered gives its place back', async () => {
    const world = await start({
      ...limits({ concurrency: { principal: 1 } }),
      settings: { timeouts: { call: '200ms', hard: '200ms' } },
      tools: {
        broken: x => void x.res.destroy(),
        garbage: x => void x.res.writeHead(200, { 'content-type': 'application/json' }).end('{'),
        silent: () => {},
        error: x => json(x.res, { jsonrpc: '2.0', id: x.message.id, error: { code: -32000, message: 'no' } }),
      },
    })
    for (const name of ['broken', 'garbage', 'silent', 'error']) {
      await callTool(world, name)
      expect(await calls(world, 1), name).toEqual(['ok'])
    }
  })
})

const closed = (res: ServerResponse): Promise<void> =>
  res.closed ? Promise.resolve() : new Promise(resolve => res.once('close', () => resolve()))

describe('a call that waits for the host', () => {
  const path = '/servers/parked/mcp'
  const CAN = { elicitation: { form: {} }, sampling: {}, roots: {} }
  const parkedWorld = (): Promise<World> =>
    start({
      config: {
        upstreams: {
          parked: {
            stdio: { command: process.execPath, args: nodeServer('hostile', 'legacy').args },
            allow: [{ subjects: ['*'], tools: ['*'], serverRequests: ['elicitation.form', 'sampling'] }],
            limits: { atOnce: 1 },
          },
        },
      },
    })
  const tool = (world: World, name: string, token: string, more: object = {}): Promise<Answer> =>
    modern(world, 'tools/call', { name, arguments: {}, ...more }, { path, token, capabilities: CAN })
  it('holds its place between two requests; its answer needs no second one, and then the place is free', async () => {
    const world = await parkedWorld()
    const [alice, bob] = [await world.gateway.token(path), await world.gateway.token(path, { sub: 'bob' })]
    const asked = await tool(world, 'ask', alice)
    expect(asked.body.result?.resultType, JSON.stringify(asked.body)).toBe('input_required')
    expectLimited(await tool(world, 'echo', bob), 'concurrency-limited')
    expectLimited(await tool(world, 'ask', alice), 'concurrency-limited')
    const { requestState, inputRequests } = asked.body.result
    const inputResponses = Object.fromEntries(
      Object.keys(inputRequests as object).map(key => [key, { action: 'accept', content: { name: 'a' } }]),
    )
    const done = await tool(world, 'ask', alice, { requestState, inputResponses })
    expect(done.body.result?.content, JSON.stringify(done.body)).toBeDefined()
    expect(reasonOf(await tool(world, 'echo', bob))).toBe('ok')
    // The same answer again gets the same result, and takes no place: the call it belongs to has ended.
    expect((await tool(world, 'ask', alice, { requestState, inputResponses })).body.result).toEqual(done.body.result)
    expect(reasonOf(await tool(world, 'echo', bob))).toBe('ok')
  })
})

describe('bytes', () => {
  const kib = (n: number): string => 'x'.repeat(n * 1024)
  it('attack: results of many bytes are sent, and the next request is refused until they are paid for; others are served', async () => {
    const world = await start({
      ...limits({ payload: { principal: '64KiB' } }),
      tools: { big: x => json(x.res, result(x.message.id, kib(100))) },
    })
    expect(reasonOf(await callTool(world, 'big'))).toBe('ok')
    const answer = await callTool(world, 'echo')
    expectLimited(answer, 'payload-limited')
    expectLimited(await callTool(world, 'echo', { text: kib(20) }), 'payload-limited')
    await works(world, 'bob')
  })
  it('attack: so are requests of many bytes, those of one client’s users together', async () => {
    const world = await start(limits({ payload: { client: '64KiB' } }))
    expect(reasonOf(await callTool(world, 'echo', { text: kib(100) }))).toBe('ok')
    expectLimited(await callTool(world, 'echo', {}, { who: 'bob' }), 'payload-limited')
    const other = await world.gateway.token(world.path, { sub: 'bob', client_id: 'other' })
    expect(await calls(world, 1, { token: other })).toEqual(['ok'])
  })
})

describe('rules', () => {
  let folder = ''
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  it('`@concurrency` holds: as many at once as the rule says, per what it says', async () => {
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-limits-'))
    for (const dir of ['authz', 'obligations']) mkdirSync(join(folder, dir))
    writeFileSync(join(folder, 'authz/all.cedar'), '@id("all") permit (principal, action, resource);')
    writeFileSync(
      join(folder, 'obligations/few.cedar'),
      '@id("few") @concurrency("1") @key("principal, tool") permit (principal, action == MCP::Action::"tools/call", resource);',
    )
    const { tool, until, answerAll } = holding()
    const world = await start({ tools: { hold: tool }, allow: [], config: { policies: { folder } } })
    const running = callTool(world, 'hold')
    await until(1)
    const answer = await callTool(world, 'hold')
    expectLimited(answer, 'concurrency-limited')
    expect(answer.body.error.message).toContain('per principal and tool')
    expect(await calls(world, 1)).toEqual(['ok'])
    const bobs = callTool(world, 'hold', {}, { who: 'bob' })
    await until(2)
    answerAll()
    expect((await Promise.all([running, bobs])).map(reasonOf)).toEqual(['ok', 'ok'])
    expect(await calls(world, 2)).toEqual(['ok', 'ok'])
  })
})

describe('attack: what counts is gone', () => {
  it.each(['principal', 'tool', 'address', 'visitor'])('for `%s`: refused with a reason, and nothing reaches the server', async what => {
    let isAway = false
    const world = await start({
      counterOf: (_window, name) => ({
        take: async (_key, points) => {
          if (isAway && name.startsWith(`${what} `)) throw new Error('connection refused to redis.internal:6379')
          return { granted: points, msLeft: 1 }
        },
      }),
    })
    isAway = true
    const before = toolCalls(world)
    const answer = what === 'visitor' ? await send(world.port, { method: 'GET', path: '/readyz' }) : await callTool(world, 'echo')
    expect(answer.status).toBe(503)
    expect(answer.body.error.data).toMatchObject({ reason: 'limits-unavailable', retryAfterSeconds: 1 })
    expect(answer.text).not.toContain('redis')
    expect(toolCalls(world)).toBe(before)
    isAway = false
    await works(world, 'alice')
  })
})
