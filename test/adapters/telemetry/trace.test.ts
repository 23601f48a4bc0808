import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTraceSource, parseTraceparent, type TraceIds } from '../../../src/adapters/telemetry/trace.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

describe('parseTraceparent', () => {
  it.each([
    [`00-${TRACE}-${SPAN}-01`, { traceId: TRACE, isSampled: true }],
    [`00-${TRACE}-${SPAN}-00`, { traceId: TRACE, isSampled: false }],
    [`00-${TRACE}-${SPAN}-fe`, { traceId: TRACE, isSampled: false }],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`, { traceId: TRACE, isSampled: true }],
    [`cc-${TRACE}-${SPAN}-01`, { traceId: TRACE, isSampled: true }],
  ])('reads %s', (value, expected) => expect(parseTraceparent(value)).toEqual({ spanId: SPAN, ...expected }))

  it.each([
    '',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-extra`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `0-${TRACE}-${SPAN}-01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\n`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01.x`,
    `cc-${TRACE}-${SPAN}-01-\r\nx-evil: 1`,
    `cc-${TRACE}-${SPAN}-01-${'x'.repeat(500)}`,
  ])('refuses %j', value => expect(parseTraceparent(value)).toBeUndefined())
})

describe('createTraceSource', () => {
  const VALID = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]$/
  let n = 0
  const make = createTraceSource(() => `r${(n += 1)}`)
  const trace = (traceparent: string | undefined): TraceIds => make({ traceparent }, true)

  it('continues a host’s trace with a span of our own and its sampled flag', () => {
    const [a, b] = [trace(`00-${TRACE}-${SPAN}-01`), trace(`00-${TRACE}-${SPAN}-01`)]
    expect(a.traceId).toBe(TRACE)
    expect(a.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
    expect(new Set([SPAN, a.traceparent.split('-')[2], b.traceparent.split('-')[2]]).size).toBe(3)
    expect(a.requestId).not.toBe(b.requestId)
  })

  it('N107: whatever a host sends as traceparent, what goes on is a valid header value', () => {
    const text = fc.string({ unit: fc.constantFrom('0', 'f', '-', 'G', '\r', '\n', ' ') })
    fc.assert(
      fc.property(fc.oneof(text, fc.constant(undefined), fc.string({ unit: 'binary' })), value => {
        const ids = trace(value)
        expect(VALID.exec(ids.traceparent)?.[1]).toBe(ids.traceId)
      }),
    )
  })

  it('gives 10,000 requests without a trace 10,000 different ones', () => {
    const all = Array.from({ length: 10_000 }, () => trace(undefined))
    expect(new Set(all.map(ids => ids.traceId)).size).toBe(10_000)
    expect(new Set(all.map(ids => ids.traceparent.split('-')[2])).size).toBe(10_000)
  })

  it('never uses an id of zeros, which others read as no trace', () => {
    let fills = 0
    const unlucky = createTraceSource(() => 'r', { fillRandom: bytes => bytes.fill((fills += 1) === 1 ? 0 : 7) })
    expect(unlucky({}, true).traceparent).toBe(`00-${'07'.repeat(16)}-${'07'.repeat(8)}-00`)
  })
})
