// Area H, the request-state rows: questions of servers, the sealed state between two rounds, and who may answer what.

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { json, type HttpExchange } from '../support/upstreams/http-upstream.ts'
import { nodeServer } from '../support/upstreams/stdio.ts'
import type { Answer } from './wire.ts'
import {
  callTool,
  expectRefused,
  LegacyHost,
  modern,
  modernBody,
  startWorld,
  unseen,
  works,
  type Over,
  type Refused,
  type World,
} from './world.ts'

const BAD_STATE: Refused = { status: 400, code: -32602, reason: 'state-invalid' }
const INVALID: Refused = { status: 200, code: -32603, reason: 'upstream-invalid' }
const CAN = { elicitation: { form: {} }, sampling: {}, roots: {} }
const FORM = { message: 'who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } }
const ELICIT = { method: 'elicitation/create', params: FORM }
const yes = (name: string): object => ({ action: 'accept', content: { name } })

const complete = (text: string): object => ({ resultType: 'complete', content: [{ type: 'text', text }] })
const required = (inputRequests: object | undefined, requestState?: string): object => ({
  resultType: 'input_required',
  ...(inputRequests && { inputRequests }),
  ...(requestState !== undefined && { requestState }),
})
const reply = ({ res, message }: HttpExchange, result: object): void => json(res, { jsonrpc: '2.0', id: message.id, result })
const raw = ({ res, message }: HttpExchange, result: string): void =>
  void res.writeHead(200, { 'content-type': 'application/json' }).end(`{"jsonrpc":"2.0","id":${message.id},"result":${result}}`)

const tools: Readonly<Record<string, (x: HttpExchange) => void>> = {
  ask(x) {
    const { inputResponses, requestState } = x.message.params
    if (inputResponses) reply(x, complete(JSON.stringify({ inputResponses, requestState })))
    else reply(x, required({ who: ELICIT }, 'upstream state: secret'))
  },
  'ask-too': x => tools['ask']!(x),
  stateless: x =>
    x.message.params.inputResponses ? reply(x, complete(JSON.stringify(x.message.params))) : reply(x, required({ who: ELICIT })),
  loop: x => reply(x, required({ again: ELICIT }, `round ${Date.now()}`)),
  'loop-silently': x => reply(x, required(undefined, 'same')),
  sample: x => reply(x, required({ s: { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } } })),
  'sample-tools': x => reply(x, required({ s: { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1, tools: [] } } })),
  url: x => reply(x, required({ u: { method: 'elicitation/create', params: { mode: 'url', url: 'https://x.test', message: 'go' } } })),
  'odd-mode': x => reply(x, required({ u: { method: 'elicitation/create', params: { mode: 'telepathy', message: 'm' } } })),
  'unknown-request': x => reply(x, required({ a: { method: 'tools/call', params: { name: 'rm' } } })),
  'one-of-two': x => reply(x, required({ ok: ELICIT, bad: { method: 'admin/grant', params: {} } })),
  'duplicate-keys': x =>
    raw(x, `{"resultType":"input_required","inputRequests":{"a":${JSON.stringify(ELICIT)},"a":${JSON.stringify(ELICIT)}}}`),
  'case-variant': x => raw(x, `{"resultType":"input_required","InputRequests":{},"inputRequests":{"a":${JSON.stringify(ELICIT)}}}`),
  'nothing-asked': x => reply(x, required(undefined)),
  'asked-list': x => reply(x, required([ELICIT])),
  'too-many': x => reply(x, required(Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ELICIT])))),
  'long-key': x => reply(x, required({ ['k'.repeat(300)]: ELICIT })),
  'huge-state': x => reply(x, required({ a: ELICIT }, 's'.repeat(60_000))),
  'number-state': x => raw(x, `{"resultType":"input_required","requestState":7,"inputRequests":{"a":${JSON.stringify(ELICIT)}}}`),
  'type-unknown': x => reply(x, { resultType: 'done', content: [] }),
  'type-missing': x => reply(x, { content: [{ type: 'text', text: 'no type' }] }),
  'type-null': x => reply(x, { resultType: null, content: [] }),
  'type-list': x => reply(x, { resultType: ['complete'], content: [] }),
  'type-case': x => reply(x, { resultType: 'Complete', content: [] }),
  'type-task': x => reply(x, { resultType: 'task', taskId: 't' }),
}

let world: World
beforeAll(async () => {
  world = await startWorld({
    tools,
    settings: { limits: { rounds: 3 } },
    config: {
      upstreams: {
        parked: {
          stdio: { command: process.execPath, args: nodeServer('hostile', 'legacy').args },
          allow: [{ subjects: ['*'], tools: ['*'], serverRequests: ['elicitation.form', 'sampling'] }],
          limits: { rounds: 3 },
        },
      },
    },
  })
})
afterAll(() => world.stop())

const ask = (name: string, over: Over & { params?: object } = {}): Promise<Answer> => {
  const params = { name, arguments: { a: 1 }, ...over.params }
  return modern(world, 'tools/call', params, { capabilities: CAN, ...over })
}
const stateOf = (answer: Answer): string => {
  expect(answer.body.result, JSON.stringify(answer.body)).toMatchObject({ resultType: 'input_required' })
  return answer.body.result.requestState as string
}
const retry = (name: string, requestState: unknown, over: Over & { params?: object } = {}): Promise<Answer> =>
  ask(name, { ...over, params: { requestState, inputResponses: { who: yes('alice') }, ...over.params } })

describe('N110: request state', () => {
  let state = ''
  beforeAll(async () => {
    state = stateOf(await ask('ask'))
  })
  it('N110: works for whom and what it was made for, and carries the upstream’s own state unread and unchanged (R73, R74)', async () => {
    expect(Buffer.from(state, 'base64url').toString('latin1') + state).not.toContain('secret')
    const answer = await retry('ask', state)
    expect(JSON.parse(answer.body.result.content[0].text)).toEqual({
      inputResponses: { who: yes('alice') },
      requestState: 'upstream state: secret',
    })
  })
  it('N110: of somebody else, for another tool, endpoint, client, method or arguments, changed, cut, empty, too long: one answer for all (R74, R75, R108)', async () => {
    const flipped = (at: number): string => {
      const bytes = Buffer.from(state, 'base64url')
      bytes[at < 0 ? bytes.length + at : at]! ^= 1
      return bytes.toString('base64url')
    }
    const other = await startWorld({ tools })
    const foreign = stateOf(await modern(other, 'tools/call', { name: 'ask', arguments: { a: 1 } }, { capabilities: CAN }))
    const all = '/mcp'
    const token = await world.gateway.token(all)
    const client = await world.gateway.token(world.path, { client_id: 'another' })
    const tries: [string, () => Promise<Answer>][] = [
      ['bob', () => retry('ask', state, { who: 'bob' })],
      ['another client of alice', () => retry('ask', state, { token: client })],
      ['another tool', () => retry('ask-too', state)],
      ['other arguments', () => retry('ask', state, { params: { arguments: { a: 2 } } })],
      ['more arguments', () => retry('ask', state, { params: { arguments: { a: 1, b: 1 } } })],
      ['no arguments', () => retry('ask', state, { params: { arguments: undefined } })],
      [
        'arguments spelled differently',
        () =>
          retry('ask', state, {
            body: modernBody('tools/call', { name: 'ask', arguments: { a: 1 }, requestState: state, inputResponses: {} }).replace(
              '"a":1',
              '"a":1.0',
            ),
          }),
      ],
      ['another member', () => retry('ask', state, { params: { extra: 1 } })],
      [
        'another endpoint',
        () =>
          modern(
            world,
            'tools/call',
            { name: 'up__ask', arguments: { a: 1 }, requestState: state, inputResponses: {} },
            { path: all, token, capabilities: CAN },
          ),
      ],
      [
        'another method',
        () => modern(world, 'prompts/get', { name: 'hello', requestState: state, inputResponses: {} }, { capabilities: CAN }),
      ],
      ['another gateway’s', () => retry('ask', foreign)],
      ['empty', () => retry('ask', '')],
      ['too long', () => retry('ask', 'A'.repeat(70_000))],
      ['cut', () => retry('ask', state.slice(0, -1))],
      ['longer', () => retry('ask', `${state}A`)],
      ['twice', () => retry('ask', state + state)],
      ['padded', () => retry('ask', `${state}=`)],
      ['spaced', () => retry('ask', ` ${state}`)],
      ['not base64', () => retry('ask', '{"v":1,"round":1}')],
      ['the upstream’s own', () => retry('ask', 'upstream state: secret')],
      ...[0, 1, 8, 20, 40, -1, -16].map((at): [string, () => Promise<Answer>] => [`bit flipped at ${at}`, () => retry('ask', flipped(at))]),
    ]
    const texts = new Set<string>()
    // Lists are read before: what is asked for here reaches nobody.
    for (const who of ['alice', 'bob'] as const)
      for (const path of [world.path, all])
        for (const list of ['tools/list', 'prompts/list'])
          await modern(world, list, {}, { who, path, token: await world.gateway.token(path, { sub: who }), capabilities: CAN })
    await unseen(world, async () => {
      for (const [what, attempt] of tries) {
        const answer = await attempt()
        expectRefused(answer, BAD_STATE, what)
        texts.add(JSON.stringify({ ...answer.body, id: 0 }).replace(/"requestId":"[^"]*"/, ''))
      }
    })
    expect([...texts].length, 'different answers tell which check failed').toBe(1)
    await other.stop()
  })
  it('N110: of another type; for a method that asks nothing it is nothing', async () => {
    await unseen(world, async () => {
      for (const bad of [null, 7, {}, [state], true]) expectRefused(await retry('ask', bad), { ...BAD_STATE, reason: 'params-invalid' })
    })
    // a list has no such member: what it does not know is not read
    expect((await modern(world, 'tools/list', { requestState: state })).status).toBe(200)
  })
  it('N110: guesses that differ in one character open nothing', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    await unseen(world, async () => {
      for (let i = 0; i < 64; i++) {
        const at = (i * 7) % state.length
        const guess = state.slice(0, at) + alphabet[(alphabet.indexOf(state[at]!) + 1 + (i % 62)) % 64]! + state.slice(at + 1)
        if (guess !== state) expectRefused(await retry('ask', guess), BAD_STATE)
      }
    })
  })
  it('N110: what the rule no longer permits is not resumed: each round is judged anew (R76)', async () => {
    const bound = await startWorld({ tools })
    const open = stateOf(await modern(bound, 'tools/call', { name: 'ask', arguments: {} }, { capabilities: CAN }))
    expect(
      await bound.gateway.reload({ upstreams: { up: { http: { url: bound.up.url }, allow: [{ subjects: ['*'], tools: ['echo'] }] } } }),
    ).toBeUndefined()
    const before = bound.up.seen.length
    const params = { name: 'ask', arguments: {}, requestState: open, inputResponses: { who: yes('a') } }
    const answer = await modern(bound, 'tools/call', params, { capabilities: CAN })
    expectRefused(answer, { status: 200, code: -32602, reason: 'unknown' })
    expect(bound.up.seen.length).toBe(before)
    await bound.stop()
  })
})

describe('N110: expiry', () => {
  afterEach(() => void vi.useRealTimers())
  it('N110: after its time the state is as good as none', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
    const bound = await startWorld({ tools, settings: { timeouts: { park: '60s' } } })
    const params = { name: 'ask', arguments: {} }
    const open = stateOf(await modern(bound, 'tools/call', params, { capabilities: CAN }))
    const late = { ...params, requestState: open, inputResponses: { who: yes('a') } }
    vi.setSystemTime(Date.now() + 59_000)
    expect((await modern(bound, 'tools/call', late, { capabilities: CAN })).body.result).toMatchObject({ resultType: 'complete' })
    vi.setSystemTime(Date.now() + 60_000)
    const before = bound.up.seen.length
    expectRefused(await modern(bound, 'tools/call', late, { capabilities: CAN }), BAD_STATE)
    expect(bound.up.seen.length).toBe(before)
    await bound.stop()
  })
})

describe('N110: calls of 2025 servers that wait for an answer', () => {
  const path = '/servers/parked/mcp'
  const tokens = new Map<string, string>()
  const at = async (who: string): Promise<Over> => {
    const token = tokens.get(who) ?? (await world.gateway.token(path, { sub: who }))
    tokens.set(who, token)
    return { path, token }
  }
  const seen = async (who: string): Promise<any> => JSON.parse((await ask('seen', await at(who))).body.result.content[0].text)
  it('N110: B can neither answer, nor cancel, nor find A’s parked call; A’s answer goes through once', async () => {
    const alice = await at('alice')
    const asked = await ask('ask', alice)
    const [key] = Object.keys(asked.body.result.inputRequests as object)
    const inputResponses = (name: string): { params: object } => ({ params: { inputResponses: { [key!]: yes(name) } } })
    const state = stateOf(asked)
    expectRefused(await retry('ask', state, { ...(await at('bob')), ...inputResponses('bob') }), BAD_STATE)
    expectRefused(await retry('echo', state, { ...alice, ...inputResponses('alice') }), BAD_STATE)
    const done = await retry('ask', state, { ...alice, ...inputResponses('alice') })
    expect(done.body.result.content[0].text).toContain('alice')
    // The same answer again (its response was lost): the same result, and the server is not asked again. Another answer: refused.
    const again = await retry('ask', state, { ...alice, ...inputResponses('alice') })
    expect(again.body.result).toEqual(done.body.result)
    expectRefused(await retry('ask', state, { ...alice, ...inputResponses('changed my mind') }), BAD_STATE)
    expect((await seen('alice')).replies.length).toBe(1)
  })
  it('N110: two answers at once: one counts', async () => {
    const alice = await at('alice')
    const asked = await ask('ask', alice)
    const [key] = Object.keys(asked.body.result.inputRequests as object)
    const answers = await Promise.all(
      ['one', 'two', 'three'].map(async name =>
        retry('ask', stateOf(asked), { ...alice, params: { inputResponses: { [key!]: yes(name) } } }),
      ),
    )
    const [won, ...others] = answers.filter(a => a.status === 200)
    expect(others).toEqual([])
    expect(won?.body.result.content[0].text).toMatch(/one|two|three/)
    for (const lost of answers.filter(a => a !== won)) expectRefused(lost, BAD_STATE)
  })
})

describe('N111: answers nobody asked for', () => {
  it('N111: with state only what was asked travels on; entries of another type are refused (R77)', async () => {
    const state = stateOf(await ask('ask'))
    const inputResponses = { who: yes('alice'), admin: yes('root'), WHO: yes('x'), who2: yes('y'), __proto__x: yes('z') }
    const answer = await retry('ask', state, { params: { inputResponses } })
    expect(JSON.parse(answer.body.result.content[0].text).inputResponses).toEqual({ who: yes('alice') })
    await unseen(world, async () => {
      for (const bad of ['yes', 7, null, true, [yes('a')]]) {
        const entry = await retry('ask', state, { params: { inputResponses: { who: bad } } })
        expectRefused(entry, BAD_STATE, JSON.stringify(bad))
        if (bad !== null)
          expectRefused(
            await retry('ask', state, { params: { inputResponses: bad } }),
            { ...BAD_STATE, reason: 'params-invalid' },
            JSON.stringify(bad),
          )
      }
    })
  })
  it('N111: an answer left out is asked for again by the server that needs it (R77)', async () => {
    const state = stateOf(await ask('stateless'))
    const answer = await retry('stateless', state, { params: { inputResponses: { other: yes('x') } } })
    expect(JSON.parse(answer.body.result.content[0].text).inputResponses).toEqual({})
    expect(JSON.parse(answer.body.result.content[0].text)).not.toHaveProperty('requestState')
  })
  it('N111: without state no server hears of them, and where nothing may be asked they are refused', async () => {
    const inputResponses = { who: yes('volunteer') }
    await unseen(world, async () => expectRefused(await ask('stateless', { capabilities: {}, params: { inputResponses } }), BAD_STATE))
    const strict = await startWorld({ tools, allow: [{ subjects: ['*'], tools: ['*'] }] })
    const params = { name: 'stateless', arguments: {}, inputResponses }
    const before = strict.up.seen.length
    expectRefused(await modern(strict, 'tools/call', params, { capabilities: CAN }), BAD_STATE)
    expect(strict.up.seen.length).toBe(before)
    await strict.stop()
    // Where a question may be asked, it is asked: the server got a call without answers (SEP-2322: ask again for what is missing).
    expect((await ask('stateless', { params: { inputResponses } })).body.result).toMatchObject({ resultType: 'input_required' })
    expect(world.up.seen.map(e => JSON.stringify(e.message?.params?.inputResponses ?? null)).join()).not.toContain('volunteer')
  })
  it('N111: a 2025 server never hears of them, and parks no call for them', async () => {
    const path = '/servers/parked/mcp'
    const over = {
      path,
      token: await world.gateway.token(path, { sub: 'carol' }),
      params: { inputResponses: { 'request-1': yes('volunteer') } },
    }
    const asked = await ask('ask', over)
    expect(asked.body.result).toMatchObject({ resultType: 'input_required' })
    expect(JSON.stringify(JSON.parse((await ask('seen', { ...over, params: {} })).body.result.content[0].text))).not.toContain('volunteer')
  })
})

describe('N112: questions that may not be asked', () => {
  it('N112: for what the host did not declare, or no rule permits, exactly by mode: refused, and the host sees no question (R72, R94)', async () => {
    const cases: [string, object, Refused][] = [
      ['ask', {}, { status: 400, code: -32603, reason: 'host-incapable' }],
      ['ask', { sampling: {} }, { status: 400, code: -32603, reason: 'host-incapable' }],
      ['sample', { elicitation: {} }, { status: 400, code: -32603, reason: 'host-incapable' }],
      ['url', { elicitation: {} }, { status: 400, code: -32603, reason: 'host-incapable' }],
      ['url', { elicitation: { url: {} } }, { status: 200, code: -31403, reason: 'gated' }],
      ['sample-tools', { sampling: {} }, { status: 400, code: -32603, reason: 'host-incapable' }],
      ['sample-tools', { sampling: { tools: {} } }, { status: 200, code: -31403, reason: 'gated' }],
    ]
    for (const [name, capabilities, refusal] of cases) {
      const answer = await ask(name, { capabilities })
      expectRefused(answer, refusal, `${name} ${JSON.stringify(capabilities)}`)
      expect(answer.text).not.toMatch(/who\?|x\.test|inputRequests/)
    }
    const recorded = world.gateway.events().filter(e => e['type'] === 'server-request' && e['decision'] === 'refused')
    expect(new Set(recorded.map(e => e['reason']))).toEqual(new Set(['host-incapable', 'gated']))
    await works(world)
  })
  it('N112: unknown requests, duplicate or misspelled keys, too many, too large, none: an error of the call (R71)', async () => {
    for (const name of [
      'unknown-request',
      'one-of-two',
      'odd-mode',
      'duplicate-keys',
      'case-variant',
      'nothing-asked',
      'asked-list',
      'too-many',
      'long-key',
      'huge-state',
      'number-state',
    ]) {
      const answer = await ask(name)
      expectRefused(answer, INVALID, name)
      expect(answer.text, name).not.toMatch(/who\?|admin|telepathy/)
    }
    const host = await LegacyHost.open(world, { capabilities: { elicitation: {} } })
    for (const name of ['unknown-request', 'one-of-two', 'duplicate-keys', 'too-many']) {
      const answer = await host.call(name)
      expect(
        answer.messages.every(m => m.method === undefined),
        name,
      ).toBe(true)
      expect(answer.body.error?.data.reason ?? answer.body.result?.isError, name).toBeTruthy()
    }
    await works(world)
  })
  it('N112: where the protocol has no questions: lists, completion, discovery', async () => {
    const asking = await startWorld({
      more: x => {
        if (!['prompts/list', 'completion/complete', 'resources/list'].includes(x.message?.method)) return false
        reply(x, required({ a: ELICIT }, 's'))
        return true
      },
    })
    for (const [method, params] of [
      ['prompts/list', {}],
      ['resources/list', {}],
      ['completion/complete', { ref: { type: 'ref/prompt', name: 'hello' }, argument: { name: 'a', value: '' } }],
    ] as const) {
      const answer = await modern(asking, method, params, { capabilities: CAN })
      expectRefused(answer, INVALID, method)
      expect(answer.text).not.toContain('who?')
    }
    await works(asking)
    await asking.stop()
  })
})

describe('N113: results of no known type', () => {
  it('N113: unknown, missing or mistyped resultType of a 2026 server is invalid, to hosts of both eras (R29)', async () => {
    const host = await LegacyHost.open(world)
    for (const name of ['type-unknown', 'type-missing', 'type-null', 'type-list', 'type-case']) {
      expectRefused(await callTool(world, name), INVALID, name)
      expectRefused(await host.call(name), INVALID, `session: ${name}`)
    }
    // a task for a host that declared no tasks (R87)
    const task = await callTool(world, 'type-task')
    expect(task.body.result).toMatchObject({ isError: true })
    await works(world)
  })
})

describe('N114: questions without end', () => {
  it('N114: rounds of one call are capped, then it is an error in the audit log (R76, R98)', async () => {
    let answer = await ask('loop')
    for (let round = 1; round < 3; round++)
      answer = await retry('loop', stateOf(answer), { params: { inputResponses: { again: yes('again') } } })
    const last = await retry('loop', stateOf(answer), { params: { inputResponses: { again: yes('again') } } })
    expectRefused(last, { status: 200, code: -32603, reason: 'rounds-exceeded' })
    const events = world.gateway.events()
    const stopped = events.filter(e => e['type'] === 'outcome' && e['reason'] === 'rounds-exceeded').at(-1)!
    expect(events.filter(e => e['type'] === 'intent' && e['call'] === stopped['call']).length).toBe(4)
    await works(world)
  })
  it('N114: a host of 2025 is asked no more often, and a round without questions counts too', async () => {
    const host = await LegacyHost.open(world, { capabilities: { elicitation: {} } })
    const before = world.up.seen.length
    const silent = await host.call('loop-silently')
    expect(silent.body.error?.data.reason ?? silent.body.result?.content[0].text).toMatch(/rounds-exceeded|round/i)
    expect(world.up.seen.length - before).toBe(4)
  })
  it('N114: a 2025 server that asks again and again within one call is stopped as well', async () => {
    const path = '/servers/parked/mcp'
    const over = { path, token: await world.gateway.token(path, { sub: 'dave' }) }
    // unanswered questions are asked again: each retry is a round
    let answer = await ask('ask', over)
    for (let round = 1; round < 3; round++) answer = await retry('ask', stateOf(answer), { ...over, params: { inputResponses: {} } })
    expectRefused(await retry('ask', stateOf(answer), { ...over, params: { inputResponses: {} } }), {
      status: 200,
      code: -32603,
      reason: 'rounds-exceeded',
    })
    const seen = JSON.parse((await ask('seen', over)).body.result.content[0].text)
    expect(seen.replies.at(-1).result).toEqual({ action: 'cancel' })
  })
})

describe('N121: requests of 2025 servers that no host may see', () => {
  const path = '/servers/parked/mcp'
  const repliesOf = async (over: Over): Promise<any[]> => JSON.parse((await ask('seen', over)).body.result.content[0].text).replies
  it('N121: for a capability that the host never declared: -32601 to the server, in both eras (R46, R100)', async () => {
    const over = { path, token: await world.gateway.token(path, { sub: 'erin' }) }
    const answer = await ask('ask', { ...over, capabilities: {} })
    expect(JSON.parse(answer.body.result.content[0].text)).toMatchObject({ code: -32601 })
    const host = await LegacyHost.open(world, over)
    const legacy = await host.call('ask')
    expect(legacy.messages.length).toBe(1)
    expect(JSON.parse(legacy.body.result.content[0].text)).toMatchObject({ code: -32601 })
  })
  it('N121: outside any call: -32601, whatever the host declared; a ping is answered (R53, R100)', async () => {
    const over = { path, token: await world.gateway.token(path, { sub: 'frank' }), capabilities: CAN }
    expect((await ask('ask-outside', over)).messages.length).toBe(1)
    await expect.poll(async () => (await repliesOf(over)).length).toBe(2)
    expect(await repliesOf(over)).toMatchObject([
      { id: 'outside', error: { code: -32601 } },
      { id: 'ping-1', result: {} },
    ])
  })
  it('N121: before the server is initialised: nothing of it reaches a host, and the call after it works', async () => {
    const early = await startWorld({
      config: {
        upstreams: {
          early: {
            stdio: { command: process.execPath, args: ['-e', EARLY] },
            allow: [{ subjects: ['*'], tools: ['*'], serverRequests: ['sampling', 'elicitation.form', 'roots'] }],
          },
        },
      },
    })
    const at = '/servers/early/mcp'
    const over = { path: at, token: await early.gateway.token(at), capabilities: CAN }
    const answer = await modern(early, 'tools/call', { name: 'replies', arguments: {} }, over)
    expect(answer.messages.length).toBe(1)
    const replies = JSON.parse(answer.body.result.content[0].text) as any[]
    expect(replies.length).toBeGreaterThan(0)
    for (const r of replies) expect(r.error?.code).toBe(-32601)
    await early.stop()
  })
})

/** A 2025 stdio server that asks before anybody spoke to it, and tells what it was answered. */
const EARLY = `
const say = m => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...m }) + '\\n')
const replies = []
say({ id: 'early', method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } })
let rest = ''
process.stdin.on('data', chunk => {
  rest += chunk
  for (let end = rest.indexOf('\\n'); end >= 0; end = rest.indexOf('\\n')) {
    const m = JSON.parse(rest.slice(0, end))
    rest = rest.slice(end + 1)
    if (m.method === undefined) replies.push(m)
    else if (m.method === 'initialize') say({ id: m.id, result: { protocolVersion: m.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'early', version: '1' } } })
    else if (m.method === 'tools/list') say({ id: m.id, result: { tools: [{ name: 'replies', inputSchema: { type: 'object' } }] } })
    else if (m.method === 'tools/call') say({ id: m.id, result: { content: [{ type: 'text', text: JSON.stringify(replies) }] } })
    else if (m.id !== undefined) say({ id: m.id, error: { code: -32601, message: 'no' } })
  }
})
process.stdin.on('end', () => process.exit(0))
`
