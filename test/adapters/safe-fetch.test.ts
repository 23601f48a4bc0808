import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { addressKind } from '../../src/adapters/network-address.ts'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})
async function serve(listener: RequestListener): Promise<{ port: number; named: string[] }> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { port, named: [`127.0.0.1:${port}`, `localhost:${port}`] }
}
const code = async (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error: unknown) => (error as { code?: string }).code,
  )

describe('addresses', () => {
  const forbidden = [
    '0.0.0.0', '169.254.169.254', '192.0.0.192', '100.100.100.200', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.9', '224.0.0.1', '255.255.255.255',
    '::', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::FFFF:7f00:1', '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::a00:1', '2002:7f00:1::', '2002:a00:1::1', '2001:0:7f00:1::',
    'fe80::1', 'fe80::1%lo', 'fec0::1', 'ff02::1', '2001:db8::1', '3fff::1', '100::1', '5f00::1', 'fd00:ec2::254', '', 'localhost', '127.1', '0x7f.0.0.1',
  ] // prettier-ignore
  it.each(forbidden)('SSRF: %s is forbidden', address => expect(addressKind(address)).toBe('forbidden'))
  it('knows loopback, private and public addresses', () => {
    for (const address of ['127.0.0.1', '127.9.9.9', '::1']) expect(addressKind(address)).toBe('loopback')
    for (const address of ['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fc00::1', 'fd12::1'])
      expect(addressKind(address)).toBe('private')
    for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1', '2a00:1450::1'])
      expect(addressKind(address)).toBe('public')
  })
  it('SSRF: no IPv4 address hides in an IPv6 one', () => {
    const hidden = (a: string) => [`::ffff:${a}`, `::${a}`, `64:ff9b::${a}`]
    fc.assert(fc.property(fc.ipV4(), a => hidden(a).every(address => addressKind(address) !== 'public')))
  })
})

describe('what is dialled', () => {
  it('SSRF: a name at a loopback, private, metadata or mixed address is refused and nothing is dialled', async () => {
    let dialled = 0
    const { port } = await serve(() => {})
    servers.at(-1)!.on('connection', () => dialled++)
    const answers = [
      ['127.0.0.1'],
      ['10.0.0.1'],
      ['169.254.169.254'],
      ['8.8.8.8', '127.0.0.1'],
      ['::ffff:127.0.0.1'],
      ['64:ff9b::7f00:1'],
      [],
    ]
    for (const addresses of answers) {
      const fetch = createSafeFetch({ resolve: async () => addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })) })
      expect(await code(fetch.get(`https://idp.example:${port}/`)), addresses.join()).toBe('fetch-refused')
    }
    expect(dialled).toBe(0)
  })
  it('SSRF: rebinding cannot help: the address that was checked is the one dialled, and the name is resolved once', async () => {
    const { port, named } = await serve((_, res) => res.end('mine'))
    let resolved = 0
    const fetch = createSafeFetch({
      namedHosts: named,
      resolve: async () => [{ address: resolved++ === 0 ? '127.0.0.1' : '10.0.0.1', family: 4 }],
    })
    expect((await fetch.get(`http://localhost:${port}/`)).body.toString()).toBe('mine')
    expect(resolved).toBe(1)
  })
  const literals = [
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://[::1]/',
    'https://[::ffff:7f00:1]/',
    'https://169.254.169.254/',
    'https://10.0.0.1/',
    'https://[fd00:ec2::254]/',
  ]
  it.each(literals)('SSRF: the literal %s is refused', async url => expect(await code(createSafeFetch().get(url))).toBe('fetch-refused'))
  it('only https, and http to named loopback hosts; no credentials, no other schemes', async () => {
    const { port, named } = await serve((_, res) => res.end('ok'))
    const fetch = createSafeFetch({ namedHosts: named })
    expect((await fetch.get(`http://127.0.0.1:${port}/a?b=c`)).status).toBe(200)
    const urls = [
      'http://example.com/',
      'ftp://example.com/',
      'file:///etc/passwd',
      'data:,x',
      'not a url',
      `http://a:b@127.0.0.1:${port}/`,
      'http://127.0.0.1:1/',
    ]
    for (const url of urls) expect(await code(fetch.get(url)), url).toBe('fetch-refused')
    expect(await code(createSafeFetch().get(`http://127.0.0.1:${port}/`))).toBe('fetch-refused')
  })
  it('http to a named host that resolves to anything but loopback is refused', async () => {
    const fetch = createSafeFetch({ namedHosts: ['localhost:80'], resolve: async () => [{ address: '10.0.0.1', family: 4 }] })
    expect(await code(fetch.get('http://localhost/'))).toBe('fetch-refused')
  })
})

describe('answers', () => {
  it('does not follow redirects and sends no cookie, credential or body', async () => {
    const seen: unknown[] = []
    const { port, named } = await serve((req, res) => {
      seen.push([req.method, req.url, Object.keys(req.headers).toSorted().join()])
      res.writeHead(302, { location: '/elsewhere', 'set-cookie': 'a=b' }).end()
    })
    const fetch = createSafeFetch({ namedHosts: named })
    for (let i = 0; i < 2; i++) expect((await fetch.get(`http://127.0.0.1:${port}/start`)).status).toBe(302)
    expect(seen).toEqual(Array.from({ length: 2 }, () => ['GET', '/start', 'accept,accept-encoding,connection,host']))
  })
  it('stops reading a body that is too large, declared or not', async () => {
    const { port, named } = await serve((req, res) => {
      if (req.url === '/declared') res.setHeader('content-length', 10_000_000)
      for (let i = 0; i < 100; i++) res.write('x'.repeat(10_000))
      res.end()
    })
    const fetch = createSafeFetch({ namedHosts: named, maxBytes: 100_000 })
    for (const path of ['/declared', '/streamed'])
      expect(await code(fetch.get(`http://127.0.0.1:${port}${path}`)), path).toBe('fetch-too-large')
  })
  it('gives up on silence and on a slow drip', async () => {
    const { port, named } = await serve((req, res) => {
      if (req.url === '/silent') return
      const drip = setInterval(() => res.write('x'), 10)
      res.on('close', () => clearInterval(drip))
    })
    const fetch = createSafeFetch({ namedHosts: named, timeoutMs: 150 })
    for (const path of ['/silent', '/drip']) expect(await code(fetch.get(`http://127.0.0.1:${port}${path}`)), path).toBe('fetch-timeout')
  })
  it('names a refused connection', async () => {
    const { port, named } = await serve(() => {})
    await new Promise(resolve => servers.pop()!.close(resolve))
    expect(await code(createSafeFetch({ namedHosts: named }).get(`http://127.0.0.1:${port}/`))).toBe('fetch-failed')
  })
})
