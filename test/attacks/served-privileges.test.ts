// What a person allowed of one version of a server is nothing to another.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hostAt, OWN_SERVER } from '../authorization-server/running.ts'
import { freePort } from '../support/free-port.ts'
import { IDP_CLIENT, startIdp, type TestIdp } from '../support/identity-provider.ts'
import { PATH, startServed, type ServedGateway } from '../support/served-gateway.ts'
import { send, type Answer } from './wire.ts'
import { modernBody } from './world.ts'

let idp: TestIdp
let world: ServedGateway
let url: string
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  idp = await startIdp(`${url}/oauth/login/callback`)
  world = await startServed({
    config: { listen: `127.0.0.1:${port}` },
    identity: { login: { issuer: idp.issuer, ...IDP_CLIENT, scopes: ['openid', 'offline_access'] }, ...OWN_SERVER },
  })
})
afterEach(async () => {
  vi.useRealTimers()
  await world.stop()
  await idp.stop()
})
/** Consents are dated in whole seconds. */
const later = (): void => void vi.setSystemTime(Date.now() + 2000)

const call = (token: string): Promise<Answer> =>
  send(Number(new URL(url).port), {
    path: PATH,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'get_weather',
    },
    body: modernBody('tools/call', { name: 'get_weather', arguments: {} }),
  })
const said = ({ body }: Answer): unknown => body.error?.data?.reason ?? body.result?.content[0].text.replace(/ \d+$/, '')

describe('scopes that a person allowed', () => {
  it('attack: the next version is called with tokens that were allowed for the one before, and refreshed since', async () => {
    const host = hostAt(url)
    await world.publish('1.0.0', 1)
    expect(await world.running.reload(world.pinned('1.0.0'))).toBe(undefined)
    later()
    const old = await host.signIn({ path: PATH, scope: 'weather:use' })
    expect(said(await call(old.access))).toBe('get_weather')

    later()
    await world.publish('1.1.0', 2)
    expect(await world.running.reload(world.pinned('1.1.0'))).toBe(undefined)
    const refused = await call(old.access)
    expect([said(refused), refused.status]).toEqual(['scope-missing', 403])
    expect(refused.headers['www-authenticate']).toContain('scope="weather:use"')
    later()
    expect(said(await call((await host.refresh(old))!.access))).toBe('scope-missing')

    // The person is asked about the version that is there now.
    const renewed = await host.signIn({ path: PATH, scope: 'weather:use' })
    expect(said(await call(renewed.access))).toBe('get_weather')
  })

  it('count on where the very version comes back that they were allowed for', async () => {
    const host = hostAt(url)
    await world.publish('1.0.0', 1)
    expect(await world.running.reload(world.pinned('1.0.0'))).toBe(undefined)
    later()
    const { access } = await host.signIn({ path: PATH, scope: 'weather:use' })
    later()
    expect(await world.running.reload({ ...world.pinned('1.0.0'), upstreams: {} })).toBe(undefined)
    expect(await world.running.reload(world.pinned('1.0.0'))).toBe(undefined)
    expect(said(await call(access))).toBe('get_weather')
  })
})
