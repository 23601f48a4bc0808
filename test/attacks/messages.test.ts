// Area F, second part: JSON-RPC that breaks the rules of its revision: batches, ids, responses nobody asked for, unknown methods.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/upstreams/world.ts'
import { eventsOf, Raw, type Answer } from './wire.ts'
import {
  callTool,
  expectRefused,
  LegacyHost,
  modern,
  modernBody,
  modernHeaders,
  startWorld,
  unseen,
  works,
  type Refused,
  type World,
} from './world.ts'

const NO_MESSAGE: Refused = { status: 400, code: -32600, reason: 'message-invalid' }
const NO_METHOD: Refused = { status: 404, code: -32601, reason: 'method-unknown' }
const FORM = { message: 'who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } }

let world: World
let host: LegacyHost
beforeAll(async () => {
  world = await startWorld({
    tools: {
      ask({ res, message }) {
        // A round of 2026: asked on the first call, answered on the second.
        const answers = message.params.inputResponses
        const result = answers
          ? { resultType: 'complete', content: [{ type: 'text', text: JSON.stringify(answers) }] }
          : { resultType: 'input_required', inputRequests: { who: { method: 'elicitation/create', params: FORM } } }
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
      },
    },
  })
  host = await LegacyHost.open(world)
})
afterAll(() => world.stop())

const post = (body: string): Promise<Answer> => callTool(world, 'echo', {}, { body })
const text = (message: object): string => JSON.stringify({ jsonrpc: '2.0', ...message })
const call = (id: unknown, name: string, args: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})

describe('N087: batches', () => {
  const INITIALIZE = { jsonrpc: '2.0', id: 9, method: 'initialize', params: { protocolVersion: '2025-03-26', capabilities: {} } }
  const open = (version: string) => LegacyHost.open(world, { version })

  it('N087: in the modern era, without a session, and in sessions of 2025-06-18 and later, an array is no message (R3, R52)', async () => {
    const newer = [host, await open('2025-06-18')]
    await unseen(world, async () => {
      for (const batch of [[], [call(1, 'echo')], [call(1, 'echo'), call(2, 'forbidden')], [[]], [INITIALIZE], [1, null]]) {
        const body = JSON.stringify(batch)
        expectRefused(await post(body), NO_MESSAGE, body)
        expectRefused(
          await callTool(world, 'echo', {}, { body, headers: { 'mcp-protocol-version': undefined, 'mcp-method': undefined } }),
          NO_MESSAGE,
        )
        expectRefused(await callTool(world, 'echo', {}, { body, headers: { 'mcp-session-id': host.id } }), NO_MESSAGE)
        for (const session of newer) expectRefused(await session.post(body), NO_MESSAGE, `${session.version}: ${body}`)
      }
      expectRefused(await post(`[${modernBody('tools/call', { name: 'echo' })}]`), NO_MESSAGE)
    })
  })
  it('N087: in a 2025-03-26 session each element is judged by itself: what is allowed runs, what is not does not (R52)', async () => {
    const old = await open('2025-03-26')
    const before = world.up.seen.length
    const answer = await old.post(
      JSON.stringify([
        call(1, 'echo', { word: 'one' }),
        call(2, 'forbidden'),
        { jsonrpc: '2.0', id: 3, method: 'tools/call', params: { name: 'echo', Name: 'forbidden' } },
        { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 77 } },
        { jsonrpc: '1.0', id: 5, method: 'ping' },
        { jsonrpc: '2.0', id: 6, method: 'nothing/here' },
        call('1', 'echo', { word: 'two' }),
      ]),
    )
    expect(answer.status).toBe(200)
    const byId = new Map(answer.messages.map(m => [m.id, m.error?.data?.reason ?? m.result.content[0].text]))
    expect(Object.fromEntries([...byId].map(([id, v]) => [JSON.stringify(id), v]))).toEqual({
      1: '{"word":"one"}',
      2: 'unknown',
      3: 'params-invalid',
      5: 'message-invalid',
      6: 'method-unknown',
      '"1"': '{"word":"two"}',
    })
    expect(
      world.up.seen
        .slice(before)
        .map(e => e.message.params.arguments.word)
        .sort(),
    ).toEqual(['one', 'two'])
  })
  it('N087: an empty batch, one with initialize, one of more than a hundred, one id twice: refused, in that session too', async () => {
    const old = await open('2025-03-26')
    await unseen(world, async () => {
      for (const batch of [[], [INITIALIZE], [call(1, 'echo'), INITIALIZE], Array.from({ length: 101 }, (_, i) => call(i, 'echo'))])
        expectRefused(await old.post(JSON.stringify(batch)), NO_MESSAGE, JSON.stringify(batch).slice(0, 80))
    })
    const twice = await old.post(JSON.stringify([call(1, 'echo', { word: 'a' }), call(1, 'echo', { word: 'b' })]))
    expect(twice.messages.map(m => m.error?.data.reason ?? m.result.content[0].text).sort()).toEqual(['message-invalid', '{"word":"a"}'])
    // nothing of it lingers: the id is free again
    expect((await old.post(text(call(1, 'echo', { word: 'c' })))).body.result).toBeDefined()
  })
})

describe('N089: ids and versions', () => {
  it('N089: null, boolean, object, array or no id; an id on a notification; another JSON-RPC version (R19)', async () => {
    const echo = { method: 'tools/call', params: JSON.parse(modernBody('tools/call', { name: 'echo' })).params as object }
    const bodies = [
      ...[null, true, false, {}, { a: 1 }, [], [1]].map(id => text({ id, ...echo })),
      text(echo),
      text({ id: 1, method: 'notifications/cancelled', params: { requestId: 1 } }),
      text({ id: 1, method: 'notifications/initialized' }),
      text({ id: 1, method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }),
      ...['1.0', '2', '2.00', 2, 2.0, null, ['2.0']].map(jsonrpc => JSON.stringify({ jsonrpc, id: 1, ...echo })),
      JSON.stringify({ id: 1, ...echo }),
      text({ id: 1, method: 7 }),
      text({ id: 1, method: null }),
      text({ id: 1, method: ['tools/call'] }),
      text({ id: 1 }),
      text({ id: 1, ...echo, result: {} }),
      text({ id: 1, ...echo, error: { code: 1, message: 'x' } }),
      text({ id: 1, method: 'x'.repeat(300) }),
    ]
    await unseen(world, async () => {
      for (const body of bodies) {
        expectRefused(await post(body), NO_MESSAGE, body)
        expectRefused(await host.post(body), NO_MESSAGE, `session: ${body}`)
      }
    })
  })
  it('N089: a refusal carries the id it could read, and never null (R19)', async () => {
    const read = await post('{"jsonrpc":"2.0","id":"mine","method":"tools/call","params":{"name":"echo","Name":"x"}}')
    expect(read.body.id).toBe('mine')
    for (const body of ['{"jsonrpc":"2.0","id":null,"method":"ping"}', '{', '[]', '{"jsonrpc":"2.0","id":{},"method":"ping"}'])
      expect((await post(body)).body).not.toHaveProperty('id')
  })
})

describe('N090: responses on POST', () => {
  const RESPONSE = { id: 'gatehouse-1', result: { action: 'accept', content: { name: 'mallory' } } }
  it('N090: in the modern era there is nothing to answer: 400 (R3)', async () => {
    const bodies = [RESPONSE, { id: 1, result: {} }, { id: 1, error: { code: -1, message: 'no' } }].map(text)
    await unseen(world, async () => {
      for (const body of bodies) {
        const answer = await post(body)
        expect([answer.status, answer.body.error.code], body).toEqual([400, -32600])
        for (const bad of [
          { id: 1, result: 'x' },
          { id: 1, result: {}, error: { code: 1, message: '' } },
          { result: {} },
          { id: 1, error: {} },
        ].map(text))
          expectRefused(await post(bad), NO_MESSAGE, bad)
      }
    })
  })
  it('N090: in a session only an answer to its own pending question counts: not another’s, not twice, not one never asked', async () => {
    const alice = await LegacyHost.open(world, { capabilities: { elicitation: {} } })
    const bob = await LegacyHost.open(world, { who: 'bob', capabilities: { elicitation: {} } })
    await unseen(world, async () => {
      for (const id of ['gatehouse-1', 'gatehouse-2', 1, '', 'x'.repeat(100)])
        expectRefused(await alice.post(text({ ...RESPONSE, id })), NO_MESSAGE)
    })
    const stream = new Raw(world.port)
    const body = text(call(1, 'ask'))
    const headers = { host: `127.0.0.1:${world.port}`, ...alice.headers, 'content-length': String(body.length), connection: 'close' }
    stream.write(
      `POST ${world.path} HTTP/1.1\r\n${Object.entries(headers)
        .map(([k, v]) => `${k}: ${v}\r\n`)
        .join('')}\r\n${body}`,
    )
    const asked: any = JSON.parse(
      eventsOf((await stream.until(/elicitation\/create[^\n]*\n\n/)).replaceAll(/\r\n[0-9a-f]+\r\n/g, '')).at(-1)!,
    )
    expect(asked.method).toBe('elicitation/create')
    const answer = (value: string, id: unknown = asked.id): string => text({ id, result: { action: 'accept', content: { name: value } } })
    // Bob's session, Bob with Alice's session, another session of Alice, an id of another type: nobody answers for Alice's session but she.
    expectRefused(await bob.post(answer('bob')), NO_MESSAGE)
    expectRefused(await bob.post(answer('bob'), { 'mcp-session-id': alice.id }), { status: 404, code: -32600, reason: 'session-unknown' })
    expectRefused(await (await LegacyHost.open(world)).post(answer('other session')), NO_MESSAGE)
    expectRefused(await alice.post(answer('no such id', `${asked.id}0`)), NO_MESSAGE)
    expect((await alice.post(answer('alice'))).status).toBe(202)
    expectRefused(await alice.post(answer('again')), NO_MESSAGE)
    const done = await stream.closed
    expect(done).toContain('alice')
    expect(done).not.toMatch(/bob|other session|again/)
  })
  it('N090: an answer that is malformed leaves the question open', async () => {
    const alice = await LegacyHost.open(world, { capabilities: { elicitation: {} } })
    const asking = alice.call('ask')
    await eventually(() => world.gateway.events().some(e => e['type'] === 'server-request' && e['session'] !== undefined))
    const replies: number[] = []
    for (let i = 1; i <= 3; i++)
      replies.push((await alice.post(text({ id: `gatehouse-${i}`, result: { action: 'accept', Action: 'decline' } }))).status)
    expect(replies).toEqual([400, 400, 400])
    let status = 400
    while (status !== 202)
      status = (await alice.post(text({ id: 'gatehouse-1', result: { action: 'accept', content: { name: 'late' } } }))).status
    expect((await asking).text).toContain('late')
  })
})

describe('N091: methods nobody knows', () => {
  it('N091: unknown, differently spelled or mangled methods are 404 and -32601, case matters, nothing is forwarded (R14)', async () => {
    const methods = [
      'unknown/method',
      'Tools/Call',
      'TOOLS/CALL',
      'tools/call\0',
      'tools/call ',
      ' tools/call',
      'tools//call',
      'tools/call/..',
      'tools\\call',
      'tools',
      '',
      '/',
      'rpc.discover',
      'initialize2',
      'notifications/unknown',
    ]
    const legacyOnly = [
      'ping',
      'logging/setLevel',
      'resources/subscribe',
      'resources/unsubscribe',
      'tasks/list',
      'tasks/result',
      'session/end',
      'session/stream',
      'session/reply',
      'session/batch',
    ]
    await unseen(world, async () => {
      for (const method of [...methods, ...legacyOnly]) {
        const header = /^[\x21-\x7e]+$/.test(method) ? method : undefined
        const answer = await modern(world, method, { name: 'echo', uri: 'mem://open' }, { headers: { 'mcp-method': header } })
        if (header === undefined) expect([answer.status, answer.body.error.code], method).toEqual([400, -32020])
        else expectRefused(answer, NO_METHOD, method)
      }
      for (const method of [
        ...methods,
        'server/discover',
        'subscriptions/listen',
        'tasks/get',
        'tasks/list',
        'sampling/createMessage',
        'elicitation/create',
        'roots/list',
      ])
        expectRefused(
          await host.request(method, { name: 'echo', notifications: {}, taskId: 'x', message: 'm', requestedSchema: {} }),
          { ...NO_METHOD, status: 200 },
          method,
        )
    })
  })
  it('N091: an act of the transport is no method: no body can open a stream, end a session or start a batch', async () => {
    const mine = await LegacyHost.open(world)
    for (const method of ['session/end', 'session/stream', 'session/reply', 'session/batch']) {
      const answer = await mine.request(method)
      expect(answer.body?.error?.code, method).toBe(-32601)
    }
    expect((await mine.call('echo')).status).toBe(200)
  })
  it('N091: notifications of any name change nothing and reach no upstream', async () => {
    await unseen(world, async () => {
      for (const method of [
        'notifications/whatever',
        'notifications/tools/list_changed',
        'notifications/message',
        'notifications/elicitation/complete',
      ]) {
        const body = JSON.stringify({ jsonrpc: '2.0', method, params: { level: 'info', data: 'x' } })
        expect([(await callTool(world, 'x', {}, { body })).status, (await host.post(body)).status], method).toEqual([202, 202])
      }
    })
  })
  it('N091: a request for one method under the headers of another, on one connection with a good one, spoils neither', async () => {
    const bad = modernBody('Tools/Call', { name: 'echo' })
    const good = modernBody('tools/call', { name: 'echo', arguments: { word: 'good' } })
    const lines = (method: string, body: string): string =>
      `POST ${world.path} HTTP/1.1\r\n${Object.entries(modernHeaders(world, method, { name: 'echo' }))
        .map(([k, v]) => `${k}: ${String(v)}\r\n`)
        .join('')}content-length: ${body.length}\r\n\r\n${body}`
    const raw = new Raw(world.port).write(lines('Tools/Call', bad) + lines('tools/call', good))
    await raw.until(/good/)
    expect(raw.statuses).toEqual([404, 200])
    raw.destroy()
    await works(world)
  })
})
