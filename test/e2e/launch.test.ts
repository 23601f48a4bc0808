// How a server is started is admitted with what it lists: a configuration that was changed afterwards starts nothing and reaches nobody (N141, MCPoison, CVE-2025-54136).

import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { emptySeen, surfaceSeen } from '../../src/admission/seen-surface.ts'
import { statementOf } from '../../src/admission/statement.ts'
import { nodeServer } from '../support/upstreams/stdio.ts'
import { connect } from './support/hosts.ts'
import { beside, PATH, reasonOf, settings, start, starts } from './support/reviewed.ts'
import type { World } from './support/world.ts'

const { args } = nodeServer('flipping', 'Infinity')
const stdio = (change: object) => ({ stdio: { command: process.execPath, args, ...change } })

describe('attack: the configuration is changed after the review (N141)', () => {
  it('of a running gateway: nothing is started any more, what ran ends, the member is named, and putting it back mends it', async () => {
    const { ask, call, approve, running, cli, diff } = await start()
    await approve()
    expect(reasonOf(await call())).toBe(undefined)
    const before = starts().length
    const admitted = settings(Infinity).upstreams.weather.stdio
    expect(await running.reload(settings(Infinity, { stdio: { ...admitted, args: [...admitted.args, '--evil'] } }))).toBe(undefined)
    const refused = await call()
    expect(reasonOf(refused)).toBe('launch-changed')
    expect(refused.body.error.message).toContain('`/args/4` changed')
    expect(refused.body.error.data.fix).toContain('gatehouse server diff weather')
    expect((await ask('tools/list')).body.result.tools).toEqual([])
    expect((await ask('server/discover')).body.result.instructions).toContain('until a reviewer has admitted it')
    expect(starts()).toHaveLength(before)
    expect((await diff()).launch).toMatchObject({
      standing: 'changed',
      changes: [{ pointer: '/args/4', after: '"--evil"' }],
    })
    expect((await cli('server', 'list')).out).toContain('; how it starts has changed')
    const doctor = (await cli('doctor')).out
    expect(doctor).toContain('FAIL  upstream weather: it is not started')
    expect(starts()).toHaveLength(before)
    expect(await running.reload(settings(Infinity))).toBe(undefined)
    expect(reasonOf(await call())).toBe(undefined)
  })

  it('together with the statement that admitted it: nothing is started, because nobody has admitted that', async () => {
    const { ask, call, approve, cli } = await start()
    await approve()
    const before = starts().length
    await cli('server', 'quarantine', 'weather', '--why', 'x')
    await expect.poll(async () => reasonOf(await call())).toBe('quarantined')
    for (const method of ['tools/list', 'prompts/list', 'server/discover']) await ask(method)
    expect(starts()).toHaveLength(before)
  })

  it.each([
    ['another command', stdio({ command: '/bin/sh' }), '`/command/path` changed'],
    ['a variable that loads code', stdio({ env: { NODE_OPTIONS: '--require=/tmp/evil.js' } }), '`/env/NODE_OPTIONS` changed'],
    ['another folder', stdio({ cwd: '/tmp' }), '`/cwd` changed'],
    ['another user', stdio({ uid: 4711 }), '`/uid` changed'],
    ['without its confinement', stdio({ launcher: ['env'] }), '`/launcher` changed'],
    ['a server on the network', { stdio: undefined, http: { url: 'http://127.0.0.1:1/mcp' } }, '`/transport`'],
  ])('%s', async (_, change, why) => {
    const { call, approve, running } = await start()
    await running.reload(settings(Infinity, stdio({})))
    await approve()
    const before = starts().length
    expect(await running.reload(settings(Infinity, change))).toBe(undefined)
    const refused = await call()
    expect([reasonOf(refused), refused.body.error.message]).toEqual(['launch-changed', expect.stringContaining(why)])
    expect(refused.text).not.toContain('evil.js')
    expect(starts()).toHaveLength(before)
  })
})

describe('a server on the network', () => {
  let server: ReturnType<typeof createServer> | undefined
  afterEach(() => {
    server?.close()
    server = undefined
  })
  it('attack: a URL that was changed after the review is not connected to: the header with its secret goes nowhere', async () => {
    let contacts = 0
    server = createServer((_, response) => {
      contacts += 1
      response.writeHead(500).end()
    })
    await new Promise<void>(resolve => void server!.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const secret = join(beside, 'secret')
    writeFileSync(secret, 'only-for-the-admitted-one', { mode: 0o600 })
    const at = (path: string) => ({
      stdio: undefined,
      http: { url: `http://127.0.0.1:${port}${path}`, headers: { Authorization: { fromFile: secret, prefix: 'Bearer ' } } },
    })
    const { ask, call, cli, running, diff } = await start(Infinity, at('/mcp'))
    expect((await ask('tools/list')).body.result.tools).toEqual([])
    expect(reasonOf(await call())).toBe('quarantined')
    expect(contacts).toBe(0)
    const { launch } = await diff()
    expect(JSON.stringify(launch)).not.toContain('only-for-the-admitted-one')
    expect(await cli('server', 'approve', 'weather', '--launch', launch.digest)).toMatchObject({ code: 0 })
    // Admitted is how it is reached, and nothing it lists: it is asked now.
    await expect.poll(async () => (await ask('tools/list')).body.error?.data?.reason).toMatch(/^upstream-/)
    const reached = contacts
    expect(reached).toBeGreaterThan(0)
    expect(await running.reload(settings(Infinity, at('/other')))).toBe(undefined)
    expect(reasonOf(await call())).toBe('launch-changed')
    await ask('tools/list')
    expect(contacts).toBe(reached)
  })
})

describe('code that nobody named exactly', () => {
  it('attack: an unpinned package is neither started for a review, nor admitted, nor run under a statement (N141)', async () => {
    const npx = { stdio: { command: 'npx', args: ['-y', 'mcp-server-that-is-not-there'] } }
    const { cli, call, running, diff } = await start(Infinity, npx)
    expect(await cli('server', 'review', 'weather')).toMatchObject({ code: 4, err: expect.stringContaining('nothing was started') })
    const { launch } = await diff()
    expect(launch.unpinned).toBe('mcp-server-that-is-not-there')
    expect(await cli('server', 'approve', 'weather', '--launch', launch.digest)).toMatchObject({
      code: 4,
      err: expect.stringContaining('`package@1.2.3`'),
    })
    // A statement that somebody wrote all the same, with another tool.
    mkdirSync(running.snapshot.admissions, { recursive: true })
    writeFileSync(
      `${running.snapshot.admissions}/weather.json`,
      statementOf({
        ...{ alias: 'weather', verdict: 'passed', surface: surfaceSeen(emptySeen('weather'), 'subset') },
        launch: running.snapshot.upstreams.get('weather')!.launch.specification,
        ...{ reviewer: 'ann', reviewedAt: '2026-11-21T12:00:00.000Z' },
      }),
    )
    await expect.poll(async () => reasonOf(await call())).toBe('launch-unpinned')
    expect((await cli('server', 'list')).out).toContain('; it starts code that no exact version names')
  })
})

describe('hosts that listen', () => {
  it.each(['2026-07-28', '2025-11-25'] as const)(
    'of %s hear what the server announces once it was started, though they listened before',
    async revision => {
      const { running, approve } = await start(1)
      const host = await connect(running as World, PATH, revision)
      try {
        expect(await host.tools()).toEqual([])
        await host.listen()
        await approve()
        await host.heard.until('tools changed', n => n.method === 'notifications/tools/list_changed', 0)
        expect((await host.tools()).map(t => t.name)).toEqual(['get_weather'])
        const mark = host.heard.mark
        // The server turns its tool after this call, and announces it.
        await host.call('get_weather')
        await host.heard.until('tools changed', n => n.method === 'notifications/tools/list_changed', mark)
      } finally {
        await host.close()
      }
    },
  )
})
