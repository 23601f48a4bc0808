// Area G, third part: what an upstream says reaching hosts, logs, metrics and event streams as something else than text.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/adapters/telemetry/logs.ts'
import { event, events, json, result, type HttpExchange } from '../support/upstreams/http-upstream.ts'
import { send, type Answer } from './wire.ts'
import { callTool, expectRefused, LegacyHost, modern, startWorld, works, type World } from './world.ts'

const CREDENTIAL = 'upstream-credential-0123456789'
const JWT = 'eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJjYXJvbCJ9.c2lnbmF0dXJl'
const textOf = (answer: Answer): string => answer.body?.result?.content?.[0]?.text
const progress = (message: any, n: number, more: object = {}): object => ({
  jsonrpc: '2.0',
  method: 'notifications/progress',
  params: { progressToken: message.params._meta?.progressToken, progress: n, ...more },
})

/** Strings that would end a line, an event or a header for a careless writer. */
const EVIL = [
  'x\n\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n',
  'x\r\ndata: evil\r\n\r\n',
  'x\revent: evil\r\r',
  'x\nid: 99\nretry: 1\n\n',
  '\u2028data: evil\u2029\u0085',
  ':\n\n',
  '\0',
]

const lines: string[] = []
const streams: Readonly<Record<string, (x: HttpExchange) => void>> = {
  inject({ res, message }) {
    events(res)
    for (const [i, text] of EVIL.entries()) res.write(event(progress(message, i + 1, { message: text })))
    res.end(
      event({
        jsonrpc: '2.0',
        id: message.id,
        result: {
          resultType: 'complete',
          content: EVIL.map(text => ({ type: 'text', text })),
          ...Object.fromEntries(EVIL.map(text => [text, text])),
        },
      }),
    )
  },
  // the same JSON with every kind of white space between its tokens, CR and LF too
  spread({ res, message }) {
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: message.id,
      result: { resultType: 'complete', content: [{ type: 'text', text: 'spread' }] },
    })
    events(res).write(`data: ${JSON.stringify(progress(message, 1)).replaceAll(',', ',\ndata:\ndata:   ')}\n\n`)
    res.end(`data: ${body.replaceAll(':', ' :\t').replaceAll('{', '{\ndata: \ndata: ')}\n\n`)
  },
  'big-event': ({ res, message }) => void events(res).end(event(result(message.id, 'x'.repeat(200_000)))),
  'big-json': ({ res, message }) => json(res, result(message.id, 'x'.repeat(200_000))),
  'endless-line'({ res }) {
    const chunk = 'x'.repeat(65_536)
    events(res).write('data: ')
    const more = (): void => {
      while (!res.destroyed && res.write(chunk));
    }
    res.on('drain', more)
    more()
  },
  'endless-json'({ res }) {
    const chunk = ' '.repeat(65_536)
    res.writeHead(200, { 'content-type': 'application/json' })
    const more = (): void => {
      while (!res.destroyed && res.write(chunk));
    }
    res.on('drain', more)
    more()
  },
  comments({ res }) {
    const chunk = ': nothing\n'.repeat(5000)
    events(res)
    const more = (): void => {
      while (!res.destroyed && res.write(chunk));
    }
    res.on('drain', more)
    more()
  },
  'wrong-type': ({ res, message }) =>
    void res.writeHead(200, { 'content-type': 'text/html' }).end(JSON.stringify(result(message.id, 'html'))),
  'no-type': ({ res, message }) => void res.writeHead(200).end(JSON.stringify(result(message.id, 'none'))),
  'stream-of-html': ({ res }) => void events(res).end('<html><script>alert(1)</script></html>\n\n'),
  'ids-again'({ res, message }) {
    events(res)
    for (const n of [1, 2, 3]) res.write(event(progress(message, n), 'same'))
    res.end(event(result(message.id, 'ids'), 'same'))
  },
  'half-open'({ res }) {
    events(res).write(': hello\n')
  },
  drip({ res }) {
    events(res)
    const timer = setInterval(() => res.write(':\n'), 20)
    res.on('close', () => clearInterval(timer))
  },
  'case-variant': ({ res, message }) =>
    void events(res).end(
      event({ jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', content: [], Content: [{ type: 'text', text: 'evil' }] } }),
    ),
}
const errors: Readonly<Record<string, (x: HttpExchange) => void>> = Object.fromEntries(
  Object.entries({
    'says-token': { code: -32000, message: `cannot use Authorization: Bearer ${CREDENTIAL} of carol` },
    'says-jwt': {
      code: -32000,
      message: 'bad token',
      data: { stack: `Error: ${JWT}\n at /srv/app.js:1`, tokens: { refresh_token: 'r3fr3sh-me', list: [JWT] }, password: 'hunter2' },
    },
    'says-credential': {
      code: 7,
      message: `upstream said: ${CREDENTIAL}`,
      data: { header: CREDENTIAL, encoded: Buffer.from(CREDENTIAL).toString('base64') },
    },
    'says-cookie': { code: 7, message: 'Cookie: session=abc123; other=def456' },
    'says-much': { code: 8, message: 'm'.repeat(100_000), data: 'd'.repeat(100_000) },
    'says-much-data': { code: 9, message: 'short', data: { rows: Array.from({ length: 5000 }, (_, i) => `customer-${i}`) } },
    plain: { code: -1055, message: 'plain words: nothing to hide', data: { hint: 'use another id', n: 100, list: [1, 2] } },
  }).map(([name, error]) => [name, ({ res, message }: HttpExchange) => json(res, { jsonrpc: '2.0', id: message.id, error })]),
)

let world: World
beforeAll(async () => {
  world = await startWorld({
    tools: { ...streams, ...errors },
    headers: { authorization: `Bearer ${CREDENTIAL}` },
    settings: { limits: { messageSize: '64KiB', bufferSize: '256KiB' }, timeouts: { call: '2s', hard: '6s' } },
    config: { log: { level: 'debug' } },
    logger: createLogger({ level: 'debug', write: line => lines.push(line) > 0, maxPerSecond: 100_000 }),
  })
})
afterAll(() => world.stop())

describe('N106: errors of upstreams', () => {
  it('N106: tokens, keys, cookies and the gateway’s own credential for the upstream are taken out, in both eras', async () => {
    const host = await LegacyHost.open(world)
    for (const name of ['says-token', 'says-jwt', 'says-credential', 'says-cookie'])
      for (const answer of [await callTool(world, name), await host.call(name)]) {
        expect(answer.body.error, name).toBeDefined()
        expect(answer.text, name).not.toMatch(/upstream-credential|eyJ|r3fr3sh|hunter2|abc123|def456/)
        expect(answer.text).not.toContain(Buffer.from(CREDENTIAL).toString('base64'))
        expect(answer.text, name).toContain('[redacted]')
      }
    expect((await callTool(world, 'says-jwt')).body.error.data.stack).toContain('Error: [redacted]')
  })
  it('N106: long ones are cut: message and data are bounded', async () => {
    for (const name of ['says-much', 'says-much-data']) {
      const answer = await callTool(world, name)
      expect(answer.text.length, name).toBeLessThan(8000)
      expect(answer.text).not.toContain('customer-')
    }
  })
  it('N106: an error that holds none of it is relayed as it is', async () => {
    expect((await callTool(world, 'plain')).text).toContain(
      '"error":{"code":-1055,"message":"plain words: nothing to hide","data":{"hint":"use another id","n":100,"list":[1,2]}}',
    )
  })
  it('N106: the gateway’s own errors name no address, path, key or token of the configuration', async () => {
    const lost = await startWorld({
      config: {
        upstreams: {
          gone: {
            http: { url: 'http://127.0.0.1:9/secret-path', headers: { 'x-key': CREDENTIAL } },
            allow: [{ subjects: ['*'], tools: ['*'] }],
          },
          absent: {
            stdio: { command: '/nowhere/secret-program', args: ['--key', CREDENTIAL] },
            allow: [{ subjects: ['*'], tools: ['*'] }],
          },
          dies: {
            stdio: { command: process.execPath, args: ['-e', `console.error("${CREDENTIAL}"); process.exit(3)`] },
            allow: [{ subjects: ['*'], tools: ['*'] }],
          },
        },
      },
    })
    for (const alias of ['gone', 'absent', 'dies']) {
      const path = `/servers/${alias}/mcp`
      const answer = await callTool(lost, 'x', {}, { path, token: await lost.gateway.token(path) })
      expect(answer.body.error?.data.reason, alias).toMatch(/^upstream-(unavailable|lost)$/)
      expect(answer.text, alias).not.toMatch(/secret|credential|127\.0\.0\.1|nowhere|\/home|node_modules/)
    }
    await works(lost)
    await lost.stop()
  })
})

describe('N107: names chosen by attackers in logs, audit and metrics', () => {
  it('N107: a name of a megabyte, with line breaks, JSON or escapes in it, is bounded and escaped everywhere', async () => {
    const metrics = async (): Promise<string> => (await send(world.port, { method: 'GET', path: '/metrics' })).text
    const before = (await metrics()).split('\n').length
    const names = [
      'x'.repeat(1_000_000),
      'a\nb',
      '","type":"outcome","x":"',
      '{"level":"error"}',
      '\u001b[31mred',
      '\u202egnitset',
      'x"} 1\nevil_metric{a="',
      '\u2028',
      'a\0b',
    ]
    for (const [i, name] of names.entries()) {
      const header = `=?base64?${Buffer.from(name).toString('base64')}?=`
      const isLong = name.length > 1000
      const answer = await callTool(world, name, {}, { headers: { 'mcp-name': isLong ? 'x' : header } })
      expect(answer.body.error?.data.reason, name.slice(0, 20)).toBe(isLong ? 'header-mismatch' : 'unknown')
      const host = await LegacyHost.open(world)
      expectRefused(await host.call(name), { status: 200, code: -32602, reason: 'unknown' })
      expect((await modern(world, `m${i}/${'y'.repeat(200)}`)).status).toBe(404)
      await callTool(world, 'echo', {}, { headers: { 'user-agent': `evil${i}`, 'mcp-session-id': `s${i}`, traceparent: 'zz\tzz' } })
    }
    await works(world)
    const page = await metrics()
    expect(page).not.toMatch(/evil|xxxx|yyyy|gnitset/)
    expect(page.split('\n').length - before).toBeLessThan(40) // reasons and stages seen for the first time
    for (const line of lines) {
      expect(line.endsWith('\n') && line.indexOf('\n') === line.length - 1).toBe(true)
      expect(line).not.toMatch(/[\0\u001b\u202e\u2028]/)
      expect(line.length).toBeLessThan(10_000)
      JSON.parse(line)
    }
    const events = world.gateway.events()
    expect(events.every(e => JSON.stringify(e).length < 4000)).toBe(true)
    const types = ['intent', 'outcome', 'refusal', 'decision', 'lifecycle', 'upstream-contact', 'upstream-contact-end']
    expect(events.filter(e => !types.includes(String(e['type'])))).toEqual([])
  })
  it('N107: neither tokens nor arguments stand in the log or the audit events', async () => {
    await callTool(world, 'echo', { password: 'argument-value-42' })
    await callTool(world, 'echo', {}, { headers: { authorization: `Bearer ${world.tokens.alice.slice(0, -4)}AAAA` } })
    for (const text of [
      lines.join(''),
      JSON.stringify(world.gateway.events()),
      (await send(world.port, { method: 'GET', path: '/metrics' })).text,
    ])
      for (const secret of ['argument-value-42', world.tokens.alice, world.tokens.alice.split('.')[2]!, CREDENTIAL])
        expect(text).not.toContain(secret)
  })
})

describe('N108: event stream injection', () => {
  it('N108: strings with line breaks, field names and separators stay inside their own message: one event each, in both eras', async () => {
    const host = await LegacyHost.open(world)
    const meta = { _meta: { progressToken: 'p' } }
    const answers = [
      await modern(world, 'tools/call', { name: 'inject', arguments: {}, ...meta }),
      await host.request('tools/call', { name: 'inject', arguments: {}, ...meta }, { accept: 'text/event-stream, application/json' }),
    ]
    for (const { headers, messages, text } of answers) {
      expect(headers['content-type']).toBe('text/event-stream')
      expect(messages.length).toBe(EVIL.length + 1)
      expect(messages.slice(0, -1).map(m => m.params.message)).toEqual(EVIL)
      expect(messages.at(-1).result.content.map((c: any) => c.text)).toEqual(EVIL)
      // no line of the stream but those the gateway writes itself
      for (const line of text.split(/\r\n|\r|\n/))
        expect(line === '' || /^(data: \{|data: $|id: s\d+-\d+$|retry: \d+$|:)/.test(line), line).toBe(true)
      expect(text).not.toMatch(/\r/)
    }
  })
  it('N108: line breaks between tokens of an upstream’s JSON become none: still one line, still the same value', async () => {
    const answer = await modern(world, 'tools/call', { name: 'spread', arguments: {}, _meta: { progressToken: 'p' } })
    expect(answer.messages.length).toBe(2)
    expect(textOf(answer)).toBe('spread')
    expect(
      answer.text
        .split('\n')
        .filter(l => l !== '' && !l.startsWith('data: {'))
        .filter(l => !l.startsWith(':')),
    ).toEqual([])
  })
})

describe('N109: upstreams whose stream never ends, or is none', () => {
  const failing: [string, RegExp][] = [
    ['big-event', /upstream-invalid/],
    ['big-json', /upstream-invalid/],
    ['endless-line', /upstream-invalid/],
    ['endless-json', /upstream-(invalid|timeout)/],
    ['comments', /upstream-timeout/],
    ['wrong-type', /upstream-invalid/],
    ['no-type', /upstream-invalid/],
    ['stream-of-html', /upstream-(invalid|lost)/],
    ['half-open', /upstream-timeout/],
    ['drip', /upstream-timeout/],
  ]
  it.concurrent.each(failing)(
    'N109: %s ends as an error of its own call; the connection is cut, others are served',
    async (name, reason) => {
      const before = world.up.seen.length
      const [answer] = await Promise.all([callTool(world, name), works(world), works(world, 'alice')])
      expect(answer.status).toBe(200)
      expect(answer.body.error?.data.reason).toMatch(reason)
      expect(answer.text.length).toBeLessThan(2000)
      const exchange = world.up.seen.slice(before).find(e => e.message?.params?.name === name)!
      if (!exchange.res.writableFinished)
        await new Promise<void>(resolve => (exchange.res.destroyed ? resolve() : exchange.res.on('close', () => resolve())))
      await works(world)
    },
  )
  it('N109: endless streams of twenty callers at once are read no further than their limit: memory stays flat', async () => {
    const before = process.memoryUsage()
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => callTool(world, i % 2 ? 'endless-line' : 'endless-json')))
    expect(answers.every(a => a.body.error !== undefined)).toBe(true)
    const after = process.memoryUsage()
    // both ends of each connection live in this process
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 1024 * 1024)
    await works(world)
  })
  it('N109: event ids used again by an upstream mean nothing: each message is relayed once, under ids of the gateway’s own', async () => {
    const host = await LegacyHost.open(world)
    const answer = await host.request(
      'tools/call',
      { name: 'ids-again', arguments: {}, _meta: { progressToken: 1 } },
      { accept: 'text/event-stream, application/json' },
    )
    expect(answer.messages.map(m => m.params?.progress ?? 'result')).toEqual([1, 2, 3, 'result'])
    const ids = [...answer.text.matchAll(/^id: (.+)$/gm)].map(m => m[1])
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).not.toContain('same')
  })
  it('N109, CVE-2026-34742 (go-sdk): key case smuggling inside an event stream is refused as it is in JSON', async () => {
    const answer = await callTool(world, 'case-variant')
    expect(answer.body.error?.data.reason).toBe('upstream-invalid')
    expect(answer.text).not.toContain('evil')
  })
})
