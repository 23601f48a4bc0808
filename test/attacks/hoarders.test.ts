// Strangers and greedy callers who make the gateway hold memory or connections: large bodies need a token and a place, connections are counted.

import { afterEach, describe, expect, it } from 'vitest'
import { callTool, expectRefused, modernBody, modernHeaders, startWorld, works, type World } from './world.ts'
import { Raw, send } from './wire.ts'

let world: World | undefined
const open: Raw[] = []
afterEach(async () => {
  for (const raw of open.splice(0)) raw.destroy()
  await world?.stop()
  world = undefined
})
const start = async (limits: Record<string, unknown> = {}): Promise<World> => (world = await startWorld({ config: { limits } }))
const raw = (): Raw => {
  const one = new Raw(world!.port)
  open.push(one)
  return one
}
const KIB = 1024
/** The head of a POST that announces that many bytes, or chunks. */
function head(authorization: string | undefined, bytes: number | 'chunked'): string {
  const length = bytes === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${bytes}`
  const token = authorization === undefined ? '' : `authorization: Bearer ${authorization}\r\n`
  return `POST ${world!.path} HTTP/1.1\r\nhost: 127.0.0.1:${world!.port}\r\ncontent-type: application/json\r\n${token}${length}\r\n\r\n`
}
const gauge = async (name: string): Promise<number> => {
  const { text } = await send(world!.port, { method: 'GET', path: '/metrics', headers: { host: `127.0.0.1:${world!.port}` } })
  return Number(new RegExp(`^gatehouse_${name} (\\d+)$`, 'm').exec(text)?.[1])
}
const counted = async (reason: string): Promise<number> => {
  const events = world!.gateway.events().filter(e => e['type'] === 'aggregate' && e['reason'] === reason)
  return events.reduce((sum, e) => sum + (e['count'] as number), 0)
}

describe('a large body of a stranger', () => {
  it.each([
    ['without a token', undefined, 'token-missing'],
    ['with a bad one', 'not.a.token', 'token-invalid'],
  ])('%s gets the challenge it would get anyway, and is counted, not kept', async (_, token, reason) => {
    await start()
    const body = modernBody('tools/call', { name: 'echo', arguments: { text: 'x'.repeat(3_000_000) } })
    const headers = modernHeaders(world!, 'tools/call', { name: 'echo' })
    const answer = await send(world!.port, {
      path: world!.path,
      headers: { ...headers, authorization: token === undefined ? undefined : `Bearer ${token}` },
      body,
    })
    expectRefused(answer, { status: 401, code: -32600, reason })
    expect(answer.headers['www-authenticate']).toContain('resource_metadata')
    expect(answer.body.id, 'its body was not looked at').toBeUndefined()
    await world!.gateway.gateway.stop()
    expect(await counted(reason)).toBe(1)
  })

  it('never takes the place of somebody who has a token, however many come', async () => {
    await start({ bodySize: '1MiB', bodyTotalSize: '1MiB' })
    const strangers = Array.from({ length: 20 }, (_, i) => {
      const one = raw()
      const part = Buffer.alloc(900 * KIB, 0x20)
      return i % 2 === 0
        ? one.write(head(undefined, KIB * KIB)).write(part)
        : one
            .write(head('bad', 'chunked'))
            .write(`${part.length.toString(16)}\r\n`)
            .write(part)
            .write('\r\n')
    })
    await expect.poll(() => strangers.every(({ socket }) => socket.writableLength === 0)).toBe(true)
    expect(await gauge('body_bytes')).toBe(0)
    const answer = await callTool(world!, 'echo', { text: 'x'.repeat(900 * KIB) })
    expect(answer).toMatchObject({ status: 200, body: { result: {} } })
  })

  it('in chunks without end costs no more than one of the size allowed', async () => {
    await start({ bodySize: '64KiB' })
    const endless = raw().write(head(undefined, 'chunked'))
    for (let i = 0; i < 10; i++) endless.write(`2000\r\n${' '.repeat(0x2000)}\r\n`)
    await endless.closed
    expect(endless.statuses).toEqual([413])
  })
})

describe('large bodies of callers with a token', () => {
  it('have a bound in all and for each: one who fills his share stops himself, nobody else', async () => {
    await start({ bodySize: '256KiB', bodyTotalSize: '1MiB' })
    const slow = raw().write(head(world!.tokens.alice, 200 * KIB))
    await expect.poll(() => gauge('body_bytes')).toBe(200 * KIB)
    const big = { text: 'x'.repeat(150 * KIB) }
    expectRefused(await callTool(world!, 'echo', big), { status: 429, code: -31429, reason: 'principal-limited' })
    // small ones are not concerned, and neither is anybody else
    await works(world!, 'alice')
    expect(await callTool(world!, 'echo', big, { who: 'bob' })).toMatchObject({ status: 200, body: { result: {} } })
    slow.destroy()
    await expect.poll(() => gauge('body_bytes')).toBe(0)
    expect(await callTool(world!, 'echo', big)).toMatchObject({ status: 200, body: { result: {} } })
  })

  it('beyond the bound in all are asked to come again, and that is no reason to block the address', async () => {
    await start({ bodySize: '256KiB', bodyTotalSize: '256KiB', addressFailuresPerMinute: 1 })
    raw().write(head(world!.tokens.alice, 200 * KIB))
    await expect.poll(() => gauge('body_bytes')).toBe(200 * KIB)
    for (let i = 0; i < 3; i++) {
      const answer = await callTool(world!, 'echo', { text: 'x'.repeat(100 * KIB) }, { who: 'bob' })
      expectRefused(answer, { status: 503, code: -31503, reason: 'gateway-overloaded' })
      expect(answer.headers['retry-after']).toBe('1')
    }
  })
})

describe('connections', () => {
  /** Connections that are held: each has had an answer and stays open. */
  async function hold(count: number): Promise<Raw[]> {
    const held = Array.from({ length: count }, () => raw().write(`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:${world!.port}\r\n\r\n`))
    await Promise.all(held.map(one => one.until(/alive/)))
    return held
  }

  it('of one address are cut beyond its limit, counted, and room is made as they close', async () => {
    await start({ connectionsPerAddress: 5, connections: 1000 })
    // the world's own requests may still be closing
    await expect.poll(async () => (await gauge('connections')) <= 1).toBe(true)
    const held = await hold(4)
    const last = (await hold(1))[0]!
    const over = raw().write(`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:${world!.port}\r\n\r\n`)
    expect(await over.closed).toBe('')
    last.destroy()
    held[0]!.destroy()
    await expect.poll(async () => (await gauge('connections').catch(() => 99)) <= 4).toBe(true)
    await works(world!)
    await world!.gateway.gateway.stop()
    expect(await counted('address-limited')).toBeGreaterThan(0)
  })

  it('in all are cut beyond the limit', async () => {
    await start({ connectionsPerAddress: 3, connections: 3 })
    await expect.poll(async () => (await gauge('connections')) <= 1).toBe(true)
    await hold(3)
    expect(await raw().write(`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:${world!.port}\r\n\r\n`).closed).toBe('')
  })

  it('whose socket became a stream of events still count, until they end', async () => {
    await start({ connectionsPerAddress: 50, connections: 50 })
    const body = modernBody('subscriptions/listen', { notifications: { toolsListChanged: true } })
    const fields = Object.entries(modernHeaders(world!, 'subscriptions/listen')).flatMap(([k, v]) =>
      v === undefined ? [] : [`${k}: ${String(v)}`],
    )
    const lines = `${fields.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}`
    const streams = Array.from({ length: 10 }, () => raw().write(`POST ${world!.path} HTTP/1.1\r\n${lines}\r\n\r\n${body}`))
    await Promise.all(streams.map(one => one.until(/acknowledged/)))
    expect(await gauge('connections')).toBeGreaterThanOrEqual(10)
    for (const one of streams) one.destroy()
    await expect.poll(async () => (await gauge('connections')) <= 2).toBe(true)
  })
})
