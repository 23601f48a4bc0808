// Advisories on the wire of a running gateway: who records them, what they keep out and stop, and what whoever reads finds.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatehouse } from '../cli/io.ts'
import { startSignedRegistry, type SignedRegistry } from '../support/signed-registry.ts'

let world: SignedRegistry
beforeAll(async () => {
  world = await startSignedRegistry()
})
afterAll(() => world.stop())

const serverJson = (version: string, pad: string): string =>
  JSON.stringify({
    name: 'com.example/weather',
    description: 'Weather.',
    version,
    packages: [{ registryType: 'npm', identifier: '@example/weather', version: pad, transport: { type: 'stdio' } }],
  })
const osv = (id: string, day: string, fixed: string, more: object = {}): object => ({
  schema_version: '1.7.0',
  id,
  modified: `2026-01-${day}T00:00:00Z`,
  summary: 'Reads <b>any</b> file.',
  affected: [
    { package: { ecosystem: 'npm', name: '@example/weather' }, ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed }] }] },
  ],
  ...more,
})
const advise = (document: object | string, who?: string) => world.call('POST', '/v1/advisories', document, who)
const publish = async (json: string) =>
  world.call('POST', '/v1/publish', `{"serverJson":${json},"bundles":[${await world.review(json)}]}`, 'pat')
const standingOf = async (version: string): Promise<unknown> => {
  const { status, body } = await world.call('GET', `/v0.1/servers/com.example%2Fweather/versions/${version}?include_deleted=true`)
  return status === 200 ? body._meta['io.modelcontextprotocol.registry/official'] : status
}

describe('an advisory', () => {
  it('is an operator’s to record', async () => {
    for (const [who, status] of [
      [undefined, 401],
      ['pat', 403],
      ['ann', 403],
    ] as const) {
      expect((await advise(osv('GHSA-1-a', '01', '1.1.0'), who)).status).toBe(status)
      expect((await world.call('DELETE', '/v1/advisories/GHSA-1-a', undefined, who)).status).toBe(status)
    }
    expect((await world.call('GET', '/v1/advisories')).status).toBe(401)
    expect((await world.call('GET', '/v1/advisories', undefined, 'pat')).body.reason).toBe('role-missing')
    expect((await world.call('GET', '/v1/advisories', undefined, 'ann')).body).toEqual({ advisories: [], metadata: { count: 0 } })
  })
  it('names what it concerns here, without stopping what was admitted before, and is recorded before and after', async () => {
    expect((await publish(serverJson('1.0.0', '1.0.0'))).body._meta['gatehouse/trust'].standing).toBe('admitted')
    const done = await advise(osv('GHSA-1-a', '01', '1.1.0'), 'root')
    expect(done.body).toMatchObject({
      advisory: { id: 'GHSA-1-a', isMalware: false, isWithdrawn: false },
      concerned: [{ name: 'com.example/weather', version: '1.0.0', standing: 'admitted' }],
      metadata: { concerned: 1, stopped: 0 },
    })
    expect(await standingOf('1.0.0')).toMatchObject({ status: 'active' })
    const rows = world.gateway
      .events()
      .filter(event => event['subject']?.method === 'admin/registry/advise' && event['principal']?.subject === 'root')
    expect(rows.map(row => [row['type'], row['subject'].name])).toEqual([
      ['intent', 'advisory GHSA-1-a'],
      ['outcome', 'advisory GHSA-1-a'],
    ])
  })
  it('attack: a vulnerable version, signed and reviewed, comes in neither at once nor by a review afterwards', async () => {
    const json = serverJson('1.0.1', '1.0.9')
    expect((await publish(json)).body).toMatchObject({
      reason: 'version-vulnerable',
      error: expect.stringContaining('GHSA-1-a concerns `npm @example/weather 1.0.9`'),
    })
    expect(await standingOf('1.0.1')).toBe(404)
    expect((await publish(serverJson('1.1.0', '1.1.0'))).status).toBe(200)
  })
  it('about malware revokes what is admitted and what waits, and says so to whoever follows revocations', async () => {
    const waiting = await world.call('POST', '/v0.1/publish', serverJson('1.2.0', '1.2.0'), 'pat')
    expect(waiting.body._meta['gatehouse/trust'].standing).toBe('quarantined')
    const done = await advise(osv('MAL-2026-1', '02', '1.2.1'), 'root')
    expect(done.body.metadata).toEqual({ concerned: 3, stopped: 3 })
    expect(await standingOf('1.1.0')).toMatchObject({ status: 'deleted', statusMessage: 'malware: MAL-2026-1' })
    const { revocations } = (await world.call('GET', '/v1/revocations')).body
    expect(revocations.map(({ target, reason, action }: any) => `${target} ${reason} ${action}`)).toEqual(
      expect.arrayContaining(['com.example/weather@1.1.0 malware block', 'com.example/weather@1.2.0 malware block']),
    )
    // the same again revokes nothing twice
    expect((await advise(osv('MAL-2026-1', '02', '1.2.1'), 'root')).body.metadata).toEqual({ concerned: 3, stopped: 0 })
  })
  it('that is withdrawn lets versions in again, and brings nothing back that it revoked', async () => {
    expect((await world.call('DELETE', '/v1/advisories/MAL-2026-1', undefined, 'root')).body).toMatchObject({
      advisory: { isWithdrawn: true },
    })
    expect((await world.call('DELETE', '/v1/advisories/MAL-2026-9', undefined, 'root')).status).toBe(404)
    expect((await publish(serverJson('1.2.1', '1.2.0'))).status).toBe(200)
    expect(await standingOf('1.1.0')).toMatchObject({ status: 'deleted' })
  })
  it.each([
    ['that is none', '{"id":"GHSA-1-a"}', 422, 'advisory-invalid'],
    ['older than the one that counts', osv('GHSA-1-a', '01', '0.0.1'), 422, 'advisory-invalid'],
    ['with a key twice, of which two readers believe two values', '{"id":"A-1","id":"A-2"}', 400, 'json-invalid'],
    ['that would end early and bring another member', '{}},"x":{', 400, 'json-invalid'],
    ['in a list', '[]', 400, 'params-invalid'],
    ['that is too large', osv('A-1', '01', '1.0.0', { details: 'x'.repeat(600_000) }), 422, 'advisory-invalid'],
  ])('%s is refused', async (_what, document, status, reason) => {
    const done = await advise(document, 'root')
    expect([done.status, done.body.reason]).toEqual([status, reason])
  })
  it('is exported as it came, to whoever may read the registry, and inert in a page', async () => {
    const { vulns, next_page_token: next } = (await world.call('GET', '/v1/exports/osv')).body
    expect(vulns[0]).toEqual(osv('GHSA-1-a', '01', '1.1.0'))
    expect(vulns[1]).toMatchObject({ id: 'MAL-2026-1', withdrawn: expect.any(String) })
    expect(next).toBeUndefined()
    expect((await world.call('GET', '/v1/exports/osv?page_token=GHSA-1-a')).body.vulns).toHaveLength(1)
    expect((await world.call('GET', '/v1/exports/osv')).text).not.toContain('<b>')
  })
})

describe('gatehouse registry', () => {
  const run = async (...words: string[]) =>
    gatehouse([...words, '--url', world.gateway.url], {
      cwd: world.folder,
      env: { GATEHOUSE_ADMIN_TOKEN: await world.gateway.token('/admin', { sub: 'root' }) },
      now: Date.now,
    })
  const put = (name: string, document: object): void => writeFileSync(join(world.folder, name), JSON.stringify(document))
  it('advise records documents, each named with what it concerns', async () => {
    put('a.json', osv('PYSEC-2026-1', '03', '9.0.0', { affected: [] }))
    put('b.json', osv('GHSA-2-b', '03', '1.2.1'))
    const done = await run('registry', 'advise', 'a.json', 'b.json')
    expect(done).toMatchObject({ code: 0, err: '' })
    expect(done.out).toContain('PYSEC-2026-1 (vulnerable) concerns 0 versions here\n')
    expect(done.out).toContain('GHSA-2-b (vulnerable) concerns 4 versions here\n')
    expect(done.out).toContain('  com.example/weather@1.2.1: admitted\n')
  })
  it('advise names the file that is refused', async () => {
    put('c.json', { id: 'x' })
    expect(await run('registry', 'advise', 'a.json', 'c.json')).toMatchObject({ code: 1, err: expect.stringContaining('`c.json`: ') })
    expect(await run('registry', 'advise')).toMatchObject({ code: 2 })
    expect(await run('registry', 'advise', 'absent.json')).toMatchObject({ code: 1, err: expect.stringContaining('`absent.json`') })
  })
  it('advisories shows what counts, or one of them whole; withdraw ends one', async () => {
    expect((await run('registry', 'withdraw', 'GHSA-2-b')).out).toContain('GHSA-2-b concerns nothing any more')
    const { out } = await run('registry', 'advisories')
    expect(out).toMatch(/GHSA-1-a +2026-01-01T00:00:00.000Z +vulnerable +Reads/)
    expect(out).toMatch(/GHSA-2-b .* withdrawn/)
    expect(JSON.parse((await run('registry', 'advisories', 'GHSA-1-a')).out)).toEqual(osv('GHSA-1-a', '01', '1.1.0'))
    expect(await run('registry', 'advisories', 'GHSA-9-z')).toMatchObject({ code: 1 })
  })
})
