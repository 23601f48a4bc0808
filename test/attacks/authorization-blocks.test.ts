// Blocked people and applications at the gateway's own authorization server: at each step of getting a token, and what comes back when the block is lifted.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isStop } from '../../src/kernel/errors.ts'
import { Browser } from '../authorization-server/browser.ts'
import { Host, registered, startWorld, type World } from '../authorization-server/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())
beforeEach(() => {
  world.idp.nextUser = 'alice'
})
afterEach(() => world.blocked.clear())

const codeOf = (page: { url: string }): string | null => new URL(page.url).searchParams.get('code')
/** Who is blocked: the person, or the application that asks for them. */
const blocks: readonly (readonly [string, (host: Host) => string])[] = [
  ['person', () => 'alice'],
  ['application', host => host.clientId],
]

describe.each(blocks)('a blocked %s', (kind, target) => {
  const block = (host: Host): void => void world.blocked.add(target(host))

  it('gets no consent page at authorize, and no code', async () => {
    const host = await registered(world)
    block(host)
    const { page } = await host.ask()
    expect(page.html).not.toContain('to act for you?')
    expect(page.html).toMatch(/blocked/)
    expect([page.status >= 400, codeOf(page), new URL(page.url).origin]).toEqual([true, null, world.base])
  })
  it('gets no code for a consent page that was open when the block came, and nothing is kept as consent', async () => {
    const host = await registered(world)
    const { page, browser } = await host.ask()
    expect(page.html).toContain('to act for you?')
    const before = world.events.length
    block(host)
    const end = await browser.press(page, 'oauth/consent', { answer: 'allow' })
    expect([end.status >= 400, codeOf(end), new URL(end.url).origin]).toEqual([true, null, world.base])
    expect(world.events.slice(before).filter(({ what }) => what === 'consent-allowed')).toEqual([])
  })
  it('gets no token for a code that was issued before', async () => {
    const host = await registered(world)
    const page = await host.authorize()
    expect(codeOf(page)).toBeTruthy()
    block(host)
    const answer = await host.redeem(page)
    expect([answer.status >= 400, answer.access_token, answer.refresh_token]).toEqual([true, undefined, undefined])
    expect(answer.error).toBe('access_denied')
  })
  it('gets nothing by refreshing; when the block is lifted the refresh token works: nothing was spent', async () => {
    const host = await registered(world)
    const { refresh_token: token, access_token: first } = await host.redeem(await host.authorize())
    expect(isStop(await world.judge(first))).toBe(false)
    block(host)
    for (let i = 0; i < 2; i++) {
      const answer = await host.refresh(token)
      expect(answer).toMatchObject({ error: 'access_denied' })
      expect([answer.status >= 400, answer.access_token, answer.refresh_token]).toEqual([true, undefined, undefined])
    }
    world.blocked.clear()
    const again = await host.refresh(token)
    expect(again).toMatchObject({ status: 200, access_token: expect.any(String) })
  })
  it(`does not stop ${kind === 'person' ? 'other people' : 'other applications of the same people'}`, async () => {
    const host = await registered(world)
    block(host)
    const other = kind === 'person' ? host : await registered(world)
    if (kind === 'person') world.idp.nextUser = 'bob'
    expect(await other.redeem(await other.authorize())).toMatchObject({ status: 200, access_token: expect.any(String) })
  })
})

it('a blocked person who is signed in sees the Connections page no more, and no form of theirs is taken', async () => {
  const browser = new Browser(world.base)
  const page = await browser.signIn(await browser.open('/connections'))
  expect(page.status).toBe(200)
  world.blocked.add('alice')
  expect(await browser.open('/connections')).toMatchObject({ status: 403, html: expect.stringContaining('Your access is blocked') })
  expect((await browser.press(page, 'oauth/sign-out')).status).toBe(403)
})
