// What of a host's params travels on to an upstream, byte for byte, and what request state is bound to.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bindingText, outgoingMeta, outgoingParams, progressTokenOf } from '../../src/bridge/outgoing.ts'
import { isJsonFault, member, readJson, type JsonDoc } from '../../src/mcp/json.ts'

const doc = (text: string): JsonDoc => {
  const d = readJson(Buffer.from(text))
  if (isJsonFault(d)) throw new Error(d.fault)
  return d
}
const params = (text: string, renamed?: { key: string; raw: string }): string | undefined => {
  const d = doc(text)
  const sent = outgoingParams(d, d.root, renamed)
  return Buffer.isBuffer(sent) ? sent.toString() : sent && Buffer.concat(sent).toString()
}
const meta = (text: string): string | undefined => {
  const d = doc(text)
  return outgoingMeta(d, d.root)?.toString()
}
const VENDOR = '"vendor":{"big":12345678901234567890,"esc":"\\u0041\\/"}'

describe('params', () => {
  test.each([
    [`{"name":"a","arguments":{"task":1},${VENDOR}}`, `{"name":"a","arguments":{"task":1},${VENDOR}}`],
    // R90: task augmentation belongs to 2025 hops; R75: state and answers are rebuilt per hop, never forwarded as the host sent them
    [`{"name":"a","task":{"ttl":1},${VENDOR}}`, `{"name":"a",${VENDOR}}`],
    ['{"requestState":"s","name":"a","inputResponses":{}}', '{"name":"a"}'],
    ['{"_meta":{"progressToken":1},"name":"a"}', '{"name":"a"}'],
    ['{"_meta":{},"requestState":"s"}', undefined],
    ['{}', undefined],
  ])('%s', (text, expected) => {
    expect(params(text)).toBe(expected)
  })
  test('get the name in the upstream’s own spelling, in place', () => {
    expect(params(`{"x":1,"name":"files__read",${VENDOR}}`, { key: 'name', raw: '"read"' })).toBe(`{"x":1,"name":"read",${VENDOR}}`)
  })
  test('that do not exist stay so', () => {
    expect(outgoingParams(doc('{}'), undefined)).toBeUndefined()
  })
  test('are the very memory that was judged when nothing has to change', () => {
    const d = doc(`{"name":"a",${VENDOR}}`)
    const sent = outgoingParams(d, d.root)
    expect(Buffer.isBuffer(sent) && sent.buffer).toBe(d.bytes.buffer)
  })
  test('of a large message are pieces of the memory that was judged, byte for byte what a small one would be', () => {
    const pad = 'x'.repeat(20_000)
    const d = doc(`{"requestState":"s","a":1, "name":"files__read" ,"arguments":{"pad":"${pad}"},"_meta":{},${VENDOR}}`)
    const sent = outgoingParams(d, d.root, { key: 'name', raw: '"read"' })
    if (!sent || Buffer.isBuffer(sent)) throw new Error('not in pieces')
    expect(Buffer.concat(sent).toString()).toBe(`{"a":1,"name":"read","arguments":{"pad":"${pad}"},${VENDOR}}`)
    expect(sent.find(piece => piece.length > 20_000)?.buffer).toBe(d.bytes.buffer)
  })
})

describe('_meta', () => {
  test.each([
    ['{"progressToken":1,"a/b":{},"traceparent":"x"}', '{"progressToken":1,"a/b":{},"traceparent":"x"}'],
    // a host cannot speak for the gateway's own hop
    ['{"io.modelcontextprotocol/clientCapabilities":{"roots":{}},"tracestate":"x"}', '{"tracestate":"x"}'],
    ['{"io.modelcontextprotocol/subscriptionId":1}', undefined],
  ])('%s', (text, expected) => {
    expect(meta(text)).toBe(expected)
  })
})

describe('what request state is bound to', () => {
  const bound = (text: string, method = 'tools/call'): string => bindingText(doc(text), method, doc(text).root)
  test('ignores the order of members and what belongs to one hop', () => {
    expect(bound('{"name":"a","arguments":{"x":1}}')).toBe(
      bound('{"requestState":"s","arguments":{"x":1},"_meta":{},"name":"a","inputResponses":{}}'),
    )
  })
  test('N111 changes with the method, any member, and the bytes of any argument', () => {
    const base = bound('{"name":"a","arguments":{"x":1}}')
    expect(bound('{"name":"a","arguments":{"x":1}}', 'prompts/get')).not.toBe(base)
    expect(bound('{"name":"a","arguments":{"x":2}}')).not.toBe(base)
    expect(bound('{"name":"a","arguments":{"x":1},"y":1}')).not.toBe(base)
    expect(bound('{"name":"b","arguments":{"x":1}}')).not.toBe(base)
  })
  test('is never equal for two different sets of members', () => {
    const object = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer()), { noNullPrototype: true })
    const own = (o: Record<string, unknown>): Record<string, unknown> =>
      Object.fromEntries(
        Object.entries(o)
          .filter(([key]) => !['_meta', 'requestState', 'inputResponses', 'task'].includes(key))
          .sort(),
      )
    fc.assert(
      fc.property(object, object, (a, b) => {
        const isSame = JSON.stringify(own(a)) === JSON.stringify(own(b))
        expect(bound(JSON.stringify(a)) === bound(JSON.stringify(b))).toBe(isSame)
      }),
    )
  })
})

test.each([
  ['{"progressToken":"t"}', '"t"'],
  ['{"progressToken":12345678901234567890}', '12345678901234567890'],
  ['{"progressToken":{}}', undefined],
  ['{}', undefined],
])('progress token of %s', (text, expected) => {
  const d = doc(text)
  expect(progressTokenOf(d, d.root)).toBe(expected)
  expect(progressTokenOf(d, member(d.root, 'absent'))).toBeUndefined()
})
