// Area G, second part: one upstream connection, many callers. Ids, progress and late answers stay with whom they belong to.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { json, result, type HttpExchange } from '../support/upstreams/http-upstream.ts'
import { nodeServer } from '../support/upstreams/stdio.ts'
import { eventually } from '../support/upstreams/world.ts'
import { Raw, send, type Answer } from './wire.ts'
import { callTool, LegacyHost, modernBody, modernHeaders, ROOMY, startWorld, works, type Over, type World } from './world.ts'

const stdio = (...args: Parameters<typeof nodeServer>) => {
  const { command, args: list } = nodeServer(...args)
  return { command, args: list }
}
const ALL = [{ subjects: ['*'], tools: ['*'] }]
type At = readonly [path: string, who: string]
const SHARED = '/servers/shared/mcp'
const OWN = '/servers/own/mcp'
const textOf = (answer: Answer): string => answer.body?.result?.content?.[0]?.text
const progressOf = (answer: Answer): any[] => answer.messages.filter(m => m.method === 'notifications/progress').map(m => m.params)

let world: World
const tokens = new Map<string, string>()
const tokenOf = async (path: string, sub: string): Promise<string> => {
  const key = `${path} ${sub}`
  const token = tokens.get(key) ?? (await world.gateway.token(path, { sub }))
  tokens.set(key, token)
  return token
}
const call = async ([path, who]: At, name: string, args: object = {}, over: Over & { meta?: object } = {}): Promise<Answer> => {
  const body = modernBody('tools/call', { name, arguments: args, ...(over.meta && { _meta: over.meta }) }, over)
  return callTool(world, name, args, { token: await tokenOf(path, who), path, body, ...over })
}
const metric = async (upstream: string, kind: string): Promise<number> => {
  const { text } = await send(world.port, { method: 'GET', path: '/metrics' })
  return Number(new RegExp(`dropped_total\\{upstream="${upstream}",kind="${kind}"\\} (\\d+)`).exec(text)?.[1] ?? 0)
}

/** HTTP upstream whose answers are about other requests than the one they come on. */
const lying: Readonly<Record<string, (x: HttpExchange) => void>> = {
  'other-id': ({ res, message }) => json(res, result(Number(message.id) + 1, 'for somebody else')),
  'string-id': ({ res, message }) => json(res, result(String(message.id), 'for somebody else')),
  'null-id': ({ res }) => json(res, result(null, 'for somebody else')),
  'no-id': ({ res }) => json(res, { jsonrpc: '2.0', result: { content: [], resultType: 'complete' } }),
  'float-id': ({ res, message }) =>
    void res
      .writeHead(200, { 'content-type': 'application/json' })
      .end(`{"jsonrpc":"2.0","id":${message.id}.0,"result":{"resultType":"complete","content":[]}}`),
  'list-of-answers': ({ res, message }) => json(res, [result(message.id, 'one'), result(Number(message.id) + 1, 'for somebody else')]),
  'first-others-then-own': ({ res, message }) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const id of [Number(message.id) + 1, String(message.id), null])
      res.write(`data: ${JSON.stringify(result(id, 'for somebody else'))}\n\n`)
    res.write(`data: ${JSON.stringify(result(message.id, 'mine'))}\n\n`)
    res.end(`data: ${JSON.stringify(result(message.id, 'twice'))}\n\n`)
  },
}

beforeAll(async () => {
  world = await startWorld({
    tools: lying,
    config: {
      upstreams: {
        shared: {
          stdio: stdio('hostile', 'modern'),
          share: 'all',
          allow: ALL,
          timeouts: { call: '3s' },
        },
        own: { stdio: stdio('hostile', 'legacy'), allow: ALL, limits: { notificationsPerSecond: 50 } },
      },
    },
  })
  for (const path of [SHARED, OWN])
    for (const who of ['alice', 'bob']) expect(textOf(await call([path, who], 'echo', { text: who }))).toBe(who)
})
afterAll(() => world.stop())

describe('N097: the same JSON-RPC ids at the same time', () => {
  /** Many requests on one connection, answers in order; resolves with [id, text] of each. */
  async function pipelined(port: number, requests: readonly string[]): Promise<any[]> {
    const raw = new Raw(port)
    await raw.open
    const bodies: any[] = []
    let rest = ''
    let next = 0
    const done = Promise.withResolvers<undefined>()
    const feed = (): void => {
      while (next < requests.length && next - bodies.length < 100) raw.write(requests[next++]!)
    }
    raw.socket.on('data', (chunk: Buffer) => {
      raw.text = ''
      rest += chunk.toString()
      for (let end = rest.indexOf('\r\n\r\n'); end >= 0; end = rest.indexOf('\r\n\r\n')) {
        const length = Number(/content-length: (\d+)/i.exec(rest.slice(0, end))?.[1])
        if (rest.length < end + 4 + length) break
        bodies.push(JSON.parse(rest.slice(end + 4, end + 4 + length)))
        rest = rest.slice(end + 4 + length)
      }
      if (bodies.length === requests.length) done.resolve(undefined)
      else feed()
    })
    feed()
    await Promise.race([done.promise, raw.closed])
    raw.destroy()
    return bodies
  }
  it('N097, CVE-2026-25536, GHSA-345p-7cg4-v4c7 (TS SDK): 10,000 pairs of two people and both eras over one upstream process: each gets its own answer', async () => {
    const PAIRS = 10_000
    const SOCKETS = 4
    const gateway: TestGateway = await startTestGateway({
      limits: ROOMY,
      upstreams: {
        one: { stdio: stdio('plain'), share: 'all', allow: ALL, limits: { concurrency: 1000, queue: 10_000 } },
      },
    })
    const path = '/servers/one/mcp'
    const port = Number(new URL(gateway.url).port)
    const here = { ...world, gateway, port, path } as World
    const host = await LegacyHost.open(here, { token: await gateway.token(path, { sub: 'bob' }) })
    const alice = { ...modernHeaders(here, 'tools/call', { name: 'echo' }, { token: await gateway.token(path) }) }
    const request = (headers: object, body: string): string =>
      `POST ${path} HTTP/1.1\r\n${Object.entries({ host: `127.0.0.1:${port}`, ...headers })
        .map(([k, v]) => `${k}: ${v}\r\n`)
        .join('')}content-length: ${body.length}\r\n\r\n${body}`
    const ofAlice = (id: number): string =>
      request(alice, modernBody('tools/call', { name: 'echo', arguments: { text: `alice ${id}` } }, { id }))
    const ofBob = (id: number): string =>
      request(
        host.headers,
        JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { text: `bob ${id}` } } }),
      )
    const ids = (socket: number): number[] => Array.from({ length: PAIRS / SOCKETS }, (_, i) => i * SOCKETS + socket)
    const answers = await Promise.all(
      [ofAlice, ofBob].flatMap(make => Array.from({ length: SOCKETS }, (_, s) => pipelined(port, ids(s).map(make)))),
    )
    const wrong = answers.flatMap((bodies, i) => {
      const who = i < SOCKETS ? 'alice' : 'bob'
      return ids(i % SOCKETS).filter((id, at) => bodies[at]?.id !== id || bodies[at].result?.content?.[0]?.text !== `${who} ${id}`)
    })
    expect(answers.flat().length).toBe(2 * PAIRS)
    expect(wrong.length).toBe(0)
    await gateway.stop()
  })
})

describe('N098: answers to requests that were never made', () => {
  it('N098: with another id, another type, twice or null: dropped and counted; everybody in flight gets their own (shared process)', async () => {
    const before = {
      unknown: await metric('shared', 'response-unknown'),
      twice: await metric('shared', 'response-duplicate'),
      invalid: await metric('shared', 'message-invalid'),
    }
    const calls = ['unknown-id', 'wrong-types', 'duplicate'].flatMap(name =>
      ['alice', 'bob', 'carol'].map(who => call([SHARED, who], name)),
    )
    const echoes = Array.from({ length: 30 }, (_, i) => call([SHARED, i % 2 ? 'alice' : 'bob'], 'echo', { text: `echo ${i}` }))
    expect((await Promise.all(calls)).map(textOf)).toEqual(['mine', 'mine', 'mine', 'mine', 'mine', 'mine', 'first', 'first', 'first'])
    expect((await Promise.all(echoes)).map(textOf)).toEqual(echoes.map((_, i) => `echo ${i}`))
    expect({
      unknown: await metric('shared', 'response-unknown'),
      twice: await metric('shared', 'response-duplicate'),
      invalid: await metric('shared', 'message-invalid'),
    }).toEqual({
      unknown: before.unknown + 6, // id + 1000 and "id", three times each
      twice: before.twice + 3,
      invalid: before.invalid + 9, // null, 1.0, [id]
    })
  })
  it('N098: on processes of their own, one’s process cannot answer the other although both use the same ids', async () => {
    const waiting = call([OWN, 'alice'], 'silent', {}, { id: 5 })
    await eventually(() => world.gateway.events().some(e => e['type'] === 'intent' && e['subject'].name === 'silent'))
    expect(textOf(await call([OWN, 'bob'], 'unknown-id', {}, { id: 5 }))).toBe('mine')
    expect(textOf(await call([OWN, 'bob'], 'release-silent'))).toBe('released')
    expect(textOf(await call([OWN, 'alice'], 'release-silent'))).toBe('released')
    expect([textOf(await waiting), (await waiting).body.id]).toEqual(['late', 5])
  })
  it('N098: over HTTP an answer about another request is none: the call fails, and nobody else hears of it', async () => {
    const running = Promise.all(Array.from({ length: 10 }, () => works(world)))
    for (const name of ['other-id', 'string-id', 'null-id', 'no-id', 'float-id', 'list-of-answers']) {
      const answer = await callTool(world, name)
      expect([answer.status, answer.body.error?.code, answer.body.error?.data.reason], name).toEqual([200, -32603, 'upstream-invalid'])
      expect(answer.text).not.toContain('somebody else')
    }
    const last = await callTool(world, 'first-others-then-own')
    expect([last.messages.length, textOf(last)]).toEqual([1, 'mine'])
    await running
  })
})

describe('N099: late answers', () => {
  it('N099: the answer to a call that was given up is dropped; whoever calls then gets their own', { tags: ['short'] }, async () => {
    const dropped = async (): Promise<number> =>
      (await metric('shared', 'response-unknown')) + (await metric('shared', 'response-duplicate'))
    const before = await dropped()
    const given = await call([SHARED, 'alice'], 'silent', {}, { id: 1 })
    expect([given.body.id, given.body.error.code, given.body.error.data.reason]).toEqual([1, -32603, 'upstream-timeout'])
    const [released, other] = await Promise.all([
      call([SHARED, 'bob'], 'release-silent', {}, { id: 1 }),
      call([SHARED, 'carol'], 'echo', { text: 'own' }, { id: 1 }),
    ])
    expect([textOf(released), textOf(other)]).toEqual(['released', 'own'])
    expect(await dropped()).toBe(before + 1)
  })
})

describe('N104: progress', () => {
  const withToken = (progressToken: unknown): { meta: object } => ({ meta: { progressToken } })
  it('N104: two people with the same token each hear of their own call, under their own token and its type (R84)', async () => {
    const [alice, bob, number] = await Promise.all([
      call([SHARED, 'alice'], 'progress', { values: [1, 2, 3] }, withToken('t')),
      call([SHARED, 'bob'], 'progress', { values: [4, 5] }, withToken('t')),
      call([SHARED, 'carol'], 'progress', { values: [6] }, withToken(7)),
    ])
    expect(progressOf(alice).map(p => [p.progressToken, p.progress])).toEqual([
      ['t', 1],
      ['t', 2],
      ['t', 3],
    ])
    expect(progressOf(bob).map(p => [p.progressToken, p.progress])).toEqual([
      ['t', 4],
      ['t', 5],
    ])
    expect(progressOf(number).map(p => [p.progressToken, p.progress])).toEqual([[7, 6]])
  })
  it('N104: tokens of others, guessed or invented by the upstream, reach nobody; the upstream never sees the host’s own token', async () => {
    const slow = call([SHARED, 'bob'], 'silent', {}, withToken('secret-token'))
    const guesses = ['secret-token', 't', ...Array.from({ length: 60 }, (_, i) => i), '1', '2', null, {}, 1.5]
    const spoof = await call([SHARED, 'alice'], 'spoof-progress', { tokens: guesses.filter(g => g !== null) }, withToken('mine'))
    const victim = await slow
    expect(textOf(spoof)).not.toContain('mine')
    expect(progressOf(victim)).toEqual(progressOf(victim).filter(p => p.progressToken === 'secret-token'))
    // In a shared process the server itself knows Bob's hop token; what it can not do is reach him under Alice's, or her under his.
    expect(progressOf(spoof).every(p => p.progressToken === 'mine')).toBe(true)
    expect(JSON.stringify(spoof.messages)).not.toContain('secret-token')
  })
  it('N104: progress that goes back, or comes after the answer, is dropped; without a token nothing is relayed', async () => {
    const back = await call([SHARED, 'alice'], 'progress', { values: [1, 5, 3, 5, 6, -1] }, withToken('t'))
    expect(progressOf(back).map(p => p.progress)).toEqual([1, 5, 6])
    expect(back.messages.at(-1).result.content[0].text).toBe('progressed')
    expect(progressOf(await call([SHARED, 'alice'], 'progress', { values: [1, 2] }))).toEqual([])
    expect(await metric('shared', 'progress-stale')).toBeGreaterThan(0)
  })
  it('N104: a flood costs its caller all but a few of them and time, because its pipe is read at a measured pace, and the neighbours nothing', async () => {
    const started = performance.now()
    const flooded = call([OWN, 'alice'], 'progress-flood', { count: 3000 }, withToken('t'))
    for (let i = 0; i < 10; i++) {
      await works(world)
      expect(textOf(await call([OWN, 'bob'], 'echo', { text: `b${i}` }))).toBe(`b${i}`)
    }
    const answer = await flooded
    expect(textOf(answer)).toBe('flooded')
    expect(progressOf(answer).length).toBeGreaterThan(0)
    // fifty in each second it took, the begun ones counted
    const seconds = Math.ceil((performance.now() - started) / 1000) + 1
    expect(progressOf(answer).length).toBeLessThanOrEqual(50 * seconds)
    expect((await metric('own', 'notification-rate')) + progressOf(answer).length).toBe(3000)
  })
  it('N104: progress without end does not keep a call alive beyond its hard limit', async () => {
    const endless = await startTestGateway({
      limits: ROOMY,
      upstreams: { e: { stdio: stdio('hostile', 'modern'), allow: ALL, timeouts: { call: '2s', hard: '4s' } } },
    })
    const path = '/servers/e/mcp'
    const here = { ...world, gateway: endless, port: Number(new URL(endless.url).port), path } as World
    const token = await endless.token(path)
    const body = modernBody('tools/call', { name: 'endless-progress', arguments: {}, _meta: { progressToken: 1 } })
    const answer = await callTool(here, 'endless-progress', {}, { token, body })
    expect(answer.body.error?.data.reason).toBe('upstream-timeout')
    expect(progressOf(answer).length).toBeGreaterThan(20)
    await endless.stop()
  })
})

describe('N105: a host that disconnects', () => {
  /** The ids the shared process was told to forget. */
  const cancelled = async (): Promise<number> =>
    (JSON.parse(textOf(await call([SHARED, 'bob'], 'seen'))) as { cancelled: unknown[] }).cancelled.length
  it(
    'N105: its call is cancelled upstream at once, and its answer is never written to anybody (R17, R40)',
    { tags: ['short'] },
    async () => {
      const before = await cancelled()
      const body = modernBody('tools/call', { name: 'silent', arguments: {} })
      const headers = modernHeaders(world, 'tools/call', { name: 'silent' }, { token: await tokenOf(SHARED, 'alice') })
      const lines = Object.entries(headers).map(([k, v]) => `${k}: ${String(v)}\r\n`)
      const hosts = Array.from({ length: 5 }, () =>
        new Raw(world.port).write(`POST ${SHARED} HTTP/1.1\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n${body}`),
      )
      await eventually(() => world.gateway.events().filter(e => e['type'] === 'intent' && e['subject'].name === 'silent').length >= 5)
      for (const host of hosts) host.destroy()
      while ((await cancelled()) < before + 5) await works(world)
      // What the upstream says all the same finds nobody: not even the next on a connection of its own.
      const next = await Promise.all([
        call([SHARED, 'bob'], 'release-silent'),
        ...Array.from({ length: 10 }, (_, i) => call([SHARED, 'carol'], 'echo', { text: `c${i}` })),
      ])
      expect(next.map(textOf)).toEqual(['released', ...Array.from({ length: 10 }, (_, i) => `c${i}`)])
      expect(hosts.every(host => host.text === '')).toBe(true)
      const stopped = world.gateway.events().filter(e => e['type'] === 'outcome' && e['reason'] === 'cancelled')
      expect(stopped.length).toBeGreaterThanOrEqual(5)
    },
  )
})

it('one caller’s burst: what fits its budget passes, what does not is 429 with a time, and nobody else waits', async () => {
  const gateway = await startTestGateway({
    limits: { principalPerSecond: 20 },
    upstreams: { up: { http: { url: world.up.url }, allow: ALL } },
  })
  const here = { ...world, gateway, port: Number(new URL(gateway.url).port), path: '/servers/up/mcp' } as World
  const [alice, bob] = await Promise.all(['alice', 'bob'].map(sub => gateway.token(here.path, { sub })))
  const burst = (n: number, token: string | undefined): Promise<Answer[]> =>
    Promise.all(Array.from({ length: n }, () => callTool(here, 'echo', {}, { token: String(token) })))
  expect((await burst(40, alice)).filter(a => a.status !== 200)).toEqual([])
  // so many that a slow machine's next second does not let them all pass
  const more = await burst(300, alice)
  expect(more.filter(a => a.status === 429).length).toBeGreaterThan(10)
  expect(more.find(a => a.status === 429)).toMatchObject({
    headers: { 'retry-after': expect.stringMatching(/^[12]$/) },
    body: { error: { data: { reason: 'principal-limited' } } },
  })
  expect((await burst(40, bob)).filter(a => a.status !== 200)).toEqual([])
  await gateway.stop()
})

it('N098, N104: what was dropped stands in the audit log, counted by kind', async () => {
  await world.gateway.gateway.stop()
  const dropped = world.gateway.events().filter(e => e['what'] === 'upstream-dropped')
  expect(dropped.map(e => e['detail'].upstream)).toContain('shared')
  const counts = dropped.find(e => e['detail'].upstream === 'shared')!['detail'].counts as Record<string, number>
  expect(counts).toMatchObject({
    'response-unknown': expect.any(Number),
    'response-duplicate': expect.any(Number),
    'progress-stale': expect.any(Number),
  })
})
