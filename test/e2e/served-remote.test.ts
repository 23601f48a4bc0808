// A remote server of the registry, over real TLS: reached where its signed server.json says and nowhere else, by the key that was signed, judged before each connection.

import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { surfaceDigest } from '../../src/trust/review.ts'
import type { Answer } from '../attacks/wire.ts'
import { makeCertificate, trustCertificates } from '../support/certificates.ts'
import { NAME, subjectsOf } from '../support/served.ts'
import { FLIPPING, startServed, type ServedGateway } from '../support/served-gateway.ts'
import { discovered, greet, json, result } from '../support/upstreams/http-upstream.ts'

const [ours, other] = [makeCertificate(), makeCertificate()]
let distrust: () => void
beforeAll(() => (distrust = trustCertificates(ours, other)))
afterAll(() => distrust())

let world: ServedGateway
let remote: Awaited<ReturnType<typeof serve>>
beforeEach(async () => {
  remote = await serve()
  world = await startServed()
})
afterEach(async () => {
  await world.stop()
  await remote.close()
})

/** What FLIPPING has of it. */
const TOOL = {
  name: 'get_weather',
  description: 'Tells the weather of a city.',
  annotations: { readOnlyHint: true },
  inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
}

/** A modern server behind TLS that shows the certificate it is told to. */
async function serve() {
  const asked: string[] = []
  const server = createServer(ours, (req, res) => {
    res.shouldKeepAlive = false // every exchange is a connection of its own
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const message = body === '' ? undefined : JSON.parse(body)
      asked.push(`${message?.method ?? req.method} ${String(req.headers['x-key'])}`)
      const complete = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
      if (message?.method === 'server/discover')
        json(res, discovered(message.id, { capabilities: { tools: {} }, instructions: 'Ask for one city at a time.' }))
      else if (message?.method === 'tools/list') json(res, { jsonrpc: '2.0', id: message.id, result: { ...complete, tools: [TOOL] } })
      else if (!greet({ req, res, message, body }, { era: 'modern', session: () => '' })) json(res, result(message.id, 'remote'))
    })
  })
  let handshakes = 0
  server.on('secureConnection', () => handshakes++)
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}/mcp`,
    asked,
    handshakes: () => handshakes,
    show(certificate: typeof ours) {
      server.setSecureContext(certificate)
      server.closeAllConnections()
    },
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(resolve)
      }),
  }
}

const documentOf = (url: string): string =>
  JSON.stringify({
    name: NAME,
    description: 'Weather.',
    version: '1.0.0',
    remotes: [{ type: 'streamable-http', url, headers: [{ name: 'X-Key', isRequired: true, isSecret: true }] }],
  })

/** published and reviewed: the publisher signs the key of its server, too */
async function published(spkiSha256?: readonly string[]): Promise<Answer> {
  const document = documentOf(remote.url)
  const remotes = [{ url: remote.url, ...(spkiSha256 && { spkiSha256 }) }]
  const surface = { name: 'surface', digest: { sha256: surfaceDigest(FLIPPING) } }
  const bundles = [
    await world.signers.publish(document, 1, { surface: FLIPPING, remotes }),
    await world.signers.review(document, { surface: FLIPPING, subjects: [...subjectsOf(document), surface] }),
  ]
  return world.post('/v1/publish', `{"serverJson":${document},"bundles":[${bundles.join(',')}]}`, 'pat')
}
const pin = (headers: object = { 'X-Key': 'of-the-gateway' }): Promise<string | undefined> =>
  world.running.reload(world.pinned('1.0.0', { headers }))
const said = ({ body }: Answer): unknown => body.result?.content[0].text ?? body.error.data.trust?.rule ?? body.error.data.reason

describe('a remote server that was signed, reviewed and pinned', () => {
  it('is reached with the values of the pin', async () => {
    expect((await published([ours.spkiSha256])).status).toBe(200)
    expect(await pin()).toBe(undefined)
    expect(said(await world.call())).toBe('remote')
    expect(new Set(remote.asked.map(each => each.split(' ')[1]))).toEqual(new Set(['of-the-gateway']))
  })
  it('attack: another machine of that name shows a certificate that authorities vouch for, with another key than was signed', async () => {
    await published([ours.spkiSha256])
    await pin()
    expect(said(await world.call())).toBe('remote')
    const before = remote.asked.length
    remote.show(other)
    expect(said(await world.call())).toBe('upstream-unavailable')
    expect(remote.asked.length).toBe(before)
  })
  it('revoked while it is used: no further byte is sent, and no connection opened', async () => {
    await published()
    await pin()
    expect(said(await world.call())).toBe('remote')
    const [requests, handshakes] = [remote.asked.length, remote.handshakes()]
    await world.revoke('version', `${NAME}@1.0.0`)
    expect(said(await world.call())).toBe('version-revoked')
    expect([remote.asked.length, remote.handshakes()]).toEqual([requests, handshakes])
  })
  it.each<[string, object, string]>([
    ['a header that it does not declare', { 'X-Key': 'k', Authorization: 'Bearer x' }, 'launch-mismatch'],
    ['no value for one that it needs', {}, 'launch-incomplete'],
  ])('%s: nothing is sent', async (_what, headers, rule) => {
    await published()
    expect(await pin(headers)).toBe(undefined)
    expect(said(await world.call())).toBe(rule)
    expect(remote.handshakes()).toBe(0)
  })
})
