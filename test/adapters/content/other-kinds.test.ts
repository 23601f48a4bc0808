// PyPI and OCI artifacts: found and compared by the real protocols, and then refused by their kind, never before.

import { hash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { refusalOf, wantedOf, worldOf } from './world.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
type Served = { readonly type?: string; readonly body: string | Buffer; readonly accept?: string }
async function serve(paths: () => Readonly<Record<string, Served>>): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((req, res) => {
    asked.push(req.url ?? '')
    const found = paths()[req.url ?? '']
    if (!found) res.writeHead(404).end()
    else if (found.accept !== undefined && !String(req.headers.accept).includes(found.accept)) res.writeHead(406).end()
    else res.writeHead(200, { 'content-type': found.type ?? 'application/octet-stream' }).end(found.body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}
const sha256 = (bytes: string | Buffer): string => hash('sha256', bytes)

describe('PyPI', () => {
  const WHEEL = Buffer.from('a wheel')
  const LOCK = Buffer.from('acme-weather==1.2.0 --hash=sha256:…\n')
  const NAME = 'acme_weather-1.2.0-py3-none-any.whl'
  /** PEP 691 */
  const index = (file: object, more: object[] = []): Served => ({
    type: 'application/vnd.pypi.simple.v1+json',
    accept: 'application/vnd.pypi.simple.v1+json',
    body: JSON.stringify({
      meta: { 'api-version': '1.1' },
      name: 'acme-weather',
      files: [...more, { filename: NAME, hashes: {}, ...file }],
    }),
  })
  async function attempt(
    paths: (url: string) => Record<string, Served>,
    { lock = LOCK, ...more }: { lock?: Buffer; registryBaseUrl?: string } = {},
  ) {
    const source: { url: string; asked: string[] } = await serve(() => paths(source.url))
    const world = worldOf({ pypi: `${source.url}/simple` })
    closing.push(() => world.end())
    const wanted = wantedOf(
      { registryType: 'pypi', identifier: 'Acme_Weather', version: '1.2.0', ...more },
      { digest: sha256(WHEEL), lock: LOCK },
    )
    const answer = refusalOf(await world.store.keep({ ...wanted, lock: { sha256: sha256(LOCK), bytes: lock } }))
    return { answer, asked: source.asked }
  }
  const good = {
    '/simple/acme-weather/': index({ url: `../../files/${NAME}`, hashes: { sha256: sha256(WHEEL) } }),
    [`/files/${NAME}`]: { body: WHEEL },
  }

  it('verified and refused: the file has the signed digest, and nothing is started of it', async () => {
    const { answer, asked } = await attempt(() => good)
    expect(answer).toMatch(/^artifact-kind-unsupported: `Acme_Weather==1\.2\.0` has the signed SHA-256/)
    expect(asked).toEqual(['/simple/acme-weather/', `/files/${NAME}`])
  })
  it('a file with other bytes than the index and the signature say', async () => {
    expect((await attempt(() => ({ ...good, [`/files/${NAME}`]: { body: 'evil' } }))).answer).toMatch(/^artifact-mismatch/)
  })
  it('an index without the signed file, whatever else it offers', async () => {
    const other = index({ url: `../../files/${NAME}`, hashes: { sha256: sha256('evil') } })
    const { answer, asked } = await attempt(() => ({ '/simple/acme-weather/': other }))
    expect(answer).toMatch(/^artifact-mismatch/)
    expect(asked).toHaveLength(1)
  })
  it('dependency confusion: an index that names a file on another host, and a server.json that names another index', async () => {
    const elsewhere = await serve(() => ({ '/x.whl': { body: WHEEL } }))
    const away = index({ url: `${elsewhere.url}/x.whl`, hashes: { sha256: sha256(WHEEL) } })
    expect((await attempt(() => ({ '/simple/acme-weather/': away }))).answer).toMatch(/^source-other/)
    expect((await attempt(() => good, { registryBaseUrl: elsewhere.url })).answer).toMatch(/^source-other/)
    expect(elsewhere.asked).toEqual([])
  })
  it('another lock file than was signed', async () => {
    expect((await attempt(() => good, { lock: Buffer.from('evil') })).answer).toMatch(/^lock-mismatch/)
  })
  it('an index that is no index', async () => {
    for (const body of ['<html>', '[]', '{"files":{}}', '{"files":[null]}'])
      expect((await attempt(() => ({ '/simple/acme-weather/': { body } }))).answer, body).toMatch(/^artifact-unreachable/)
    expect((await attempt(() => ({}))).answer).toMatch(/^artifact-unreachable.*404/)
  })
})

describe('OCI', () => {
  const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch
  const text = (value: object): string => JSON.stringify(value)
  const MANIFEST = text({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { digest: 'sha256:0' },
    layers: [],
  })
  const listed = (changes: object = {}): object => ({
    digest: `sha256:${sha256(MANIFEST)}`,
    size: MANIFEST.length,
    platform: { os: 'linux', architecture: ARCHITECTURE },
    ...changes,
  })
  const INDEX = text({
    schemaVersion: 2,
    manifests: [listed({ digest: `sha256:${'1'.repeat(64)}`, platform: { os: 'windows', architecture: ARCHITECTURE } }), listed()],
  })
  const at = (digest: string): string => `/v2/acme/weather/manifests/sha256:${digest}`
  const served = (body: string): Served => ({ body, accept: 'application/vnd.oci.image.index.v1+json' })
  async function attempt(top: string, paths: Record<string, Served>, reference = 'registry.example:5000/acme/weather:1.2') {
    const source = await serve(() => paths)
    const world = worldOf({ oci: source.url })
    closing.push(() => world.end())
    const digest = sha256(top)
    const wanted = wantedOf({ registryType: 'oci', identifier: `${reference}@sha256:${digest}` }, { digest })
    return { answer: refusalOf(await world.store.keep(wanted)), asked: source.asked }
  }

  it('verified and refused: index and the manifest of this platform have the signed digests', async () => {
    const { answer, asked } = await attempt(INDEX, { [at(sha256(INDEX))]: served(INDEX), [at(sha256(MANIFEST))]: served(MANIFEST) })
    expect(answer).toMatch(/^artifact-kind-unsupported: .*index and manifest have the signed SHA-256/)
    expect(asked).toEqual([at(sha256(INDEX)), at(sha256(MANIFEST))])
  })
  it.each(['acme/weather', 'localhost/acme/weather', 'docker.example/acme/weather:tag'])(
    'a single image as %s, by its digest and never by its tag',
    async reference => {
      const { answer, asked } = await attempt(MANIFEST, { [at(sha256(MANIFEST))]: served(MANIFEST) }, reference)
      expect(answer).toMatch(/^artifact-kind-unsupported/)
      expect(asked).toEqual([at(sha256(MANIFEST))])
    },
  )
  it('tag move: a registry that answers the digest with something else', async () => {
    expect((await attempt(INDEX, { [at(sha256(INDEX))]: served(MANIFEST) })).answer).toMatch(/^artifact-mismatch/)
    expect((await attempt(INDEX, { [at(sha256(INDEX))]: served(INDEX), [at(sha256(MANIFEST))]: served(`${MANIFEST} `) })).answer).toMatch(
      /^artifact-mismatch/,
    )
  })
  it('a manifest of another size than the index says', async () => {
    const lying = text({ manifests: [listed({ size: 1 })] })
    expect((await attempt(lying, { [at(sha256(lying))]: served(lying), [at(sha256(MANIFEST))]: served(MANIFEST) })).answer).toMatch(
      /^artifact-mismatch.*size/,
    )
  })
  it('an index that names another index for this machine', async () => {
    const outer = text({ manifests: [listed({ digest: `sha256:${sha256(INDEX)}`, size: INDEX.length })] })
    expect((await attempt(outer, { [at(sha256(outer))]: served(outer), [at(sha256(INDEX))]: served(INDEX) })).answer).toMatch(
      /^manifest-invalid.*another index/,
    )
  })
  it('a document that is an index for one reader and an image for another (CVE-2021-41190), or neither', async () => {
    for (const document of [
      text({ manifests: [listed()], layers: [], config: {} }),
      text({}),
      text({ manifests: [listed({ digest: 'sha1:0' })] }),
      text({ manifests: [] }),
      '[]',
    ])
      expect((await attempt(document, { [at(sha256(document))]: served(document) })).answer, document).toMatch(/^manifest-invalid/)
  })
  it('without a configured registry nothing is fetched', async () => {
    const world = worldOf({})
    closing.push(() => world.end())
    const digest = sha256(INDEX)
    expect(refusalOf(await world.store.keep(wantedOf({ registryType: 'oci', identifier: `a/b@sha256:${digest}` }, { digest })))).toMatch(
      /^source-absent/,
    )
  })
})
