// Area G, first part: sessions of 2025 belong to whom they were opened for, at the endpoint they were opened at.

import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { json, result } from '../support/upstreams/http-upstream.ts'
import { eventually } from '../support/upstreams/world.ts'
import { Raw, send, type Answer } from './wire.ts'
import { callTool, expectRefused, LegacyHost, startWorld, unseen, works, type Refused, type World } from './world.ts'

const GONE: Refused = { status: 404, code: -32600, reason: 'session-unknown' }
const call = (id: unknown, name = 'echo', args: object = {}): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } })

/** calls of `slow`, answered when the test says so */
const slow = new Map<string, () => void>()
let world: World
beforeAll(async () => {
  world = await startWorld({
    tools: {
      slow: ({ res, message }) => {
        const word = String(message.params.arguments.word)
        res.on('close', () => slow.delete(word))
        slow.set(word, () => json(res, result(message.id, `answer for ${word}`)))
      },
    },
    config: {
      upstreams: { other: { http: { url: 'http://127.0.0.1:9/mcp' }, allow: [{ subjects: ['*'], tools: ['*'] }] } },
    },
  })
})
afterAll(() => world.stop())

const act = (method: 'GET' | 'DELETE', headers: Record<string, string | undefined>): Promise<Answer> =>
  send(world.port, { method, path: world.path, headers })
/** Opens the session's GET stream; resolves once its head has come. */
async function openStream(host: LegacyHost, more: Record<string, string> = {}): Promise<Raw> {
  const headers = { host: `127.0.0.1:${world.port}`, ...host.headers, accept: 'text/event-stream', ...more }
  const lines = Object.entries(headers).map(([k, v]) => `${k}: ${v}\r\n`)
  const raw = new Raw(world.port).write(`GET ${world.path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  await raw.until(/\r\n\r\n/)
  return raw
}

describe('N100: a stolen session id', () => {
  it('N100, CVE-2025-6515, CVE-2026-52869 (python-sdk), rmcp GHSA-9pj6-vhgr-3mwh: with the thief’s own token it is 404, and the owner notices nothing (R47, R108)', async () => {
    const alice = await LegacyHost.open(world)
    await unseen(world, async () => {
      const stolen = { 'mcp-session-id': alice.id, authorization: `Bearer ${world.tokens.bob}` }
      for (const body of [
        call(1),
        JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'ping' }),
        JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }),
      ])
        expectRefused(await alice.post(body, stolen), GONE, body)
      expectRefused(await alice.post(call(1), { ...stolen, authorization: undefined }), {
        status: 401,
        code: -32600,
        reason: 'token-missing',
      })
      expectRefused(await alice.post(call(1), { ...stolen, authorization: 'Bearer nonsense' }), {
        status: 401,
        code: -32600,
        reason: 'token-invalid',
      })
    })
    expect((await alice.call('echo')).body.result).toBeDefined()
  })
  it('N100: a subject that only resembles the owner’s is somebody else', async () => {
    const alice = await LegacyHost.open(world)
    for (const sub of ['alice ', 'Alice', 'alice\u200b', 'alice/', '*']) {
      const token = await world.gateway.token(world.path, { sub })
      expectRefused(await alice.post(call(1), { authorization: `Bearer ${token}` }), GONE, sub)
    }
  })
  it('N100: a session is of one endpoint: the owner’s token for another does not carry it over', async () => {
    const alice = await LegacyHost.open(world)
    const token = await world.gateway.token('/mcp')
    const moved = await send(world.port, {
      path: '/mcp',
      headers: { ...alice.headers, authorization: `Bearer ${token}` },
      body: call(1, 'up__echo'),
    })
    expectRefused(moved, GONE)
    const wrong = await send(world.port, { path: '/mcp', headers: alice.headers, body: call(1, 'up__echo') })
    expectRefused(wrong, { status: 401, code: -32600, reason: 'token-invalid' })
  })
  it('N100: foreign, ended and made-up sessions get the same bytes: nobody learns which exist', async () => {
    const alice = await LegacyHost.open(world)
    const ended = await LegacyHost.open(world, { who: 'bob' })
    expect((await act('DELETE', ended.headers)).status).toBe(200)
    const bob = await LegacyHost.open(world, { who: 'bob' })
    const texts = await Promise.all(
      [alice.id, ended.id, 'A'.repeat(alice.id.length)].map(async id => {
        const answer = await bob.post(call(1), { 'mcp-session-id': id })
        return `${answer.status} ${answer.text.replace(/"requestId":"[^"]*"/, '')}`
      }),
    )
    expect(new Set(texts).size).toBe(1)
  })
})

describe('N101: session ids', () => {
  it('N101: a host’s own choice is no session (fixation), whatever it looks like; ids in URLs mean nothing', async () => {
    await unseen(world, async () => {
      for (const id of ['1', '00000000-0000-0000-0000-000000000000', '0x7ffe1234', 'a'.repeat(43), '../../x', "' or 1=1", 'é'])
        expectRefused(
          await send(world.port, {
            path: world.path,
            headers: { ...(await LegacyHost.open(world)).headers, 'mcp-session-id': encodeURI(id) },
            body: call(1),
          }),
          GONE,
          id,
        )
      const alice = await LegacyHost.open(world)
      for (const query of [`?sessionId=${alice.id}`, `?session_id=${alice.id}`, `?mcp-session-id=${alice.id}`])
        expectRefused(
          await send(world.port, { path: world.path + query, headers: { ...alice.headers, 'mcp-session-id': undefined }, body: call(1) }),
          { status: 400, code: -32600, reason: 'session-missing' },
          query,
        )
    })
  })
  it('N101: an initialize that brings an id is refused: the id is never taken over', async () => {
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {} },
    })
    const { headers } = await LegacyHost.open(world, { who: 'bob' })
    const answer = await send(world.port, { path: world.path, headers: { ...headers, 'mcp-session-id': 'chosen' }, body })
    expectRefused(answer, { status: 400, code: -32600, reason: 'header-invalid' })
    expect(answer.headers).not.toHaveProperty('mcp-session-id')
  })
  it('N101: ids hold at least 128 bits of chance, in visible ASCII, and show no order (R46)', async () => {
    const ids: string[] = []
    for (let i = 0; i < 40; i++) {
      const host = await LegacyHost.open(world, { who: 'bob' })
      ids.push(host.id)
      expect((await act('DELETE', host.headers)).status).toBe(200)
    }
    expect(new Set(ids).size).toBe(40)
    for (const id of ids) {
      expect(id).toMatch(/^[A-Za-z0-9_-]{22,}$/)
      expect(Buffer.from(id, 'base64url').length * 8).toBeGreaterThanOrEqual(128)
    }
    // no place at which consecutive ids agree or count up
    for (let at = 0; at < ids[0]!.length - 1; at++) expect(new Set(ids.map(id => id[at])).size).toBeGreaterThan(5)
    expect([...ids].sort()).not.toEqual(ids)
  })
  it('N101: the audit log holds digests of session ids, never the ids: who reads it cannot use them', async () => {
    const alice = await LegacyHost.open(world)
    await alice.call('echo')
    const text = JSON.stringify(world.gateway.events())
    expect(text).not.toContain(alice.id)
    expect(text).toContain(createHash('sha256').update(alice.id).digest('base64url'))
  })
})

describe('N102: acts on somebody else’s session', () => {
  it('N102: DELETE, GET and resume of A’s session by B are 404 and change nothing (R47)', async () => {
    const alice = await LegacyHost.open(world)
    const stream = await openStream(alice)
    const foreign = { ...alice.headers, authorization: `Bearer ${world.tokens.bob}`, accept: 'text/event-stream' }
    expectRefused(await act('DELETE', foreign), GONE)
    expectRefused(await act('GET', foreign), GONE)
    for (const lastEventId of ['s1-0', 's1-1', 's2-0']) expectRefused(await act('GET', { ...foreign, 'last-event-id': lastEventId }), GONE)
    expect(stream.socket.destroyed).toBe(false)
    expect((await alice.call('echo')).body.result).toBeDefined()
    stream.destroy()
  })
  it('N102: an event id of A means nothing in B’s session: B resumes into its own stream, with nothing of A (R50)', async () => {
    const alice = await LegacyHost.open(world)
    const bob = await LegacyHost.open(world, { who: 'bob' })
    // an answer that Alice could resume: the stream comes first because she prefers it
    const told = await alice.post(call('a', 'echo', { secret: 'of alice' }), { accept: 'text/event-stream, application/json' })
    expect(told.text).toContain('of alice')
    const ids = [...told.text.matchAll(/^id: (.+)$/gm)].map(m => m[1]!)
    expect(ids.length).toBeGreaterThan(0)
    for (const id of [...ids, 's1-0', 's1-1', 's99-0', '-1', 's1-1e0', '__proto__-0', 's1--1']) {
      const stream = await openStream(bob, { 'last-event-id': id })
      expect(stream.text).toContain('200 OK')
      stream.destroy()
      expect(stream.text).not.toContain('of alice')
    }
    // while Alice herself gets it again
    const again = await openStream(alice, { 'last-event-id': ids[0]! })
    expect(await again.until(/of alice/)).toContain('of alice')
    again.destroy()
  })
  it('N102: a session ends for its owner alone, at once and for good', async () => {
    const [one, two] = [await LegacyHost.open(world), await LegacyHost.open(world)]
    expect((await act('DELETE', one.headers)).status).toBe(200)
    expectRefused(await one.post(call(1)), GONE)
    expectRefused(await act('DELETE', one.headers), GONE)
    expect((await two.call('echo')).body.result).toBeDefined()
  })
})

describe('N103: cancelling what somebody else asked for', () => {
  const cancel = (requestId: unknown): string =>
    JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason: 'mine now' } })
  it('N103: the request id of another host, of another session, or of a modern request cancels nothing; the try is recorded', async () => {
    const alice = await LegacyHost.open(world)
    const others = [await LegacyHost.open(world, { who: 'bob' }), await LegacyHost.open(world)]
    const running = alice.post(call(7, 'slow', { word: 'alice' }))
    const modern = callTool(world, 'slow', { word: 'modern' }, { id: 7 })
    await eventually(() => slow.has('alice') && slow.has('modern'))
    for (const other of others) for (const id of [7, '7', 7.0, 0, -7]) expect((await other.post(cancel(id))).status).toBe(202)
    for (const who of ['bob', 'alice'] as const) {
      const answer = await callTool(world, 'x', {}, { who, body: cancel(7) })
      expect(answer.status).toBe(202)
    }
    expect([slow.has('alice'), slow.has('modern')]).toEqual([true, true])
    slow.get('alice')?.()
    slow.get('modern')?.()
    expect((await running).text).toContain('answer for alice')
    expect((await modern).text).toContain('answer for modern')
    const tries = world.gateway.events().filter(e => e['subject']?.method === 'notifications/cancelled')
    expect(tries.map(e => e['principal'].subject)).toEqual(expect.arrayContaining(['alice', 'bob']))
    await works(world)
  })
  it('N103: one’s own request is cancelled: the upstream is told, and no answer comes late (R40, R85)', async () => {
    const alice = await LegacyHost.open(world)
    const running = alice.post(call('mine', 'slow', { word: 'cancelled' }))
    await eventually(() => slow.has('cancelled'))
    expect((await alice.post(cancel('mine'))).status).toBe(202)
    await eventually(() => !slow.has('cancelled'))
    expect((await running).text).not.toContain('answer for')
  })
})

describe('sessions without end', () => {
  it('CVE-2026-59951 (python-sdk): sessions are bounded per principal and in all; who opens too many loses their own, nobody else’s', async () => {
    const small = await startWorld({ config: { limits: { sessionsPerPrincipal: 4, sessions: 8 } } })
    const tokenOf = (sub: string): Promise<string> => small.gateway.token(small.path, { sub })
    const kept = await LegacyHost.open(small, { token: await tokenOf('carol') })
    const mallory = await tokenOf('mallory')
    const opened: LegacyHost[] = []
    for (let i = 0; i < 50; i++) opened.push(await LegacyHost.open(small, { token: mallory }))
    const alive = await Promise.all(opened.map(async host => (await host.call('echo')).status))
    expect(alive).toEqual([...Array<number>(46).fill(404), 200, 200, 200, 200])
    for (let i = 0; i < 3; i++) await LegacyHost.open(small, { token: await tokenOf(`dave-${i}`) })
    // Full: a stranger waits, and everybody who is there goes on.
    const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {} } }
    const headers = { ...kept.headers, 'mcp-session-id': undefined, authorization: `Bearer ${await tokenOf('erin')}` }
    const refused = await send(small.port, { path: small.path, headers, body: JSON.stringify(initialize) })
    expectRefused(refused, { status: 429, code: -31429, reason: 'session-limit' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect((await send(small.port, { method: 'GET', path: '/metrics' })).text).toContain('\ngatehouse_sessions 8\n')
    expect((await kept.call('echo')).body.result).toBeDefined()
    expect((await opened.at(-1)!.call('echo')).body.result).toBeDefined()
    await small.stop()
  })
})
