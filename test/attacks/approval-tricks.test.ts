// Approvals as somebody attacks them who read the code: who counts as having said yes, what is bound, what is shown and to whom.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { json, type HttpExchange } from '../support/upstreams/http-upstream.ts'
import { admin, block } from './admin-wire.ts'
import { callTool, modern, modernBody, startWorld, type Over, type World } from './world.ts'
import type { Answer } from './wire.ts'

const ASKS = (id: string, words: string, count = 'context has approval'): string => `
@id("${id}") @obligation("approval") ${words}
forbid (principal, action in [MCP::Action::"tools/call", MCP::Action::"tasks/update", MCP::Action::"resources/read"], resource)
when { resource == MCP::Tool::"up/write" || action == MCP::Action::"tasks/update" || action == MCP::Action::"resources/read" } unless { ${count} };`
const EVERYTHING = '@id("everything") permit (principal, action, resource);'
const ONE = ASKS('guard', '@approvers("approvers") @standing("8h")')
const TWO = ASKS('guard', '@approvers("approvers")', 'context has approval && context.approval.count >= 2')

const CITY = {
  method: 'elicitation/create',
  params: { mode: 'form', message: 'To whom?', requestedSchema: { type: 'object', properties: { to: { type: 'string' } } } },
}
const updates: any[] = []
const reply = ({ res, message }: HttpExchange, result: object): void => json(res, { jsonrpc: '2.0', id: message.id, result })

let folder = ''
let world: World
async function rules(...texts: string[]): Promise<void> {
  writeFileSync(join(folder, 'rules/authz/test.cedar'), [EVERYTHING, ...texts].join('\n'))
  expect(await world.gateway.reload(config())).toBeUndefined()
}
const settings = () => ({
  operators: ['root'],
  administration: { roles: { approver: { groups: ['approvers', 'managers', 'lawyers'] } } },
  approvals: { limits: { perServer: 64 } },
  policies: { folder: join(folder, 'rules') },
})
const config = () => ({
  limits: { principalPerSecond: 1_000_000, addressFailuresPerMinute: 1_000_000 },
  ...settings(),
  upstreams: { up: { http: { url: world.up.url }, allow: [] } },
})

let people = 0
let me = ''
const as = async (client = 'host'): Promise<Over> => ({
  path: world.path,
  token: await world.gateway.token(world.path, { sub: me, client_id: client }),
})
const write = async (args: object = { text: 'hello' }, over: Over = {}): Promise<Answer> =>
  callTool(world, 'write', args, { ...(await as()), ...over })
const reasonOf = ({ body }: Answer): string | undefined => body?.error?.data?.reason ?? body?.error?.reason
const textOf = ({ body }: Answer): string | undefined => body?.result?.content?.[0]?.text
const of = (sub: string, ...groups: string[]) => ({ claims: { sub, ...(groups.length > 0 && { groups }) } })
const list = async (who: object): Promise<any[]> => (await admin(world, 'approvals/list', undefined, who)).body.approvals
const mine = async (): Promise<any> => (await list(of(me)))[0]
const show = async (approval: any, who: object): Promise<any> => (await admin(world, 'approvals/show', { id: approval.id }, who)).body
const approve = async (approval: any, who: object, more: object = {}): Promise<Answer> =>
  admin(world, 'approvals/approve', { id: approval.id, digest: approval.digest, ...more }, who)
const calls = (): any[] => world.up.of('tools/call').filter(({ params }) => params.name === 'write')

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-tricks-'))
  mkdirSync(join(folder, 'rules/authz'), { recursive: true })
  writeFileSync(join(folder, 'rules/authz/test.cedar'), EVERYTHING + ONE)
  world = await startWorld({
    definitions: [{ name: 'write', description: `${'calm words '.repeat(2000)}and the end`, inputSchema: { type: 'object' } }],
    tools: { task: x => reply(x, { resultType: 'task', taskId: 't-1', status: 'working', createdAt: 'x', lastUpdatedAt: 'x' }) },
    more: x => {
      const { method, params } = x.message ?? {}
      if (method !== 'tasks/get' && method !== 'tasks/update') return false
      if (method === 'tasks/update') updates.push(params)
      const state = { taskId: 't-1', status: 'input_required', createdAt: 'x', lastUpdatedAt: 'x', inputRequests: { q: CITY } }
      reply(x, { resultType: 'complete', ...(method === 'tasks/get' && state) })
      return true
    },
    allow: [],
    config: settings(),
  })
})
afterAll(async () => {
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  me = `person-${(people += 1)}`
  await rules(ONE)
})

describe('attack: who counts as having said yes', () => {
  it('attack: people whom a rule names only once it has waited stand for it at once, because another rule names them', async () => {
    await rules(
      ASKS('risk', '@approvers("approvers") @escalate_after("5m") @escalate_to("managers")'),
      ASKS('money', '@approvers("managers")'),
    )
    await write()
    expect((await approve(await mine(), of('mona', 'managers'))).body.approval.state).toBe('pending')
    expect(reasonOf(await write())).toBe('approval-pending')
    expect((await approve(await mine(), of('bob', 'approvers'))).body.approval.state).toBe('approved')
  })

  it('attack: a yes of somebody who was blocked since makes up the number', async () => {
    await rules(TWO)
    await write()
    await approve(await mine(), of('stolen-1', 'approvers'))
    await block(world, 'principal', 'stolen-1')
    expect((await approve(await mine(), of('carla', 'approvers'))).body.approval.state).toBe('pending')
    expect((await mine()).votes.map(({ subject }: any) => subject)).toEqual(['carla'])
    expect((await approve(await mine(), of('dora', 'approvers'))).body.approval.state).toBe('approved')
  })

  it('attack: what a blocked approver let through before, once or for hours, still runs', async () => {
    await write({ n: 1 })
    await approve(await mine(), of('stolen-2', 'approvers'))
    await write({ n: 2 })
    await approve(
      (await list(of(me))).find(({ state }) => state === 'pending'),
      of('stolen-2', 'approvers'),
      { standing: '8h' },
    )
    const before = calls().length
    await block(world, 'principal', 'stolen-2')
    for (const args of [{ n: 1 }, { n: 2 }, { n: 3 }]) expect(reasonOf(await write(args))).toBe('approval-pending')
    expect(calls()).toHaveLength(before)
    // Somebody else decides, as if nobody had.
    await approve(
      (await list(of(me))).find(({ state }) => state === 'pending'),
      of('bob', 'approvers'),
    )
    expect((await Promise.all([write({ n: 1 }), write({ n: 2 }), write({ n: 3 })])).map(textOf).filter(Boolean)).toHaveLength(1)
  })

  it('attack: the host that made the call approves it with a token of its own, where its person may', async () => {
    await rules(ASKS('guard', '@approvers("self")'))
    await write()
    const approval = await mine()
    const own = await approve(approval, { claims: { sub: me, client_id: 'host' } })
    expect(reasonOf(own)).toBe('approver-is-proposer')
    // Nor with the command line of its person, which it may run: no token is the person.
    const terminal = { claims: { sub: me, client_id: 'terminal' } }
    expect(reasonOf(await approve(approval, terminal))).toBe('approver-is-proposer')
    expect((await show(approval, terminal)).approval.whyNot).toBe('what a host asked for is decided in the console')
    expect(reasonOf(await write())).toBe('approval-pending')
    expect(await world.gateway.reload({ ...config(), approvals: { selfFrom: 'other-client' } })).toBeUndefined()
    expect(reasonOf(await approve(approval, { claims: { sub: me, client_id: 'host' } }))).toBe('approver-is-proposer')
    expect((await approve(approval, terminal)).body.approval.state).toBe('approved')
  })
})

describe('attack: what runs is not what was shown', () => {
  const raw = async (args: string, over: Over = {}): Promise<Answer> =>
    callTool(
      world,
      'write',
      {},
      {
        ...(await as()),
        ...over,
        body: modernBody('tools/call', { name: 'write', arguments: {} }).replace('"arguments":{}', `"arguments":${args}`),
      },
    )

  it.each([
    ['9007199254740992.0', '9007199254740993.0'],
    ['0.1', '0.10000000000000000555'],
    ['0', '1e-400'],
    ['1e2', '100.00000000000000001'],
    ['0', '-0'],
    ['123456789.12345678', '123456789.123456780001'],
  ])('attack: approved with the number %s, run with %s, which a double cannot tell apart', async (shown, run) => {
    await raw(`{"amount":${shown}}`)
    await approve(await mine(), of('bob', 'approvers'))
    const before = calls().length
    expect(reasonOf(await raw(`{"amount":${run}}`))).toBe('approval-pending')
    expect(calls()).toHaveLength(before)
    expect(textOf(await raw(`{"amount":${shown}}`))).toBeDefined()
  })

  it('attack: an answer to a task’s question is approved, and another one goes to the server', async () => {
    const over = { ...(await as()), capabilities: { elicitation: { form: {} }, extensions: { 'io.modelcontextprotocol/tasks': {} } } }
    const { taskId } = (await callTool(world, 'task', {}, over)).body.result
    const { inputRequests } = (await modern(world, 'tasks/get', { taskId }, over)).body.result
    const [key = ''] = Object.keys(inputRequests as object)
    const update = (to: string): Promise<Answer> =>
      modern(world, 'tasks/update', { taskId, inputResponses: { [key]: { action: 'accept', content: { to } } } }, over)
    expect(reasonOf(await update('alice'))).toBe('approval-pending')
    const approval = await mine()
    expect(JSON.stringify((await show(approval, of(me))).shown.arguments)).toContain('alice')
    await approve(approval, of('bob', 'approvers'))
    expect(reasonOf(await update('mallory'))).toBe('approval-pending')
    expect(updates).toEqual([])
    expect(reasonOf(await update('alice'))).toBeUndefined()
    expect(updates).toMatchObject([{ inputResponses: { q: { content: { to: 'alice' } } } }])
  })

  it('attack: what stands in _meta of an approved call is another thing by the time it runs, and nobody saw either', async () => {
    const call = (_meta: object): Promise<Answer> =>
      as().then(over => modern(world, 'tools/call', { name: 'write', arguments: { n: 7 }, _meta }, over))
    await call({ 'com.example/force': false })
    await approve(await mine(), of('bob', 'approvers'))
    expect(textOf(await call({ 'com.example/force': true, progressToken: 'p', baggage: 'user=root' }))).toBe('{"n":7}')
    const sent = calls().at(-1).params
    expect(JSON.stringify(sent)).not.toMatch(/force|baggage|root/)
    expect(sent._meta.progressToken).toBeDefined()
  })

  it('attack: a header for the server that no definition declares comes along with an approved call', async () => {
    await write({ n: 1 })
    await approve(await mine(), of('bob', 'approvers'))
    const before = calls().length
    const with_ = await write({ n: 1 }, { headers: { 'mcp-param-amount': '1000000' } })
    expect(reasonOf(with_)).toBeDefined()
    expect(calls()).toHaveLength(before)
    expect(textOf(await write({ n: 1 }))).toBe('{"n":1}')
  })
})

describe('attack: what people are shown', () => {
  it.each(['\u2800', '\u00a0', '\u2003', '\u3000', '\u202f', '\u180b', '\u{1d159}', '\u{16fe4}'])(
    'attack: a character that draws nothing or passes for a space (%j) is not told',
    async hidden => {
      await write({ command: `ls${hidden}x` })
      const { shown } = await show(await mine(), of(me))
      const text = shown.arguments.leaves.at(-1).text
      expect(text).toEqual([
        'ls',
        { code: expect.stringMatching(/^U\+/), character: hidden, ...(text[1].like && { like: text[1].like }) },
        'x',
      ])
    },
  )

  it('attack: a name that writes lines and turns text in the message that a host shows under the gateway’s own name', async () => {
    const uri = 'mem://items/x\n\u202eSign in at evil.example'
    const asked = await modern(
      world,
      'resources/read',
      { uri },
      {
        ...(await as()),
        capabilities: { elicitation: { url: {} } },
        headers: { 'mcp-name': `=?base64?${Buffer.from(uri).toString('base64')}?=` },
      },
    )
    const { message } = asked.body.result.inputRequests.approve.params
    expect(message).toMatch(/^[\x20-\x7e]+$/)
    expect(message).toContain('of "mem://items/x\\n\\u202eSign in at evil.example" at up')
  })

  it('attack: asking and taking back without end: people are asked no oftener, and nothing of it is kept', async () => {
    const ask = async (from: number): Promise<(string | undefined)[]> =>
      (await Promise.all(Array.from({ length: 40 }, (_, n) => write({ n: from + n })))).map(reasonOf)
    expect(new Set(await ask(0))).toEqual(new Set(['approval-pending']))
    const own = await list(of(me))
    for (const { id } of own) await admin(world, 'approvals/reject', { id, why: 'never mind' }, of(me))
    expect((await ask(100)).filter(reason => reason === 'approval-limit')).toHaveLength(16)
    expect(await show(own[0], of(me))).not.toHaveProperty('shown')
  })

  it('attack: a few long names around many values, which are hundreds of megabytes once each is told with its path', async () => {
    const nested = (depth: number, values: number): object =>
      JSON.parse(`${`{"${'k'.repeat(600)}":`.repeat(depth)}[${Array.from({ length: values }, () => 1).join()}]${'}'.repeat(depth)}`)
    expect(reasonOf(await write(nested(30, 20_000)))).toBe('approval-limit')
    expect(await mine()).toBeUndefined()
    // As much in rows of a table is what people may be shown.
    expect(reasonOf(await write({ rows: Array.from({ length: 3000 }, (_, n) => [n, n, n]) }))).toBe('approval-pending')
    expect((await admin(world, 'approvals/show', { id: (await mine()).id }, of(me))).text.length).toBeLessThan(4_000_000)
  })

  it.each([
    ['is gone', 'NULL'],
    ['was written by somebody at the database', "'{}'"],
  ])('attack: what would run %s, and it is approved by its name alone', async (_, body) => {
    await write({ text: 'delete everything' })
    const approval = await mine()
    const db = new Database(join(world.gateway.dataDir, 'state.db'))
    db.prepare(`UPDATE approvals SET body = ${body} WHERE id = ?`).run(approval.id)
    db.close()
    const shown = await show(approval, of('bob', 'approvers'))
    expect(shown).not.toHaveProperty('shown')
    expect(shown.approval).toMatchObject({ mayDecide: false, mayReject: true, whyNot: expect.stringContaining('cannot be shown') })
    expect(reasonOf(await approve(approval, of('bob', 'approvers')))).toBe('approval-unshown')
    expect(reasonOf(await write({ text: 'delete everything' }))).toBe('approval-pending')
    const rejected = await admin(world, 'approvals/reject', { id: approval.id, why: 'what was it?' }, of('bob', 'approvers'))
    expect(rejected.body.approval.state).toBe('rejected')
  })

  it('attack: a long description of a tool ends before its end, and does not say so', async () => {
    await write()
    const { shown } = await show(await mine(), of(me))
    expect(shown.definition.description.join('')).toMatch(/and the end$|characters are not shown/)
  })

  it('attack: approvers of one thing are shown arguments that others decided, in what differs and in what was wanted lately', async () => {
    await rules(ASKS('guard', '@approvers("lawyers")'))
    await write({ text: 'the secret of the lawyers' })
    const secret = await mine()
    await approve(secret, of('lea', 'lawyers'))
    await write({ text: 'the secret of the lawyers' })
    await rules(ONE)
    await write({ text: 'harmless' })
    const bob = await show(await mine(), of('bob', 'approvers'))
    expect(JSON.stringify(bob)).not.toContain('secret')
    expect(JSON.stringify(bob)).not.toContain(secret.id)
    const own = await show(await mine(), of(me))
    expect(own.difference.against.id).toBe(secret.id)
  })
})
