// The emergency stop: what is blocked ends now, starts no more, stays blocked, and nothing tells a stranger what is there.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { json, result } from '../support/upstreams/http-upstream.ts'
import { admin, block, listen, standing, unblock } from './admin-wire.ts'
import { callTool, expectRefused, LegacyHost, modern, startWorld, works, type World } from './world.ts'

/** calls of `slow` at the upstream, by their word */
const slow = new Map<string, { answer(): void; gone: Promise<void> }>()
let world: World
beforeAll(async () => {
  world = await startWorld({
    tools: {
      slow: ({ res, message }) => {
        const word = String(message.params.arguments.word)
        const gone = new Promise<void>(resolve => res.once('close', resolve))
        slow.set(word, { answer: () => json(res, result(message.id, word)), gone })
      },
    },
    config: { operators: ['root', 'second'], administration: { twoPerson: false } },
  })
})
afterAll(() => world.stop())
afterEach(async () => {
  for (const { kind, target } of (await admin(world, 'blocks/list')).body.blocks) await unblock(world, kind, target)
})

const KEY = (who: string): string => `https://issuer.test ${who}`
const tokenOf = (who: string, more: object = {}): Promise<string> => world.gateway.token(world.path, { sub: who, ...more })
/** A call that runs at the upstream. */
async function running(word: string, over: object = {}) {
  const answer = callTool(world, 'slow', { word }, over)
  await expect.poll(() => slow.has(word)).toBe(true)
  return { answer, at: slow.get(word) }
}

describe('a blocked principal', () => {
  it('loses the call that runs: the upstream is told, the answer withheld, the outcome recorded with the reason', async () => {
    const { answer, at } = await running('mine')
    const { answer: bobs } = await running('bobs', { who: 'bob' })
    expect((await block(world, 'principal', 'alice')).body).toMatchObject({ ended: { calls: 1 } })
    await at?.gone
    expectRefused(await answer, { status: 403, code: -31423, reason: 'principal-blocked' })
    slow.get('bobs')?.answer()
    expect((await bobs).body.result.content[0].text).toBe('bobs')
    expect(world.gateway.events().findLast(e => e['type'] === 'outcome' && e['outcome'] === 'stopped')).toMatchObject({
      reason: 'principal-blocked',
      principal: { subject: 'alice' },
    })
  })

  it('loses its streams of both eras and its session; others keep theirs', async () => {
    const [host, mine, bobs] = [await LegacyHost.open(world), await listen(world), await listen(world, { who: 'bob' })]
    const old = await standing(host)
    expect([mine.status, old.status, bobs.status]).toEqual([200, 200, 200])
    expect((await block(world, 'principal', 'alice')).body).toMatchObject({ ended: { sessions: 1 } })
    await Promise.all([mine.ended, old.ended])
    await unblock(world, 'principal', 'alice')
    expectRefused(await host.call('echo'), { status: 404, code: -32600, reason: 'session-unknown' })
    let isOver = false
    void bobs.ended.then(() => (isOver = true))
    await works(world)
    expect(isOver).toBe(false)
    bobs.close()
  })

  it('is refused whatever token it brings, at every endpoint, administration included, and each try is recorded with its name', async () => {
    await block(world, 'principal', 'alice')
    for (const token of [await tokenOf('alice'), await tokenOf('alice', { client_id: 'other' })])
      expectRefused(await callTool(world, 'echo', {}, { token }), { status: 403, code: -31423, reason: 'principal-blocked' })
    expect((await admin(world, 'whoami', undefined, { claims: { sub: 'alice' } })).body.error.reason).toBe('principal-blocked')
    expect(
      world.gateway.events().filter(e => e['reason'] === 'principal-blocked' && e['type'] === 'refusal').length,
    ).toBeGreaterThanOrEqual(3)
    await unblock(world, 'principal', 'alice')
    await works(world, 'alice')
  })

  it('does not come back by a reload', async () => {
    await block(world, 'principal', 'alice')
    const upstreams = { up: { http: { url: world.up.url }, allow: [{ subjects: ['*'], tools: ['*'] }] } }
    expect(await world.gateway.reload({ upstreams, operators: ['root', 'second'], administration: { twoPerson: false } })).toBe(undefined)
    expectRefused(await callTool(world, 'echo'), { status: 403, code: -31423, reason: 'principal-blocked' })
  })
})

it('a blocked principal does not come back under another name: a reload that names people by another claim is refused, and says what mends it', async () => {
  await block(world, 'principal', 'alice')
  const [issuer] = world.gateway.snapshot.issuers
  const named = (subjectClaim: string) => ({
    upstreams: { up: { http: { url: world.up.url }, allow: [{ subjects: ['*'], tools: ['*'] }] } },
    operators: ['root', 'second'],
    identity: {
      issuers: [{ issuer: issuer?.issuer, jwksFile: issuer?.jwksFile, grant: [{ everyone: true, scopes: ['*'] }], subjectClaim }],
    },
  })
  expect(await world.gateway.reload(named('client_id'))).toMatch(
    /`subjectClaim` of .* was `sub` and is `client_id` now.*1 blocked principal; set it to `sub`/,
  )
  expectRefused(await callTool(world, 'echo'), { status: 403, code: -31423, reason: 'principal-blocked' })
  await unblock(world, 'principal', 'alice')
  expect(await world.gateway.reload(named('sub'))).toBeUndefined()
  await works(world, 'alice')
})

it('a blocked client is refused for everybody who uses it, and its streams end; other clients of the same people work', async () => {
  const token = await tokenOf('alice', { client_id: 'https://evil.example/client.json' })
  const stream = await listen(world, { token })
  await block(world, 'client', 'https://evil.example/client.json')
  await stream.ended
  expectRefused(await callTool(world, 'echo', {}, { token }), { status: 403, code: -31423, reason: 'client-blocked' })
  await works(world, 'alice')
})

describe('a blocked server', () => {
  it('loses running calls and streams, is not asked again, and its lists are empty', async () => {
    const { answer, at } = await running('held')
    const stream = await listen(world)
    await block(world, 'server', 'up')
    await Promise.all([at?.gone, stream.ended])
    expectRefused(await answer, { status: 200, code: -31423, reason: 'server-blocked' })
    const before = world.up.seen.length
    expectRefused(await callTool(world, 'echo'), { status: 200, code: -31423, reason: 'server-blocked' })
    expect((await modern(world, 'tools/list')).body.result.tools).toEqual([])
    expect(world.up.seen.length).toBe(before)
    await unblock(world, 'server', 'up')
    await works(world, 'alice')
  })

  it('is told as unknown to whom no rule permits it', async () => {
    const allow = [{ subjects: ['bob'], tools: ['*'] }]
    const config = { operators: ['root', 'second'], administration: { twoPerson: false } }
    await world.gateway.reload({ upstreams: { up: { http: { url: world.up.url }, allow } }, ...config })
    await block(world, 'server', 'up')
    const [hidden, absent] = [await callTool(world, 'echo', {}, { id: 7 }), await callTool(world, 'no such', {}, { id: 7 })]
    expect(hidden.text).toBe(absent.text)
    expectRefused(await callTool(world, 'echo', {}, { who: 'bob' }), { status: 200, code: -31423, reason: 'server-blocked' })
  })
})

it('a blocked tool ends and vanishes from lists; the other tools of its server go on', async () => {
  await world.gateway.reload({
    upstreams: { up: { http: { url: world.up.url }, allow: [{ subjects: ['*'], tools: ['*'] }] } },
    operators: ['root', 'second'],
    administration: { twoPerson: false },
  })
  const { answer } = await running('stopped')
  await block(world, 'tool', 'up/slow')
  expectRefused(await answer, { status: 200, code: -31423, reason: 'tool-blocked' })
  expectRefused(await callTool(world, 'slow', { word: 'again' }), { status: 200, code: -31423, reason: 'tool-blocked' })
  const names = (await modern(world, 'tools/list')).body.result.tools.map((t: any) => t.name)
  expect(names).toContain('echo')
  expect(names).not.toContain('slow')
  await works(world, 'alice')
})

describe('an operator', () => {
  it('who mistypes a server, an issuer or a kind is told so instead of feeling safe', async () => {
    for (const [kind, target] of [
      ['server', 'upp'],
      ['tool', 'up'],
      ['principal', 'https://other.test alice'],
      ['host', 'x'],
    ] as const)
      expect((await block(world, kind, target)).body.error.reason, kind).toBe('params-invalid')
  })
  it('cannot block itself, its client, or the last operator there is', async () => {
    expect((await block(world, 'principal', 'root')).body.error.reason).toBe('would-lock-out')
    expect((await block(world, 'client', 'terminal')).body.error.reason).toBe('would-lock-out')
    await block(world, 'principal', 'second')
    const third = await admin(
      world,
      'block',
      { kind: 'principal', target: KEY('root'), why: 'x' },
      { claims: { sub: 'root', client_id: 'cli' } },
    )
    expect(third.body.error.reason).toBe('would-lock-out')
  })
  it('leaves a record of each act: intent, target, role, outcome', async () => {
    await block(world, 'principal', 'mallory')
    const [intent, outcome] = world.gateway
      .events()
      .filter(e => e['subject']?.method === 'admin/block')
      .slice(-2)
    expect(intent).toMatchObject({
      type: 'intent',
      rules: ['role:operator'],
      principal: { subject: 'root' },
      subject: { endpoint: '/admin', name: `principal ${KEY('mallory')}` },
    })
    expect(outcome).toMatchObject({ type: 'outcome', outcome: 'ok' })
  })
})
