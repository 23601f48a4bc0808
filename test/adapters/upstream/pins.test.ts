// Pinned keys of remote servers, over real TLS.

import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import tls, { type TlsOptions } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { UNVERIFIED, upstreamConnector } from '../../../src/adapters/upstream/pinned-connector.ts'
import type { UpstreamTransport } from '../../../src/config/schema.ts'
import { makeCertificate, trustCertificates } from '../../support/certificates.ts'
import { greet, json, result } from '../../support/upstreams/http-upstream.ts'
import { answer, callerOf, echo, upstreamOf } from '../../support/upstreams/world.ts'

const [first, second] = [makeCertificate(), makeCertificate()]
let distrust: () => void
beforeAll(() => (distrust = trustCertificates(first, second)))
afterAll(() => distrust())

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A modern MCP server behind TLS. `requests` counts what reached it, `handshakes` what shook hands. */
async function serve(
  options: TlsOptions,
  port = 0,
): Promise<{ server: Server; port: number; requests: string[]; handshakes: () => number }> {
  const requests: string[] = []
  let handshakes = 0
  const server = createServer(options, (req, res) => {
    res.shouldKeepAlive = false // every exchange is a connection of its own
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const message = body === '' ? undefined : JSON.parse(body)
      requests.push(message?.method ?? req.method)
      if (greet({ req, res, message, body }, { era: 'modern', session: () => '' })) return
      json(res, result(message.id, 'hello'))
    })
  })
  server.on('secureConnection', () => handshakes++)
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port, requests, handshakes: () => handshakes }
}
const connect = (kind: 'http' | 'sse', port: number, spkiSha256?: readonly string[]) => {
  const transport: UpstreamTransport = {
    kind,
    url: `https://127.0.0.1:${port}/mcp`,
    headers: { authorization: 'Bearer of-the-gateway' },
    ...(spkiSha256 && { spkiSha256 }),
  }
  const upstream = upstreamOf(transport)
  closing.push(() => upstream.close(500))
  return upstream
}
const UNPINNED = { stop: 'upstream-unavailable', detail: expect.stringContaining('pinned') }

describe('pinned keys', () => {
  it('reach a server with one of them', async () => {
    const { port, requests } = await serve(first)
    expect(await answer(connect('http', port, [second.spkiSha256, first.spkiSha256]), echo('x'))).toMatchObject({
      result: { content: [{ text: 'hello' }] },
    })
    expect(requests).toContain('tools/call')
  })
  it.each(['http', 'sse'] as const)(
    'another server with a certificate that authorities vouch for answers (%s): nothing is sent to it',
    async kind => {
      const { port, requests } = await serve(second)
      expect(await answer(connect(kind, port, [first.spkiSha256]), echo('x'))).toMatchObject(UNPINNED)
      expect(requests).toEqual([])
    },
  )
  it('the server is swapped between two connections: the second is given up', async () => {
    const { server, port } = await serve(first)
    const upstream = connect('http', port, [first.spkiSha256])
    expect(await answer(upstream, echo('x'))).toMatchObject({ result: { content: [{ text: 'hello' }] } })
    const ticketKeys = server.getTicketKeys()
    server.closeAllConnections()
    await new Promise<void>(resolve => server.close(() => resolve()))
    // the same ticket keys: a session of the first could be taken up again without showing the second's certificate
    const swapped = await serve({ ...second, ticketKeys }, port)
    expect(await answer(upstream, echo('y'))).toMatchObject(UNPINNED)
    expect(swapped.requests).toEqual([])
  })
  it('a pin is not in place of the authorities: a pinned key in a certificate that nobody vouches for is refused', async () => {
    const stranger = makeCertificate()
    const { port, requests } = await serve(stranger)
    expect(await answer(connect('http', port, [stranger.spkiSha256]), echo('x'))).toMatchObject({ stop: 'upstream-unavailable' })
    expect(requests).toEqual([])
  })
  it('a pinned server asked over plain http, as no configuration can say: refused before anything is sent', async () => {
    const upstream = upstreamOf({
      kind: 'http',
      url: `http://127.0.0.1:${(await serve(first)).port}/mcp`,
      headers: {},
      spkiSha256: [first.spkiSha256],
    })
    closing.push(() => upstream.close(500))
    expect(await answer(upstream, echo('x'))).toMatchObject(UNPINNED)
    expect(await upstream.face(callerOf())).toMatchObject({ stop: 'upstream-unavailable' })
  })
})

describe('a server that is judged before each connection', () => {
  const connected = async (verdict: object | undefined): Promise<{ dialled: number; code: string | undefined }> => {
    let dialled = 0
    const dial = upstreamConnector({ connectMs: 1000, verify: () => Promise.resolve(verdict) }, (_, callback) => {
      dialled += 1
      callback(null, {} as never)
    })
    return new Promise(resolve => {
      dial({} as never, (...[error]) => resolve({ dialled, code: error && 'code' in error ? String(error.code) : undefined }))
    })
  }
  it('attack: it may not be used any more: not even a packet is sent to it', async () => {
    expect(await connected({ stop: 'server-revoked' })).toEqual({ dialled: 0, code: UNVERIFIED })
    expect(await connected(undefined)).toEqual({ dialled: 1, code: undefined })
  })
})

describe('the version of TLS', () => {
  it('a server that speaks TLS 1.1 alone is not spoken to, even where node would', async () => {
    const [minimum, ciphers] = [tls.DEFAULT_MIN_VERSION, tls.DEFAULT_CIPHERS]
    tls.DEFAULT_MIN_VERSION = 'TLSv1'
    tls.DEFAULT_CIPHERS = 'DEFAULT@SECLEVEL=0'
    try {
      const { port, handshakes } = await serve({ ...first, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
      expect(await answer(connect('http', port), echo('x'))).toMatchObject({ stop: 'upstream-unavailable' })
      expect(handshakes()).toBe(0)
    } finally {
      tls.DEFAULT_MIN_VERSION = minimum
      tls.DEFAULT_CIPHERS = ciphers
    }
  })
})
