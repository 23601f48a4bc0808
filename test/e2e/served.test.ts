// A version of the registry, served end to end: published, reviewed, pinned, called by hosts of both eras; refused, cut and held where what was signed does not hold.

import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { startGateway } from '../../src/main.ts'
import { send, type Answer } from '../attacks/wire.ts'
import { gatehouse } from '../cli/io.ts'
import { serverJson } from '../support/served.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { FLIPPING, PATH, startServed, type ServedGateway } from '../support/served-gateway.ts'
import { connect, failureOf, REVISIONS, textOf } from './support/hosts.ts'
import type { World } from './support/world.ts'

const BUILD = { version: '0.0.0-test', environment: process.env, logger: silentLogger() }
let world: ServedGateway | undefined
afterEach(async () => {
  await world?.stop()
  world = undefined
})
const start = async (options: Parameters<typeof startServed>[0] = {}): Promise<ServedGateway> => (world = await startServed(options))
const reasonOf = ({ body }: Answer): string | undefined => body.error?.data?.reason
const ruleOf = ({ body }: Answer): string | undefined => body.error?.data?.trust?.rule

/** published, reviewed and pinned */
async function serving(options: Parameters<typeof startServed>[0] = {}): Promise<ServedGateway> {
  const served = await start(options)
  expect((await served.publish('1.0.0', 1)).status).toBe(200)
  expect(await served.running.reload(served.pinned('1.0.0'))).toBe(undefined)
  return served
}

describe('a version that was signed, reviewed and pinned', () => {
  it.each(REVISIONS)('is listed and called by hosts of %s', async revision => {
    const { running, content } = await serving()
    const host = await connect(running as World, PATH, revision)
    try {
      expect((await host.tools()).map(t => t.name)).toEqual(['get_weather'])
      expect(textOf(await host.call('get_weather', { city: 'Ulm' }))).toBe('get_weather 1')
      expect(host.about.instructions).toBe('Ask for one city at a time.')
    } finally {
      await host.close()
    }
    expect(content.kept[0]).toMatchObject({ artifact: { purl: 'pkg:npm/%40example/weather@1.0.0' }, packageIndex: 0 })
    expect(content.checks).toBeGreaterThan(0)
  })

  it('is on record with what was signed of it, before anything of it runs', async () => {
    const { events, running, call, signers } = await serving()
    expect((await call()).body.result.content[0].text).toBe('get_weather 1')
    const [inForce] = events('server-version')
    expect(inForce!['detail']).toMatchObject({
      upstream: 'weather',
      is: 'in-force',
      name: 'com.example/weather',
      version: '1.0.0',
      sequence: 1,
      publisher: `key ${signers.hint('publisher')}`,
      reviewer: 'https://reviewers.example/security',
    })
    const all = running.events()
    const { serverJson, surface } = inForce!['detail']
    const ofCall = all.filter(e => e['subject']?.method === 'tools/call')
    expect(ofCall).toMatchObject(
      ['intent', 'outcome'].map(type => ({
        type,
        upstream: {
          ...{ name: 'com.example/weather', version: '1.0.0', sequence: 1, publisher: `key ${signers.hint('publisher')}` },
          ...{ serverJson, surface },
        },
        subject: { server: 'weather', name: 'get_weather', definition: expect.stringMatching(/^[\w-]{40,}$/) },
      })),
    )
    expect(all.indexOf(inForce!)).toBeLessThan(all.findIndex(e => e['type'] === 'upstream-contact'))
  })

  it('lists what was reviewed; what turns after three calls is held (FLIP_AFTER=3)', async () => {
    const { call, ask, events } = await serving({ flipAfter: 3 })
    for (let i = 1; i <= 3; i++) expect((await call()).body.result.content[0].text).toBe(`get_weather ${i}`)
    // Whoever watches its lists hears of it within a moment, whenever it turned.
    await expect.poll(async () => reasonOf(await call())).toBe('drifted')
    const refused = await call()
    expect([reasonOf(refused), refused.body.error.data.fix]).toEqual(['drifted', expect.stringContaining('gatehouse server diff weather')])
    expect((await ask('tools/list')).body.result.tools).toEqual([])
    expect(events('surface-drift').at(-1)!['detail']).toMatchObject({ upstream: 'weather', held: 1 })
  })
})

describe('a reload', () => {
  it('attack: a reviewer who is no longer believed goes on with what he admitted until somebody looks', async () => {
    const served = await serving()
    expect((await served.call()).status).toBe(200)
    writeFileSync(served.policies, served.signers.policies({ reviewers: [] }))
    expect(await served.running.reload(served.pinned('1.0.0'))).toBe(undefined)
    await expect.poll(async () => (await served.call()).body.error?.data.trust?.rule, { timeout: 5000 }).toBe('verifier-unknown')
  })
})

describe('what other gateways and hosts are told of it', () => {
  it('is the pinned version, also when a later one is admitted, and the URL it is served at', async () => {
    const sets = { ours: { servers: ['com.example/*'] }, others: { servers: ['com.other/*'] } }
    const served = await serving()
    expect(await served.running.reload({ ...served.pinned('1.0.0'), registry: { trust: { policies: served.policies }, sets } })).toBe(
      undefined,
    )
    expect((await served.publish('1.1.0', 2)).status).toBe(200)
    const read = async (path: string): Promise<any> => (await send(Number(new URL(served.running.url).port), { method: 'GET', path })).body
    const pin = { name: 'com.example/weather', version: '1.0.0', alias: 'weather' }
    expect(await read('/v1/pins')).toEqual({ pins: [pin] })
    const resolved = await read('/v1/resolve?name=com.example/weather')
    expect(resolved).toMatchObject({ version: '1.0.0', isPinned: true, standing: 'admitted', revocations: [] })
    expect(resolved.documents.map(({ kind }: any) => kind)).toEqual(['surface', 'lock:package-lock.json'])
    expect(resolved.bundles.map(({ kind }: any) => kind)).toEqual(['publisher', 'review'])
    expect((await read('/v1/resolve?name=com.example/weather&version=1.1.0')).isPinned).toBe(false)
    expect(await read('/v1/resolve?name=com.example/weather&set=others')).toMatchObject({ reason: 'registry-unknown' })
    const { url } = served.running
    expect(await read('/v1/exports/allowed-mcp-servers?set=ours')).toEqual({
      allowedMcpServers: [{ serverUrl: `${served.running.snapshot.publicUrl}/servers/weather/mcp` }],
    })
    expect(await read('/sets/others/v1/exports/allowed-mcp-servers')).toEqual({ allowedMcpServers: [] })
    expect((await read('/v1/exports/allowed-mcp-servers')).allowedMcpServers).toContainEqual({ serverUrl: `${url}/mcp` })
    // a revocation of the key that signed it is told with it
    await served.revoke('key', served.signers.hint('publisher'))
    expect((await read('/v1/resolve?name=com.example/weather')).revocations).toMatchObject([{ kind: 'key', reason: expect.any(String) }])
  })
})

describe('what is not used', () => {
  it.each<[string, (world: ServedGateway) => Promise<unknown>, string]>([
    ['nothing was published', () => Promise.resolve(), 'version-absent'],
    ['unsigned: it waits in quarantine', ({ post }) => post('/v0.1/publish', serverJson('1.0.0'), 'pat'), 'review-absent'],
    [
      'signed, and nobody reviewed it',
      async ({ publish, signers }) =>
        publish('1.0.0', 1, { bundles: [await signers.publish(serverJson('1.0.0'), 1, { surface: FLIPPING })] }),
      'review-absent',
    ],
    [
      'N140: its tarball was swapped',
      async ({ publish, content }) => {
        content.tarballs.set('pkg:npm/%40example/weather@1.0.0', 'evil')
        await publish('1.0.0', 1)
      },
      'artifact-mismatch',
    ],
  ])('%s', async (_what, prepare, rule) => {
    const served = await start()
    await prepare(served)
    expect(await served.running.reload(served.pinned('1.0.0'))).toBe(undefined)
    const refused = await served.call()
    expect([reasonOf(refused), ruleOf(refused), refused.body.error.data.fix]).toEqual(['server-unverified', rule, expect.any(String)])
    // A host connects all the same and finds nothing: it is told once there is something.
    expect((await served.ask('tools/list')).body.result.tools).toEqual([])
    expect((await served.ask('server/discover')).body.result.instructions).toContain('server-unverified')
    expect(reasonOf(await served.ask('prompts/get', { name: 'greet' }))).toBe('server-unverified')
    expect(reasonOf(await served.ask('resources/read', { uri: 'mem://one' }))).toBe('server-unverified')
    expect(served.running.events().filter(e => e['type'] === 'upstream-contact')).toEqual([])
    expect(served.events('server-version').map(e => [e['detail'].is, e['detail'].rule])).toEqual([['refused', rule]])
    const ready = await (await fetch(`${served.running.url}/readyz`)).json()
    expect(JSON.stringify(ready)).toContain(rule)
  })

  it('an argument or variable that its server.json does not declare', async () => {
    const served = await start()
    await served.publish('1.0.0', 1)
    await served.running.reload(served.pinned('1.0.0', { env: { NODE_OPTIONS: '--require /tmp/x' } }))
    expect(ruleOf(await served.call())).toBe('launch-mismatch')
  })

  it('attack: its files are changed between the installation and a start', async () => {
    const { call, content, events } = await serving()
    expect(reasonOf(await call())).toBe(undefined)
    content.tampered = { denied: 'subject-mismatch', rule: 'artifact-mismatch', detail: 'the tree is another', fix: 'install it again' }
    expect([reasonOf(await call('bob')), ruleOf(await call())]).toEqual(['server-unverified', 'artifact-mismatch'])
    expect(events('server-version').at(-1)!['detail']).toMatchObject({ is: 'ended', rule: 'artifact-mismatch' })
  })
})

describe('revoked while it is used', () => {
  it.each(REVISIONS)('a host of %s hears that the lists changed, and nothing passes any more', async revision => {
    const { running, revoke, call, events } = await serving()
    const host = await connect(running as World, PATH, revision)
    try {
      expect(await host.tools()).toHaveLength(1)
      await host.call('get_weather')
      await host.listen()
      const mark = host.heard.mark
      expect((await revoke('version', 'com.example/weather@1.0.0')).status).toBe(200)
      await host.heard.until('tools changed', n => n.method === 'notifications/tools/list_changed', mark)
      expect((await failureOf(host.call('get_weather'))).data).toMatchObject({
        reason: 'server-revoked',
        trust: { rule: 'version-revoked' },
      })
      await expect.poll(async () => reasonOf(await call())).toBe('server-revoked')
    } finally {
      await host.close()
    }
    expect(events('server-version').at(-1)!['detail']).toMatchObject({ is: 'ended', reason: 'version-revoked', version: '1.0.0' })
  })

  it('the key of its reviewer, its artifact and its namespace end it as well', async () => {
    const { revoke, call, signers } = await serving()
    expect(reasonOf(await call())).toBe(undefined)
    await revoke('key', signers.hint('reviewer'))
    await expect.poll(async () => ruleOf(await call())).toBe('signer-revoked')
  })
})

describe('an older version', () => {
  it('attack: comes back by no restart with a state.db of before: the floor is kept elsewhere', async () => {
    const served = await serving()
    const { running, content } = served
    const file = join(running.dataDir, 'state.db')
    const backup = join(running.dataDir, 'backup.db')
    await running.gateway.stop()
    copyFileSync(file, backup)
    const start = async (version: string) => startGateway(await running.load(served.pinned(version)), { ...BUILD, content })
    let gateway = await start('1.0.0')
    await served.publish('1.1.0', 2)
    await gateway.stop()
    gateway = await start('1.1.0')
    await expect.poll(async () => reasonOf(await served.call())).toBe(undefined)
    await gateway.stop()
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true })
    copyFileSync(backup, file)
    gateway = await start('1.0.0')
    expect(ruleOf(await served.call())).toBe('below-floor')
    await gateway.stop()
    gateway = await start('1.1.0')
    expect(ruleOf(await served.call())).toBe('version-absent')
    await gateway.stop()
  })

  it('attack: is not used after a newer one was, and a changed pin does not bring it back', async () => {
    const served = await serving()
    await served.publish('1.1.0', 2)
    await served.running.reload(served.pinned('1.1.0'))
    await expect.poll(async () => reasonOf(await served.call())).toBe(undefined)
    const cli = (...words: string[]) =>
      gatehouse([...words, '--config', join(served.running.dataDir, '..', 'gatehouse.yaml')], { cwd: served.running.dataDir })
    await expect
      .poll(async () => (await cli('server', 'list')).out)
      .toMatch(/^weather {2}com\.example\/weather@1\.1\.0 is in force, number 2, published by key /)
    expect(await cli('server', 'diff', 'weather')).toMatchObject({
      code: 0,
      out: expect.stringContaining('against com.example/weather@1.0.0: the same surface'),
    })
    expect((await cli('server', 'surface', 'weather')).err).toContain('at /v1/servers/com.example%2Fweather/versions/1.1.0/surface')
    expect(await cli('server', 'approve', 'weather')).toMatchObject({ code: 4, err: expect.stringContaining('gatehouse sign review') })
    await served.running.reload(served.pinned('1.0.0'))
    const refused = await served.call()
    expect([reasonOf(refused), ruleOf(refused)]).toEqual(['server-unverified', 'below-floor'])
    expect(refused.body.error.data.fix).toContain('--downgrade-to')
    await expect.poll(async () => (await cli('server', 'list')).out).toContain('1.0.0 is not used: below-floor: ')
    expect((await cli('doctor')).out).toContain('below-floor')
    // A reviewer signs the way back, with the reason.
    const json = serverJson('1.0.0')
    const review = await served.signers.review(json, { surface: FLIPPING, downgrade: { sequence: 2, why: '1.1.0 loses data' } })
    const attested = await served.post('/v1/attestations', `{"name":"com.example/weather","version":"1.0.0","bundle":${review}}`, 'pat')
    expect(attested.status).toBe(200)
    await expect.poll(async () => reasonOf(await served.call())).toBe(undefined)
    expect(served.events('server-version').at(-1)!['detail']).toMatchObject({
      is: 'in-force',
      version: '1.0.0',
      countsAs: 2,
      downgrade: '1.1.0 loses data',
    })
  })
})
