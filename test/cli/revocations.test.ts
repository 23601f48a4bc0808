// Revocations from the command line, against a running gateway, and over everything that breaks in between.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { followRevocations, type FollowParts, type Revoked } from '../../src/cli/admin/follow.ts'
import type { ActAnswer } from '../../src/cli/admin/gateway.ts'
import { startSignedRegistry, type SignedRegistry } from '../support/signed-registry.ts'
import { gatehouse } from './io.ts'

/** Follows until so many came, or it ends by itself. */
function following(base: string, after: number, count: number, token?: string) {
  const seen: Revoked[] = []
  const waits: number[] = []
  const end = new AbortController()
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const parts: FollowParts = {
    after,
    open: (path, more, signal) => fetch(base + path, { headers: { ...more, ...headers }, signal }),
    async ask(path): Promise<ActAnswer> {
      const answer = await fetch(base + path, { headers })
      const body = (await answer.json()) as Record<string, unknown>
      return answer.status === 200
        ? { ok: true, body }
        : { ok: false, error: { message: String(body['error']), reason: String(body['reason']) } }
    },
    take(revoked) {
      seen.push(revoked)
      if (seen.length === count) end.abort()
    },
    wait: ms => (waits.push(ms), waits.length > 200 ? (end.abort(), Promise.resolve()) : Promise.resolve()),
    signal: end.signal,
  }
  return { seen, waits, done: followRevocations(parts), numbers: () => seen.map(({ sequence }) => sequence) }
}

describe('a gateway', () => {
  let world: SignedRegistry
  beforeAll(async () => {
    world = await startSignedRegistry()
  })
  afterAll(() => world.stop())
  const revoke = (character: string) =>
    world.call('POST', '/v1/revocations', { kind: 'artifact', target: character.repeat(64), reason: 'policy', action: 'block' }, 'root')

  it('tells of what was and of what comes, once', async () => {
    await revoke('a')
    await revoke('b')
    const follower = following(world.gateway.url, 1, 2)
    await revoke('c')
    await follower.done
    expect(follower.numbers()).toEqual([2, 3])
    expect(follower.seen[1]).toMatchObject({ target: 'c'.repeat(64), reason: 'policy', action: 'block' })
  })
  it('shows what was revoked, from a number on', async () => {
    const run = async (...words: string[]) =>
      gatehouse(['registry', 'revocations', ...words, '--url', world.gateway.url], {
        cwd: world.folder,
        env: { GATEHOUSE_ADMIN_TOKEN: await world.gateway.token('/admin', { sub: 'ann' }) },
        now: Date.now,
      })
    expect((await run('--since', '2')).out).toMatch(/^number {2}revoked.*\n3 .* block +artifact +c{64} +policy\n$/)
    expect((await run('--since', '3')).out).toBe('nothing was revoked\n')
    expect(JSON.parse((await run('--json')).out).revocations).toHaveLength(3)
    expect(await run('--since', '-1')).toMatchObject({ code: 2 })
  })
})

describe('a registry that', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })
  const serve = async (answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> => {
    server = createServer(answer)
    await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const event = (sequence: number): string => `id: ${sequence}\ndata: {"sequence":${sequence}}\n\n`
  const stream = (res: ServerResponse): ServerResponse => res.writeHead(200, { 'content-type': 'text/event-stream' })

  it('breaks off is asked again from where it was, and what it tells twice is told once', async () => {
    const known: (string | string[] | undefined)[] = []
    const base = await serve((req, res) => {
      known.push(req.headers['last-event-id'])
      const next = known.length
      // the beginning of another one is none
      stream(res).write(`${event(next - 1)}${event(next)}id: 9\ndata: {"seq`, () => setImmediate(() => res.destroy()))
    })
    const follower = following(base, 0, 3)
    await follower.done
    expect(follower.numbers()).toEqual([1, 2, 3])
    expect(known).toEqual(['0', '1', '2'])
  })
  it('has no stream is asked for lists, page after page', async () => {
    const asked: string[] = []
    const base = await serve((req, res) => {
      const since = /since=(\d+)/.exec(req.url ?? '')?.[1]
      if (since === undefined) return void res.writeHead(404).end('{}')
      asked.push(since)
      const revocations = Number(since) < 4 ? [{ sequence: Number(since) + 1 }, { sequence: Number(since) + 2 }] : []
      res.end(JSON.stringify({ revocations }))
    })
    const follower = following(base, 0, 4)
    await follower.done
    expect([follower.numbers(), asked.slice(0, 2)]).toEqual([
      [1, 2, 3, 4],
      ['0', '2'],
    ])
  })
  it('refuses for good is left, and says why', async () => {
    const base = await serve((_req, res) => res.writeHead(403).end('{"error":"no","reason":"role-missing"}'))
    expect(await following(base, 0, 1).done).toMatchObject({ ok: false, error: { reason: 'role-missing' } })
  })
  it('is not there for a while is waited for longer and longer, and no longer than half a minute', async () => {
    let asked = 0
    const base = await serve((req, res) => {
      asked++
      if (asked < 9) return void req.socket.destroy()
      stream(res).write(event(1))
    })
    const follower = following(base, 0, 1)
    await follower.done
    expect(follower.waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  })
  it('attack: sends lines without end, or what is no revocation, is believed nothing of', async () => {
    let asked = 0
    const base = await serve((_req, res) => {
      asked++
      if (asked === 1) stream(res).end(`data: ${'x'.repeat(70_000)}\n\n`)
      else stream(res).end('data: nonsense\n\ndata: {"sequence":"9"}\n\ndata: []\n\nid: 9\ndata: {"sequence":1}\n\n')
    })
    const follower = following(base, 0, 1)
    await follower.done
    expect(follower.numbers()).toEqual([1])
  })
})
