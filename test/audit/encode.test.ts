import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventEncoder, MAX } from '../../src/audit/encode.ts'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import { canonicalText } from '../../src/kernel/canonical-text.ts'
import type { AuditEvent, ExchangeFacts } from '../../src/audit/record.ts'
import { createTimeText, createUuidV7 } from '../../src/audit/stamps.ts'

const NOW = Date.UTC(2026, 6, 28, 12, 0, 0, 7)
const encoder = new EventEncoder(() => NOW, randomFillSync)

// Any UTF-16, lone surrogates and controls included, more often than not with what escapers get wrong.
const hostile = (maxLength: number) =>
  fc.oneof(
    fc.string({ unit: 'binary', maxLength }),
    fc.string({
      unit: fc.constantFrom(
        '"',
        '\\',
        '\n',
        '\r',
        '\u2028',
        '\u2029',
        '\u0000',
        '\u007f',
        '\u0085',
        '\ud800',
        '\udfff',
        '\u202e',
        '\u{1f600}',
        'a',
      ),
      maxLength: maxLength >> 1,
    }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)), maxLength }),
  )
const facts: fc.Arbitrary<ExchangeFacts> = fc.record(
  {
    call: hostile(40),
    request: hostile(40),
    trace: hostile(40),
    session: hostile(40),
    principal: fc.record(
      {
        ...{ issuer: hostile(60), subject: hostile(60), client: hostile(40), tokenId: hostile(40) },
        kind: fc.constantFrom('person' as const, 'workload' as const),
        authentication: fc.record({ kind: hostile(20), issuer: hostile(40) }, { requiredKeys: ['kind'] }),
        scopes: fc.array(hostile(20), { minLength: 1, maxLength: 4 }),
      },
      { requiredKeys: ['issuer', 'subject'] },
    ),
    upstream: fc.record(
      {
        name: hostile(40),
        version: hostile(20),
        sequence: fc.nat(),
        serverJson: hostile(64),
        publisher: hostile(40),
        surface: hostile(43),
      },
      { requiredKeys: ['surface'] },
    ),
    subject: fc.record(
      {
        endpoint: hostile(60),
        era: fc.constantFrom('legacy' as const, 'modern' as const),
        method: hostile(40),
        server: hostile(40),
        name: hostile(200),
        definition: hostile(43),
        paramsDigest: hostile(43),
        paramsBytes: fc.nat(),
      },
      { requiredKeys: ['endpoint', 'era', 'method'] },
    ),
    credential: hostile(40),
    marks: fc.constantFrom(['untrusted' as const], ['untrusted' as const, 'private' as const]),
  },
  { requiredKeys: ['call', 'request', 'trace', 'subject'] },
)
const rules = fc.array(hostile(30), { maxLength: 4 })
const ms = fc.double({ min: 0, max: 1e7, noNaN: true }).map(value => Math.round(value * 1000) / 1000)
const reason = fc.constantFrom('denied' as const, 'upstream-timeout' as const)

/** One line, and the only text of its value (RFC 8785). */
function expectCanonical(line: string): void {
  expect(line).not.toMatch(/[\u0000-\u001f]/)
  expect(line.isWellFormed()).toBe(true)
  expect(canonicalJson(JSON.parse(line))).toBe(line)
}
/** What the event would be as an object, put through the platform's own JSON; lone surrogates cannot be written in UTF-8. */
const plain = (event: object): unknown => JSON.parse(canonicalText(event))
function expectEvent(line: string, type: AuditEvent['type'], content: object): void {
  expectCanonical(line)
  const { id, time, ...rest } = JSON.parse(line) as AuditEvent
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(time).toBe('2026-07-28T12:00:00.007Z')
  expect(rest).toStrictEqual(plain({ v: 1, type, ...content }))
}

describe('EventEncoder', () => {
  it('writes an intent that reads back as what JSON.stringify would have kept', () => {
    fc.assert(
      fc.property(facts, rules, fc.nat(), (exchange, rules, round) => {
        expectEvent(encoder.intent(encoder.exchange(exchange), rules, round), 'intent', { ...exchange, rules, round })
      }),
      { numRuns: 500 },
    )
  })

  it('writes what it commits to in its place, under the id that it was sealed to', () => {
    const id = '0198a000-0000-7000-8000-000000000000'
    const commit = fc.record({ kind: fc.constantFrom('arguments' as const, 'result' as const), digest: hostile(43), bytes: fc.nat() })
    fc.assert(
      fc.property(facts, commit, fc.boolean(), (exchange, { kind, digest, bytes }, isLarge) => {
        const shared = encoder.exchange(exchange)
        const committing = { id, commit: { kind, digest, ...(isLarge && { bytes }) } }
        const said = { commit: { [kind]: digest }, ...(isLarge && { commitBytes: bytes }) }
        for (const line of [
          encoder.intent(shared, [], 0, { committing }),
          encoder.outcome(shared, { outcome: 'error', errorCode: 1, ms: 1 }, committing),
        ]) {
          expectCanonical(line)
          expect(JSON.parse(line)).toMatchObject(plain({ id, ...said }) as object)
        }
        expect(Object.keys(JSON.parse(encoder.refusal(shared, { reason: 'denied', stage: 's' })))).not.toContain('commit')
      }),
    )
  })

  it('writes outcomes, refusals, decisions, questions, aggregates and lifecycle events that read back exactly', () => {
    const outcome = fc.record(
      {
        outcome: fc.constantFrom('ok' as const, 'error' as const, 'stopped' as const, 'unknown' as const),
        reason,
        stage: hostile(30),
        errorCode: fc.integer(),
        resultBytes: fc.nat(),
        resultDigest: hostile(43),
        notifications: fc.record({ count: fc.nat(), digest: hostile(43) }),
        ms,
        timings: fc.record({ decide: ms, intent: ms, upstream: ms }, { requiredKeys: ['decide'] }),
      },
      { requiredKeys: ['outcome', 'ms'] },
    )
    const refusal = fc.record({ reason, stage: hostile(30), detail: hostile(200) }, { requiredKeys: ['reason', 'stage'] })
    const decision = fc.record({ rules, detail: hostile(200), ms }, { requiredKeys: ['rules', 'ms'] })
    const question = fc.record(
      {
        requestMethod: hostile(40),
        requestDigest: hostile(43),
        decision: fc.constantFrom('allowed' as const, 'refused' as const),
        reason,
        rules,
      },
      { requiredKeys: ['requestMethod', 'decision', 'rules'] },
    )
    fc.assert(
      fc.property(facts, fc.tuple(outcome, refusal, decision, question), (exchange, [outcome, refusal, decision, question]) => {
        const shared = encoder.exchange(exchange)
        expectEvent(encoder.outcome(shared, outcome), 'outcome', { ...exchange, ...outcome })
        expectEvent(encoder.refusal(shared, refusal), 'refusal', { ...exchange, ...refusal })
        expectEvent(encoder.decision(shared, decision), 'decision', { ...exchange, ...decision })
        expectEvent(encoder.serverRequest(shared, question), 'server-request', { ...exchange, ...question })
      }),
    )
    const aggregate = { reason: 'token-invalid', prefix: '203.0.113.0/24', count: 12, from: 'a', to: 'b' } as const
    expectEvent(encoder.aggregate(aggregate), 'aggregate', aggregate)
    fc.assert(
      fc.property(hostile(30), fc.dictionary(hostile(10), fc.jsonValue()), (what, detail) => {
        expectEvent(encoder.lifecycle(what, detail), 'lifecycle', { what, detail })
      }),
    )
    expectEvent(encoder.lifecycle('start'), 'lifecycle', { what: 'start' })
  })

  it('leaves out members handed over as undefined', () => {
    const exchange = encoder.exchange({
      call: 'c',
      request: 'r',
      trace: 't',
      session: undefined,
      principal: undefined,
      subject: { endpoint: '/mcp', era: 'modern', method: 'ping' },
    })
    expect(encoder.outcome(exchange, { outcome: 'ok', ms: 1, reason: undefined, notifications: undefined })).not.toContain('undefined')
  })

  it('never writes a number that is not JSON', () => {
    const exchange = encoder.exchange({ call: 'c', request: 'r', trace: 't', subject: { endpoint: '/mcp', era: 'modern', method: 'ping' } })
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(JSON.parse(encoder.outcome(exchange, { outcome: 'error', errorCode: odd, resultBytes: odd, ms: odd }))).toMatchObject({
        errorCode: 0,
        ms: 0,
      })
  })

  it('N107: a tool name of 1 MB with newlines costs 512 characters and stays on its line', () => {
    const exchange = encoder.exchange({
      call: 'c',
      request: 'r',
      trace: 't',
      subject: { endpoint: '/mcp', era: 'modern', method: 'tools/call', name: '\n{"v":1,"type":"intent"}\u2028'.repeat(40_000) },
    })
    const line = encoder.intent(exchange, ['r1'], 0)
    const name = (JSON.parse(line) as { subject: { name: string } }).subject.name
    expect(name).toHaveLength(MAX.name)
    expect(name.endsWith('…')).toBe(true)
    expect(line.length).toBeLessThan(6 * MAX.name + 1000)
    expectCanonical(line)
  })

  it('keeps two principals apart and forgets none', () => {
    const of = (subject: string) => ({ issuer: 'https://idp.example', subject })
    const [anna, ben] = [of('anna'), of('ben')]
    const line = (principal: { issuer: string; subject: string }) =>
      encoder.exchange({ call: 'c', request: 'r', trace: 't', principal, subject: { endpoint: '/mcp', era: 'modern', method: 'ping' } })
        .principal
    expect(line(anna)).toContain('"subject":"anna"')
    expect(line(ben)).toContain('"subject":"ben"')
    expect(line(anna)).toBe(line(anna))
  })
})

describe('attack: facts that would break canonical JSON', () => {
  const odd = fc.oneof(
    fc.double(),
    fc.constantFrom(-0, Number.NaN, Number.POSITIVE_INFINITY, 1e21, 5e-324, Number.MAX_SAFE_INTEGER + 2),
    fc.integer(),
  )
  const long = fc.oneof(
    hostile(60),
    fc.tuple(hostile(3), fc.integer({ min: 1, max: 3000 })).map(([text, times]) => text.repeat(times)),
  )
  const exchanges = fc.record(
    {
      ...{ call: long, request: long, trace: long, session: long, credential: long },
      principal: fc.record(
        {
          ...{ issuer: long, subject: long, client: long, tokenId: long, scopes: fc.array(long, { maxLength: 80 }) },
          authentication: fc.record({ kind: fc.constant('access-token'), issuer: long }),
        },
        { requiredKeys: ['issuer', 'subject'] },
      ),
      upstream: fc.record(
        { name: long, version: long, sequence: odd, serverJson: long, publisher: long, surface: long },
        { requiredKeys: [] },
      ),
      marks: fc.subarray(['untrusted' as const, 'private' as const]),
      subject: fc.record(
        {
          ...{ endpoint: long, method: long, server: long, name: long, paramsDigest: long, paramsBytes: odd, definition: long },
          era: fc.constantFrom('legacy' as const, 'modern' as const),
        },
        { requiredKeys: ['endpoint', 'era', 'method'] },
      ),
    },
    { requiredKeys: ['call', 'request', 'trace', 'subject'] },
  )
  const data = fc.jsonValue().chain(value => fc.dictionary(hostile(6), fc.oneof(fc.constant(value), long, odd, fc.constant(undefined))))
  const policy = fc.option(data.map(canonicalText), { nil: undefined })
  const findings = fc.option(fc.array(data, { maxLength: 3 }).map(canonicalText), { nil: undefined })
  const many = fc.array(long, { maxLength: 300 })
  const found = fc.record({
    ...{ code: long, in: long, pointer: long, count: odd },
    severity: fc.constantFrom('critical' as const, 'low' as const),
    tier: fc.constantFrom('hold' as const, 'redact' as const),
  })
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
  const how = fc.record({
    ...{ ms: odd, errorCode: maybe(odd), resultBytes: maybe(odd), redacted: maybe(odd), withheld: maybe(odd), count: odd },
    ...{ stage: long, detail: maybe(long), resultDigest: maybe(long), reason: maybe(reason), text: long, other: maybe(long) },
    notifications: maybe(fc.record({ count: odd, digest: long })),
    findings: maybe(fc.array(found, { maxLength: 4 })),
    outcome: fc.constantFrom('ok' as const, 'stopped' as const),
    timings: maybe(fc.record({ decide: maybe(odd), intent: maybe(odd), upstream: maybe(odd) })),
  })
  /** What one event may take at most, in UTF-16 units, besides what is handed over as text. */
  const MOST = 6 * (256 * MAX.rule + 3 * MAX.principal + 20_000)

  it('every kind of event is one line, the only text of its value, and bounded', () => {
    fc.assert(
      fc.property(exchanges, fc.tuple(policy, findings, many, data), how, (exchange, [policy, findings, rules, detail], facts) => {
        const x = encoder.exchange(exchange)
        const { text, other, stage, count, ms } = facts
        const why = facts.reason ?? 'denied'
        const contact = encoder.contactText({
          ...{ contact: text, server: text, principal: exchange.principal, credential: other, paramsDigest: other, method: text },
          purpose: 'list',
        })
        const lines = [
          encoder.intent(x, rules, count, { policy, findings }),
          encoder.outcome(x, facts),
          encoder.refusal(x, { reason: why, stage, detail: facts.detail }, policy),
          encoder.decision(x, { rules, detail: facts.detail, ms }, policy),
          encoder.serverRequest(
            x,
            { requestMethod: text, requestDigest: other, decision: 'refused', reason: facts.reason, rules },
            { policy, findings },
          ),
          encoder.contact(contact),
          encoder.contactEnd(contact, { outcome: 'stopped', reason: facts.reason, ms }),
          encoder.aggregate({ reason: why, prefix: text, count, from: text, to: text }),
          encoder.lifecycle(text, detail),
          encoder.lifecycle(text),
        ]
        for (const line of lines) {
          expectCanonical(line)
          expect(line.length).toBeLessThan(MOST + (policy?.length ?? 0) + (findings?.length ?? 0) + canonicalText(detail).length)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('docs/events.md', () => {
  it('names every member and every type that the encoder writes', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/events.md'), 'utf8')
    const exchange = encoder.exchange({
      call: 'c',
      request: 'r',
      trace: 't',
      session: 's',
      principal: {
        ...{ issuer: 'i', subject: 's', client: 'c', kind: 'person', tokenId: 't', scopes: ['s'] },
        authentication: { kind: 'access-token', issuer: 'i' },
      },
      upstream: { admitted: 'configuration', name: 'n', version: 'v', sequence: 1, serverJson: 'd', publisher: 'p', surface: 's' },
      marks: ['private'],
      credential: 'c',
      subject: {
        ...{ endpoint: '/mcp', era: 'modern', method: 'm', server: 's', name: 'n', paramsDigest: 'd', paramsBytes: 1, definition: 'd' },
      },
    })
    const notifications = { count: 1, digest: 'd' }
    const lines = [
      encoder.intent(exchange, [], 0),
      encoder.outcome(exchange, {
        outcome: 'ok',
        reason: 'denied',
        stage: 's',
        errorCode: 1,
        resultBytes: 1,
        resultDigest: 'd',
        notifications,
        ms: 1,
        timings: { decide: 1, intent: 1, upstream: 1 },
      }),
      encoder.refusal(exchange, { reason: 'denied', stage: 's', detail: 'd' }),
      encoder.decision(exchange, { rules: [], detail: 'd', ms: 1 }),
      encoder.serverRequest(exchange, { requestMethod: 'm', requestDigest: 'd', decision: 'refused', reason: 'denied', rules: [] }),
      encoder.aggregate({ reason: 'denied', prefix: 'p', count: 1, from: 'f', to: 't' }),
      encoder.lifecycle('start', {}),
    ]
    const names = new Set<string>()
    for (const line of lines) {
      JSON.parse(line, (key, value: unknown) => {
        if (key !== '' && !/^\d+$/.test(key)) names.add(key)
        return value
      })
      names.add((JSON.parse(line) as AuditEvent).type)
    }
    expect([...names].filter(name => !page.includes(`\`${name}\``))).toEqual([])
  })
})

describe('stamps', () => {
  it('gives 200,000 different ids within one millisecond, with the time in front', () => {
    const newId = createUuidV7(() => NOW, randomFillSync)
    const ids = new Set(Array.from({ length: 200_000 }, newId))
    expect(ids.size).toBe(200_000)
    for (const id of ids) if (Number.parseInt(id.slice(0, 13).replace('-', ''), 16) !== NOW) expect.fail(id)
  })

  it('N146: a clock that goes back repeats no id and no wrong time', () => {
    let now = NOW
    const newId = createUuidV7(() => now, randomFillSync)
    const timeText = createTimeText()
    const ids = new Set<string>()
    for (const jump of [0, 1, -1, -60_000, 3_600_000, -3_599_999, 0.5, 999]) {
      now = NOW + jump
      ids.add(newId())
      expect(timeText(now)).toBe(new Date(now).toISOString())
    }
    expect(ids.size).toBe(8)
  })

  it('writes times as toISOString does', () => {
    const timeText = createTimeText()
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 4e12 }), ms => {
        expect(timeText(ms)).toBe(new Date(ms).toISOString())
      }),
    )
  })

  it('draws every bit from the generator it was handed', () => {
    const ones = createUuidV7(
      () => 0,
      bytes => bytes.fill(0xff),
    )
    const zeros = createUuidV7(
      () => 0,
      bytes => bytes.fill(0),
    )
    expect(ones()).toBe('00000000-0000-7fff-bfff-ffffffffffff')
    expect(zeros()).toBe('00000000-0000-7000-8000-000000000000')
  })
})
