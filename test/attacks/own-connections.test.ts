// Connected accounts over the API: each principal's own, and nobody else's, whoever asks and whatever is named.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startConnectWorld, type ConnectWorld } from '../connect/world.ts'
import { admin } from './admin-wire.ts'
import { callTool } from './world.ts'

let world: ConnectWorld
const tokenOf = async (sub: string): Promise<string> => `opaque-token-of-${sub}`
beforeAll(async () => {
  world = await startConnectWorld({
    check: async token => {
      const [, account] = /^opaque-token-of-(\w+)$/.exec(token) ?? []
      return account === undefined ? undefined : { account, scopes: ['read'] }
    },
    config: { operators: ['root'] },
  })
})
afterAll(() => world.stop())
afterEach(async () => {
  for (const sub of ['alice', 'bob'])
    for (const { id, principal } of await world.stores.vault.list(`https://issuer.test ${sub}` as never))
      await world.stores.vault.revoke(principal, id)
})
const as = (sub: string) => ({ claims: { sub } })
const list = async (sub: string) => (await admin(world, 'connections/list', undefined, as(sub))).body
const revoke = (sub: string, connection: string) => admin(world, 'connections/revoke', { connection }, as(sub))
const connected = async (sub: 'alice' | 'bob') => world.grant(sub, await tokenOf(sub))

describe('a principal’s connections', () => {
  it('are listed to the principal alone: not to others, and not to operators', async () => {
    const id = await connected('alice')
    const [own] = (await list('alice')).connections
    expect(own).toMatchObject({ id, server: 'up', kind: 'oauth', issuer: world.as.issuer, scopes: ['read'] })
    for (const other of ['bob', 'root'])
      expect(await list(other)).toEqual({ connections: [], missing: [{ server: 'up', title: 'up', kind: 'oauth' }] })
  })

  it('show terms and never a credential', async () => {
    await connected('alice')
    expect(JSON.stringify(await list('alice'))).not.toContain('opaque-token')
  })

  it('cannot be revoked by another principal, who learns not even that there is one', async () => {
    const id = await connected('alice')
    const unknown = await revoke('bob', '0'.repeat(id.length))
    for (const [who, named] of [
      ['bob', id],
      ['bob', 'up'],
      ['root', id],
    ] as const) {
      const { status, body } = await revoke(who, named)
      const { requestId, ...error } = body.error
      expect([status, error]).toEqual([unknown.status, { ...unknown.body.error, requestId: undefined }])
      expect(requestId).toEqual(expect.any(String))
    }
    const served = await callTool(world, 'whoami')
    expect(JSON.parse(served.body.result.content[0].text)).toMatchObject({ account: 'alice' })
  })

  it('another’s stays when one’s own for the same server is revoked', async () => {
    await connected('alice')
    await connected('bob')
    expect((await revoke('bob', 'up')).status).toBe(200)
    expect((await list('alice')).connections).toHaveLength(1)
    expect((await callTool(world, 'whoami', {}, { who: 'bob' })).body.error.data.reason).toBe('connection-required')
  })

  it('are revoked by id or server, at once, with an intent before and an outcome after it', async () => {
    const id = await connected('alice')
    expect((await callTool(world, 'whoami')).body.error).toBe(undefined)
    expect((await revoke('alice', 'up')).body).toEqual({ revoked: id })
    expect((await callTool(world, 'whoami')).body.error.data.reason).toBe('connection-required')
    const rows = world.gateway.events().filter(({ subject }) => subject?.method === 'admin/connections/revoke')
    const own = rows.filter(({ principal, request }) => principal.subject === 'alice' && request === rows.at(-1)?.['request'])
    expect(own.map(({ type, subject }) => [type, subject.name])).toEqual([
      ['intent', `connection up ${id}`],
      ['outcome', `connection up ${id}`],
    ])
  })

  it('are nobody’s with a token of a host, however good it is at its own endpoint', async () => {
    await connected('alice')
    const token = world.tokens.alice
    expect((await admin(world, 'connections/list', undefined, { token })).status).toBe(401)
    expect((await admin(world, 'connections/revoke', { connection: 'up' }, { token })).status).toBe(401)
    expect((await list('alice')).connections).toHaveLength(1)
  })

  it('are not revoked where it names more than one thing, or something else', async () => {
    await connected('alice')
    for (const body of [{}, { connection: '' }, { connection: 'up', principal: 'https://issuer.test bob' }, { connection: ['up'] }])
      expect((await admin(world, 'connections/revoke', body, as('alice'))).body.error.reason).toBe('params-invalid')
    expect((await list('alice')).connections).toHaveLength(1)
  })

  it('cannot be read: the answer says so, and nothing is called revoked', async () => {
    await connected('alice')
    const { list: whole, revoke: take } = world.stores.vault
    const broken = async (): Promise<never> => Promise.reject(new Error('disk'))
    Object.assign(world.stores.vault, { list: broken })
    expect((await admin(world, 'connections/list', undefined, as('alice'))).body.error.reason).toBe('state-unavailable')
    expect((await revoke('alice', 'up')).body.error.reason).toBe('state-unavailable')
    Object.assign(world.stores.vault, { list: whole.bind(world.stores.vault), revoke: broken })
    expect((await revoke('alice', 'up')).body.error.reason).toBe('state-unavailable')
    Object.assign(world.stores.vault, { revoke: take.bind(world.stores.vault) })
    expect((await list('alice')).connections).toHaveLength(1)
  })
})
