// Mirrors of a running gateway: what waits there comes in by a reviewer's signature alone, and what is somebody's here stays his.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatehouse } from '../cli/io.ts'
import { listed, startOfficialRegistry, type OfficialRegistry, type Published } from '../support/official-registry.ts'
import { startSignedRegistry, type SignedRegistry } from '../support/signed-registry.ts'

let world: SignedRegistry
let mirror: OfficialRegistry
const NPM = { packages: [{ registryType: 'npm', identifier: '@acme/weather', version: '1.0.0', transport: { type: 'stdio' } }] }
const entries: readonly Published[] = [
  listed('io.github.acme/weather', '1.0.0', { json: NPM }),
  listed('io.github.acme/old', '1.0.0', { status: 'deprecated', statusMessage: 'use weather' }),
  listed('com.example/internal', '99.0.0'),
  listed('com.examp1e/internal', '1.0.0'),
]
beforeAll(async () => {
  mirror = await startOfficialRegistry(entries)
  world = await startSignedRegistry({ registry: { mirrors: [{ url: mirror.url, namespaces: ['*'], every: '1m' }] } })
  await untilRead()
})
afterAll(async () => {
  await world.stop()
  await mirror.close()
})

/** Asks until the mirror was read once more than so far. */
let last: string | undefined
async function untilRead(): Promise<any> {
  for (;;) {
    const { mirrors } = (await world.call('GET', '/v1/mirrors', undefined, 'ann')).body
    const at = mirrors[0]?.last?.at
    if (at !== undefined && at !== last && !mirrors[0].isReading) {
      last = at
      return mirrors[0]
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
const run = async (...words: string[]) =>
  gatehouse([...words, '--url', world.gateway.url], {
    cwd: world.folder,
    env: { GATEHOUSE_ADMIN_TOKEN: await world.gateway.token('/admin', { sub: 'root' }) },
    now: Date.now,
  })
const attest = (name: string, version: string, bundle: string, who: string) =>
  world.call('POST', '/v1/attestations', `{"name":"${name}","version":"${version}","bundle":${bundle}}`, who)
const textOf = (entry: Published | undefined): string => JSON.stringify(entry?.server)
const standing = async (name: string, version: string): Promise<unknown> => {
  const { status, body } = await world.call('GET', `/v0.1/servers/${encodeURIComponent(name)}/versions/${version}`)
  return status === 200 ? body._meta['io.modelcontextprotocol.registry/official'] : status
}

describe('a mirror', () => {
  it('shows how far it was read, to operators and auditors', async () => {
    const { mirrors } = (await world.call('GET', '/v1/mirrors', undefined, 'root')).body
    expect(mirrors).toMatchObject([
      {
        url: mirror.url,
        namespaces: ['*'],
        everySeconds: 60,
        isReading: false,
        last: {
          pages: 1,
          added: 3,
          refused: 1,
          held: 1,
          named: [{ name: 'com.example/internal@99.0.0', why: 'its namespace is registered here' }],
        },
      },
    ])
    expect((await world.call('GET', '/v1/mirrors')).status).toBe(401)
    expect((await world.call('GET', '/v1/mirrors', undefined, 'pat')).body.reason).toBe('role-missing')
    expect((await world.call('GET', '/v1/mirrored', undefined, 'pat')).body.reason).toBe('role-missing')
  })
  it('is recorded with what it brought and what was refused', () => {
    const [event] = world.gateway.events().filter(({ what }) => what === 'mirror-read')
    expect(event?.['detail']).toMatchObject({ mirror: mirror.url, added: 3, refused: 1, named: [{ name: 'com.example/internal@99.0.0' }] })
  })
  it('serves nothing of it, and lets nobody read it as a version', async () => {
    expect((await world.call('GET', '/v0.1/servers?include_deleted=true')).body.servers).toEqual([])
    expect(await standing('io.github.acme/weather', '1.0.0')).toBe(404)
  })
})

describe('what waits at a mirror', () => {
  it('attack: is admitted by nobody without a reviewer’s signature over these bytes', async () => {
    const review = await world.review(textOf(entries[0]))
    expect((await attest('io.github.acme/weather', '1.0.0', '{}', 'root')).body.reason).toBe('attestation-invalid')
    expect((await attest('io.github.acme/weather', '1.0.0', await world.review(textOf(entries[1])), 'root')).body.reason).toBe(
      'attestation-invalid',
    )
    expect((await attest('io.github.acme/weather', '1.0.0', review, 'pat')).status).toBe(403)
    expect((await attest('io.github.acme/weather', '2.0.0', review, 'root')).status).toBe(404)
    expect((await world.call('POST', '/v0.1/publish', textOf(entries[0]), 'pat')).body.reason).toBe('namespace-forbidden')
    expect(await standing('io.github.acme/weather', '1.0.0')).toBe(404)
  })
  it('is admitted by it, under the name and bytes it was seen with', async () => {
    writeFileSync(join(world.folder, 'review.json'), await world.review(textOf(entries[0])))
    expect((await run('registry', 'mirrored', 'io.github.acme/weather@1.0.0')).out).toBe(
      `${JSON.stringify(entries[0]?.server, undefined, 2)}\n`,
    )
    const done = await run('registry', 'attest', 'io.github.acme/weather@1.0.0', 'review.json')
    expect(done).toMatchObject({ code: 0, out: 'io.github.acme/weather 1.0.0: admitted\n' })
    expect(await standing('io.github.acme/weather', '1.0.0')).toMatchObject({ status: 'active', isLatest: true })
  })
  it('that its registry warns of is warned of here from the beginning', async () => {
    expect((await attest('io.github.acme/old', '1.0.0', await world.review(textOf(entries[1])), 'root')).status).toBe(200)
    expect(await standing('io.github.acme/old', '1.0.0')).toMatchObject({ status: 'deprecated', statusMessage: 'use weather' })
  })
  it('is held where it looks like a namespace here, though a reviewer vouches for it, until an operator clears it', async () => {
    const review = await world.review(textOf(entries[3]))
    expect((await attest('com.examp1e/internal', '1.0.0', review, 'root')).body).toMatchObject({
      reason: 'lookalike-held',
      error: expect.stringContaining('`com.example`'),
    })
    expect(await standing('com.examp1e/internal', '1.0.0')).toBe(404)
    expect((await world.call('POST', '/admin/registry/clear', { target: 'com.examp1e/internal', why: 'known' }, 'root')).body.state).toBe(
      'applied',
    )
    expect((await attest('com.examp1e/internal', '1.0.0', review, 'root')).status).toBe(200)
  })
  it('attack: does not come in under a name that became somebody’s after it was seen', async () => {
    const owned = await world.call('POST', '/admin/namespaces/register', { target: 'io.github.taken mallory', why: 'theirs' }, 'root')
    expect(owned.status).toBe(200)
    const late = listed('io.github.taken/tool', '1.0.0', { updatedAt: '2026-02-01T00:00:00Z' })
    mirror.entries.push(late)
    await run('registry', 'mirrors', '--now', mirror.url)
    expect((await untilRead()).last).toMatchObject({ added: 0, named: [{ name: 'io.github.taken/tool@1.0.0' }] })
    expect((await attest('io.github.taken/tool', '1.0.0', await world.review(textOf(late)), 'root')).status).toBe(404)
    // and one that was seen before
    const early = listed('io.github.later/tool', '1.0.0', { updatedAt: '2026-02-02T00:00:00Z' })
    mirror.entries.push(early)
    await run('registry', 'mirrors', '--now', mirror.url)
    await untilRead()
    await world.call('POST', '/admin/namespaces/register', { target: 'io.github.later mallory', why: 'theirs' }, 'root')
    expect((await attest('io.github.later/tool', '1.0.0', await world.review(textOf(early)), 'root')).body.reason).toBe(
      'namespace-forbidden',
    )
  })
  it('attack: is not admitted once it was withdrawn or had other bytes', async () => {
    const [gone, altered] = ['gone', 'altered'].map(name =>
      listed(`io.github.acme/${name}`, '1.0.0', { updatedAt: '2026-03-01T00:00:00Z' }),
    )
    if (!gone || !altered) throw new Error('no entries')
    mirror.entries.push(gone, altered)
    await run('registry', 'mirrors', '--now', mirror.url)
    await untilRead()
    const reviews = [await world.review(textOf(gone)), await world.review(textOf(altered))]
    Object.assign(gone, { status: 'deleted', updatedAt: '2026-03-02T00:00:00Z' })
    mirror.entries[mirror.entries.indexOf(altered)] = listed('io.github.acme/altered', '1.0.0', {
      json: { title: 'Other' },
      updatedAt: '2026-03-02T00:00:00Z',
    })
    await run('registry', 'mirrors', '--now', mirror.url)
    await untilRead()
    expect((await attest('io.github.acme/gone', '1.0.0', reviews[0] ?? '', 'root')).body.error).toContain('withdrawn')
    expect((await attest('io.github.acme/altered', '1.0.0', reviews[1] ?? '', 'root')).body.error).toContain('two versions of this number')
    const { out } = await run('registry', 'mirrored', 'acme')
    expect(out).toMatch(/io\.github\.acme\/gone@1\.0\.0 +withdrawn/)
    expect(out).toMatch(/io\.github\.acme\/altered@1\.0\.0 +active, altered/)
    expect(out).toMatch(/io\.github\.acme\/old@1\.0\.0 +deprecated/)
  })
  it('that was admitted is warned of where its registry does, and stays; the next version waits like any other', async () => {
    const first = mirror.entries[0]
    if (!first) throw new Error('no entry')
    Object.assign(first, { status: 'deleted', updatedAt: '2026-04-01T00:00:00Z' })
    mirror.entries.push(listed('io.github.acme/weather', '1.1.0', { json: NPM, updatedAt: '2026-04-01T00:00:00Z' }))
    await run('registry', 'mirrors', '--now', mirror.url)
    expect((await untilRead()).last).toMatchObject({ added: 1 })
    expect(await standing('io.github.acme/weather', '1.0.0')).toMatchObject({
      status: 'deprecated',
      statusMessage: 'withdrawn by the registry it was mirrored from',
    })
    expect(await standing('io.github.acme/weather', '1.1.0')).toBe(404)
  })
})

describe('gatehouse registry mirrors', () => {
  it('shows each with what became of its entries', async () => {
    const { code, out } = await run('registry', 'mirrors')
    expect(code).toBe(0)
    expect(out).toContain(`${mirror.url}  read`)
    expect(await run('registry', 'mirrors', '--now', 'https://elsewhere.example')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no such mirror'),
    })
  })
})
