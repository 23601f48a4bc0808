// Administration under attack: what peers got wrong (research/peers.md) as tests, and who may do what.

import { existsSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { askLocally } from '../../src/adapters/local-acts.ts'
import { admin, block, listen, unblock } from './admin-wire.ts'
import { send } from './wire.ts'
import { callTool, expectRefused, LegacyHost, startWorld, works, type World } from './world.ts'

let world: World
const ROLES = {
  operators: ['root', 'second'],
  administration: {
    twoPerson: true,
    roles: { approver: { groups: ['approvers'] }, auditor: { groups: ['auditors'] }, policyAuthor: { groups: ['authors'] } },
  },
}
beforeAll(async () => {
  world = await startWorld({ config: ROLES })
})
afterAll(() => world.stop())

const as = (sub: string, ...groups: string[]) => ({ claims: { sub, groups } })
const reasonOf = async (answer: Promise<{ body: any }>): Promise<string | undefined> => (await answer).body.error?.reason

describe('who may administer', () => {
  it.each([
    ['no token', undefined],
    ['a token that anybody could guess (default credentials, CVE-2026-78573)', 'Bearer admin'],
    ['a password instead of a token', `Basic ${Buffer.from('admin:admin').toString('base64')}`],
    ['an empty token', 'Bearer '],
  ])('nobody with %s', async (_what, authorization) => {
    const answer = await send(world.port, { method: 'GET', path: '/admin/blocks/list', headers: { authorization } })
    expect(answer.status).toBe(401)
    expect(answer.headers['www-authenticate']).toContain('/.well-known/oauth-protected-resource/admin')
  })

  it('nobody with a token for an MCP endpoint, and no host with one for administration', async () => {
    const host = await world.gateway.token('/mcp', { sub: 'root' })
    expect((await admin(world, 'blocks/list', undefined, { token: host })).status).toBe(401)
    const token = await world.gateway.token('/admin', { sub: 'root' })
    expect((await callTool(world, 'echo', {}, { token })).status).toBe(401)
  })

  it('nobody by being signed in, by naming a role in a claim, or by a group of nearly the same name', async () => {
    for (const who of [as('m1'), as('m2', 'operator'), as('m3', 'Approvers'), as('m4', 'approvers ')])
      expect(await reasonOf(admin(world, 'block', { kind: 'server', target: 'up', why: 'x' }, who))).toBe('role-missing')
    const claims = { sub: 'm5', roles: ['operator'], role: 'operator', scope: 'admin operator *' }
    expect(await reasonOf(admin(world, 'blocks/list', undefined, { claims }))).toBe('role-missing')
    await works(world)
  })

  it('each role no more than its own', async () => {
    const acts: [string, object | undefined][] = [
      ['blocks/list', undefined],
      ['block', { kind: 'client', target: 'x', why: 'x' }],
      ['sessions/end', { principal: 'nobody' }],
      ['proposals/list', undefined],
      ['proposals/approve', { id: 'none' }],
      ['keys/rotate', { target: 'none', why: 'x' }],
    ]
    const may = async (who: object): Promise<string[]> => {
      const allowed = await Promise.all(
        acts.map(async ([act, body]) => ((await reasonOf(admin(world, act, body, who))) === 'role-missing' ? [] : [act])),
      )
      return allowed.flat()
    }
    expect(await may(as('a', 'auditors'))).toEqual(['blocks/list', 'proposals/list'])
    expect(await may(as('b', 'approvers'))).toEqual(['blocks/list', 'proposals/list', 'proposals/approve'])
    expect(await may(as('c', 'authors'))).toEqual(['proposals/list'])
    expect(await may(as('root'))).toEqual(acts.map(([act]) => act))
  })

  it('a role that a reload takes away is gone at the next act, whatever the token', async () => {
    const token = await world.gateway.token('/admin', { sub: 'eve', groups: ['auditors'] })
    expect((await admin(world, 'blocks/list', undefined, { token })).status).toBe(200)
    const upstreams = { up: { http: { url: world.up.url }, allow: [{ subjects: ['*'], tools: ['*'] }] } }
    await world.gateway.reload({
      upstreams,
      operators: ['root', 'second'],
      administration: { twoPerson: true, roles: { approver: { groups: ['approvers'] } } },
    })
    expect(await reasonOf(admin(world, 'blocks/list', undefined, { token }))).toBe('role-missing')
    await world.gateway.reload({ upstreams, ...ROLES })
  })
})

describe('N058: a web request that names a program (LiteLLM CVE-2026-30623 and CVE-2026-42271, MCPHub CVE-2026-79748, Flowise CVE-2026-40933)', () => {
  const marker = (): string => join(world.gateway.dataDir, 'spawned')
  const stdio = { command: 'touch', args: ['spawned'], env: { PATH: '/bin' } }
  it.each(['servers/test', 'servers/add', 'server/add', 'test', 'upstreams', 'preview', 'mcp/test/connection', '../admin/block', 'block/'])(
    'finds nothing at /admin/%s, for an operator either',
    async path => {
      const answer = await admin(world, path, { name: 'x', stdio: { ...stdio, args: [marker()] } })
      expect(answer.status).toBe(404)
      expect(existsSync(marker())).toBe(false)
    },
  )
  it('is refused where an act takes other members', async () => {
    const answer = await admin(world, 'block', { kind: 'server', target: 'up', why: 'x', stdio: { ...stdio, args: [marker()] } })
    expect(answer.body.error.reason).toBe('params-invalid')
    expect(existsSync(marker())).toBe(false)
    await works(world)
  })
  it.each(['break-glass/open', 'break-glass/close'])('cannot %s: that is for the machine itself', async act => {
    expect((await admin(world, act, { seconds: '60', why: 'x' })).status).toBe(404)
  })
})

describe('a body that is not what the act takes', () => {
  it.each([
    ['a key twice', '{"kind":"server","kind":"client","target":"up","why":"x"}', 'json-invalid'],
    ['a list', '[]', 'params-invalid'],
    ['a number as a name', '{"kind":"server","target":1,"why":"x"}', 'params-invalid'],
    ['a line break, to forge log lines', '{"kind":"client","target":"a\\nb","why":"x"}', 'params-invalid'],
    ['an empty reason', '{"kind":"client","target":"a","why":""}', 'params-invalid'],
    ['__proto__', '{"kind":"client","target":"a","why":"x","__proto__":{}}', 'params-invalid'],
    ['too many bytes', `{"kind":"client","target":"a","why":"${'x'.repeat(70_000)}"}`, 'body-too-large'],
  ])('%s', async (_what, body, reason) => {
    const token = await world.gateway.token('/admin', { sub: 'root' })
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    expect((await send(world.port, { path: '/admin/block', headers, body })).body.error.reason).toBe(reason)
  })
  it('a form that a page of another site could post', async () => {
    const token = await world.gateway.token('/admin', { sub: 'root' })
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'text/plain' }
    const body = JSON.stringify({ kind: 'server', target: 'up', why: 'x' })
    expect((await send(world.port, { path: '/admin/block', headers, body })).status).toBe(415)
    const evil = { ...headers, 'content-type': 'application/json', origin: 'https://evil.example' }
    expect((await send(world.port, { path: '/admin/block', headers: evil, body })).status).toBe(403)
    expect((await send(world.port, { method: 'GET', path: '/admin/block', headers })).status).toBe(405)
  })
})

describe('the two-person rule', () => {
  const propose = async (): Promise<string> => {
    await block(world, 'client', 'victim')
    const answer = await unblock(world, 'client', 'victim')
    expect(answer.body).toMatchObject({ state: 'proposed', proposal: { action: 'unblock', target: 'client victim', state: 'pending' } })
    return answer.body.proposal.id
  }
  const isBlocked = async (): Promise<boolean> => (await admin(world, 'blocks/list')).body.blocks.some((b: any) => b.target === 'victim')

  it('a proposer cannot approve his own change, by another client or token either', async () => {
    const id = await propose()
    for (const over of [{}, { claims: { client_id: 'another' } }])
      expect(await reasonOf(admin(world, 'proposals/approve', { id }, over))).toBe('approver-is-proposer')
    expect(await isBlocked()).toBe(true)
    expect((await admin(world, 'proposals/approve', { id }, as('second'))).body.state).toBe('applied')
    expect(await isBlocked()).toBe(false)
  })
  it('of many approvals at once exactly one is applied', async () => {
    const id = await propose()
    const tries = ['second', 'x', 'y', 'z'].map(sub => admin(world, 'proposals/approve', { id }, as(sub, 'approvers')))
    const states = (await Promise.all(tries)).map(answer => answer.body.state ?? answer.body.error.reason)
    expect(states.sort()).toEqual(['applied', 'proposal-unknown', 'proposal-unknown', 'proposal-unknown'])
  })
  it('a change that was rejected cannot be approved afterwards, and nobody approves what does not exist', async () => {
    const id = await propose()
    expect((await admin(world, 'proposals/reject', { id }, as('second'))).body.proposal.state).toBe('rejected')
    expect(await reasonOf(admin(world, 'proposals/approve', { id }, as('x', 'approvers')))).toBe('proposal-unknown')
    expect(await reasonOf(admin(world, 'proposals/approve', { id: '0'.repeat(36) }, as('x', 'approvers')))).toBe('proposal-unknown')
  })
  it('a proposer who was blocked since has no way left: his change is not approved', async () => {
    await block(world, 'client', 'victim')
    const { body } = await admin(world, 'unblock', { kind: 'client', target: 'victim', why: 'let me in' }, as('second'))
    await block(world, 'principal', 'second')
    expect(await reasonOf(admin(world, 'proposals/approve', { id: body.proposal.id }, as('x', 'approvers')))).toBe('proposal-unknown')
    const free = await admin(world, 'unblock', { kind: 'principal', target: 'second', why: 'over' })
    await admin(world, 'proposals/approve', { id: free.body.proposal.id }, as('x', 'approvers'))
  })
  it('key rotation needs two as well, and what was sealed before still opens', async () => {
    const answer = await admin(world, 'keys/rotate', { target: 'sealing', why: 'yearly' })
    expect(answer.body.state).toBe('proposed')
    const id = answer.body.proposal.id as string
    expect((await admin(world, 'proposals/approve', { id }, as('second'))).body).toMatchObject({ rotated: 'sealing' })
    // What is applied is on record before it is: the intent names a proposal, which a restored database may not know.
    const at = world.gateway.events().findIndex(event => event['what'] === 'change-applied' && event['detail'].proposal === id)
    expect(world.gateway.events().slice(at - 1, at + 2)).toMatchObject([
      { type: 'intent', subject: { method: 'admin/proposals/approve', name: `proposal ${id}` } },
      { detail: { action: 'rotate-key', target: 'sealing', by: expect.stringMatching(/ second$/) } },
      { type: 'outcome', outcome: 'ok' },
    ])
  })
})

describe('break-glass', () => {
  const local = (act: string, params: object = {}) =>
    askLocally(world.gateway.dataDir, act, params) as Promise<{ status: number; body: any }>
  afterEach(() => local('admin/break-glass/close'))

  it('does nothing before it is opened, and is loud when it is', async () => {
    expect((await local('admin/blocks/list')).body.error.reason).toBe('break-glass-closed')
    expect((await local('admin/break-glass/open', { seconds: '600', why: 'the provider is down' })).status).toBe(200)
    const ready = await send(world.port, { method: 'GET', path: '/readyz' })
    expect(ready.body.dependencies).toContainEqual(expect.objectContaining({ name: 'break-glass', state: 'degraded' }))
    expect((await send(world.port, { method: 'GET', path: '/metrics' })).text).toContain('gatehouse_break_glass_open 1')
    expect(world.gateway.events()).toContainEqual(
      expect.objectContaining({
        type: 'lifecycle',
        what: 'break-glass-open',
        detail: expect.objectContaining({ why: 'the provider is down' }),
      }),
    )
  })
  it('lets one person do alone what needs two, recorded as break-glass', async () => {
    await block(world, 'client', 'locked')
    await local('admin/break-glass/open', { seconds: '600', why: 'nobody else is awake' })
    expect((await local('admin/unblock', { kind: 'client', target: 'locked', why: 'now' })).body.state).toBe('applied')
    expect(world.gateway.events().findLast(e => e['subject']?.method === 'admin/unblock' && e['type'] === 'intent')).toMatchObject({
      rules: ['break-glass'],
      principal: { issuer: 'urn:gatehouse:local' },
    })
  })
  it('ends when it is closed, and its end is recorded', async () => {
    await local('admin/break-glass/open', { seconds: '600', why: 'x' })
    expect((await local('admin/break-glass/close')).body.closed).toBe(true)
    expect((await local('admin/blocks/list')).body.error.reason).toBe('break-glass-closed')
    await expect.poll(() => world.gateway.events().some(e => e['what'] === 'break-glass-closed')).toBe(true)
  })
  it('is not open for longer than four hours', async () => {
    expect((await local('admin/break-glass/open', { seconds: '14401', why: 'x' })).body.error.reason).toBe('params-invalid')
  })
  it('takes no command that others could have left: a readable file, a link, a second name', async () => {
    const folder = join(world.gateway.dataDir, 'break-glass')
    const command = JSON.stringify({ method: 'admin/break-glass/open', params: { seconds: '60', why: 'planted' } })
    const outside = join(world.gateway.dataDir, 'planted')
    writeFileSync(outside, command, { mode: 0o600 })
    symlinkSync(outside, join(folder, `${'a'.repeat(32)}.ask`))
    writeFileSync(join(folder, `${'b'.repeat(32)}.ask`), command, { mode: 0o644 })
    mkdirSync(join(folder, `${'c'.repeat(32)}.ask`))
    linkSync(outside, join(folder, `${'ab'.repeat(16)}.ask`))
    await expect.poll(() => readdirSync(folder).filter(name => /^[abc]{32}/.test(name))).toEqual([])
    expect((await local('admin/blocks/list')).body.error.reason).toBe('break-glass-closed')
  })
})

describe('N032: a user removed from a group while a stream is open', () => {
  const token = async (secondsAgo: number, ...groups: string[]): Promise<string> =>
    world.gateway.token(world.path, { sub: 'carol', groups, iat: Math.floor(Date.now() / 1000) - secondsAgo })
  it('loses stream and session when a new token shows the other groups; the new token works', async () => {
    const old = await token(60, 'dev')
    const [stream, host] = [await listen(world, { token: old }), await LegacyHost.open(world, { token: old })]
    const next = await token(30)
    expect((await callTool(world, 'echo', { n: 1 }, { token: next })).status).toBe(200)
    await stream.ended
    expectRefused(await host.call('echo'), { status: 401, code: -32600, reason: 'token-revoked' })
    expect((await callTool(world, 'echo', { n: 2 }, { token: next })).status).toBe(200)
  })
  it('revoked groups are not restored by a race (CVE-2026-105140): the older token no longer counts, whichever comes first', async () => {
    const [old, next] = [await token(20, 'dev', 'admins'), await token(10, 'dev')]
    expect((await callTool(world, 'echo', {}, { token: next })).status).toBe(200)
    expectRefused(await callTool(world, 'echo', {}, { token: old }), { status: 401, code: -32600, reason: 'token-revoked' })
    const tries = await Promise.all([old, next, old, next, old].map(t => callTool(world, 'echo', {}, { token: t })))
    expect(tries.map(t => t.status)).toEqual([401, 200, 401, 200, 401])
  })
})

describe('ended sessions', () => {
  it('of another principal are not for its equals to end (IDOR)', async () => {
    const stream = await listen(world)
    expect(await reasonOf(admin(world, 'sessions/end', { principal: 'alice' }, as('bob')))).toBe('role-missing')
    expect(await reasonOf(admin(world, 'sessions/end', { principal: 'alice' }, as('aud', 'auditors')))).toBe('role-missing')
    await works(world, 'alice')
    stream.close()
  })
  it('take streams and tokens with them; a token issued later counts', async () => {
    const iat = Math.floor(Date.now() / 1000) - 5
    const token = await world.gateway.token(world.path, { sub: 'dave', iat })
    const stream = await listen(world, { token })
    expect((await admin(world, 'sessions/end', { principal: 'dave' })).body.ended.streams).toBe(1)
    await stream.ended
    expectRefused(await callTool(world, 'echo', {}, { token }), { status: 401, code: -32600, reason: 'token-revoked' })
    const later = await world.gateway.token(world.path, { sub: 'dave', iat: Math.floor(Date.now() / 1000) + 2 })
    expect((await callTool(world, 'echo', {}, { token: later })).status).toBe(200)
  })
})

describe('a configuration that would lock every operator out', () => {
  const upstreams = (): object => ({ up: { http: { url: world.up.url }, allow: [{ subjects: ['*'], tools: ['*'] }] } })
  it('is refused at a reload, and nothing changes', async () => {
    expect(await world.gateway.reload({ upstreams: upstreams(), operators: [] })).toContain('nobody could administer')
    expect((await admin(world, 'blocks/list')).status).toBe(200)
  })
  it('is refused when all it names are blocked', async () => {
    await block(world, 'principal', 'ghost')
    expect(await world.gateway.reload({ upstreams: upstreams(), operators: ['ghost'] })).toContain('nobody could administer')
    expect(await world.gateway.reload({ upstreams: upstreams(), ...ROLES })).toBe(undefined)
  })
})
