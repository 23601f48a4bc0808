// A gateway that publishes a repository of trust at /tuf, and another one that follows it there.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { FloorFile } from '../../src/adapters/tuf/floor-file.ts'
import { TrustClient } from '../../src/adapters/tuf/trust-client.ts'
import { policies, trustedRoot } from '../adapters/tuf/world.ts'
import { send, untilClosed, type Answer } from '../attacks/wire.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { NAME, serverJson } from '../support/served.ts'
import { startServed } from '../support/served-gateway.ts'
import { OperatedRepository } from '../support/trust-repository.ts'

let folder: string
let repository: OperatedRepository
let publisher: TestGateway
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-tuf-'))
  repository = new OperatedRepository(join(folder, 'trust'), { trustedRoot: trustedRoot(), policies: policies('alice@acme.com') })
  publisher = await startTestGateway({
    registry: { repository: { folder: repository.folder.path, root: repository.root, publish: true } },
    limits: { addressFailuresPerMinute: 1000 },
    operators: ['root'],
    administration: { twoPerson: false, roles: { publisher: { subjects: ['pat'] } } },
  })
})
afterAll(async () => {
  await publisher.stop()
  rmSync(folder, { recursive: true, force: true })
})
/** An act of administration; its status. */
async function act(gateway: TestGateway | undefined, path: string, body: object, sub: string): Promise<number> {
  if (!gateway) throw new Error('it runs')
  const headers = { authorization: `Bearer ${await gateway.token('/admin', { sub })}`, 'content-type': 'application/json' }
  return (await send(portOf(gateway), { method: 'POST', path, headers, body: JSON.stringify(body) })).status
}
const portOf = ({ url }: TestGateway): number => Number(new URL(url).port)
const get = (path: string, method = 'GET', port = portOf(publisher)): Promise<Answer> => send(port, { method, path })
const targets = (below: string): string[] =>
  readdirSync(join(repository.folder.path, 'targets', below)).map(name => `/tuf/targets/${below}${name}`)

describe('the repository of trust that a gateway publishes', () => {
  it('is read without a token: what is versioned is kept by whoever has it, the timestamp by nobody', async () => {
    const root = await get('/tuf/metadata/1.root.json')
    expect([root.status, root.headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable'])
    expect(root.body).toMatchObject({ signed: { _type: 'root' } })
    const timestamp = await get('/tuf/metadata/timestamp.json')
    expect([timestamp.status, timestamp.headers['cache-control']]).toEqual([200, 'no-store'])
    const head = await get('/tuf/metadata/timestamp.json', 'HEAD')
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', String(Buffer.byteLength(timestamp.text))])
    for (const path of targets('namespaces/')) expect((await get(path)).text).toBe(policies('alice@acme.com'))
    const none = await get('/tuf/metadata/2.root.json')
    expect([none.status, none.headers['cache-control']]).toEqual([404, 'no-store'])
  })

  it('is followed by another gateway, which then admits by it', async () => {
    const url = `${publisher.url}/tuf/`
    const follower = await startTestGateway({
      registry: { repository: { url, root: repository.root } },
      outbound: { allow: [new URL(url).host] },
    })
    const ready = await get('/readyz', 'GET', portOf(follower))
    expect(ready.body).toMatchObject({ dependencies: expect.arrayContaining([{ name: 'trust repository', state: 'ready' }]) as unknown })
    expect((await get('/tuf/metadata/timestamp.json', 'GET', portOf(follower))).status).toBe(404) // it publishes nothing itself
    await follower.stop()
  })

  it('has within a second or two what the registry of the gateway revoked; its index names nothing that nobody admitted', async () => {
    expect(await act(publisher, '/admin/namespaces/register', { target: 'com.acme pat', why: 'ours' }, 'root')).toBe(200)
    const weather = { name: 'com.acme/weather', description: 'Weather.', version: '1.0.0', remotes: [{ type: 'streamable-http', url: 'https://weather.acme.com/mcp' }] } // prettier-ignore
    expect(await act(publisher, '/v0.1/publish', weather, 'pat')).toBe(200)
    expect(
      await act(
        publisher,
        '/v1/revocations',
        { kind: 'version', target: 'com.acme/weather@1.0.0', reason: 'malware', action: 'block' },
        'root',
      ),
    ).toBe(200)
    const { host } = new URL(publisher.url)
    const client = new TrustClient({
      place: { kind: 'https', url: `${publisher.url}/tuf/`, fetch: createSafeFetch({ namedHosts: [host] }) },
      trustFolder: join(folder, 'client'),
      pinnedRoot: readFileSync(repository.root),
      floors: new FloorFile(join(folder, 'client')),
      now: Date.now,
    })
    await vi.waitFor(
      async () => {
        const { seen } = await client.refresh()
        expect(seen.documents.revocations?.versions).toContain('com.acme/weather@1.0.0')
        expect(seen.documents.index?.get('com.acme/weather')).toBe(undefined)
      },
      { timeout: 10_000, interval: 200 },
    )
  })

  it('ends what another gateway runs, within its look, once the registry here revokes that version', async () => {
    const admins = { operators: ['root'], administration: { twoPerson: false, roles: { publisher: { subjects: ['pat'] } } } }
    let origin: TestGateway | undefined
    const follower = await startServed({
      config: {
        get outbound() {
          return { allow: [new URL(origin?.url ?? '').host] }
        },
      },
      registry: async documents => {
        const own = new OperatedRepository(join(folder, 'other'), { policies: documents })
        origin = await startTestGateway({ ...admins, registry: { repository: { folder: own.folder.path, root: own.root, publish: true } } })
        return { repository: { url: `${origin.url}/tuf/`, root: own.root, every: '1s' } }
      },
    })
    const said = async (): Promise<string> => {
      const { body } = await follower.call()
      return body.error?.data?.trust?.rule ?? body.result?.content?.[0]?.text
    }
    expect((await follower.publish('1.0.0', 1)).status).toBe(200)
    expect(await follower.running.reload(follower.pinned('1.0.0'))).toBe(undefined)
    await expect.poll(said, { timeout: 10_000 }).toMatch(/^get_weather/)
    expect(await act(origin, '/admin/namespaces/register', { target: 'com.example pat', why: 'ours' }, 'root')).toBe(200)
    expect(await act(origin, '/v0.1/publish', JSON.parse(serverJson('1.0.0')) as object, 'pat')).toBe(200)
    expect(await said()).toMatch(/^get_weather/)
    const revocation = { kind: 'version', target: `${NAME}@1.0.0`, reason: 'malware', action: 'block' }
    expect(await act(origin, '/v1/revocations', revocation, 'root')).toBe(200)
    await expect.poll(said, { timeout: 10_000 }).toBe('version-revoked')
    await follower.stop()
    await origin?.stop()
  })

  it('shows neither keys, nor what keyholders exchange, nor anything outside: exact names alone', async () => {
    const [key = ''] = readdirSync(join(repository.folder.path, 'online'))
    mkdirSync(join(repository.folder.path, 'staged'), { recursive: true })
    writeFileSync(join(repository.folder.path, 'staged/root.json'), '{}')
    writeFileSync(join(repository.folder.path, 'metadata/notes.json'), '{}')
    symlinkSync(join(repository.folder.path, 'online', key), join(repository.folder.path, 'metadata/7.root.json'))
    const paths = [
      `/tuf/online/${key}`,
      `/tuf/metadata/../online/${key}`,
      `/tuf/metadata/..%2fonline%2f${key}`,
      `/tuf/metadata/%2e%2e/online/${key}`,
      `/tuf/targets/namespaces/../../online/${key}`,
      '/tuf/staged/root.json',
      '/tuf/metadata/notes.json',
      '/tuf/metadata/7.root.json',
      '/tuf/metadata/',
      '/tuf/metadata',
      '/tuf/',
      '/tuf/metadata/timestamp.json/',
      '/tuf/metadata//timestamp.json',
      '/tuf/metadata/timestamp.json?',
      '/tuf/metadata/TIMESTAMP.json',
      '/tuf/metadata/timestamp%2ejson',
      '/tuf/metadata/01.root.json',
      '/tuf/metadata/timestamp.json%00',
      '//tuf/metadata/timestamp.json',
    ]
    for (const path of paths) {
      const { statuses, text } = await untilClosed(
        portOf(publisher),
        `GET ${path} HTTP/1.1\r\nHost: ${new URL(publisher.url).host}\r\nConnection: close\r\n\r\n`,
      )
      expect([path, statuses]).toEqual([path, [404]])
      expect(text).not.toContain('PRIVATE')
    }
  })

  it('cannot be written', async () => {
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS']) {
      const { status, headers } = await get('/tuf/metadata/timestamp.json', method)
      expect([method, status, headers['allow']]).toEqual([method, 405, 'GET, HEAD'])
    }
  })

  it('is behind the limits of an address: whoever guesses names is locked out, whoever reads too much waits', async () => {
    const guessed = await startTestGateway({
      registry: { repository: { folder: repository.folder.path, root: repository.root, publish: true } },
      limits: { addressFailuresPerMinute: 5 },
    })
    const port = portOf(guessed)
    for (let i = 0; i <= 5; i++) expect((await get(`/tuf/metadata/${'x'.repeat(i)}`, 'GET', port)).status).toBe(404)
    expect((await get('/tuf/metadata/timestamp.json', 'GET', port)).status).toBe(429)
    await guessed.stop()
    const reader = await startTestGateway({
      registry: { repository: { folder: repository.folder.path, root: repository.root, publish: true } },
    })
    const answers = new Set<number>()
    for (let i = 0; i < 60; i++) {
      const batch = await Promise.all(Array.from({ length: 21 }, () => get('/tuf/metadata/2.root.json', 'HEAD', portOf(reader))))
      for (const { status } of batch) answers.add(status)
    }
    expect([...answers]).toEqual([404, 429])
    await reader.stop()
  })
})
