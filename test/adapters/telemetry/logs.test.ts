import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLogger, type LoggerOptions } from '../../../src/adapters/telemetry/logs.ts'
import { createLineSink } from '../../../src/adapters/telemetry/stderr-sink.ts'

function setUp(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = []
  const clock = { now: Date.UTC(2026, 6, 28) }
  const logger = createLogger({
    level: 'debug',
    now: () => clock.now,
    write: line => {
      lines.push(line)
      return true
    },
    ...options,
  })
  return { lines, clock, logger, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> }
}
const JWT = 'eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJlLWJ5dGVz'

describe('createLogger', () => {
  it('writes level, time, message and the correlation ids as one JSON line', () => {
    const { logger, lines } = setUp()
    logger.warn('upstream is slow', {
      request: 'r1',
      trace: 't1',
      upstream: 'files',
      ms: 12.5,
      nested: { a: [1, null, true] },
      gone: undefined,
    })
    expect(lines).toEqual([
      '{"level":"warn","time":"2026-07-28T00:00:00.000Z","msg":"upstream is slow","request":"r1","trace":"t1","upstream":"files","ms":12.5,"nested":{"a":[1,null,true]}}\n',
    ])
  })

  it('leaves out what is below the level, and takes a new one', () => {
    const { logger, lines } = setUp({ level: 'warn' })
    logger.debug('a')
    logger.info('b')
    logger.warn('c')
    logger.setLevel('debug')
    logger.debug('d')
    expect(lines.map(line => (JSON.parse(line) as { msg: string }).msg)).toEqual(['c', 'd'])
  })

  it('N107 log injection: whatever the values are, one call is one printable line of bounded length that reads back', () => {
    const { logger, lines } = setUp({ maxPerSecond: Number.POSITIVE_INFINITY })
    const value = fc.oneof(
      fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true, withDate: true }),
      fc.string({ unit: 'binary' }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.string({ unit: 'binary' }), value), (message, fields) => {
        lines.length = 0
        logger.info(message, fields)
        expect(lines).toHaveLength(1)
        expect(lines[0]).toMatch(/^[ -~]+\n$/)
        expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'info', time: '2026-07-28T00:00:00.000Z' })
      }),
    )
    lines.length = 0
    logger.info(`x\n{"level":"error","msg":"forged"}\u2028\u001b[31m${'y'.repeat(1e6)}`, {
      name: 'z'.repeat(1e6),
      level: 'error',
      msg: 'forged',
    })
    expect(lines[0]!.length).toBeLessThan(5000)
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'info', level_: 'error' })
  })

  it('shows an error with its causes and place, and nothing else that hangs on it', () => {
    const { logger, last } = setUp()
    const inner = Object.assign(new Error(`upstream said Bearer ${JWT}`), {
      code: 'ECONNRESET',
      request: { headers: { authorization: 'Basic Zm9vOmJhcg==' } },
    })
    logger.fault('a request ended in a fault', new TypeError('cannot read', { cause: inner }), { request: 'r1' })
    expect(last()).toMatchObject({
      level: 'error',
      request: 'r1',
      cause: {
        name: 'TypeError',
        message: 'cannot read',
        cause: { name: 'Error', code: 'ECONNRESET', message: 'upstream said Bearer [redacted]' },
      },
    })
    expect(last()['stack']).toContain('logs.test.ts')
    expect(JSON.stringify(last())).not.toMatch(/Zm9v|eyJ/)
    logger.fault('odd', 'a string was thrown')
    expect(last()).toMatchObject({ cause: 'a string was thrown' })
  })

  it('survives values that fight back', () => {
    const { logger, last } = setUp()
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    const thrower = {
      get value() {
        throw new Error('no')
      },
    }
    logger.info('x', { loop, thrower, fn: () => 1, symbol: Symbol('s') })
    expect(last()).toMatchObject({ thrower: {}, fn: null, symbol: 'Symbol(s)' })
  })

  it('a flood of warnings is cut, counted and reported, and leaves room for errors', () => {
    const { logger, lines, clock } = setUp({ maxPerSecond: 10 })
    for (let i = 0; i < 1000; i += 1) logger.warn('flood')
    logger.error('still heard')
    expect(lines).toHaveLength(11)
    expect(logger.dropped).toBe(990)
    clock.now += 1000
    logger.info('next second')
    expect(lines.slice(11).map(line => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'warn', msg: 'log lines were dropped', lines: 990 },
      { msg: 'next second' },
    ])
  })

  it('counts what nobody reads and says so when somebody does', () => {
    let isRead = false
    const lines: string[] = []
    const { logger, clock } = setUp({ write: line => isRead && lines.push(line) > 0 })
    logger.info('lost')
    clock.now += 1000
    logger.info('lost too')
    isRead = true
    clock.now += 1000
    logger.info('read')
    expect(lines.map(line => JSON.parse(line) as unknown)).toMatchObject([{ lines: 2 }, { msg: 'read' }])
  })
})

describe('redaction', () => {
  it.each([
    `Authorization: Bearer ${JWT}`,
    `authorization=Basic ${Buffer.from('user:hunter2-hunter2').toString('base64')}`,
    `bearer opaque-token-1234567890`,
    `token was ${JWT}`,
    `cut ${JWT.slice(0, 40)}`,
    `Cookie: sid=opaque-token-1234567890; theme=dark`,
    `Set-Cookie: sid=opaque-token-1234567890; HttpOnly`,
    `https://user:opaque-token-1234567890@idp.example/x`,
    `https://app.example/cb?code=opaque-token-1234567890&state=1`,
    `{"client_secret":"opaque-token-1234567890","grant_type":"x"}`,
    `{\\"password\\": \\"opaque-token-1234567890\\"}`,
    `refresh_token=opaque-token-1234567890&scope=a`,
    `mcp-session-id: opaque-token-1234567890`,
    `api-key: 'opaque-token-1234567890'`,
  ])('N147 no token, cookie or password by shape: %s', text => {
    const { logger, lines } = setUp()
    logger.info(text, { value: text, nested: [{ text }] })
    expect(lines[0]).toContain('[redacted]')
    expect(lines[0]).not.toMatch(/opaque-token|eyJ|c2lnbmF0|dXNlcjpod/)
  })

  it('N147 fields named like secrets show none of their value', () => {
    const { logger, last } = setUp()
    logger.info('x', {
      token: 'v1',
      headers: { Authorization: 'v2', 'x-api-key': 'v3', 'Set-Cookie': ['v4'], accept: 'v5' },
      clientSecret: 'v6',
      code: 'ECONNRESET',
    })
    expect(last()).toMatchObject({
      token: '[redacted]',
      headers: { Authorization: '[redacted]', 'x-api-key': '[redacted]', 'Set-Cookie': '[redacted]', accept: 'v5' },
      code: 'ECONNRESET',
    })
  })

  it('leaves ordinary text alone', () => {
    const { logger, last } = setUp({ secrets: () => ['abc'] })
    const texts = [
      'upstream `files` said code: ECONNREFUSED',
      'reason token-invalid',
      'https://idp.example/path?x=1',
      'unexpected token } in JSON',
      'abc',
    ]
    for (const text of texts) {
      logger.info(text)
      expect(last()['msg']).toBe(text)
    }
  })

  it('text made to keep the patterns busy costs no more than other text', () => {
    const { logger } = setUp({ maxPerSecond: Number.POSITIVE_INFINITY })
    const units = [
      '\\',
      '"',
      'token',
      'token ',
      'token:',
      'token\\',
      ' ',
      '://',
      '://a',
      'ey',
      'eyaaaaaaaaaa.',
      'Bearer ',
      'cookie:',
      '\\"token\\"',
      '?code',
    ]
    for (const unit of units) {
      const started = process.cpuUsage()
      for (let i = 0; i < 10; i += 1) logger.info(unit.repeat(16_384 / unit.length))
      const { user, system } = process.cpuUsage(started)
      expect(user + system, unit).toBeLessThan(500_000)
    }
  })

  it('N147 property: a configured secret never appears, alone, in text, in a URL, in JSON or in base64', () => {
    const secret = fc
      .string({ unit: 'grapheme-composite', minLength: 6, maxLength: 60 })
      .filter(text => text.length >= 6 && text.trim().length >= 6)
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (secret, before, after) => {
        const { logger, lines, last } = setUp({ secrets: () => [secret] })
        const forms = [
          `${before}${secret}${after}`,
          `https://x.example/?q=${encodeURIComponent(secret)}&b`,
          JSON.stringify({ a: secret }),
          `x ${Buffer.from(secret).toString('base64')} y`,
        ]
        logger.error(forms[0]!, {
          forms,
          error: new Error(forms[0], { cause: new Error(forms[1]) }),
          [`k${secret}`]: 1,
          inner: { [secret]: 2 },
        })
        const shown = JSON.stringify(last())
        const plain: string[] = []
        JSON.parse(lines[0]!, (key, value: unknown) => {
          plain.push(key)
          if (typeof value === 'string') plain.push(value)
          return value
        })
        for (const text of [...plain, shown]) {
          expect(text.includes(secret)).toBe(false)
          expect(text.includes(Buffer.from(secret).toString('base64'))).toBe(false)
        }
      }),
    )
  })

  it('takes over the secrets of a reloaded configuration', () => {
    let secrets = ['first-secret']
    const { logger, last } = setUp({ secrets: () => secrets })
    logger.info('first-secret second-secret')
    expect(last()['msg']).toBe('[redacted] second-secret')
    secrets = ['second-secret']
    logger.info('first-secret second-secret')
    expect(last()['msg']).toBe('first-secret [redacted]')
  })

  it('a text of 100 MB is not searched, only measured', () => {
    const { logger, last } = setUp()
    logger.info('Bearer '.repeat(14_000_000))
    expect(last()['msg']).toBe('[98000000 characters]')
  })
})

describe('createLineSink', () => {
  it('writes in order, keeps no more than its bound, and drops the rest', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sink-'))
    const fd = openSync(join(dir, 'log'), 'w')
    const sink = createLineSink(fd, 100)
    // The first line is under way at once; ten bytes each, so ten more fit.
    const kept = Array.from({ length: 20 }, (_, i) => sink.write(`line ${String(i).padStart(4)}\n`))
    expect(kept).toEqual(Array.from({ length: 20 }, (_, i) => i < 11))
    while (readFileSync(join(dir, 'log'), 'utf8').split('\n').length < 12) await turn()
    sink.write('later\n')
    sink.write('last\n')
    sink.flushSync()
    while (!readFileSync(join(dir, 'log'), 'utf8').includes('later')) await turn()
    expect(readFileSync(join(dir, 'log'), 'utf8').split('\n').slice(0, 3)).toEqual(['line    0', 'line    1', 'line    2'])
    closeSync(fd)
    rmSync(dir, { recursive: true })
  })

  it('a reader that is gone costs lines, not the gateway', async () => {
    const sink = createLineSink(openSync('/dev/full', 'w'))
    expect(sink.write('x\n')).toBe(true)
    for (let i = 0; i < 20; i += 1) await turn()
    expect(sink.write('y\n')).toBe(true)
    sink.flushSync()
  })
})
