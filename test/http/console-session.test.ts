// Sessions of the console with a clock in hand: how long they live, what they begin with, and what ends them.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Person } from '../../src/http/control-plane/browser-session.ts'
import { createConsoleSessions, type ConsoleSessions } from '../../src/http/control-plane/console/session.ts'
import type { SignIn } from '../../src/identity/sign-in.ts'
import { memoryStores, type MemoryStores } from '../support/memory-identity-stores.ts'

const HOUR = 3600
const START = 1_800_000_000
const signIn: SignIn = {
  id: 'sign-in-1',
  issuer: 'https://idp.example',
  subject: 'alice',
  groups: ['staff'],
  name: 'Alice',
  startedAtSeconds: START,
  checkedAtSeconds: START,
  endsAtSeconds: START + 90 * 24 * HOUR,
}

/** What was answered, and the cookie that was set with it. */
type Answered = { status: number; location: string; cookie: string }
const answered = (): { readonly res: ServerResponse; readonly got: Answered } => {
  const got: Answered = { status: 0, location: '', cookie: '' }
  const res = {
    appendHeader: (_: string, value: string) => void (got.cookie = value),
    writeHead(status: number, headers: Record<string, string>) {
      got.status = status
      got.location = headers['Location'] ?? ''
      return { end: () => undefined }
    },
  }
  return { res: res as unknown as ServerResponse, got }
}
const asking = (cookie = '', url = '/console/api/session'): IncomingMessage =>
  ({ url, headers: { cookie, host: 'gateway.example' } }) as unknown as IncomingMessage

let now = START
let who: Person | 'nobody' | 'unavailable' | 'blocked'
let provider: 'well' | 'ended' | 'unavailable'
let stores: MemoryStores
let sessions: ConsoleSessions
let told: string[]
beforeEach(() => {
  now = START
  provider = 'well'
  who = { signIn } as Person
  stores = memoryStores()
  told = []
  sessions = createConsoleSessions({
    publicUrl: 'https://gateway.example',
    provider: 'https://idp.example',
    store: stores.browserSessions,
    signIns: { current: async () => (provider === 'well' ? signIn : provider) },
    browser: { find: async () => who, isAtHome: () => true, close: async () => void told.push('browser session closed') },
    formKey: Buffer.alloc(32, 7),
    now: () => now,
    record: async what => void told.push(what),
  })
})

/** The cookie as the browser sends it back. */
async function enter(cookie = '', path = '/console/enter'): Promise<string> {
  const { res, got } = answered()
  await sessions.enter(asking(cookie, path), res)
  expect(got.status).toBe(303)
  return got.cookie.split(';')[0] ?? ''
}
const find = async (cookie: string) => {
  const found = await sessions.find(asking(cookie))
  return typeof found === 'string' ? found : found.principal.subject
}

describe('a session of the console', () => {
  it('begins with a sign-in of the last fifteen minutes; an older one goes to the identity provider again, and back', async () => {
    now = START + 899
    expect(await find(await enter())).toBe('alice')
    now = START + 900
    const { res, got } = answered()
    await sessions.enter(asking('', '/console/enter/servers/billing'), res)
    expect([got.status, got.location, got.cookie]).toEqual([303, '/oauth/login/start?return=%2Fconsole%2Fenter%2Fservers%2Fbilling', ''])
    who = 'nobody'
    await sessions.enter(asking('', '/console/enter'), res)
    expect(got.location).toBe('/oauth/login/start?return=%2Fconsole%2Fenter')
  })

  it('is one that no other request carries: `__Host-`, Secure, HttpOnly, SameSite=Strict; in the store lies its digest', async () => {
    const { res, got } = answered()
    await sessions.enter(asking(), res)
    expect(got.cookie).toMatch(/^__Host-gatehouse-console=[A-Za-z0-9_-]{43}; Max-Age=28800; Path=\/; HttpOnly; SameSite=Strict; Secure$/)
    const [, value = ''] = /=([^;]+)/.exec(got.cookie) ?? []
    expect(stores.dump()).not.toContain(value)
    expect(told).toEqual(['console-opened'])
  })

  it('ends after eight hours, however much it is used', async () => {
    const cookie = await enter()
    for (; now < START + 8 * HOUR; now += 600) expect(await find(cookie)).toBe('alice')
    expect(await find(cookie)).toBe('nobody')
  })

  it('ends after thirty minutes without use; an open stream is use, and the time begins when the last one is closed', async () => {
    const idle = await enter()
    now += 1799
    expect(await find(idle)).toBe('alice')
    now += 1800
    expect(await find(idle)).toBe('nobody')
    now = START
    const watched = await enter()
    const session = await sessions.find(asking(watched))
    if (typeof session === 'string') throw new Error(session)
    const release = sessions.hold(session, () => {})
    now += 2 * HOUR
    expect([await sessions.isGood(session), await find(watched)]).toEqual([true, 'alice'])
    release()
    now += 1800
    expect([await sessions.isGood(session), await find(watched)]).toEqual([false, 'nobody'])
  })

  it('ends with its sign-in, is nobody’s while the provider cannot be asked, and no longer than the sign-in itself', async () => {
    const cookie = await enter()
    provider = 'unavailable'
    expect(await find(cookie)).toBe('unavailable')
    provider = 'ended'
    expect(await find(cookie)).toBe('nobody')
    who = { signIn: { ...signIn, endsAtSeconds: START + 60 } } as Person
    provider = 'well'
    const short = await enter()
    now += 60
    expect(await find(short)).toBe('nobody')
  })

  it('closed, it ends its streams and the browser’s other session, and its cookie replayed is nobody’s', async () => {
    const cookie = await enter()
    const session = await sessions.find(asking(cookie))
    if (typeof session === 'string') throw new Error(session)
    sessions.hold(session, () => void told.push('stream ended'))
    const { res } = answered()
    await sessions.close(asking(cookie), res, session)
    expect(told).toEqual(['console-opened', 'console-closed', 'stream ended', 'browser session closed'])
    expect(await find(cookie)).toBe('nobody')
  })

  it('session fixation: entering ends the session whose cookie came along, whoever planted it', async () => {
    const planted = await enter()
    const own = await enter(planted)
    expect(own).not.toBe(planted)
    expect([await find(planted), await find(own)]).toEqual(['nobody', 'alice'])
  })

  it('acts as a client of its own name, no longer than it lives, and as old as its sign-in: what ended that ended this', async () => {
    now = START + 100
    const found = await sessions.find(asking(await enter()))
    expect(found).toMatchObject({
      principal: { client: 'gatehouse-console', issuedAtSeconds: START, expiresAtSeconds: now + 8 * HOUR, groups: ['staff'], scopes: [] },
    })
  })

  it('begins for nobody who is blocked, and not while the provider cannot be asked', async () => {
    for (const [is, status] of [
      ['blocked', 403],
      ['unavailable', 503],
    ] as const) {
      who = is
      const { res, got } = answered()
      await sessions.enter(asking(), res)
      expect([got.status, got.cookie]).toEqual([status, ''])
    }
  })

  it('is opened by no cookie of another shape, and by none where two came', async () => {
    const cookie = await enter()
    for (const other of [
      `${cookie}x`,
      '__Host-gatehouse-console=',
      'gatehouse-console=x',
      `${cookie}; ${cookie}`,
      cookie.replace('__Host-', ''),
    ])
      expect([other, await find(other)]).toEqual([other, 'nobody'])
  })
})
