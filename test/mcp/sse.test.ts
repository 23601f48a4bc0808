// Events out and in: framing cannot be broken from inside, however the bytes arrive.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SseReader } from '../../src/mcp/sse-reader.ts'
import type { SseEvent, SseLimits } from '../../src/mcp/sse-reader.ts'
import { encodeSseEvent, KEEP_ALIVE } from '../../src/mcp/sse.ts'
import { cpuTimer } from '../support/cpu.ts'

type Plain = { event?: string; id?: string; data: string }
const plain = (e: SseEvent): Plain => ({ ...e, data: e.data.toString() })
const readAll = (chunks: (string | Buffer)[], limits?: SseLimits) => {
  const events: Plain[] = []
  const reader = new SseReader(e => events.push(plain(e)), limits)
  let fault
  for (const chunk of chunks) fault = reader.push(Buffer.from(chunk as string))
  return { events, reader, fault }
}

describe('encoder', () => {
  test('one data line, fields before it', () => {
    expect(encodeSseEvent(Buffer.from('{"a":1}')).toString()).toBe('data: {"a":1}\n\n')
    expect(encodeSseEvent(Buffer.from('{}'), { id: 's-1', event: 'message', retry: 250 }).toString()).toBe(
      'event: message\nid: s-1\nretry: 250\ndata: {}\n\n',
    )
    expect(encodeSseEvent(Buffer.alloc(0), { id: 's-0' }).toString()).toBe('id: s-0\ndata: \n\n')
    expect(KEEP_ALIVE.toString()).toMatch(/^:.*\n\n$/)
  })
  test('pretty-printed JSON cannot smuggle an event', () => {
    const json = '{\r\n"a":\n\n"data: x"\r}'
    expect(readAll([encodeSseEvent(Buffer.from(json))]).events).toEqual([{ data: '{"a":"data: x"}' }])
  })
  test.each([{ id: 'a\nb' }, { id: 'a\r' }, { id: '\0' }, { event: 'x\ndata: y' }, { retry: -1 }, { retry: 1.5 }])(
    'fields that would break the framing are a bug: %j',
    fields => {
      expect(() => encodeSseEvent(Buffer.from('{}'), fields)).toThrow()
    },
  )
})

describe('reader', () => {
  test.each([
    ['LF', 'data: a\n\ndata: b\n\n', [{ data: 'a' }, { data: 'b' }]],
    ['CR', 'data: a\r\rdata: b\r\r', [{ data: 'a' }, { data: 'b' }]],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', [{ data: 'a' }, { data: 'b' }]],
    ['mixed', 'data: a\r\n\ndata: b\n\rdata: c\r\r\n', [{ data: 'a' }, { data: 'b' }, { data: 'c' }]],
    ['BOM', '\ufeffdata: a\n\n', [{ data: 'a' }]],
    ['second BOM is text', '\ufeff\ufeffdata: a\n\n', []],
    ['no space', 'data:a\n\n', [{ data: 'a' }]],
    ['two spaces', 'data:  a\n\n', [{ data: ' a' }]],
    ['several data lines', 'data: a\ndata\ndata: b\n\n', [{ data: 'a\n\nb' }]],
    ['empty data primes', 'id: 1\ndata:\n\n', [{ id: '1', data: '' }]],
    ['event and id', 'event: x\nid: 7\ndata: a\n\ndata: b\n\n', [{ event: 'x', id: '7', data: 'a' }, { data: 'b' }]],
    ['comments and unknown fields', ': hi\nfoo: bar\ndataX: y\n data: z\ndata: a\n:\n\n', [{ data: 'a' }]],
    ['no data, no event', 'event: x\n\nid: 3\n\n: c\n\n', []],
    ['unfinished event', 'data: a\n\ndata: b\n', [{ data: 'a' }]],
    ['id with NUL is ignored', 'id: a\0b\ndata: a\n\n', [{ data: 'a' }]],
    ['leading blank lines', '\n\r\n\rdata: a\n\n', [{ data: 'a' }]],
  ])('%s', (_, text, events) => {
    expect(readAll([text]).events).toEqual(events)
  })
  test('remembers the last id and the retry time', () => {
    const { reader } = readAll(['id: 1\nretry: 250\ndata: a\n\nid: 2\n\nretry: x\nretry: -1\nretry: 99999999999999999\ndata: b\n\n'])
    expect(reader.lastEventId).toBe('2')
    expect(reader.retryMs).toBe(250)
  })
  test('an id counts once its event is complete', () => {
    expect(readAll(['id: 1\ndata: a\n\nid: 2\ndata: b\n']).reader.lastEventId).toBe('1')
  })
  test('the same events however the stream is cut, also inside characters, CRLF and BOM', () => {
    const line = fc.oneof(
      fc.constantFrom('data: a', 'data', 'id: 5', 'event: é', ': c', '', '', 'retry: 5', '\ufeff', 'data: 😀€', 'data:x\0'),
      fc.string({ unit: 'grapheme' }).map(s => s.replace(/[\r\n]/g, '')),
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n', '\n\n'))),
        fc.array(fc.nat(200), { maxLength: 12 }),
        fc.boolean(),
        (lines, cuts, hasBom) => {
          const bytes = Buffer.from((hasBom ? '\ufeff' : '') + lines.map(([l, e]) => l + e).join(''))
          const whole = readAll([bytes])
          const places = [...cuts.map(c => c % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b)
          const parts = readAll(places.map((p, i) => bytes.subarray(places[i - 1] ?? 0, p)))
          const single = readAll(Array.from(bytes, b => Buffer.from([b])))
          for (const other of [parts, single]) {
            expect(other.events).toEqual(whole.events)
            expect(other.reader.lastEventId).toBe(whole.reader.lastEventId)
            expect(other.reader.retryMs).toBe(whole.reader.retryMs)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
  test('what the encoder writes the reader reads', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.jsonValue(), fc.option(fc.stringMatching(/^[!-~]{1,20}$/), { nil: undefined }))), list => {
        const stream = Buffer.concat(
          list.flatMap(([v, id]) => [encodeSseEvent(Buffer.from(JSON.stringify(v, null, 1)), id === undefined ? {} : { id }), KEEP_ALIVE]),
        )
        const { events } = readAll([stream])
        expect(events.map(e => [JSON.parse(e.data), e.id])).toEqual(list.map(([v, id]) => [JSON.parse(JSON.stringify(v)), id]))
      }),
    )
  })
})

describe('hostile upstreams', () => {
  test.each([
    ['line without end', [`data: ${'x'.repeat(2000)}`], 'line-too-long'],
    ['line without end, in pieces', Array.from({ length: 30 }, () => 'x'.repeat(100)), 'line-too-long'],
    ['whole long line', [`data: ${'x'.repeat(2000)}\n`], 'line-too-long'],
    ['endless data lines', Array.from({ length: 200 }, () => `data: ${'x'.repeat(50)}\n`), 'event-too-large'],
    ['endless fields', Array.from({ length: 200 }, () => 'foo\n'), 'too-many-fields'],
    ['endless empty data', Array.from({ length: 200 }, () => 'data\n'), 'too-many-fields'],
  ] as const)('%s', (_, chunks, expected) => {
    const limits = { maxLineBytes: 1000, maxEventBytes: 4000, maxFields: 100 }
    const { events, fault, reader } = readAll([...chunks], limits)
    expect(fault).toBe(expected)
    expect(events).toEqual([])
    expect(reader.push(Buffer.from('\n\ndata: late\n\n'))).toBe(expected)
  })
  test('events before the fault arrive, none after it', () => {
    const { events, fault } = readAll([`data: a\n\ndata: ${'x'.repeat(2000)}\n\ndata: b\n\n`], { maxLineBytes: 1000 })
    expect(events).toEqual([{ data: 'a' }])
    expect(fault).toBe('line-too-long')
  })
  test('keep-alive comments may come for ever', () => {
    expect(
      readAll(
        Array.from({ length: 10_000 }, () => ': ping\n\n'),
        { maxFields: 10 },
      ).fault,
    ).toBeUndefined()
    expect(
      readAll(
        Array.from({ length: 10_000 }, () => ': ping\n'),
        { maxFields: 10 },
      ).fault,
    ).toBeUndefined()
  })
  test('a drip of single bytes and a storm of line ends cost linear time', () => {
    const spent = cpuTimer()
    const reader = new SseReader(() => {})
    const byte = Buffer.from('x')
    for (let i = 0; i < 1_000_000; i++) reader.push(byte)
    expect(readAll(['\r'.repeat(2_000_000) + '\n'.repeat(2_000_000)]).fault).toBeUndefined()
    expect(readAll([`${'data\n'.repeat(4096)}\n`.repeat(100)]).events).toHaveLength(100)
    expect(spent()).toBeLessThan(3000)
  })
})
