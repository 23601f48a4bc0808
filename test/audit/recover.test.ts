import { randomFillSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventEncoder } from '../../src/audit/encode.ts'
import type { ExchangeFacts } from '../../src/audit/record.ts'
import {
  closeOpen,
  contactKey,
  eventIn,
  isContact,
  OpenIntents,
  openIntentsName,
  SegmentScan,
  segmentName,
  segmentNumber,
} from '../../src/audit/recover.ts'

const NOW = Date.UTC(2026, 6, 28)
const encoder = new EventEncoder(() => NOW, randomFillSync)
const facts = (request: string): ExchangeFacts => ({
  call: 'c1',
  request,
  trace: '4bf92f3577b34da6a3ce929d0e0e4736',
  session: 's-digest',
  principal: { issuer: 'https://idp.example', subject: 'anna', client: 'cli' },
  subject: { endpoint: '/mcp', era: 'modern', method: 'tools/call', server: 'files', name: 'read', paramsDigest: 'd', paramsBytes: 3 },
})
const intent = (request: string) => encoder.intent(encoder.exchange(facts(request)), ['r'], 0)
const outcome = (request: string) => encoder.outcome(encoder.exchange(facts(request)), { outcome: 'ok', ms: 1 })

/** As the encoder wrote it before events were canonical. */
const old = (line: string): string => {
  const { v, type, id, time, ...rest } = JSON.parse(line) as Record<string, unknown>
  return JSON.stringify({ v, type, id, time, ...rest }).replace(/[^ -~]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

describe('OpenIntents', () => {
  it('keeps exactly the intents whose outcome has not come, told of them or reading them, in the layout of any version', () => {
    const request = fc.constantFrom('a', 'ab', 'a"', 'a\\', 'a\\"', 'ä', '', '","type":"outcome', 'r1', 'r2')
    const how = fc.constantFrom('told' as const, 'read' as const, 'old' as const)
    fc.assert(
      fc.property(fc.array(fc.record({ request, ends: fc.boolean(), how })), acts => {
        const open = new OpenIntents()
        const model = new Map<string, string>()
        for (const { request, ends, how } of acts) {
          const line = ends ? outcome(request) : intent(request)
          const written = how === 'old' ? old(line) : line
          if (how !== 'told') open.read(written)
          else if (ends) open.end(request)
          else open.begin(request, written)
          if (ends) model.delete(request)
          else model.set(request, written)
        }
        expect(open.lines()).toEqual([...model.values()])
        expect(open.size).toBe(model.size)
      }),
    )
  })

  it('reads what stood in logs before events were canonical, byte for byte', () => {
    const open = new OpenIntents()
    const head = '","id":"01990000-0000-7000-8000-000000000000","time":"2026-07-28T12:00:00.000Z"'
    const begun = `{"v":1,"type":"intent${head},"request":"r\\u00e4","call":"c","trace":"t","subject":{"endpoint":"/mcp","era":"modern","method":"tools/call"},"rules":["r"],"round":0}`
    const contact = `{"v":1,"type":"upstream-contact${head},"contact":"k","server":"files","purpose":"check","method":"ping"}`
    for (const line of [begun, contact]) open.read(line)
    expect(open.lines()).toEqual([begun, contact])
    expect(open.lines().map(line => closeOpen(line, encoder, NOW).ends)).toEqual(['rä', contactKey('k')])
    open.read(`{"v":1,"type":"outcome${head},"request":"r\\u00e4","call":"c","trace":"t","outcome":"ok","ms":1}`)
    open.read(
      `{"v":1,"type":"upstream-contact-end${head},"contact":"k","server":"files","purpose":"check","method":"ping","outcome":"ok","ms":1}`,
    )
    expect(open.size).toBe(0)
  })

  it('is not moved by other events, even when they quote an intent', () => {
    const open = new OpenIntents()
    open.read(encoder.lifecycle('start', { was: intent('r1') }))
    open.read(encoder.lifecycle('start', JSON.parse(intent('r1')) as Record<string, unknown>))
    open.read(encoder.refusal(encoder.exchange(facts('r1')), { reason: 'denied', stage: 'evaluate-policy', detail: intent('r1') }))
    open.read(encoder.decision(encoder.exchange(facts('r1')), { rules: [], ms: 0 }))
    expect(open.size).toBe(0)
  })
})

describe('contacts of the gateway itself', () => {
  const facts = {
    contact: 'c-1',
    server: 'files',
    principal: { issuer: 'https://idp.example', subject: 'anna' },
    purpose: 'changes',
    method: 'subscriptions/listen',
    paramsDigest: 'd',
  } as const
  const text = encoder.contactText(facts)

  it('are kept until they end, beside intents that have the same id', () => {
    const open = new OpenIntents()
    open.read(intent('c-1'))
    open.read(encoder.contact(text))
    expect(open.size).toBe(2)
    open.read(outcome('c-1'))
    expect(open.lines().map(isContact)).toEqual([true])
    open.read(encoder.contactEnd(text, { outcome: 'ok', ms: 1 }))
    expect(open.size).toBe(0)
  })

  it('are closed as unknown after a crash', () => {
    const { id, time, ...closed } = JSON.parse(closeOpen(encoder.contact(text), encoder, NOW + 1500).event) as Record<string, unknown>
    expect(closed).toEqual({ v: 1, type: 'upstream-contact-end', ...facts, outcome: 'unknown', ms: 1500 })
    expect([typeof id, typeof time]).toEqual(['string', 'string'])
  })
})

describe('SegmentScan', () => {
  const scan = (...lines: string[]) => {
    const judged = new SegmentScan(new OpenIntents())
    const rest = lines.pop() ?? ''
    for (const line of lines) judged.line(line, Buffer.byteLength(line))
    judged.end(Buffer.byteLength(rest))
    return judged
  }
  const [a, b] = [intent('r1'), outcome('r1')]

  it.each([
    ['nothing at all', [''], { isTorn: false, isDamaged: false, rows: 0 }],
    ['whole events', [a, b, ''], { isTorn: false, isDamaged: false, rows: 2 }],
    ['a cut last line', [a, b.slice(0, 30)], { isTorn: true, isDamaged: false, rows: 1 }],
    ['a whole last line without its newline', [a, b], { isTorn: true, isDamaged: false, rows: 1 }],
    [
      'N146 a block that was never written in the last line',
      [a, `${b.slice(0, 30)}\0\0\0`, '\0\0'],
      { isTorn: true, isDamaged: false, rows: 1 },
    ],
    ['N146 a line edited into no event', [a, '{"v":1}', b, ''], { isDamaged: true, rows: 1 }],
    ['N146 a last line edited into no event', [a, '{"v":1}', ''], { isDamaged: true, rows: 1 }],
    ['N146 whole events after a hole', [a, '\0\0\0', b, ''], { isDamaged: true, rows: 1 }],
    ['an empty line', [a, '', b, ''], { isDamaged: true, rows: 1 }],
  ])('%s', (_, lines, expected) => {
    const judged = scan(...lines)
    expect(judged).toMatchObject(expected)
    expect(judged.goodBytes).toBe(lines.slice(0, expected.rows).reduce((sum, line) => sum + line.length + 1, 0))
  })
})

describe('eventIn', () => {
  it.each([
    '',
    'null',
    '[]',
    '{}',
    '1',
    '{"v":0,"type":"x","id":"i","time":"t"}',
    '{"v":"1","type":"x","id":"i","time":"t"}',
    '{"v":1,"type":"x","id":"i"}',
    a(3),
  ])('refuses %j', text => expect(eventIn(text)).toBeUndefined())
  it('accepts every event of the encoder and a later version with more fields', () => {
    for (const line of [intent('r'), outcome('r'), encoder.lifecycle('start'), '{"v":2,"type":"new","id":"i","time":"t","more":[]}'])
      expect(eventIn(line)).toEqual(JSON.parse(line))
  })
})
function a(n: number): string {
  return intent('r').slice(0, -n)
}

describe('closeOpen', () => {
  it('answers for the very exchange with the outcome unknown, and never a negative time', () => {
    const { id, time, ...closed } = JSON.parse(closeOpen(intent('r1'), encoder, NOW + 1500).event) as Record<string, unknown>
    expect(closed).toEqual({ v: 1, type: 'outcome', ...facts('r1'), outcome: 'unknown', stage: 'recover', ms: 1500 })
    expect(typeof id).toBe('string')
    expect(time).toBe('2026-07-28T00:00:00.000Z')
    expect(JSON.parse(closeOpen(intent('r1'), encoder, NOW - 5000).event)).toMatchObject({ ms: 0 })
  })
})

describe('segment names', () => {
  it('reads back its own names and nothing else', () => {
    for (const number of [1, 9, 999_999, 1_000_000]) expect(segmentNumber(segmentName(number))).toBe(number)
    for (const name of [
      'events-000000.jsonl',
      'events-1.jsonl',
      'events-0000001.jsonl',
      'events-000001.jsonl.draft',
      openIntentsName(1),
      'writer.lock',
      'events-000001.jsonl\n',
    ])
      expect(segmentNumber(name)).toBeUndefined()
  })
})
