// Approvals over HTTP: what people let through is what runs, once, and nobody's trick makes more of it (N119, N120).

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startGateway, type Gateway } from '../../src/main.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { json, result } from '../support/upstreams/http-upstream.ts'
import { admin, follow, standing } from './admin-wire.ts'
import { callTool, LegacyHost, modern, startWorld, type Over, type World } from './world.ts'
import type { Answer } from './wire.ts'

const GUARD = (words = '@approvers("approvers") @standing("8h")', count = 'context has approval') => `
@id("everything") permit (principal, action, resource);
@id("guard") @title("Writing needs a person") @obligation("approval") ${words}
forbid (principal, action in [MCP::Action::"tools/call", MCP::Action::"prompts/get", MCP::Action::"resources/read", MCP::Action::"resources/subscribe"], resource)
when { resource == MCP::Tool::"up/write" || resource == MCP::Tool::"up/ask" || resource == MCP::Prompt::"up/hello" || resource == MCP::Resource::"up/mem://open" }
unless { ${count} };`
const URL_HOST = { elicitation: { url: {} } }
const FORM_HOST = { elicitation: { url: {}, form: {} } }
const QUESTION = { mode: 'form', message: 'sure?', requestedSchema: { type: 'object', properties: {} } }

let folder = ''
let world: World
let description = 'writes'
/** what was started anew over the same data */
let running: Gateway | undefined
const config = (): Record<string, any> => ({
  limits: { principalPerSecond: 1_000_000, addressFailuresPerMinute: 1_000_000 },
  operators: ['root'],
  administration: { roles: { approver: { groups: ['approvers'] }, auditor: { subjects: ['audra'] } } },
  approvals: { selfFrom: 'other-client' },
  policies: { folder: join(folder, 'rules') },
  upstreams: { up: { http: { url: world.up.url }, allow: [] } },
})
async function rules(text: string): Promise<void> {
  writeFileSync(join(folder, 'rules/authz/test.cedar'), text)
  expect(await world.gateway.reload(config())).toBeUndefined()
}

/** Somebody of a test of their own: what is asked for stays for a while. */
let people = 0
let me = ''
const as = async (sub = me, client = 'test', path = world.path): Promise<Over> => ({
  path,
  token: await world.gateway.token(path, { sub, client_id: client }),
})
const write = async (args: object = { text: 'hello' }, over: Over = {}): Promise<Answer> =>
  callTool(world, 'write', args, { ...(await as()), ...over })
const reasonOf = ({ body }: Answer): string | undefined => body?.error?.data?.reason ?? body?.error?.reason
const textOf = ({ body }: Answer): string | undefined => body?.result?.content?.[0]?.text
const runs = (): unknown[] =>
  world.up
    .of('tools/call')
    .filter(({ params }) => params.name !== 'echo')
    .map(({ params }) => params.arguments)
const of = (sub: string, ...groups: string[]) => ({ claims: { sub, ...(groups.length > 0 && { groups }) } })
const BOB = of('bob', 'approvers')
const CARLA = of('carla', 'approvers')
const list = async (who: object = BOB): Promise<any[]> => (await admin(world, 'approvals/list', undefined, who)).body.approvals
const mine = async (): Promise<any> => (await list(of(me)))[0]
const approve = async (approval: any, who: object = BOB, more: object = {}): Promise<Answer> =>
  admin(world, 'approvals/approve', { id: approval.id, digest: approval.digest, ...more }, who)
const reject = (approval: any, who: object = BOB, why = 'not today'): Promise<Answer> =>
  admin(world, 'approvals/reject', { id: approval.id, why }, who)

/** From now on the list says so, and it is read anew. */
async function describedAs(text: string): Promise<void> {
  description = text
  for (const upstreams of [{ elsewhere: config()['upstreams'].up }, config()['upstreams']])
    expect(await world.gateway.reload({ ...config(), upstreams })).toBeUndefined()
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-approvals-'))
  mkdirSync(join(folder, 'rules/authz'), { recursive: true })
  writeFileSync(join(folder, 'rules/authz/test.cedar'), GUARD())
  world = await startWorld({
    tools: {
      ask: ({ res, message }) =>
        message.params.inputResponses
          ? json(res, result(message.id, 'done'))
          : json(res, {
              jsonrpc: '2.0',
              id: message.id,
              result: {
                resultType: 'input_required',
                inputRequests: { sure: { method: 'elicitation/create', params: QUESTION } },
                requestState: 'mine',
              },
            }),
    },
    more: ({ res, message }) => {
      if (message?.method !== 'tools/list') return false
      const tools = ['echo', 'write', 'ask'].map(name => ({ name, description, inputSchema: { type: 'object' } }))
      json(res, { jsonrpc: '2.0', id: message.id, result: { tools, resultType: 'complete', ttlMs: 0, cacheScope: 'private' } })
      return true
    },
    allow: [],
    config: {
      operators: ['root'],
      administration: { roles: { approver: { groups: ['approvers'] }, auditor: { subjects: ['audra'] } } },
      policies: { folder: join(folder, 'rules') },
    },
  })
})
afterAll(async () => {
  await running?.stop()
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  me = `person-${(people += 1)}`
})

describe('a call that needs approval', () => {
  it('waits with a link, runs nothing, and passes once somebody approved it, once', async () => {
    const before = runs().length
    const pending = await write()
    expect(reasonOf(pending)).toBe('approval-pending')
    const approval = await mine()
    expect(pending.body.error).toMatchObject({ code: -31426, data: { approval: approval.id, server: 'up' } })
    expect(pending.body.error.data.url).toBe(`${world.gateway.url}/console/approvals/${approval.id}`)
    expect(approval).toMatchObject({ state: 'pending', isOwn: true, mayDecide: false, server: 'up', name: ['write'], rules: ['guard'] })
    expect((await approve(approval)).body).toMatchObject({ isYours: true, approval: { state: 'approved' } })
    expect(textOf(await write())).toBe('{"text":"hello"}')
    expect(reasonOf(await write())).toBe('approval-pending')
    expect(runs()).toHaveLength(before + 1)
  })

  it('tells the model in one sentence why a person said no', async () => {
    await write()
    const approval = await mine()
    await reject(approval, BOB, 'that file belongs to finance')
    const refused = await write()
    expect(reasonOf(refused)).toBe('approval-rejected')
    expect(refused.body.error.message).toBe('A person said no to this: that file belongs to finance')
  })

  it('is on record: asked, approved, and by which approval the call passed', async () => {
    await write()
    const approval = await mine()
    await approve(approval)
    await write()
    const events = world.gateway.events()
    const told = events.filter(({ detail }) => detail?.approval === approval.id)
    expect(told.map(({ what }) => what)).toEqual(['approval-asked', 'approval-approved'])
    expect(told[1]?.['detail']).toMatchObject({
      by: 'https://issuer.test bob',
      of: `https://issuer.test ${me}`,
      server: 'up',
      name: 'write',
    })
    expect(JSON.stringify(told)).not.toContain('hello')
    const intent = events.find(({ type, rules: by }) => type === 'intent' && by.includes(`approval:${approval.id}`))
    expect(intent?.['rules']).toEqual([`approval:${approval.id}`, 'everything'])
    expect(intent?.['policy'].facts.context).toMatchObject({ 'approval.count': 1 })
  })

  it('shows whoever decides everything that will run, what differs from the last time, and nothing as markup', async () => {
    const first = { path: '/etc/hosts', text: 'a' }
    await write(first)
    await approve(await mine())
    await write(first)
    const evil = {
      path: '/etc\u2215hosts',
      text: '<img src=x onerror=alert(1)>\u202e\u001b[2J',
      deep: [{ n: 2 ** 53, tail: 'x'.repeat(20_000) }],
    }
    await write(evil)
    const approval = (await list())[0]
    const { body, text } = await admin(world, 'approvals/show', { id: approval.id }, BOB)
    expect(text).not.toMatch(/[<>\u202e\u001b]/)
    const leaves = Object.fromEntries(body.shown.arguments.leaves.map((leaf: any) => [leaf.path.flat().join('/'), leaf]))
    expect(leaves['arguments/path'].text).toEqual(['/etc', { code: 'U+2215', character: '\u2215', like: '/' }, 'hosts'])
    expect(leaves['arguments/text'].text).toEqual([
      '<img src=x onerror=alert(1)>',
      { code: 'U+202E', character: '\u202e' },
      { code: 'U+001B', character: '\u001b' },
      '[2J',
    ])
    expect(leaves['arguments/deep/0/n'].text).toEqual(['9007199254740992'])
    expect(leaves['arguments/deep/0/tail'].characters).toBe(20_000)
    expect(leaves['arguments/deep/0/tail'].text[0]).toHaveLength(20_000)
    expect(body.shown).toMatchObject({
      server: { alias: 'up', signature: 'unsigned', standing: 'configured' },
      definition: { description: ['writes'] },
      from: { endpoint: world.path, era: 'modern', client: 'test' },
      policy: { rules: [{ id: 'guard', title: 'Writing needs a person', approvers: ['approvers'] }] },
    })
    expect(body.difference.changes.map((change: any) => change.path.flat().join('/'))).toEqual(
      expect.arrayContaining(['arguments/path', 'arguments/text', 'arguments/deep/0/n']),
    )
    expect(body.recent).toHaveLength(1)
  })

  it('is asked of prompts and resources as well, in both eras', async () => {
    expect(reasonOf(await modern(world, 'prompts/get', { name: 'hello' }, await as()))).toBe('approval-pending')
    expect(reasonOf(await modern(world, 'resources/read', { uri: 'mem://open' }, await as()))).toBe('approval-pending')
    const host = await LegacyHost.open(world, await as())
    expect(reasonOf(await host.request('prompts/get', { name: 'hello' }))).toBe('approval-pending')
    const waiting = (await list(of(me))).filter(({ name }) => name[0] === 'hello')
    expect(waiting).toHaveLength(1)
    await approve(waiting[0])
    expect((await host.request('prompts/get', { name: 'hello' })).body.result.messages).toHaveLength(1)
  })
})

describe('hosts that can send their person to a page', () => {
  it('2026: are asked by input_required, and the retry passes once it is approved', async () => {
    const asked = await write({}, { capabilities: URL_HOST })
    const { inputRequests, requestState, resultType } = asked.body.result
    const approval = await mine()
    expect(resultType).toBe('input_required')
    expect(inputRequests.approve).toMatchObject({
      method: 'elicitation/create',
      params: { mode: 'url', url: `${world.gateway.url}/console/approvals/${approval.id}` },
    })
    await approve(approval)
    const retry = { name: 'write', arguments: {}, requestState, inputResponses: { approve: { action: 'accept' } } }
    const over = { ...(await as()), capabilities: URL_HOST }
    expect(textOf(await modern(world, 'tools/call', retry, over))).toBe('{}')
    // Replay of the very same retry: nothing runs twice.
    const before = runs().length
    const again = await modern(world, 'tools/call', retry, over)
    expect(again.body.result.resultType).toBe('input_required')
    expect(runs()).toHaveLength(before)
  })

  it('2026: a retry that came too early waits, and hears of the decision within 100 ms', async () => {
    const { requestState } = (await write({}, { capabilities: URL_HOST })).body.result
    const approval = await mine()
    const retry = { name: 'write', arguments: {}, requestState, inputResponses: { approve: { action: 'accept' } } }
    const waiting = modern(world, 'tools/call', retry, { ...(await as()), capabilities: URL_HOST })
    const token = await world.gateway.token('/admin', { sub: 'bob', groups: ['approvers'] })
    await admin(world, 'approvals/show', { id: approval.id }, { token })
    let decidedMs = 0
    const decided = admin(world, 'approvals/approve', { id: approval.id, digest: approval.digest }, { token }).then(
      () => (decidedMs = performance.now()),
    )
    expect(textOf(await waiting)).toBe('{}')
    await decided
    expect(performance.now() - decidedMs).toBeLessThan(100)
  })

  it('2026: whoever declined is told, and asked no more in that call', async () => {
    const { requestState } = (await write({}, { capabilities: URL_HOST })).body.result
    const retry = { name: 'write', arguments: {}, requestState, inputResponses: { approve: { action: 'decline' } } }
    const told = await modern(world, 'tools/call', retry, { ...(await as()), capabilities: URL_HOST })
    expect(reasonOf(told)).toBe('approval-pending')
  })

  it('2025-11-25: are asked on the stream of the call, which goes on once it is approved', async () => {
    const host = await LegacyHost.open(world, { ...(await as()), capabilities: URL_HOST })
    const calling = host.call('write', { text: 'legacy' })
    while (!(await mine())) await new Promise(setImmediate)
    await approve(await mine())
    const { messages } = await calling
    const approval = await mine()
    expect(messages.map(m => m.method ?? 'answer')).toEqual(['elicitation/create', 'notifications/elicitation/complete', 'answer'])
    expect(messages[0].params).toMatchObject({ mode: 'url', elicitationId: approval.id })
    expect(messages[2].result.content[0].text).toBe('{"text":"legacy"}')
  })

  it('2025-11-25: a person’s no in the console ends the call that waits', async () => {
    const host = await LegacyHost.open(world, { ...(await as()), capabilities: URL_HOST })
    const calling = host.call('write', { text: 'legacy' })
    while (!(await mine())) await new Promise(setImmediate)
    await reject(await mine(), BOB, 'no')
    expect(reasonOf(await calling)).toBe('approval-rejected')
  })

  it('2025-11-25: more calls than may wait get the error that asks', async () => {
    const host = await LegacyHost.open(world, { ...(await as()), capabilities: URL_HOST })
    const calls = Array.from({ length: 9 }, (_, i) => host.call('write', { i }))
    const first = await Promise.race(calls)
    expect(first.body.error).toMatchObject({ code: -32042, data: { reason: 'approval-pending', elicitations: [{ mode: 'url' }] } })
    for (const approval of await list(of(me))) await reject(approval, of(me))
    expect((await Promise.all(calls)).map(reasonOf).filter(reason => reason === 'approval-rejected')).toHaveLength(8)
  })

  it('2025-11-25: whoever got that error is told on the standing stream once it is decided, and the same call passes', async () => {
    const host = await LegacyHost.open(world, { ...(await as()), capabilities: URL_HOST })
    const stream = await standing(host)
    const calls = Array.from({ length: 9 }, (_, i) => host.call('write', { i }).then(answer => ({ i, answer })))
    const { i, answer } = await Promise.race(calls)
    const [{ elicitationId }] = answer.body.error.data.elicitations
    const told = (): unknown[] => stream.messages().filter(({ method }) => method === 'notifications/elicitation/complete')
    for (const approval of (await list(of(me))).filter(({ id }) => id !== elicitationId)) await reject(approval, of(me))
    await Promise.all(calls)
    expect(told()).toEqual([])
    await approve((await list(BOB)).find(({ id }) => id === elicitationId))
    await expect.poll(told).toMatchObject([{ params: { elicitationId } }])
    expect(world.gateway.events().findLast(each => each['requestMethod'] === 'notifications/elicitation/complete')).toBeDefined()
    const passed = await host.call('write', { i })
    expect(passed.body.result.content[0].text).toBe(JSON.stringify({ i }))
    expect(told()).toHaveLength(1)
    stream.close()
  })
})

describe('attacks', () => {
  it('N119 replay: an approval lets one call through, whatever the host repeats', async () => {
    await write({ n: 1 })
    await approve(await mine())
    const before = runs().length
    const answers = await Promise.all(Array.from({ length: 6 }, () => write({ n: 1 })))
    expect(answers.filter(answer => textOf(answer) !== undefined)).toHaveLength(1)
    expect(runs()).toHaveLength(before + 1)
    for (const reason of answers.map(reasonOf)) expect([undefined, 'approval-spent', 'approval-pending']).toContain(reason)
  })

  it('N119 edited arguments after approval: asked for anew, and nothing of them runs', async () => {
    await write({ to: 'alice', amount: 1 })
    await approve(await mine())
    const before = runs().length
    for (const args of [{ to: 'alice', amount: 2 }, { to: 'alice', amount: '1' }, { to: 'alice' }, { to: 'alice', amount: 1, more: null }])
      expect(reasonOf(await write(args))).toBe('approval-pending')
    expect(runs()).toHaveLength(before)
    // The order of keys changes nothing of what runs.
    expect(textOf(await write({ amount: 1, to: 'alice' }))).toBe('{"amount":1,"to":"alice"}')
  })

  it('another client of the same person, another person, another endpoint: nobody passes with it', async () => {
    await write({ n: 2 })
    await approve(await mine())
    expect(reasonOf(await write({ n: 2 }, await as(me, 'other')))).toBe('approval-pending')
    expect(reasonOf(await write({ n: 2 }, await as('mallory')))).toBe('approval-pending')
    const aggregated = await callTool(world, 'up__write', { n: 2 }, await as(me, 'test', '/mcp'))
    expect(reasonOf(aggregated)).toBe('approval-pending')
    expect(textOf(await write({ n: 2 }))).toBe('{"n":2}')
  })

  it("another user's link: neither shown nor decided, in the words of what does not exist", async () => {
    await write({ n: 3 })
    const approval = await mine()
    const nothing = { id: 'A'.repeat(32), digest: approval.digest }
    for (const who of [of('mallory'), of('mallory', 'engineers'), of('root'), of('mallory', 'Approvers')]) {
      for (const [act, body] of [
        ['show', { id: approval.id }],
        ['approve', { id: approval.id, digest: approval.digest }],
        ['reject', { id: approval.id, why: 'ha' }],
      ] as const) {
        const answer = await admin(world, `approvals/${act}`, body, who)
        const none = await admin(world, `approvals/${act}`, { ...body, id: nothing.id }, who)
        expect([answer.status, { ...answer.body.error, requestId: '' }]).toEqual([404, { ...none.body.error, requestId: '' }])
      }
      expect((await list(who)).map(({ id }) => id)).not.toContain(approval.id)
    }
  })

  it('auditors see everything, and decide nothing', async () => {
    await write({ n: 4 })
    const approval = await mine()
    expect((await list(of('audra'))).map(({ id }) => id)).toContain(approval.id)
    expect((await admin(world, 'approvals/show', { id: approval.id }, of('audra'))).status).toBe(200)
    expect(reasonOf(await approve(approval, of('audra')))).toBe('approval-unknown')
  })

  it('self-approval: an approver does not approve what they asked for, unless the rule says self', async () => {
    await write({ n: 5 })
    const approval = await mine()
    expect(reasonOf(await approve(approval, of(me, 'approvers')))).toBe('approver-is-proposer')
    await rules(GUARD('@approvers("self")'))
    await write({ n: 5 })
    const own = await mine()
    expect(own.mayDecide).toBe(true)
    expect(reasonOf(await approve(own, BOB))).toBe('approval-unknown')
    expect((await approve(own, of(me))).body.approval.state).toBe('approved')
    expect(textOf(await write({ n: 5 }))).toBe('{"n":5}')
    await rules(GUARD())
  })

  it('stale definition: approved as it was described, and described otherwise since', async () => {
    await write({ n: 6 })
    await approve(await mine())
    await describedAs('writes, and tells everybody')
    expect(reasonOf(await write({ n: 6 }))).toBe('approval-pending')
    expect((await list(of(me))).filter(({ state }) => state === 'pending')).toHaveLength(1)
    await describedAs('writes')
  })

  it('double click: the second says so, and counts for nothing', async () => {
    await rules(GUARD('@approvers("approvers")', 'context has approval && context.approval.count >= 2'))
    await write({ n: 7 })
    const approval = await mine()
    expect(approval.quorum).toBe(2)
    const answers = await Promise.all([approve(approval), approve(approval)])
    expect(answers.map(({ body }) => body.isYours).sort()).toEqual([false, true])
    expect(reasonOf(await write({ n: 7 }))).toBe('approval-pending')
    expect((await approve(approval, CARLA)).body.approval.state).toBe('approved')
    expect(textOf(await write({ n: 7 }))).toBe('{"n":7}')
    await rules(GUARD())
  })

  it('two approvers at once: one decides, the other is told so, and one call runs', async () => {
    await write({ n: 8 })
    const approval = await mine()
    const answers = await Promise.all([approve(approval), approve(approval, CARLA)])
    expect(answers.map(reasonOf).filter(Boolean)).toEqual(['approval-decided'])
    const before = runs().length
    await Promise.all([write({ n: 8 }), write({ n: 8 })])
    expect(runs()).toHaveLength(before + 1)
  })

  it('a digest of something else decides nothing', async () => {
    await write({ n: 9 })
    const approval = await mine()
    expect(reasonOf(await approve({ ...approval, digest: 'other' }))).toBe('params-invalid')
    expect((await mine()).votes).toEqual([])
  })

  it('request-state tampering: no state of another call, person or with a bit turned passes, approved or not', async () => {
    const { requestState } = (await write({ n: 10 }, { capabilities: URL_HOST })).body.result
    await approve(await mine())
    const inputResponses = { approve: { action: 'accept' } }
    const retry = async (args: object, state: string, over: Over = {}) =>
      modern(
        world,
        'tools/call',
        { name: 'write', arguments: args, requestState: state, inputResponses },
        { ...(await as()), capabilities: URL_HOST, ...over },
      )
    const turned = `${requestState.slice(0, -2)}${requestState.endsWith('A') ? 'B' : 'A'}${requestState.slice(-1)}`
    const before = runs().length
    expect(reasonOf(await retry({ n: 11 }, requestState))).toBe('state-invalid')
    expect(reasonOf(await retry({ n: 10 }, turned))).toBe('state-invalid')
    expect(reasonOf(await retry({ n: 10 }, requestState, await as('mallory')))).toBe('state-invalid')
    expect(runs()).toHaveLength(before)
    expect(textOf(await retry({ n: 10 }, requestState))).toBe('{"n":10}')
  })

  it('answers brought twice to the question of an approved call: its next round leaves once', async () => {
    const over = { ...(await as()), capabilities: FORM_HOST }
    await callTool(world, 'ask', {}, over)
    await approve(await mine())
    const asked = await callTool(world, 'ask', {}, over)
    expect(Object.keys(asked.body.result.inputRequests)).toEqual(['sure'])
    const { requestState } = asked.body.result
    const answer = { name: 'ask', arguments: {}, requestState, inputResponses: { sure: { action: 'accept', content: {} } } }
    const before = runs().length
    const answers = await Promise.all([1, 2, 3].map(() => modern(world, 'tools/call', answer, over)))
    expect(answers.filter(each => textOf(each) === 'done')).toHaveLength(1)
    expect(answers.map(reasonOf).filter(Boolean)).toEqual(['approval-spent', 'approval-spent'])
    expect(runs()).toHaveLength(before + 1)
  })

  it('a requester who is blocked meanwhile gets nothing approved', async () => {
    await write({ n: 12 })
    const approval = await mine()
    await admin(world, 'block', { kind: 'principal', target: me, why: 'an incident' })
    expect(reasonOf(await approve(approval))).toBe('approval-decided')
  })

  it('N120 10^4 approvals of one principal: as many wait as may, the next are refused, and others ask as before', async () => {
    const answers = await Promise.all(Array.from({ length: 70 }, (_, n) => write({ flood: n })))
    expect(answers.map(reasonOf).filter(reason => reason === 'approval-pending')).toHaveLength(16)
    expect(answers.map(reasonOf).filter(reason => reason === 'approval-limit')).toHaveLength(54)
    expect(reasonOf(await write({ n: 1 }, await as('somebody-else')))).toBe('approval-pending')
    for (const approval of await list(of(me))) await reject(approval, of(me), 'mine')
  })

  it('a request that nobody would read whole is asked of nobody', async () => {
    expect(reasonOf(await write({ text: 'x'.repeat(70_000) }))).toBe('approval-limit')
  })

  it('nothing that an approval cannot lift is offered for one', async () => {
    await rules(`${GUARD()} @id("never") forbid (principal, action == MCP::Action::"tools/call", resource == MCP::Tool::"up/write");`)
    expect(reasonOf(await write({ n: 13 }))).toBe('policy-denied')
    expect(await mine()).toBeUndefined()
    await rules(GUARD())
  })
})

describe('the stream of news', () => {
  it('tells requesters and approvers what becomes of it, and nobody else', async () => {
    const streams = await Promise.all([
      follow(world, { sub: me }),
      follow(world, { sub: 'bob', groups: ['approvers'] }),
      follow(world, { sub: 'mallory' }),
    ])
    await write({ n: 'news' })
    await approve(await mine())
    const heard = (at: number): string[] => streams[at]?.messages().map(({ approval }) => approval.state) ?? []
    while (heard(0).length < 2 || heard(1).length < 2) await new Promise(setImmediate)
    expect([heard(0), heard(1), heard(2)]).toEqual([['pending', 'approved'], ['pending', 'approved'], []])
    for (const stream of streams) stream.close()
    await Promise.all(streams.map(({ ended }) => ended))
  })
})

describe('standing grants', () => {
  it('let other arguments through, are listed, end when the definition changes, and when they are revoked', async () => {
    await write({ n: 1 })
    const { grant } = (await approve(await mine(), BOB, { standing: '8h' })).body
    expect(grant).toMatchObject({ server: 'up', name: ['write'], givenBy: [{ subject: 'bob' }] })
    expect(textOf(await write({ n: 2 }))).toBe('{"n":2}')
    expect(textOf(await write({ n: 3 }))).toBe('{"n":3}')
    const grants = async (who: object = of(me)) => (await admin(world, 'grants/list', undefined, who)).body.grants
    expect(await grants()).toMatchObject([{ id: grant.id, uses: 2, isOwn: true }])
    expect(await grants(of('mallory'))).toEqual([])
    expect((await grants(BOB)).map(({ id }: any) => id)).toContain(grant.id)
    await describedAs('writes elsewhere')
    expect(reasonOf(await write({ n: 4 }))).toBe('approval-pending')
    await describedAs('writes')
    expect(textOf(await write({ n: 5 }))).toBe('{"n":5}')
    expect(reasonOf(await admin(world, 'grants/revoke', { id: grant.id }, of('mallory')))).toBe('approval-unknown')
    expect((await admin(world, 'grants/revoke', { id: grant.id }, of(me))).body.revoked.id).toBe(grant.id)
    expect(reasonOf(await write({ n: 6 }))).toBe('approval-pending')
    const events = world.gateway.events().filter(({ detail }) => detail?.grant === grant.id)
    expect(events.map(({ what }) => what)).toEqual(['grant-given', 'grant-revoked'])
  })

  it('attack: the approval that a grant came with is used by its own call, and lets nothing through once the grant is revoked', async () => {
    await write({ n: 'once' })
    const { grant } = (await approve(await mine(), BOB, { standing: '8h' })).body
    expect(textOf(await write({ n: 'once' }))).toBe('{"n":"once"}')
    expect(textOf(await write({ n: 'once' }))).toBe('{"n":"once"}')
    await admin(world, 'grants/revoke', { id: grant.id }, of(me))
    const before = runs().length
    expect(reasonOf(await write({ n: 'once' }))).toBe('approval-pending')
    expect(runs()).toHaveLength(before)
  })

  it('are given only where the rule permits it, and only as long', async () => {
    await write({ n: 1 })
    expect(reasonOf(await approve(await mine(), BOB, { standing: '9h' }))).toBe('params-invalid')
    expect(reasonOf(await approve(await mine(), BOB, { standing: 'for ever' }))).toBe('params-invalid')
    await rules(GUARD('@approvers("approvers")'))
    await write({ n: 1 })
    expect(reasonOf(await approve(await mine(), BOB, { standing: '1h' }))).toBe('params-invalid')
    await rules(GUARD())
  })
})

it('restart between approval and use: it lets the call through once, and not a second time after another restart', async () => {
  await write({ n: 'restart' })
  await approve(await mine())
  const call = await as()
  const again = async (): Promise<void> => {
    await (running ?? world.gateway.gateway).stop()
    running = await startGateway(await world.gateway.load(config()), {
      version: '0.0.0-test',
      environment: process.env,
      logger: silentLogger(),
    })
  }
  await again()
  expect(textOf(await callTool(world, 'write', { n: 'restart' }, call))).toBe('{"n":"restart"}')
  await again()
  expect(reasonOf(await callTool(world, 'write', { n: 'restart' }, call))).toBe('approval-pending')
})
