// Which authority a request is for, and what the gateway does about handles that upstreams make up (N035, N059).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTool, modernBody, startWorld, unseen, type World } from './world.ts'
import { untilClosed } from './wire.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

/** A good request but for its target and Host lines. */
function bytes(target: string, hosts: readonly string[], token = world.tokens.alice): string {
  const body = modernBody('tools/call', { name: 'echo', arguments: { word: 'attack' } })
  const fields = [
    ...hosts.map(host => `Host: ${host}`),
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    'MCP-Protocol-Version: 2026-07-28',
    'Mcp-Method: tools/call',
    'Mcp-Name: echo',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  return `POST ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`
}
const own = (): string => `127.0.0.1:${world.port}`

describe('N059, CVE-2026-48710 (BadHost): one authority decides, whatever else names one', () => {
  const attacks: readonly (readonly [string, () => string])[] = [
    ['an absolute-form target of another host', () => bytes(`http://evil.example${world.path}`, [own()])],
    ['an absolute-form target of this gateway beside another Host', () => bytes(`http://${own()}${world.path}`, ['evil.example'])],
    ['another Host', () => bytes(world.path, ['evil.example'])],
    ['two Hosts', () => bytes(world.path, [own(), 'evil.example'])],
    ['two Hosts, the good one last', () => bytes(world.path, ['evil.example', own()])],
    ['no Host', () => bytes(world.path, [])],
    ['a user in the Host', () => bytes(world.path, [`${own()}@evil.example`])],
    ['a path in the Host', () => bytes(world.path, [`${own()}/healthz`])],
    ['an authority-form target', () => bytes(own(), [own()])],
    ['a target that leaves by two slashes', () => bytes(`//evil.example${world.path}`, [own()])],
  ]
  it.each(attacks)('%s is refused, and the upstream sees nothing', async (_what, make) => {
    const raw = await unseen(world, () => untilClosed(world.port, make()))
    expect(raw.statuses[0]).toBeGreaterThanOrEqual(400)
    expect(raw.statuses[0]).toBeLessThan(500)
  })
  it.each(['X-Forwarded-Host', 'Forwarded', 'X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Prefix'])(
    '%s moves no request past its token: the endpoint is that of the target',
    async name => {
      const value = name === 'Forwarded' ? 'host=evil.example' : '/healthz'
      const stranger = bytes(world.path, [own()], 'none').replace('\r\n', `\r\n${name}: ${value}\r\n`)
      const raw = await unseen(world, () => untilClosed(world.port, stranger))
      expect(raw.statuses[0]).toBe(401)
    },
  )
})

// Not prevented, and said so in SECURITY.md: what an argument means is the upstream's affair, which has to bind its handles itself.
describe('N035: a handle an upstream made for one principal, passed as an argument by another', () => {
  it('is not bound by the gateway: it passes, recorded with who sent it, without its value, and equal calls have equal digests', async () => {
    const args = { cart: 'cart-of-alice-7f3a' }
    const before = world.gateway.events().length
    for (const who of ['alice', 'bob'] as const) expect((await callTool(world, 'echo', args, { who })).status).toBe(200)
    expect((await callTool(world, 'echo', { ...args, more: 1 }, { who: 'bob' })).status).toBe(200)
    const intents = world.gateway
      .events()
      .slice(before)
      .filter(e => e['type'] === 'intent')
    expect(intents.map(e => e['principal'].subject as string)).toEqual(['alice', 'bob', 'bob'])
    expect(JSON.stringify(intents)).not.toContain('cart-of-alice')
    const [alice, bob, other] = intents.map(e => e['subject'].paramsDigest as string)
    expect(alice).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(bob).toBe(alice)
    expect(other).not.toBe(alice)
  })
})
