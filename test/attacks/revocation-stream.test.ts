// The stream of revocations on the wire: who may listen, for how long, how many, and that nothing is missed between two streams.

import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { behindProxy, startSignedRegistry, type SignedRegistry } from '../support/signed-registry.ts'

const open: Listening[] = []
/** One stream on a socket of its own, as its bytes come. */
class Listening {
  text = ''
  isOver = false
  readonly #socket: Socket
  #changed: () => void = () => {}
  constructor({ gateway }: SignedRegistry, path: string, headers: readonly string[], method = 'GET') {
    const port = Number(new URL(gateway.url).port)
    const proxied = Object.entries({ host: `127.0.0.1:${port}`, ...behindProxy(gateway) }).map(([name, value]) => `${name}: ${value}`)
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', chunk => {
      this.text += chunk.toString()
      this.#changed()
    })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.isOver = true
      this.#changed()
    })
    this.#socket.write([`${method} ${path} HTTP/1.1`, ...proxied, ...headers, '', ''].join('\r\n'))
    open.push(this)
  }
  async until(isDone: (self: this) => boolean): Promise<this> {
    while (!isDone(this)) {
      if (this.isOver) throw new Error(`over: ${this.text}`)
      await new Promise<void>(resolve => (this.#changed = resolve))
    }
    return this
  }
  async over(): Promise<this> {
    while (!this.isOver) await new Promise<void>(resolve => (this.#changed = resolve))
    return this
  }
  get ids(): readonly string[] {
    return [...this.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id ?? '')
  }
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.text)?.[1])
  }
  close(): void {
    this.#socket.destroy()
  }
}
afterEach(() => {
  for (const stream of open.splice(0)) stream.close()
})

const PATH = '/v1/revocations/stream'
const revoke = async (world: SignedRegistry, character: string): Promise<number> => {
  const target = character.repeat(64)
  const { body } = await world.call('POST', '/v1/revocations', { kind: 'artifact', target, reason: 'policy', action: 'block' }, 'root')
  return body.revocation.sequence as number
}

describe('on this machine alone', () => {
  let world: SignedRegistry
  beforeAll(async () => {
    world = await startSignedRegistry()
    await revoke(world, 'a')
    await revoke(world, 'b')
  })
  afterAll(() => world.stop())
  const listen = (headers: readonly string[] = [], path = PATH, method = 'GET'): Listening => new Listening(world, path, headers, method)

  it('everybody gets what was, and each as it comes, as `GET /v1/revocations` shows it', async () => {
    const stream = await listen().until(({ ids }) => ids.length === 2)
    expect(stream.text).toMatch(/content-type: text\/event-stream/i)
    const number = await revoke(world, 'c')
    await stream.until(({ ids }) => ids.length === 3)
    const last = /id: 3\ndata: (.*)\n\n/.exec(stream.text)?.[1] ?? ''
    const { revocations } = (await world.call('GET', '/v1/revocations?since=2')).body
    expect([JSON.parse(last), number]).toEqual([revocations[0], 3])
    expect(last).not.toContain('root')
  })
  it('it goes on behind Last-Event-ID, which counts more than `since`', async () => {
    const stream = listen(['Last-Event-ID: 2'], `${PATH}?since=0`)
    await stream.until(({ ids }) => ids.length === 1)
    expect(stream.ids).toEqual(['3'])
    expect((await listen([], `${PATH}?since=1`).until(({ ids }) => ids.length === 2)).ids).toEqual(['2', '3'])
  })
  it.each([
    [['Last-Event-ID: x'], PATH],
    [[], `${PATH}?since=-1`],
  ])('%j %s is refused', async (headers, path) => {
    const stream = await listen([...headers, 'Connection: close'], path).over()
    expect([stream.status, stream.text.includes('params-invalid')]).toEqual([400, true])
  })
  it('attack: a token of another registry that comes along is not looked at', async () => {
    expect((await listen(['Authorization: Bearer nonsense']).until(({ ids }) => ids.length === 3)).status).toBe(200)
  })
  it('attack: one address holds a few streams, whatever it asks for, and room comes back with each that ends', async () => {
    const held = Array.from({ length: 8 }, () => listen())
    for (const stream of held) await stream.until(({ ids }) => ids.length === 3)
    const more = await listen(['Connection: close']).over()
    expect([more.status, more.text.includes('subscription-limit')]).toEqual([429, true])
    held[0]?.close()
    // whether the gateway has noticed yet is its own pace: asked until it has
    for (;;) {
      const next = listen()
      await next.until(({ text, ids }) => ids.length === 3 || text.includes('subscription-limit'))
      if (next.status === 200) break
      next.close()
    }
  })
  it('is below no set, and a HEAD opens none', async () => {
    expect((await listen(['Connection: close'], `/sets/dev${PATH}`).over()).status).toBe(404)
    const head = await listen(['Connection: close'], PATH, 'HEAD').over()
    expect([head.status, head.ids]).toEqual([200, []])
  })
})

describe('where other machines reach the gateway', () => {
  let world: SignedRegistry
  beforeAll(async () => {
    world = await startSignedRegistry({ publicUrl: 'https://gw.example.com', trustedProxies: ['127.0.0.1/32'] })
    await revoke(world, 'a')
  })
  afterAll(() => world.stop())
  const listen = async (who: string): Promise<Listening> => {
    const token = await world.gateway.token('/admin', { sub: who })
    return new Listening(world, PATH, [`Authorization: Bearer ${token}`])
  }

  it('nobody listens without a token', async () => {
    const stranger = await new Listening(world, PATH, ['Connection: close']).over()
    expect([stranger.status, stranger.text.includes('token-missing'), stranger.ids]).toEqual([401, true, []])
  })
  it('anybody signed in does, and it is recorded who', async () => {
    const stream = await (await listen('ann')).until(({ ids }) => ids.length === 1)
    await revoke(world, 'b')
    await stream.until(({ ids }) => ids.length === 2)
    const [row] = world.gateway.events().filter(event => event['subject']?.method === 'admin/registry/follow' && event['principal'])
    expect(row?.['principal']).toMatchObject({ subject: 'ann' })
  })
  it('attack: whoever is blocked hears nothing more', async () => {
    const stream = await (await listen('mallory')).until(({ ids }) => ids.length === 2)
    await world.call('POST', '/admin/block', { kind: 'principal', target: 'mallory', why: 'gone' }, 'root')
    await stream.over()
    await revoke(world, 'c')
    expect(stream.ids).toEqual(['1', '2'])
  })
  it('the act opens the same stream, and its answer is none without one', async () => {
    const token = await world.gateway.token('/admin', { sub: 'ann' })
    const body = '{"since":"2"}'
    const headers = [`Authorization: Bearer ${token}`, 'Content-Type: application/json', `Content-Length: ${body.length}`, '', body]
    const stream = new Listening(world, '/admin/registry/follow', headers, 'POST')
    expect((await stream.until(({ ids }) => ids.length === 1)).ids).toEqual(['3'])
  })
})
