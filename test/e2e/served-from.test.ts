// Two gateways: versions are published and reviewed at one, and run by the other, which believes signatures and nothing that the first one says.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { send, type Answer } from '../attacks/wire.ts'
import { modernBody } from '../attacks/world.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { NAME } from '../support/served.ts'
import { PATH, startServed, type ServedGateway } from '../support/served-gateway.ts'

const HOUR = 3_600_000
let registry: ServedGateway
let follower: TestGateway | undefined
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  registry = await startServed()
})
afterEach(async () => {
  vi.useRealTimers()
  await follower?.stop()
  follower = undefined
  await registry.stop()
})

const config = (more: object = {}) => ({
  registry: { from: { url: registry.running.url, ...more }, trust: { policies: registry.policies } },
  upstreams: { weather: { server: { name: NAME, version: '1.0.0' }, allow: [{ subjects: ['*'], tools: ['*'] }] } },
})
const follow = async (more: object = {}): Promise<TestGateway> =>
  (follower = await startTestGateway(config(more), { content: registry.content }))
const call = async ({ url, token }: TestGateway): Promise<unknown> => {
  const { body }: Answer = await send(Number(new URL(url).port), {
    path: PATH,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${await token(PATH)}`,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'get_weather',
    },
    body: modernBody('tools/call', { name: 'get_weather', arguments: {} }),
  })
  return body.error?.data?.trust?.rule ?? body.error?.data?.reason ?? body.result?.content[0].text.replace(/ \d+$/, '')
}
/** Some time goes by, and it looks. */
const later = async (gateway: TestGateway, ms = 11_000): Promise<void> => {
  vi.setSystemTime(Date.now() + ms)
  await gateway.reload(config())
}

describe('versions of another Gatehouse’s registry', () => {
  it('are verified here and run', async () => {
    await registry.publish('1.0.0', 1)
    const gateway = await follow()
    expect(await call(gateway)).toBe('get_weather')
    const [inForce] = gateway.events().filter(e => e['what'] === 'server-version')
    expect(inForce!['detail']).toMatchObject({ is: 'in-force', name: NAME, version: '1.0.0', sequence: 1 })
  })
  it('come into force when they are there', async () => {
    const gateway = await follow()
    expect(await call(gateway)).toBe('version-absent')
    await registry.publish('1.0.0', 1)
    await later(gateway)
    await expect.poll(() => call(gateway)).toBe('get_weather')
  })
  it('attack: a registry passes off what was signed for another one', async () => {
    await registry.publish('1.0.0', 1)
    // The same registry under another name: nobody signed for that.
    const gateway = await follow({ url: registry.running.url.replace('127.0.0.1', 'localhost') })
    expect(await call(gateway)).toBe('registry-mismatch')
  })
  it('revoked there: ends here', async () => {
    await registry.publish('1.0.0', 1)
    const gateway = await follow()
    expect(await call(gateway)).toBe('get_weather')
    await registry.revoke('key', registry.signers.hint('reviewer'))
    await later(gateway)
    await expect.poll(() => call(gateway)).toBe('signer-revoked')
  })
  it('revoked here, by the operator of this gateway: ends here and nowhere else', async () => {
    await registry.publish('1.0.0', 1)
    expect(await registry.running.reload(registry.pinned('1.0.0'))).toBe(undefined)
    const gateway = (follower = await startTestGateway({ ...config(), operators: ['root'], administration: { twoPerson: false } }, { content: registry.content })) // prettier-ignore
    expect(await call(gateway)).toBe('get_weather')
    const answer = await send(Number(new URL(gateway.url).port), {
      method: 'POST',
      path: '/v1/revocations',
      headers: { authorization: `Bearer ${await gateway.token('/admin', { sub: 'root' })}`, 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'key', target: registry.signers.hint('publisher'), reason: 'malware', action: 'block' }),
    })
    expect(answer.status).toBe(200)
    await expect.poll(() => call(gateway)).toBe('signer-revoked')
    expect((await registry.call()).body.result.content[0].text).toMatch(/^get_weather/)
  })
  it('go on for the grace while that registry is gone, and no longer', async () => {
    await registry.publish('1.0.0', 1)
    const gateway = await follow({ grace: '1h' })
    expect(await call(gateway)).toBe('get_weather')
    await registry.running.gateway.stop()
    vi.setSystemTime(Date.now() + HOUR / 2)
    await gateway.reload(config({ grace: '1h' }))
    expect(await call(gateway)).toBe('get_weather')
    vi.setSystemTime(Date.now() + HOUR)
    // Not the first time that it cannot be judged, but the second.
    const seen = async (): Promise<unknown> => {
      vi.setSystemTime(Date.now() + 20_000)
      await gateway.reload(config({ grace: '1h' }))
      return call(gateway)
    }
    await expect.poll(seen).toBe('registry-unavailable')
  })
})
