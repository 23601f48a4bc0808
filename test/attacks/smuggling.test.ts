// Area E, third part, on raw sockets: request smuggling, HTTP/2, bodies without end, slow clients.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { Raw, send, untilClosed } from './wire.ts'
import { callTool, expectRefused, modernBody, modernHeaders, ROOMY, startWorld, unseen, works, type World } from './world.ts'

const LIMIT = 256 * 1024

let world: World
beforeAll(async () => {
  world = await startWorld({ config: { limits: { bodySize: '256KiB' } } })
})
afterAll(() => world.stop())

/** Request line and headers of an `echo` call, without the blank line. */
const head = (args: object = {}, of = world): { lines: string; body: string } => {
  const body = modernBody('tools/call', { name: 'echo', arguments: args })
  const lines = Object.entries(modernHeaders(of, 'tools/call', { name: 'echo' }))
    .map(([k, v]) => `${k}: ${String(v)}\r\n`)
    .join('')
  return { lines: `POST ${of.path} HTTP/1.1\r\n${lines}`, body }
}
/** A whole request that an attacker would like to have read as a second one. */
const smuggled = (): string => {
  const { lines, body } = head({ word: 'smuggled' })
  return `${lines}content-length: ${body.length}\r\n\r\n${body}`
}

describe('N070: request smuggling', () => {
  const framings = (): [string, string][] => {
    const { lines, body } = head({ word: 'carrier' })
    const chunk = `${body.length.toString(16)}\r\n${body}\r\n`
    const end = '0\r\n\r\n'
    const chunked = 'transfer-encoding: chunked\r\n'
    const post = (extra: string, rest: string): string => `${lines}${extra}\r\n${rest}`
    return [
      ['CL.TE', post(`content-length: ${body.length}\r\n${chunked}`, `${body}${smuggled()}`)],
      ['TE.CL', post(`${chunked}content-length: 4\r\n`, `${chunk}${end}${smuggled()}`)],
      ['TE.TE with identity last', post(`${chunked}transfer-encoding: identity\r\n`, `${chunk}${end}${smuggled()}`)],
      ['TE.TE with an unknown one', post(`transfer-encoding: xchunked\r\n`, `${chunk}${end}${smuggled()}`)],
      ['chunked twice', post(`transfer-encoding: chunked, chunked\r\n`, `${chunk}${end}${smuggled()}`)],
      ['chunked before identity', post(`transfer-encoding: chunked, identity\r\n`, `${chunk}${end}${smuggled()}`)],
      ['a tab before chunked and a length', post(`transfer-encoding:\tchunked\r\ncontent-length: 4\r\n`, `${chunk}${end}${smuggled()}`)],
      ['a vertical tab in chunked', post('transfer-encoding: \x0bchunked\r\n', `${chunk}${end}${smuggled()}`)],
      ['a space before the colon', post('transfer-encoding : chunked\r\n', `${chunk}${end}${smuggled()}`)],
      ['two lengths', post(`content-length: ${body.length}\r\ncontent-length: 0\r\n`, `${body}${smuggled()}`)],
      ['the same length twice', post(`content-length: ${body.length}\r\ncontent-length: ${body.length}\r\n`, `${body}${smuggled()}`)],
      ['two lengths in one field', post(`content-length: ${body.length}, 0\r\n`, `${body}${smuggled()}`)],
      ['a length with a plus', post(`content-length: +${body.length}\r\n`, `${body}${smuggled()}`)],
      ['a negative length', post('content-length: -1\r\n', `${body}${smuggled()}`)],
      ['a hexadecimal length', post('content-length: 0x10\r\n', `${body}${smuggled()}`)],
      ['a length that overflows', post(`content-length: ${2n ** 64n + BigInt(body.length)}\r\n`, `${body}${smuggled()}`)],
      ['an empty length', post('content-length: \r\n', `${body}${smuggled()}`)],
      ['a chunk size with a plus', post(chunked, `+${chunk}${end}${smuggled()}`)],
      ['a chunk size with 0x', post(chunked, `0x${chunk}${end}${smuggled()}`)],
      ['a chunk size that overflows', post(chunked, `ffffffffffffffff1\r\n${body}\r\n${end}${smuggled()}`)],
      ['a bare LF after the chunk size', post(chunked, `${body.length.toString(16)}\n${body}\r\n${end}${smuggled()}`)],
      ['a bare LF after the chunk', post(chunked, `${body.length.toString(16)}\r\n${body}\n${end}${smuggled()}`)],
      ['a chunk longer than it says', post(chunked, `4\r\n${body}\r\n${end}${smuggled()}`)],
      ['a bare LF in a chunk extension', post(chunked, `${body.length.toString(16)};a=b\n${body}\r\n${end}${smuggled()}`)],
      ['a bare LF in a trailer', post(chunked, `${chunk}0\r\nx-a: 1\nx-b: 2\r\n\r\n${smuggled()}`)],
      ['a length in a trailer', post(chunked, `${chunk}0\r\ncontent-length: 7\r\n\r\n${smuggled()}`)],
      ['a bare LF after headers', `${lines.replaceAll('\r\n', '\n')}content-length: ${body.length}\n\n${body}${smuggled()}`],
      ['a bare CR in a value', post(`x-a: b\rcontent-length: 0\r\ncontent-length: ${body.length}\r\n`, `${body}${smuggled()}`)],
      ['NUL in a value', post(`x-a: b\0c\r\ncontent-length: ${body.length}\r\n`, `${body}${smuggled()}`)],
      ['NUL in a name', post(`x\0a: b\r\ncontent-length: ${body.length}\r\n`, `${body}${smuggled()}`)],
      ['a folded length', post(`x-a: b\r\n content-length: 0\r\ncontent-length: ${body.length}\r\n`, `${body}${smuggled()}`)],
      ['a name with a space', post(`x a: b\r\ncontent-length: ${body.length}\r\n`, `${body}${smuggled()}`)],
      ['another version', `${lines.replace('HTTP/1.1', 'HTTP/1.2')}content-length: ${body.length}\r\n\r\n${body}${smuggled()}`],
      ['version 0.9', `${lines.replace('HTTP/1.1', 'HTTP/0.9')}content-length: ${body.length}\r\n\r\n${body}${smuggled()}`],
    ]
  }
  it('N070: ambiguous framing is answered once with 400 and the connection ends; the upstream sees neither request', async () => {
    for (const [what, bytes] of framings()) {
      await unseen(world, async () => {
        const raw = await untilClosed(world.port, bytes)
        expect(raw.statuses, what).toEqual([400])
      })
    }
  })
  it('N070: what is legal framing is one request at the upstream: chunks, extensions, trailers', async () => {
    const { lines, body } = head({ word: 'chunked' })
    const pieces = [body.slice(0, 10), body.slice(10)]
      .map((p, i) => `${p.length.toString(16)}${i === 0 ? ';name="va;lue"' : ''}\r\n${p}\r\n`)
      .join('')
    const before = world.up.seen.length
    const raw = await untilClosed(
      world.port,
      `${lines}connection: close\r\ntransfer-encoding: chunked\r\n\r\n${pieces}0\r\nauthorization: Bearer x\r\nmcp-name: forbidden\r\n\r\n`,
    )
    expect(raw.statuses).toEqual([200])
    expect(world.up.seen.length - before).toBe(1)
    const { req, message } = world.up.seen.at(-1)!
    expect(message.params.arguments).toEqual({ word: 'chunked' })
    expect(req.headers['transfer-encoding']).toBeUndefined()
    expect(req.headers.authorization).toBeUndefined()
  })
  it('N070: chunk extensions without end are cut off', async () => {
    const { lines } = head()
    await unseen(world, async () => {
      const raw = await untilClosed(world.port, `${lines}transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(40_000)}\r\na\r\n`)
      expect(raw.statuses.every(s => s === 413 || s === 400)).toBe(true)
    })
  })
  it('N070: pipelined requests get their own answers in order; after a broken one nothing more is read', async () => {
    const own = (word: string): string => {
      const { lines, body } = head({ word })
      return `${lines}content-length: ${body.length}\r\n\r\n${body}`
    }
    const before = world.up.seen.length
    const raw = await untilClosed(world.port, `${own('one')}${own('two')}BROKEN\r\n\r\n${smuggled()}`)
    expect(raw.text).not.toContain('smuggled')
    const words = world.up.seen.slice(before).map(e => e.message.params.arguments.word)
    expect(words.every(w => w === 'one' || w === 'two')).toBe(true)
    await works(world)
  })
  it('N070: more headers than anybody needs: 431', async () => {
    const { lines, body } = head()
    await unseen(world, async () => {
      const raw = await untilClosed(world.port, `${lines}x-long: ${'x'.repeat(64_000)}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      expect(raw.statuses).toEqual([431])
    })
  })
})

describe('N071: HTTP/2 is not offered', () => {
  const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  it('N071: the clear-text preface is refused, and frames after it reach nobody', async () => {
    await unseen(world, async () => {
      const raw = await untilClosed(world.port, Buffer.concat([Buffer.from(PREFACE), SETTINGS, Buffer.alloc(9 * 1000)]))
      expect(raw.statuses.filter(s => s < 400)).toEqual([])
      expect(raw.text).not.toContain('\0\0\0\x04') // no SETTINGS frame of ours
    })
  })
  it('N071: `Upgrade: h2c` does not switch protocols', async () => {
    const { lines, body } = head()
    await unseen(world, async () => {
      const upgrade = 'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n'
      const raw = await untilClosed(world.port, `${lines}${upgrade}content-length: ${body.length}\r\n\r\n${body}`)
      expect(raw.text).not.toContain('101')
      expect(raw.statuses.filter(s => s < 400)).toEqual([])
    })
  })
  it('N071: with TLS, ALPN chooses http/1.1, and a client that offers h2 alone gets no connection', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-n071-'))
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '1',
        '-keyout',
        key,
        '-out',
        cert,
        ...subject,
      ],
      { stdio: 'ignore' },
    )
    execFileSync('chmod', ['600', key])
    const gateway: TestGateway = await startTestGateway({ tls: { cert, key }, limits: ROOMY })
    const port = Number(new URL(gateway.url).port)
    const offer = (ALPNProtocols: string[]): Promise<string> =>
      new Promise(resolve => {
        // the test's own certificate of a minute ago: nothing to verify it against
        const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols }, () => {
          resolve(`chosen ${String(socket.alpnProtocol)}`)
          socket.destroy()
        })
        socket.on('error', error => resolve((error as NodeJS.ErrnoException).code ?? 'error'))
      })
    expect(await offer(['h2', 'http/1.1'])).toBe('chosen http/1.1')
    expect(await offer(['h2'])).toMatch(/ALERT_NO_APPLICATION_PROTOCOL|ECONNRESET/)
    expect(await offer(['http/1.1'])).toBe('chosen http/1.1')
    await gateway.stop()
    rmSync(folder, { recursive: true })
  })
})

/** The gateway's side of connections made while `during` runs. */
async function serverSockets(port: number, during: () => Promise<void>): Promise<Socket[]> {
  const sockets: Socket[] = []
  const onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket }
    if (socket.localPort === port) sockets.push(socket)
  }
  subscribe('net.server.socket', onSocket)
  await during()
  unsubscribe('net.server.socket', onSocket)
  return sockets
}
const SLACK = 64 * 1024

describe('N076: bodies larger than the limit', () => {
  it('N076: declared: 413 at once, before the body is sent', async () => {
    const { lines } = head()
    await unseen(world, async () => {
      for (const length of [LIMIT + 1, 10_000_000_000, Number.MAX_SAFE_INTEGER]) {
        const raw = await untilClosed(world.port, `${lines}content-length: ${length}\r\n\r\n`)
        expect(raw.statuses).toEqual([413])
        expect(raw.text).toContain('body-too-large')
      }
    })
  })
  it('N076: undeclared: 413 once it is over the limit; a body of exactly the limit is served', async () => {
    const { lines, body } = head({ pad: '' })
    const padded = (size: number): string => body.replace('"pad":""', () => `"pad":"${'x'.repeat(size - body.length)}"`)
    const chunked = (text: string): string =>
      `${lines}connection: close\r\ntransfer-encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
    expect((await untilClosed(world.port, chunked(padded(LIMIT)))).statuses).toEqual([200])
    await unseen(world, async () => expect((await untilClosed(world.port, chunked(padded(LIMIT + 1)))).statuses).toEqual([413]))
  })
  it('N076: without end, on fifty connections: each is judged at the limit, read hardly any further, and cut', async () => {
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 0x20), Buffer.from('\r\n')])
    const { lines } = head()
    const before = world.up.seen.length
    let sent = 0
    const flood = (): Promise<Raw> => {
      const raw = new Raw(world.port).write(`${lines}transfer-encoding: chunked\r\n\r\n`)
      const more = (): void => {
        while (!raw.socket.destroyed && raw.socket.write(chunk)) sent += chunk.length
      }
      raw.socket.on('drain', more)
      more()
      return raw.closed.then(() => raw)
    }
    const sockets = await serverSockets(world.port, async () => {
      await Promise.all([...Array.from({ length: 50 }, flood), works(world), works(world)])
    })
    const read = sockets.map(s => s.bytesRead).filter(n => n > SLACK)
    expect(read.length).toBe(50)
    // The read that goes over the limit, one that waits in the paused stream, and one that was under way: 64 kB each, whatever is sent.
    expect(Math.max(...read)).toBeLessThanOrEqual(LIMIT + 3 * SLACK)
    expect(sent).toBeGreaterThan(LIMIT)
    expect(world.up.seen.length - before).toBe(2)
  })
})

describe('N076: bodies that nobody asked for', () => {
  it('N076: a request refused by its headers, or outside the endpoints, has no body read: the connection ends with the answer', async () => {
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 0x20), Buffer.from('\r\n')])
    const own = `host: 127.0.0.1:${world.port}\r\n`
    const starts: [string, number][] = [
      [`POST ${world.path} HTTP/1.1\r\n${own}origin: https://evil.example\r\n`, 403],
      [`POST ${world.path} HTTP/1.1\r\nhost: evil.example\r\n`, 403],
      [`POST ${world.path} HTTP/1.1\r\n${own}content-type: text/plain\r\n`, 415],
      [`PUT ${world.path} HTTP/1.1\r\n${own}`, 405],
      [`DELETE ${world.path} HTTP/1.1\r\n${own}`, 401],
      [`POST /nothing HTTP/1.1\r\n${own}`, 404],
      [`POST /healthz HTTP/1.1\r\n${own}`, 405],
    ]
    for (const [start, status] of starts) {
      const sockets = await serverSockets(world.port, async () => {
        const raw = new Raw(world.port).write(`${start}transfer-encoding: chunked\r\n\r\n`)
        const more = (): void => {
          while (!raw.socket.destroyed && raw.socket.write(chunk));
        }
        raw.socket.on('drain', more)
        more()
        await raw.closed
        expect(raw.statuses.slice(0, 1), start).toEqual(raw.text === '' ? [] : [status])
      })
      // What one turn of the event loop reads before the connection is gone.
      expect(sockets[0]?.bytesRead, start).toBeLessThan(4 * 1024 * 1024)
      await works(world)
    }
  })
})

describe('N077: slow clients', () => {
  // Short times, but longer than a loaded machine takes to read a request that lies there whole.
  let short: World
  beforeAll(async () => {
    short = await startWorld({ config: { limits: { headersTimeout: '2s', bodyTimeout: '3s' } } })
  })
  afterAll(() => short.stop())

  /** Sends `rest` one byte at a time, for ever. */
  async function drip(start: string, rest: string): Promise<Raw> {
    const raw = new Raw(short.port).write(start)
    let i = 0
    const timer = setInterval(() => raw.socket.writable && raw.write(rest[i++ % rest.length] ?? 'x'), 20)
    await raw.closed
    clearInterval(timer)
    return raw
  }
  it('N077: headers one byte at a time, a body one byte at a time, a body that stops: 408, and the connection ends', async () => {
    const { lines } = head({}, short)
    await unseen(short, async () => {
      const ended = await Promise.all([
        drip('POST /mcp HTTP/1.1\r\n', 'x-header: value\r\n'),
        drip(`${lines}content-length: 100000\r\n\r\n`, ' '),
        drip(`${lines}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n'),
        untilClosed(short.port, 'POST /mcp HT'),
        untilClosed(short.port, `${lines}content-length: 5\r\n\r\n{`),
      ])
      expect(ended.map(raw => raw.statuses)).toEqual(ended.map(() => [408]))
    })
  })
  it('N077: a thousand connections that say nothing or half of something are closed, and others are served meanwhile', async () => {
    const silent = Array.from({ length: 1000 }, (_, i) =>
      i % 2 === 0 ? new Raw(short.port) : new Raw(short.port).write('POST /mcp HTTP/1.1\r\nho'),
    )
    await Promise.all(silent.map(raw => raw.open))
    for (let i = 0; i < 100; i++) await works(short)
    const texts = await Promise.all(silent.map(raw => raw.closed))
    expect(new Set(texts.map(t => t.split('\r\n')[0]))).toEqual(new Set(['HTTP/1.1 408 Request Timeout']))
    await works(short)
  })
  it('N077: a host that does not read its answer holds nobody up', async () => {
    const deaf = Array.from({ length: 20 }, () => {
      const { lines, body } = head({ pad: 'x'.repeat(200_000) })
      const raw = new Raw(world.port).write(`${lines}content-length: ${body.length}\r\n\r\n${body}`)
      raw.socket.pause()
      return raw
    })
    for (let i = 0; i < 20; i++) await works(world)
    for (const raw of deaf) raw.destroy()
    await works(world)
  })
})

it('N070: a request that ends the connection in the middle leaves nothing for the next one', async () => {
  const { lines, body } = head({ word: 'half' })
  await unseen(world, async () => {
    const raw = new Raw(world.port).write(`${lines}content-length: ${body.length}\r\n\r\n${body.slice(0, -5)}`)
    raw.socket.end()
    await raw.closed
    expectRefused(await callTool(world, 'forbidden'), { status: 200, code: -32602, reason: 'unknown' })
  })
  expect((await send(world.port, { method: 'GET', path: '/healthz' })).status).toBe(200)
})
