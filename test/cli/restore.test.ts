// Backup, a thousand more calls and many more acts, restore: the gateway starts, says what is lost, no floor has fallen, and nothing that was ended lives again.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readFloor } from '../../src/adapters/audit/floor.ts'
import { FloorFile } from '../../src/adapters/tuf/floor-file.ts'
import { findingsIn } from '../support/gateway-log.ts'
import { SECRETS, startRestoreWorld, type RestoreWorld } from './restore-world.ts'

const CALLS = 1000
const SERVER = {
  name: 'com.example/weather',
  description: 'Weather.',
  version: '1.0.0',
  remotes: [{ type: 'streamable-http', url: 'https://api.example.com/mcp' }],
}

let world: RestoreWorld
beforeAll(async () => {
  world = await startRestoreWorld()
  await world.start()
}, 180_000)
afterAll(() => world.end())

const events = (): Record<string, any>[] =>
  readdirSync(join(world.dataDir, 'audit'))
    .filter(name => name.startsWith('events-'))
    .sort()
    .flatMap(name =>
      readFileSync(join(world.dataDir, 'audit', name), 'utf8')
        .trim()
        .split('\n'),
    )
    .map(line => JSON.parse(line) as Record<string, any>)
const runs = (): number[] =>
  world.calendar.of('tools/call').flatMap(({ params }) => (params.name === 'forbidden' ? [params.arguments.n as number] : []))

/** Sam says yes to what he was shown. */
async function approve(id: string, ...more: string[]): Promise<void> {
  const shown = await world.did('approvals', 'approve', id, '--user', 'sam')
  const digest = /--digest[= ]'?([\w-]+)/.exec(shown)?.[1] ?? ''
  await world.did('approvals', 'approve', id, `--digest=${digest}`, '--user', 'sam', ...more)
}

describe('a backup in the middle, and what was ended after it', () => {
  const before: { token?: string; host?: { access: string; refresh: string }; floors?: string; seen?: number } = {}
  const floors = (): string => readFileSync(join(world.dataDir, 'trust/floors.json'), 'utf8')
  let told: Record<string, any>

  it('is made of a gateway that runs, after accounts, consents, approvals, blocks and versions came', async () => {
    const page = await world.signIn()
    const next = await world.browser.press(page, '/connections/secret', { alias: 'tickets', secret: SECRETS.tickets })
    expect(next.status).toBe(200)
    await world.browser.press(await world.browser.open('/connections'), '/connections/secret', { alias: 'drawer', secret: SECRETS.drawer })
    before.host = await world.host.signIn({ path: '/servers/calendar/mcp', scope: 'calendar:use' }, world.browser)
    before.token = await world.token('/servers/calendar/mcp')
    expect(await world.call('calendar', 'echo', { word: 'x' }, before.host.access)).toMatchObject({ status: 200 })

    const asked = async (n: number) => (await world.call('calendar', 'forbidden', { n }, before.token ?? '')).approval ?? ''
    await approve(await asked(1))
    expect((await world.call('calendar', 'forbidden', { n: 1 }, before.token)).status).toBe(200)
    await approve(await asked(2))
    await approve(await asked(3), '--standing', '8h')
    await world.did('block', 'client', 'evil', '--why', 'an incident')

    await world.did('namespace', 'register', 'com.example', world.person('pat'), '--why', 'theirs')
    world.put('server.json', SERVER)
    world.put('surface.json', { mode: 'subset', instructions: null, tools: {}, prompts: {}, resources: {}, resourceTemplates: {} })
    await world.did('sign', '--surface', 'surface.json', '--sequence', '1', '--key', 'signing.pem', '--registry', world.url)
    await world.did('publish', '--user', 'pat')
    await world.did('backup', 'backup', '--with-keys')
  }, 120_000)

  it('lets a thousand calls pass and ends what was begun', async () => {
    before.seen = events().length
    const token = before.token ?? ''
    let left = CALLS
    const caller = async (): Promise<void> => {
      while (left-- > 0) expect((await world.call('calendar', 'echo', { left }, token)).status).toBe(200)
    }
    await Promise.all(Array.from({ length: 16 }, caller))
    for (const n of [2, 3]) expect((await world.call('calendar', 'forbidden', { n }, token)).status).toBe(200)
    const { grants } = JSON.parse(await world.did('grants', 'list', '--json', '--user', 'sam')) as { grants: { id: string }[] }
    await world.did('grants', 'revoke', grants[0]?.id ?? '', '--user', 'sam')
    await world.did('connections', 'revoke', 'tickets')
    await world.browser.press(await world.browser.open('/connections'), '/connections/applications/revoke')
    await world.did('block', 'principal', world.person('bob'), '--why', 'he left')
    await world.did('registry', 'revoke', 'version', 'com.example/weather@1.0.0', '--reason', 'malware')
    await world.did('namespace', 'freeze', 'com.example', '--why', 'an incident')
    new FloorFile(join(world.dataDir, 'trust')).raise(new Map([['com.example/weather', 7]]))
    before.floors = floors()
    expect(runs()).toEqual([1, 2, 3])
  }, 120_000)

  it('is put back: it says what is lost and what stays ended, and the gateway starts', async () => {
    await world.stop()
    expect(await world.run('restore', 'backup')).toMatchObject({ code: 4, err: expect.stringContaining('--force') })
    told = JSON.parse(await world.did('restore', 'backup', '--force', '--json')) as Record<string, any>
    expect(told).toMatchObject({
      isLogWhole: true,
      restored: {
        isSuccessor: true,
        connections: { kept: 1, ended: 1, heldBack: 0 },
        blocked: [expect.stringMatching(/^principal \S+ bob$/)],
        revoked: ['com.example/weather@1.0.0'],
        frozen: ['com.example'],
        ended: { consents: 1, approvals: 3, standing_grants: 1 },
      },
      unknown: [],
    })
    expect(told['lost'].join()).toContain('accounts connected since')
    const signed = readFloor(world.dataDir).last
    await world.start()
    expect(floors()).toBe(before.floors)
    const { origin, size } = readFloor(world.dataDir).last ?? {}
    expect([origin, (size ?? 0) >= (signed?.size ?? Infinity)]).toEqual([signed?.origin, true])
    const whats = events().map(({ what }) => what as string | undefined)
    expect(events().length).toBeGreaterThan((before.seen ?? 0) + 2 * CALLS)
    expect(whats.slice(whats.indexOf('restore')).filter(Boolean)).toEqual(expect.arrayContaining(['restore', 'restored', 'start']))
  }, 120_000)

  it('attack: every token from before it is tried, and a refresh token that was revoked', async () => {
    for (const token of [before.token, before.host?.access])
      expect((await world.call('calendar', 'echo', {}, token ?? '')).status).toBe(401)
    expect(await world.host.refresh(before.host ?? { access: '', refresh: '' })).toBeUndefined()
    expect((await world.browser.open('/connections')).html).not.toContain('/connections/secret')
  })

  it('attack: approvals that were spent and a grant that was revoked are used once more', async () => {
    const token = await world.token('/servers/calendar/mcp')
    for (const n of [1, 2, 3]) expect(await world.call('calendar', 'forbidden', { n }, token)).toMatchObject({ reason: 'approval-pending' })
    expect(runs()).toEqual([1, 2, 3])
  })

  it('attack: a connection that was revoked serves again; the other one does, once its person allows it anew', async () => {
    const [tickets, drawer] = await Promise.all(['tickets', 'drawer'].map(name => world.token(`/servers/${name}/mcp`)))
    const revoked = await world.call('tickets', 'whoami', {}, tickets ?? '')
    const kept = await world.call('drawer', 'whoami', {}, drawer ?? '')
    expect([revoked.reason, kept.reason]).toEqual(['connection-required', 'connection-required'])
    await world.signIn()
    expect((await world.browser.open(revoked.url ?? '')).html).toContain('name="secret"')
    const page = await world.browser.open(kept.url ?? '')
    expect(page.html).not.toContain('name="secret"')
    await world.browser.press(page, '/oauth/connect', { answer: 'allow' })
    expect((await world.call('drawer', 'whoami', {}, drawer ?? '')).text).toContain('alice')
  })

  it('attack: whoever was blocked comes again, and a version that was revoked is made active', async () => {
    expect((await world.call('calendar', 'echo', {}, await world.token('/servers/calendar/mcp', 'bob'))).reason).toBe('principal-blocked')
    expect(await world.run('registry', 'status', 'com.example/weather@1.0.0', 'active')).toMatchObject({
      code: 1,
      err: expect.stringContaining('revoked'),
    })
    expect(await world.did('namespace', 'list')).toMatch(/com\.example +frozen/)
  })

  it('leaves an audit log that verifies over the break', async () => {
    await world.stop()
    expect(await findingsIn(world.dataDir)).toEqual([])
    await world.start()
  }, 60_000)

  it('asks the person anew whether the application may act for them', async () => {
    await world.signIn()
    expect(await world.host.signIn({ path: '/servers/calendar/mcp', scope: 'calendar:use' }, world.browser)).toMatchObject({
      access: expect.any(String),
    })
  })
})
