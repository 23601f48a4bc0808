// Area E of the attack catalogue, first half: origins, names, paths, media types, hop-by-hop and forwarded headers, transport methods.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { json, result, startTcp } from '../support/upstreams/http-upstream.ts'
import { send, untilClosed, Raw, type Answer } from './wire.ts'
import { callTool, expectRefused, LegacyHost, modernBody, modernHeaders, startWorld, unseen, works, type World } from './world.ts'

const HEADERS_OF_AN_ANSWER = [
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'x-content-type-options',
]
const SPREAD = {
  'set-cookie': ['session=evil; Path=/', 'other=1'],
  location: 'https://evil.example/',
  'www-authenticate': 'Bearer resource_metadata="https://evil.example"',
  'mcp-session-id': 'chosen-by-upstream',
  'mcp-protocol-version': '1999-01-01',
  'access-control-allow-origin': '*',
  'access-control-allow-credentials': 'true',
  'x-upstream-secret': 'internal',
  refresh: '0; url=https://evil.example',
}

let world: World
beforeAll(async () => {
  world = await startWorld({
    headers: { authorization: 'Bearer upstream-credential', 'x-api-key': 'upstream-key-1234' },
    tools: {
      spread: ({ res, message }) => json(res, result(message.id, 'spread'), 200, SPREAD as unknown as Record<string, string>),
      redirect: ({ res }) => void res.writeHead(307, { location: `${world.gateway.url}/healthz`, 'set-cookie': 'a=b' }).end(),
      unauthorised: ({ res }) => void res.writeHead(401, { 'www-authenticate': 'Bearer realm="upstream"' }).end('no'),
    },
  })
})
afterAll(() => world.stop())

describe('N060: a web page of another origin drives the gateway through the browser', () => {
  const port = (): number => world.port
  const origins = (): [string, string][] => [
    ['another site', 'https://evil.example'],
    ['an opaque origin', 'null'],
    ['a file', 'file://'],
    ['an empty one', ''],
    ['a look-alike subdomain', `http://127.0.0.1.evil.example:${port()}`],
    ['a name that begins like localhost', `http://localhost.evil:${port()}`],
    ['another port', `http://127.0.0.1:${port() + 1}`],
    ['no port', 'http://127.0.0.1'],
    ['another scheme', `https://127.0.0.1:${port()}`],
    ['user information', `http://127.0.0.1:${port()}@evil.example`],
    ['a path after it', `http://127.0.0.1:${port()}/mcp`],
    ['two in one field', `http://127.0.0.1:${port()}, https://evil.example`],
  ]

  it.each(['POST', 'GET', 'DELETE', 'OPTIONS', 'PUT'])(
    'N060: foreign origins get 403 on %s, with a valid token, and nothing passes (R2)',
    async method => {
      await unseen(world, async () => {
        for (const [what, origin] of origins()) {
          const headers = { ...modernHeaders(world, 'tools/call', { name: 'echo' }), origin }
          const answer = await send(port(), {
            method,
            path: world.path,
            headers,
            ...(method === 'POST' && { body: modernBody('tools/call', { name: 'echo' }) }),
          })
          expectRefused(answer, { status: 403, code: -32600, reason: 'origin-forbidden' }, what)
          expect(answer.body, what).not.toHaveProperty('id')
          expect(Object.keys(answer.headers).filter(h => h.startsWith('access-control'))).toEqual([])
        }
      })
    },
  )
  it('N060: the same for what stands beside the endpoints: health, metrics, metadata', async () => {
    for (const path of ['/healthz', '/metrics', '/readyz', '/.well-known/oauth-protected-resource/mcp', '/nothing'])
      expectRefused(await send(port(), { method: 'GET', path, headers: { origin: 'https://evil.example' } }), {
        status: 403,
        code: -32600,
        reason: 'origin-forbidden',
      })
  })
  it('N060: no origin, and the gateway’s own, are served', async () => {
    await works(world)
    for (const origin of [`http://127.0.0.1:${port()}`, `http://localhost:${port()}`, `http://[::1]:${port()}`])
      expect((await callTool(world, 'echo', {}, { headers: { origin } })).status).toBe(200)
  })
})

describe('N061: DNS rebinding', () => {
  it('N061: a name that resolves to loopback is not one of ours: 403 on every method and path, before anything is read (R2)', async () => {
    const { port, path } = world
    const hosts = [
      'attacker.com',
      `attacker.com:${port}`,
      `127.0.0.1.attacker.com:${port}`,
      `127.0.0.1:${port + 1}`,
      '127.0.0.1',
      `127.0.0.1:${port}.`,
      `127.1:${port}`,
      `0.0.0.0:${port}`,
      `2130706433:${port}`,
      `127.0.0.1:${port}@attacker.com`,
      `127.0.0.1:${port}, attacker.com`,
    ]
    await unseen(world, async () => {
      for (const host of hosts) {
        const answer = await callTool(world, 'echo', {}, { headers: { host } })
        expectRefused(answer, { status: 403, code: -32600, reason: 'host-forbidden' }, host)
        for (const [method, at] of [
          ['GET', path],
          ['DELETE', path],
          ['OPTIONS', path],
          ['GET', '/metrics'],
        ] as const)
          expect((await send(port, { method, path: at, headers: { host } })).status, `${method} ${at} ${host}`).toBe(403)
      }
    })
  })
  it('N061: no Host, two Hosts, and an absolute request target do not get around the check', async () => {
    const { port, path } = world
    const body = modernBody('tools/call', { name: 'echo' })
    const lines = Object.entries(modernHeaders(world, 'tools/call', { name: 'echo' }, { headers: { host: undefined } }))
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => `${k}: ${String(v)}\r\n`)
      .join('')
    const post = (target: string, version: string, hosts: string): string =>
      `POST ${target} HTTP/${version}\r\n${hosts}${lines}connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const own = `host: 127.0.0.1:${port}\r\n`
    const cases: [string, number][] = [
      [post(path, '1.0', ''), 403],
      [post(path, '1.1', ''), 403],
      [post(path, '1.1', `${own}host: attacker.com\r\n`), 400],
      [post(path, '1.1', `${own}${own}`), 400],
      [post(`http://attacker.com${path}`, '1.1', own), 404],
      [post(`http://attacker.com${path}`, '1.1', 'host: attacker.com\r\n'), 403],
    ]
    await unseen(world, async () => {
      for (const [bytes, status] of cases) expect((await untilClosed(port, bytes)).statuses, bytes.slice(0, 120)).toEqual([status])
    })
  })
})

describe('N062: a listener that the neighbours can reach', () => {
  it('N062: listens on loopback only, also where the configuration says nothing about it', async () => {
    expect(world.gateway.snapshot.listen.host).toBe('127.0.0.1')
    const others = Object.values(networkInterfaces()).flatMap(all => (all ?? []).filter(a => !a.internal && a.family === 'IPv4'))
    for (const { address } of others) {
      const socket = connect({ host: address, port: world.port })
      const outcome = await new Promise(resolve =>
        socket.on('connect', () => resolve('connected')).on('error', e => resolve((e as any).code)),
      )
      socket.destroy()
      expect(outcome, address).toBe('ECONNREFUSED')
    }
  })
  it.each([
    ['0.0.0.0 without anybody to authenticate', 'version: 1\nlisten: 0.0.0.0:0\n', 'listen'],
    [
      '0.0.0.0 with issuers but in clear text',
      'version: 1\nlisten: 0.0.0.0:0\nidentity: {issuers: [{issuer: "https://i.test"}]}\n',
      'listen',
    ],
    [':: without anybody to authenticate', 'version: 1\nlisten: "[::]:0"\n', 'listen'],
  ])('N062, CVE-2026-81094 (mcp-router): %s does not start', async (_, text, field) => {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-n062-'))
    const file = join(folder, 'gatehouse.yaml')
    writeFileSync(file, `${text}dataDir: ${folder}/data\n`, { mode: 0o600 })
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/cli.ts'), 'serve', '--config', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const code = await new Promise(resolve => child.on('exit', resolve))
    rmSync(folder, { recursive: true })
    expect(code, said).not.toBe(0)
    expect(said).toContain(field)
  })
})

describe('N072: hop-by-hop headers that would take security headers away', () => {
  it('N072, CVE-2025-48865: naming them in Connection deletes nothing: authentication and header agreement stay', async () => {
    const connection = 'close, Authorization, Mcp-Name, Mcp-Method, MCP-Protocol-Version, Host, Content-Type, X-Request-Id'
    await unseen(world, async () => {
      expectRefused(await callTool(world, 'echo', {}, { headers: { connection, authorization: undefined } }), {
        status: 401,
        code: -32600,
        reason: 'token-missing',
      })
      expectRefused(await callTool(world, 'forbidden', {}, { headers: { connection, 'mcp-name': 'echo' } }), {
        status: 400,
        code: -32020,
        reason: 'header-mismatch',
      })
    })
    const before = world.up.seen.length
    expect(
      (await callTool(world, 'echo', { a: 1 }, { headers: { connection, 'x-request-id': 'mine', 'proxy-authorization': 'Basic eDp5' } }))
        .status,
    ).toBe(200)
    const [seen] = world.up.seen.slice(before)
    // The upstream hop carries the gateway's own headers, whole, and none of the host's.
    expect(seen?.req.headers).toMatchObject({ authorization: 'Bearer upstream-credential', 'mcp-name': 'echo', 'mcp-method': 'tools/call' })
    expect(JSON.stringify(seen?.req.headers)).not.toMatch(/x-request-id|proxy-authorization|mine/)
  })
  it('N072, CVE-2026-110279 (ContextForge): a host’s header never replaces the credential configured for the upstream', async () => {
    const before = world.up.seen.length
    const headers = {
      'x-api-key': 'mine',
      cookie: 'a=b',
      'x-upstream-authorization': 'Bearer mine',
      'x-user': 'admin',
      forwarded: 'for=1.2.3.4',
    }
    await callTool(world, 'echo', {}, { headers })
    const { req } = world.up.seen[before]!
    expect(req.headers).toMatchObject({ authorization: 'Bearer upstream-credential', 'x-api-key': 'upstream-key-1234' })
    expect(req.headers).not.toHaveProperty('cookie')
    expect(Object.keys(req.headers).filter(name => name.startsWith('x-') || name === 'forwarded')).toEqual(['x-api-key'])
    expect(JSON.stringify(req.rawHeaders)).not.toContain(world.tokens.alice)
  })
})

describe('N073: forwarded headers of a peer nobody trusts', () => {
  it('N073, CVE-2026-40575: neither names, nor paths, nor identities come from them', async () => {
    const forged = {
      'x-forwarded-host': 'attacker.com',
      'x-forwarded-proto': 'https',
      'x-forwarded-uri': '/healthz',
      'x-original-url': '/healthz',
      'x-rewrite-url': '/healthz',
      'x-forwarded-user': 'admin',
      'x-forwarded-email': 'admin@example.com',
      'x-forwarded-groups': 'admins',
      'x-auth-request-user': 'admin',
      'x-http-method-override': 'GET',
      forwarded: 'host=attacker.com;proto=https',
    }
    await unseen(world, async () => {
      expectRefused(await callTool(world, 'echo', {}, { headers: { ...forged, authorization: undefined } }), {
        status: 401,
        code: -32600,
        reason: 'token-missing',
      })
      expectRefused(await callTool(world, 'forbidden', {}, { headers: forged }), { status: 200, code: -32602, reason: 'unknown' })
    })
    const challenge = await callTool(world, 'echo', {}, { headers: { ...forged, authorization: undefined } })
    expect(challenge.headers['www-authenticate']).toContain(`${world.gateway.url}/.well-known/oauth-protected-resource${world.path}`)
    expect(challenge.headers['www-authenticate']).not.toContain('attacker')
  })
  it('N073: rotating X-Forwarded-For does not escape the limit on refused requests, and blames nobody else', async () => {
    const strict = await startWorld({ config: { limits: { addressFailuresPerMinute: 5 } } })
    const statuses: number[] = []
    for (let i = 0; i < 8; i++)
      statuses.push(
        (await callTool(strict, 'echo', {}, { headers: { authorization: undefined, 'x-forwarded-for': `203.0.113.${i}` } })).status,
      )
    expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 429, 429])
    await strict.stop()
  })
})

describe('N074: path tricks', () => {
  const tricks = [
    '/mcp/../admin',
    '/mcp/..',
    '/servers/up/mcp/../../../mcp',
    '/%2e%2e/servers/up/mcp',
    '/servers/%75p/mcp',
    '/servers/up%2fmcp',
    '//servers/up/mcp',
    '/servers//up/mcp',
    '/servers/up/mcp/',
    '/servers/up/mcp;x=1',
    '/servers/up/mcp%00',
    '/servers/up/mcp%20',
    '/SERVERS/UP/MCP',
    '/servers/UP/mcp',
    '/./servers/up/mcp',
    '/servers/up/./mcp',
    '/servers\\up\\mcp',
    '/servers/__proto__/mcp',
    '/servers/constructor/mcp',
    '/sets/up/mcp',
    '*',
  ]
  it('N074: an endpoint has one spelling; every other one is 404, with or without a token', async () => {
    await unseen(world, async () => {
      for (const path of tricks) {
        const answer = await callTool(world, 'echo', {}, { path })
        expect(answer.status, path).toBe(404)
        expect(answer.body, path).toMatchObject({ reason: 'path-unknown' })
      }
    })
  })
  it('N074: what the control plane serves has one spelling too', async () => {
    for (const path of [
      '/metrics/',
      '//metrics',
      '/METRICS',
      '/metrics;x',
      '/%6detrics',
      '/metrics%00',
      '/x/../metrics',
      '/metrics/..;/readyz',
    ])
      expect((await send(world.port, { method: 'GET', path })).status, path).toBe(404)
  })
  it('N074: a query neither changes the endpoint nor carries a token (R104)', async () => {
    await unseen(world, async () => {
      const answer = await callTool(
        world,
        'echo',
        {},
        { path: `${world.path}?access_token=${world.tokens.alice}`, headers: { authorization: undefined } },
      )
      expectRefused(answer, { status: 401, code: -32600, reason: 'token-missing' })
    })
  })
})

describe('N075: bodies that are not JSON in UTF-8', () => {
  const bomb = (): Buffer => brotliCompressSync(Buffer.alloc(16 * 1024 * 1024, 0x20))
  it('N075: other media types, charsets, and compressed bodies are refused with 415 unread', async () => {
    const cases: [string, Record<string, string | undefined>, Buffer?][] = [
      ['text', { 'content-type': 'text/plain' }],
      ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
      ['multipart', { 'content-type': 'multipart/form-data; boundary=x' }],
      ['nothing', { 'content-type': undefined }],
      ['empty', { 'content-type': '' }],
      ['utf-7', { 'content-type': 'application/json; charset=utf-7' }],
      ['utf-16', { 'content-type': 'application/json;charset=UTF-16' }],
      ['a charset with a space', { 'content-type': 'application/json; charset =utf-7' }],
      ['a second charset', { 'content-type': 'application/json; charset=utf-8; charset=utf-7' }],
      ['json-like', { 'content-type': 'application/jsonp' }],
      ['two types', { 'content-type': 'application/json, text/plain' }],
      ['gzip', { 'content-encoding': 'gzip' }, gzipSync(modernBody('tools/call', { name: 'echo' }))],
      ['a brotli bomb', { 'content-encoding': 'br' }, bomb()],
      ['stacked encodings', { 'content-encoding': 'identity, gzip' }],
    ]
    await unseen(world, async () => {
      for (const [what, headers, body] of cases)
        expectRefused(
          await callTool(world, 'echo', {}, { headers, ...(body && { body }) }),
          { status: 415, code: -32600, reason: 'media-type-unsupported' },
          what,
        )
    })
  })
  it('N075: UTF-16 and UTF-8 with a byte order mark are no JSON: 400', async () => {
    const text = modernBody('tools/call', { name: 'echo' })
    const bodies = [Buffer.from(`\ufeff${text}`), Buffer.from(`\ufeff${text}`, 'utf16le'), Buffer.from(text, 'utf16le'), gzipSync(text)]
    await unseen(world, async () => {
      for (const body of bodies)
        expectRefused(await callTool(world, 'echo', {}, { body }), { status: 400, code: -32700, reason: 'json-invalid' })
    })
  })
})

describe('N078: transport methods and session headers of the other era', () => {
  it('N078: GET and DELETE without a session are 405; other methods as well (R18)', async () => {
    const { port, path } = world
    for (const method of ['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const headers = { authorization: `Bearer ${world.tokens.alice}`, 'mcp-protocol-version': '2026-07-28', 'last-event-id': 's1-0' }
      const answer = await send(port, { method, path, headers })
      expectRefused(answer, { status: 405, code: -32600, reason: 'http-method-refused' }, method)
      expect(answer.headers['allow']).toBe('POST, GET, DELETE')
    }
    const head = await send(port, { method: 'HEAD', path, headers: { authorization: `Bearer ${world.tokens.alice}` } })
    expect([head.status, head.text]).toEqual([405, ''])
  })
  it('N078: a modern GET or DELETE stays 405 whatever session it names, and ends none', async () => {
    const host = await LegacyHost.open(world)
    for (const [method, id] of [
      ['GET', host.id],
      ['DELETE', host.id],
      ['GET', 'made-up'],
      ['DELETE', 'made-up'],
    ] as const) {
      const headers = { authorization: `Bearer ${world.tokens.alice}`, 'mcp-protocol-version': '2026-07-28', 'mcp-session-id': id }
      expectRefused(await send(world.port, { method, path: world.path, headers }), {
        status: 405,
        code: -32600,
        reason: 'http-method-refused',
      })
    }
    expect((await host.call('echo')).status).toBe(200)
  })
  it('N078: a modern request with session headers is served as if they were not there, and mints none (R18)', async () => {
    for (const id of ['made-up', '../../etc/passwd', (await LegacyHost.open(world)).id]) {
      const answer = await callTool(world, 'echo', {}, { headers: { 'mcp-session-id': id, 'last-event-id': 's1-1' } })
      expect(answer).toMatchObject({ status: 200, body: { result: { resultType: 'complete' } } })
      expect(answer.headers).not.toHaveProperty('mcp-session-id')
    }
    expect(
      world.up.seen.every(({ req }) => req.headers['mcp-session-id'] === undefined && req.headers['last-event-id'] === undefined),
    ).toBe(true)
  })
})

describe('N079: an upstream that writes the host’s response headers', () => {
  const onlyOurs = (answer: Answer): void => expect(HEADERS_OF_AN_ANSWER).toEqual(expect.arrayContaining(Object.keys(answer.headers)))

  it('N079: cookies, redirects, challenges, sessions and CORS of an upstream reach no host, in either era', async () => {
    const answer = await callTool(world, 'spread')
    expect(answer).toMatchObject({ status: 200, body: { result: { content: [{ text: 'spread' }] } } })
    onlyOurs(answer)
    const legacy = await (await LegacyHost.open(world)).call('spread')
    expect(legacy).toMatchObject({ status: 200, body: { result: { content: [{ text: 'spread' }] } } })
    onlyOurs(legacy)
  })
  it('N079: its redirects and challenges become errors of the call, never a 3xx or 401 of the gateway (R109)', async () => {
    for (const name of ['redirect', 'unauthorised']) {
      const before = world.up.seen.length
      const answer = await callTool(world, name)
      expect([answer.status, answer.body.error?.code], name).toEqual([200, -32603])
      onlyOurs(answer)
      expect(answer.text).not.toMatch(/realm|healthz|upstream-credential/)
      expect(world.up.seen.length, 'followed').toBe(before + 1)
    }
  })
  it('N079: response splitting with CRLF, NUL or a folded value in an upstream’s header costs its own call an error', async () => {
    const evil = await startTcp((socket, bytes) => {
      const id = /"id":(\d+)/.exec(bytes.toString())?.[1] ?? '1'
      const body = JSON.stringify(result(Number(id), 'split'))
      const value = ['a\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: x=y', 'a\0b', 'a\r\n folded', 'a\nSet-Cookie: x=y'][Number(id) % 4] ?? ''
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-evil: ${value}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    })
    const split = await startWorld({
      config: {
        upstreams: {
          evil: {
            http: { url: evil.url },
            era: 'modern',
            timeouts: { connect: '200ms', call: '200ms' },
            allow: [{ subjects: ['*'], tools: ['*'] }],
          },
        },
      },
    })
    const token = await split.gateway.token('/servers/evil/mcp')
    for (let i = 0; i < 8; i++) {
      const answer = await callTool(split, 'x', {}, { token, path: '/servers/evil/mcp' })
      onlyOurs(answer)
      expect(answer.headers).not.toHaveProperty('set-cookie')
      expect(answer.text).not.toContain('split')
      expect(answer.body.error?.data?.reason).toMatch(/^upstream-/)
      await works(split)
    }
    await split.stop()
    await evil.close()
  })
})

it('N078: an unfinished upgrade or tunnel gets nowhere (R1)', async () => {
  const { port, path } = world
  await unseen(world, async () => {
    const host = `host: 127.0.0.1:${port}\r\n`
    for (const bytes of [
      `GET ${path} HTTP/1.1\r\n${host}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n`,
      `CONNECT 127.0.0.1:${port} HTTP/1.1\r\n${host}\r\n`,
    ]) {
      const raw = await untilClosed(port, bytes)
      expect(raw.statuses.filter(s => s < 400)).toEqual([])
    }
  })
  const raw = new Raw(port).write(`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`)
  await raw.until(/alive/)
  raw.destroy()
})
