// What the gateway may be made to fetch: metadata, key sets, client documents, token endpoints (area D of the negative tests).

import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'
import { webFetch } from '../../src/adapters/web-fetch.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})
type Seen = { method: string; url: string; headers: IncomingHttpHeaders; body: string }
/** A server on loopback that keeps what it was sent; `dialled` counts connections. */
async function serve(answer: RequestListener = (_, res) => res.end('{}')) {
  const seen: Seen[] = []
  const world = { seen, dialled: 0, port: 0, url: '', named: [] as string[] }
  const server = createServer((req, res) => {
    void text(req).then(body => {
      seen.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, body })
      answer(req, res)
    })
  })
  server.on('connection', () => world.dialled++)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  world.port = (server.address() as AddressInfo).port
  world.url = `http://127.0.0.1:${world.port}`
  world.named = [`127.0.0.1:${world.port}`, `localhost:${world.port}`]
  return world
}
const at =
  (...addresses: string[]) =>
  async () =>
    addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }))
const code = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => 'answered',
    (error: unknown) => (error as { code?: string }).code,
  )
const POST = { method: 'POST', headers: { authorization: 'Basic c2VjcmV0' }, body: 'grant_type=x' } as const

describe('addresses nobody may make the gateway talk to', () => {
  const hosts = [
    '127.0.0.1', '127.1', '0x7f000001', '0x7f.1', '2130706433', '0177.0.0.1', '017700000001', '0.0.0.0', '0', '%31%32%37.0.0.1', '１２７.0.0.1',
    '[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::ffff:10.0.0.1]', '[::127.0.0.1]', '[0:0:0:0:0:ffff:a9fe:a9fe]',
    '169.254.169.254', '2852039166', '0xa9fea9fe', '100.100.100.200', '[fd00:ec2::254]', '[fe80::1]', '[fec0::1]', '[fd00::1]', '[fc00::1]',
    '10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', '100.127.255.254', '192.0.0.192', '192.0.2.1', '198.18.0.1', '198.51.100.7', '203.0.113.7', '224.0.0.1', '240.0.0.1', '255.255.255.255',
    '[64:ff9b::7f00:1]', '[64:ff9b::a9fe:a9fe]', '[64:ff9b:1::1]', '[2002:7f00:1::]', '[2002:a9fe:a9fe::1]', '[2001:0:7f00:1::]', '[2001:db8::1]', '[3fff::1]', '[100::1]', '[5f00::1]', '[ff02::1]',
  ] // prettier-ignore
  it.each(hosts)(
    'N054, ToolHive GO-2026-5996, MCP Registry CVE-2026-44430 (NAT64, 6to4, site-local): a token request to the literal %s is refused before anything is dialled',
    async host => {
      const resolve = () => Promise.reject(new Error('a literal is not looked up'))
      expect(await code(createSafeFetch({ resolve }).request(`https://${host}/token`, POST))).toBe('fetch-refused')
    },
  )
  it.each(['localhost', 'localhost.', 'metadata.google.internal', 'idp.example'])(
    'N054, Obot GO-2026-6522, MCPHub CVE-2026-79747 (SSRF): the name %s is refused where it leads inside, and nothing is dialled',
    async name => {
      const world = await serve()
      for (const address of [
        '127.0.0.1',
        '::1',
        '169.254.169.254',
        '10.0.0.1',
        'fd00::1',
        '::ffff:127.0.0.1',
        '64:ff9b::7f00:1',
        '0.0.0.0',
      ]) {
        const fetch = createSafeFetch({ resolve: at(address), networks: ['192.168.0.0/16'] })
        expect(await code(fetch.request(`https://${name}:${world.port}/`, POST)), address).toBe('fetch-refused')
      }
      expect(world.dialled).toBe(0)
    },
  )
  it('N055: a second, private address beside a public one refuses both: nothing is dialled', async () => {
    const world = await serve()
    const fetch = createSafeFetch({ resolve: at('93.184.215.14', '127.0.0.1') })
    expect(await code(fetch.request(`https://idp.example:${world.port}/token`, POST))).toBe('fetch-refused')
    expect(world.dialled).toBe(0)
  })
  it('N055, ContextForge CVE-2026-77822 (rebinding): a name that changes its address between two requests is judged at each, and each judged address is the one dialled', async () => {
    const world = await serve()
    const answers = ['127.0.0.1', '169.254.169.254']
    const fetch = createSafeFetch({ namedHosts: world.named, resolve: () => at(answers.shift() ?? '10.0.0.1')() })
    const url = `http://localhost:${world.port}/token`
    expect((await fetch.request(url, POST)).status).toBe(200)
    expect(await code(fetch.request(url, POST))).toBe('fetch-refused')
    expect([world.seen.length, answers.length]).toEqual([1, 0])
  })
})

describe('what `outbound.allow` opens', () => {
  it('a network is opened for https and private addresses alone: never loopback, link-local, metadata or plain http', async () => {
    const reaching = (address: string, url = 'https://idp.corp.example:1/') =>
      code(createSafeFetch({ networks: ['10.1.0.0/16', '0.0.0.0/1', '128.0.0.0/1', 'fd00::/8'], resolve: at(address) }).get(url))
    for (const address of ['127.0.0.1', '169.254.169.254', '100.100.100.200', 'fd00:ec2::254', '0.0.0.0', '::ffff:10.1.0.1'])
      expect(await reaching(address), address).toBe('fetch-refused')
    expect(await reaching('10.1.0.1', 'http://idp.corp.example:1/')).toBe('fetch-refused')
  })
  it('an address of the opened network is dialled, one beside it is not', async () => {
    // a refusal comes before any time runs out, however slow the machine; only what is dialled needs a short one
    const fetch = (resolve: ReturnType<typeof at>, timeoutMs = 10_000) =>
      createSafeFetch({ networks: ['10.255.255.0/24'], resolve, timeoutMs })
    // What answers there depends on the machine: that it was tried is what counts.
    expect(await code(fetch(at('10.255.255.1'), 60).get('https://idp.corp.example:1/'))).not.toBe('fetch-refused')
    expect(await code(fetch(at('10.255.254.1')).get('https://idp.corp.example:1/'))).toBe('fetch-refused')
    expect(await code(fetch(at('10.255.255.1', '10.255.254.1')).get('https://idp.corp.example:1/'))).toBe('fetch-refused')
  })
  it('an opened `host:port` opens no other port and no other spelling', async () => {
    const fetch = (timeoutMs = 10_000) => createSafeFetch({ namedHosts: ['idp.corp.example:8443'], resolve: at('10.0.0.1'), timeoutMs })
    expect(await code(fetch(60).get('https://idp.corp.example:8443/'))).not.toBe('fetch-refused')
    for (const host of ['idp.corp.example', 'idp.corp.example:8444', 'idp.corp.example.:8443', 'x.idp.corp.example:8443'])
      expect(await code(fetch().get(`https://${host}/`)), host).toBe('fetch-refused')
  })
})

describe('answers made to lead on or to choke', () => {
  it.each([301, 302, 303, 307, 308])(
    'N056: a redirect with status %i is not followed: credentials and body are sent once',
    async status => {
      const inside = await serve()
      const world = await serve((_, res) => res.writeHead(status, { location: `${inside.url}/collect` }).end())
      const fetch = createSafeFetch({ namedHosts: [...world.named, ...inside.named] })
      const answer = await fetch.request(`${world.url}/token`, POST)
      expect([answer.status, inside.dialled, world.seen.length]).toEqual([status, 0, 1])
      const web = await webFetch(fetch)(`${world.url}/token`, { ...POST, redirect: 'follow' })
      expect([web.status, inside.dialled, world.seen.length]).toEqual([status, 0, 2])
      expect(world.seen[1]).toMatchObject({ method: 'POST', body: 'grant_type=x', headers: { authorization: 'Basic c2VjcmV0' } })
    },
  )
  it('N047: a compressed answer (gzip bomb) is not unpacked but refused, and none is asked for', async () => {
    const bomb = gzipSync(Buffer.alloc(5_000_000))
    const world = await serve((_, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb))
    expect(await code(createSafeFetch({ namedHosts: world.named }).request(world.url, POST))).toBe('fetch-failed')
    expect(world.seen[0]?.headers['accept-encoding']).toBe('identity')
  })
  it('N047: a body beyond the request’s own bound, and one that never ends, are given up', async () => {
    const world = await serve((req, res) => {
      if (req.url === '/large') res.end('x'.repeat(2_000))
      else res.write('x')
    })
    const fetch = createSafeFetch({ namedHosts: world.named })
    expect(await code(fetch.request(`${world.url}/large`, { maxBytes: 1_000 }))).toBe('fetch-too-large')
    expect((await fetch.request(`${world.url}/large`, {})).body.length).toBe(2_000)
    expect(await code(fetch.request(`${world.url}/slow`, { timeoutMs: 100 }))).toBe('fetch-timeout')
    expect(await code(fetch.request(`${world.url}/slow`, { signal: AbortSignal.abort() }))).toBe('fetch-timeout')
  })
  it('a request after a dropped connection is not sent again', async () => {
    const world = await serve((_, res) => res.destroy())
    expect(await code(createSafeFetch({ namedHosts: world.named }).request(world.url, POST))).toBe('fetch-failed')
    expect(world.seen.length).toBe(1)
  })
})

describe('what a request may say', () => {
  it.each(['Host', 'Cookie', 'Connection', 'Content-Length', 'Transfer-Encoding', 'Accept-Encoding', 'Proxy-Authorization', 'Upgrade'])(
    'request smuggling: the header %s is not the caller’s to set',
    async name => {
      const world = await serve()
      const fetch = createSafeFetch({ namedHosts: world.named })
      expect(await code(fetch.request(world.url, { ...POST, headers: { [name]: 'evil' } }))).toBe('fetch-refused')
      expect(world.dialled).toBe(0)
      expect((await webFetch(fetch)(world.url, { method: 'POST', headers: { [name]: 'evil' } })).status).toBe(200)
      expect(JSON.stringify(world.seen[0]?.headers)).not.toContain('evil')
    },
  )
  it('header injection: a value with a line break is sent nowhere', async () => {
    const world = await serve()
    const fetch = createSafeFetch({ namedHosts: world.named })
    expect(await code(fetch.request(world.url, { headers: { authorization: 'a\r\nx-evil: 1' } }))).toBe('fetch-failed')
    expect(world.seen).toEqual([])
  })
  it('a library’s fetch sends what the library says and reads what was answered', async () => {
    const world = await serve((_, res) =>
      res.writeHead(400, { 'content-type': 'application/json', 'x-many': ['a', 'b'] }).end('{"error":"x"}'),
    )
    const fetch = webFetch(createSafeFetch({ namedHosts: world.named }))
    const body = new URLSearchParams({ grant_type: 'refresh_token' })
    const answer = await fetch(new URL(`${world.url}/token?a=b`), { method: 'POST', body, headers: { DPoP: 'proof' } })
    expect([answer.status, answer.headers.get('x-many'), await answer.json()]).toEqual([400, 'a, b', { error: 'x' }])
    expect(world.seen[0]).toMatchObject({ method: 'POST', url: '/token?a=b', body: 'grant_type=refresh_token' })
    expect(world.seen[0]?.headers).toMatchObject({ dpop: 'proof', 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' })
    expect((await fetch(new Request(world.url))).status).toBe(400)
    await expect(fetch(world.url, { method: 'PATCH' })).rejects.toThrow('not sent')
    expect(await code(fetch('http://127.0.0.1:1/'))).toBe('fetch-refused')
  })
})
