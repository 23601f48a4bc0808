// A principal's own credential on the ways that are not plain HTTP (the environment of a process, the old SSE transport), and where upstreams show it.

import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { accountOfUpstream } from '../../src/compose/upstreams.ts'
import type { UpstreamTransport } from '../../src/config/schema.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { memoryStores, type MemoryStores } from '../support/memory-vault.ts'
import {
  event,
  events,
  initialized,
  json,
  result,
  startHttp,
  type HttpExchange,
  type HttpUpstream,
} from '../support/upstreams/http-upstream.ts'
import { nodeServer } from '../support/upstreams/stdio.ts'
import { callTool, modern, ROOMY, type Over, type World } from './world.ts'

const KEYS = { alice: 'alices-own-key-for-the-api/1', bob: 'bobs-own-key-for-the-api/2' } as const
type Who = keyof typeof KEYS

let stores: MemoryStores
let world: World
let account = ''
let closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.reverse()) await close()
  closing = []
})

async function start(transport: UpstreamTransport, settings: object, up?: HttpUpstream): Promise<void> {
  stores = memoryStores()
  const gateway: TestGateway = await startTestGateway(
    {
      limits: ROOMY,
      upstreams: { up: { allow: [{ id: 't', subjects: ['*'], tools: ['*'] }], timeouts: { connect: '30s' }, ...settings } },
    },
    { stores },
  )
  closing.push(() => gateway.stop())
  account = accountOfUpstream('up', transport)
  const path = '/servers/up/mcp'
  const tokens = { alice: await gateway.token(path), bob: await gateway.token(path, { sub: 'bob' }) }
  world = { gateway, up, path, tokens, port: Number(new URL(gateway.url).port) } as unknown as World
}

async function enter(who: Who, secret: string = KEYS[who]): Promise<string> {
  const principal = `https://issuer.test ${who}` as never
  const terms = { principal, upstream: account, issuer: 'i', resource: '', scopes: [], kind: 'secret' as const }
  const { id } = await stores.vault.put(terms, { secret })
  await stores.consents.give(principal, account, 'test', 0)
  return id
}
const textOf = (answer: { body: any }): any => {
  expect(answer.body?.result?.content, JSON.stringify(answer.body)).toBeDefined()
  return JSON.parse(answer.body.result.content[0].text)
}
const call = (who: Who, name = 'whoami', over: Over = {}) => callTool(world, name, {}, { who, ...over })
const reasonOf = (answer: { body: any }): unknown => answer.body?.error?.data?.reason

describe('a process that takes a key of its principal (`credential.env`)', () => {
  const server = nodeServer('keyed')
  const { command, args } = server
  const startKeyed = (more: object = {}): Promise<void> =>
    start(server, { stdio: { command, args, ...more }, credential: { kind: 'secret', env: 'API_KEY' } })
  const digest = (key: string): string => createHash('sha256').update(key).digest('hex')

  it('N027: two people, two processes, each with its own key and no other', async () => {
    await startKeyed()
    await enter('alice')
    await enter('bob')
    const [alice, bob] = (await Promise.all([call('alice'), call('bob')])).map(textOf)
    expect([alice.key, bob.key]).toEqual([digest(KEYS.alice), digest(KEYS.bob)])
    expect(alice.pid).not.toBe(bob.pid)
    expect(textOf(await call('alice')).pid).toBe(alice.pid)
    expect(alice.names.filter((name: string) => !['HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LOGNAME', 'PATH', 'SHELL', 'TMPDIR', 'TZ', 'USER'].includes(name))).toEqual(['API_KEY']) // prettier-ignore
  })
  it('N026: somebody without a key gets no process: not with another’s, not without one', async () => {
    await startKeyed()
    await enter('alice')
    expect(textOf(await call('alice')).key).toBe(digest(KEYS.alice))
    expect(reasonOf(await call('bob'))).toBe('connection-required')
    const contacts = world.gateway.events().filter(e => e['type'] === 'upstream-contact')
    expect(new Set(contacts.map(e => e['principal']?.subject))).toEqual(new Set(['alice']))
  })
  it('N028: the record of each call names the credential that served it, never its value', async () => {
    await startKeyed()
    const id = await enter('alice')
    await call('alice')
    const rows = world.gateway.events()
    expect(rows.filter(e => e['type'] === 'intent').map(e => e['credential'])).toEqual([id])
    expect(JSON.stringify(rows)).not.toContain(KEYS.alice)
  })
  it.each(['show-key', 'fail-with-key'])(
    'a server that shows the key it was given (%s) shows it to no host: the answer is refused',
    async name => {
      await startKeyed()
      await enter('alice')
      const answer = await call('alice', name)
      expect(reasonOf(answer)).toBe('upstream-invalid')
      expect(answer.body.error.message).toContain('repeats the credential')
      expect(answer.text).not.toContain('alices-own')
      // the process goes on
      expect(textOf(await call('alice')).key).toBe(digest(KEYS.alice))
    },
  )
  it('a log notification with the key is left out; the others and the answer come', async () => {
    await startKeyed()
    await enter('alice')
    const params = { name: 'log-key', arguments: {}, _meta: { 'io.modelcontextprotocol/logLevel': 'debug' } }
    const answer = await modern(world, 'tools/call', params, { who: 'alice' })
    expect(answer.messages.map(m => m.params?.data).filter(Boolean)).toEqual(['using a key'])
    expect(textOf(answer)).toBe('logged')
  })
  it('a key that the configuration gives every process is shown to no host either', async () => {
    const shared = 'the-gateways-own-key-for-all'
    await start(server, { stdio: { command, args, env: { API_KEY: shared } } })
    const shown = await call('alice', 'show-key')
    expect([reasonOf(shown), shown.text.includes(shared)]).toEqual(['upstream-invalid', false])
    // In errors it is only taken out: they say what is wrong.
    const failed = await call('alice', 'fail-with-key')
    expect(failed.body.error.message).toContain('the API refused the key [redacted]')
    expect(textOf(await call('alice')).key).toBe(digest(shared))
  })
})

describe('the old HTTP+SSE transport', () => {
  /** Each GET has its own stream; whoever posts must bring the key that opened it. Tools say whose key came, and show it. */
  async function startOld(more: (exchange: HttpExchange) => boolean = () => false): Promise<HttpUpstream> {
    const streams: { readonly res: ServerResponse; readonly key: string }[] = []
    const up = await startHttp(exchange => {
      const { req, res, message } = exchange
      if (more(exchange)) return
      const key = String(req.headers['x-api-key'] ?? '')
      if (!Object.values<string>(KEYS).includes(key) && key !== 'a-fresh-key-of-alice') return json(res, {}, 401)
      if (req.method === 'GET') {
        const stream = events(res)
        streams.push({ res: stream, key })
        return void stream.write(`event: endpoint\ndata: /messages?n=${streams.length - 1}\n\n`)
      }
      const stream = streams[Number(new URL(req.url ?? '', 'http://x').searchParams.get('n'))]
      if (stream?.key !== key) return json(res, {}, 403)
      res.writeHead(202).end()
      if (message?.method === 'initialize') stream.res.write(event(initialized(message.id, '2024-11-05')))
      else if (message?.method === 'tools/list')
        stream.res.write(event({ jsonrpc: '2.0', id: message.id, result: { tools: ['whoami', 'show-key'].map(name => ({ name, inputSchema: { type: 'object' } })) } })) // prettier-ignore
      else if (message?.method === 'tools/call') {
        const said = message.params.name === 'show-key' ? { key } : { key: createHash('sha256').update(key).digest('hex') }
        stream.res.write(event(result(message.id, JSON.stringify(said))))
      }
    })
    closing.push(() => up.close())
    const url = up.url.replace('/mcp', '/sse')
    await start({ kind: 'sse', url, headers: {} }, { sse: { url }, credential: { kind: 'secret', header: 'X-Api-Key' } }, up)
    return up
  }
  const carried = (up: HttpUpstream): (string | undefined)[] => up.seen.map(({ req }) => req.headers['x-api-key'] as string | undefined)
  const digest = (key: string): string => createHash('sha256').update(key).digest('hex')

  it('N026 N027: stream and messages carry the caller’s own credential, each caller on a stream of its own, and nothing of the host’s token', async () => {
    const up = await startOld()
    await enter('alice')
    await enter('bob')
    const [alice, bob] = (await Promise.all([call('alice'), call('bob')])).map(textOf)
    expect([alice.key, bob.key]).toEqual([digest(KEYS.alice), digest(KEYS.bob)])
    expect(up.seen.filter(({ req }) => req.method === 'GET')).toHaveLength(2)
    expect(new Set(carried(up))).toEqual(new Set(Object.values(KEYS)))
    const seen = JSON.stringify(up.seen.map(({ req, body }) => [req.rawHeaders, req.url, body]))
    for (const token of Object.values(world.tokens)) expect(seen).not.toContain(token.split('.')[2])
  })
  it('N026: without a credential no stream is opened', async () => {
    const up = await startOld()
    await enter('alice')
    expect(textOf(await call('alice')).key).toBe(digest(KEYS.alice))
    const before = up.seen.length
    expect(reasonOf(await call('bob'))).toBe('connection-required')
    expect(up.seen).toHaveLength(before)
  })
  it('a stream that is refused tells the person to connect, and the host nothing of the refusal', async () => {
    const up = await startOld()
    await enter('alice', 'a-key-that-was-revoked')
    const answer = await call('alice')
    expect(reasonOf(answer)).toBe('connection-required')
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect(up.seen.every(({ req }) => req.method === 'GET')).toBe(true)
  })
  it('N046: an endpoint on another host would be sent the credential: the stream is given up', async () => {
    const thief = await startHttp(({ res }) => void res.writeHead(202).end())
    closing.push(() => thief.close())
    await startOld(({ req, res }) => {
      if (req.method === 'GET') events(res).write(`event: endpoint\ndata: ${thief.url}\n\n`)
      return req.method === 'GET'
    })
    await enter('alice')
    expect(reasonOf(await call('alice'))).toBe('upstream-invalid')
    expect(thief.seen).toEqual([])
  })
  it('a server that shows the key it was given shows it to no host', async () => {
    await startOld()
    await enter('alice')
    const answer = await call('alice', 'show-key')
    expect([reasonOf(answer), answer.text.includes(KEYS.alice)]).toEqual(['upstream-invalid', false])
  })
})
