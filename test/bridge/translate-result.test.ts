// Results and errors between the eras: what each era requires is there, what it does not know is gone, everything else is byte-exact.

import { CallToolResultSchema, ListToolsResultSchema } from '@modelcontextprotocol/sdk/types.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resultToLegacy, resultToModern, translateError } from '../../src/bridge/translate-result.ts'
import { isWrappedOutput, toolToLegacy, toolToModern } from '../../src/bridge/translate-tools.ts'
import { isJsonFault, readJson } from '../../src/mcp/json.ts'
import { readMessage } from '../../src/mcp/message.ts'
import type { Slice } from '../../src/bridge/upstream.ts'

/** the value inside a larger document, indexed as a message is */
const slice = (value: string): Slice => {
  const message = readMessage(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${value}}`))
  if (!('kind' in message) || message.kind !== 'response' || !message.result) throw new Error(JSON.stringify(message))
  return { doc: message.doc, node: message.result }
}
const plainSlice = (value: string): Slice => {
  const doc = readJson(Buffer.from(value), { indexDepth: 1 })
  if (isJsonFault(doc)) throw new Error(doc.fault)
  return { doc, node: doc.root }
}
const info = { name: 'gatehouse', version: '1' }
const modern = (method: string, value: string) => resultToModern(method, slice(value), info).toString()
const legacy = (method: string, value: string, isWrapped?: boolean) => resultToLegacy(method, slice(value), isWrapped).toString()
const META = '"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"gatehouse","version":"1"}}'
const VENDOR = '"vendor":{"big":12345678901234567890,"e":1.0e+2,"esc":"\\u0041\\/","Name":1}'

describe('2025 result for a 2026 host', () => {
  test.each([
    ['tools/call', `{"content":[],${VENDOR}}`, `{"content":[],${VENDOR},"resultType":"complete",${META}}`],
    ['completion/complete', '{}', `{"resultType":"complete",${META}}`],
    [
      'prompts/list',
      '{"prompts":[],"nextCursor":""}',
      `{"prompts":[],"nextCursor":"","resultType":"complete","ttlMs":0,"cacheScope":"private",${META}}`,
    ],
    [
      'resources/read',
      '{"contents":[{"uri":"a","text":"x"}],"_meta":{"a/b":1}}',
      '{"contents":[{"uri":"a","text":"x"}],"_meta":{"a/b":1,"io.modelcontextprotocol/serverInfo":{"name":"gatehouse","version":"1"}},"resultType":"complete","ttlMs":0,"cacheScope":"private"}',
    ],
    [
      'tools/call',
      '{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"u"}},"content":[]}',
      '{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"u"}},"content":[],"resultType":"complete"}',
    ],
    ['tools/call', '{"_meta":null,"content":[]}', `{${META},"content":[],"resultType":"complete"}`],
    [
      'tools/list',
      '{"tools":[{"name":"a","execution":{"taskSupport":"required"},"inputSchema":{"properties":{"execution":{}}}},{"execution":{},"name":"b"},{"name":"c"}]}',
      `{"tools":[{"name":"a","inputSchema":{"properties":{"execution":{}}}},{"name":"b"},{"name":"c"}],"resultType":"complete","ttlMs":0,"cacheScope":"private",${META}}`,
    ],
  ])('%s %s', (method, value, expected) => {
    expect(modern(method, value)).toBe(expected)
    expect(resultToModern(method, plainSlice(value), info).toString()).toBe(expected)
  })
  test('a 2025 upstream cannot smuggle a question past the gate, nor a shared cache entry', () => {
    expect(
      modern(
        'tools/call',
        '{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create"}},"requestState":"x","content":[]}',
      ),
    ).toBe(`{"resultType":"complete","content":[],${META}}`)
    expect(modern('tools/list', '{"tools":[],"cacheScope":"public","ttlMs":999999}')).toBe(
      `{"tools":[],"cacheScope":"private","ttlMs":0,"resultType":"complete",${META}}`,
    )
  })
})

describe('2026 result for a 2025 host', () => {
  test.each([
    [
      'tools/call',
      `{"resultType":"complete","content":[{"type":"text","text":"x"}],${VENDOR}}`,
      `{"content":[{"type":"text","text":"x"}],${VENDOR}}`,
    ],
    ['resources/read', `{"contents":[],"ttlMs":1,"resultType":"complete","cacheScope":"public",${META}}`, '{"contents":[]}'],
    [
      'prompts/get',
      `{"messages":[],"ttlMs":1,"_meta":{"a":1,"io.modelcontextprotocol/serverInfo":{}},"resultType":"complete"}`,
      '{"messages":[],"ttlMs":1,"_meta":{"a":1}}',
    ],
    ['prompts/list', `{${META},"resultType":"complete"}`, '{}'],
    ['completion/complete', '{"completion":{"values":[]},"_meta":{}}', '{"completion":{"values":[]},"_meta":{}}'],
  ])('%s %s', (method, value, expected) => {
    expect(legacy(method, value)).toBe(expected)
    expect(resultToLegacy(method, plainSlice(value)).toString()).toBe(expected)
  })
  test.each([
    [
      '[1,2]',
      '{"content":[],"structuredContent":[1,2]}',
      '{"content":[{"type":"text","text":"[1,2]"}],"structuredContent":{"result":[1,2]}}',
    ],
    [
      'null',
      '{"structuredContent":null,"content":[{"type":"image"}]}',
      '{"structuredContent":{"result":null},"content":[{"type":"image"},{"type":"text","text":"null"}]}',
    ],
    [
      'a string',
      '{"content":[ ],"structuredContent":"a\\"b"}',
      '{"content":[ {"type":"text","text":"\\"a\\\\\\"b\\""}],"structuredContent":{"result":"a\\"b"}}',
    ],
    [
      'a big number',
      '{"structuredContent":12345678901234567890,"resultType":"complete"}',
      '{"structuredContent":{"result":12345678901234567890},"content":[{"type":"text","text":"12345678901234567890"}]}',
    ],
    [
      'with text already',
      '{"content":[{"type":"text","text":"t"}],"structuredContent":true}',
      '{"content":[{"type":"text","text":"t"}],"structuredContent":{"result":true}}',
    ],
    [
      'with text by escapes',
      '{"content":[{"type":"te\\u0078t","text":"t"}],"structuredContent":1}',
      '{"content":[{"type":"te\\u0078t","text":"t"}],"structuredContent":{"result":1}}',
    ],
  ])('structured content that is %s', (_, value, expected) => {
    expect(legacy('tools/call', value)).toBe(expected)
    expect(CallToolResultSchema.safeParse(JSON.parse(expected)).success || value.includes('image')).toBe(true)
  })
  test('an object stays an object, unless the host was shown a wrapped schema', () => {
    const value = '{"content":[],"structuredContent":{"a":1},"resultType":"complete"}'
    expect(legacy('tools/call', value)).toBe('{"content":[],"structuredContent":{"a":1}}')
    expect(legacy('tools/call', value, true)).toBe('{"content":[],"structuredContent":{"result":{"a":1}}}')
  })
  test('tools/list: only schemas that are no objects change', () => {
    const object = '{"name":"o","inputSchema":{"type":"object"},"outputSchema":{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}}}}'
    const list =
      '{"name":"l","inputSchema":{"type":"object"},"outputSchema":{"type":"array","items":{"$ref":"#/$defs/i"},"$defs":{"i":{}}}}'
    const out = legacy('tools/list', `{"tools":[${object},${list},1],"ttlMs":5,"cacheScope":"public","resultType":"complete"}`)
    expect(out).toContain(object)
    const { tools, ...rest } = JSON.parse(out) as { tools: unknown[] }
    expect(rest).toEqual({})
    expect(tools[1]).toEqual({
      name: 'l',
      inputSchema: { type: 'object' },
      outputSchema: {
        type: 'object',
        properties: { result: { type: 'array', items: { $ref: '#/properties/result/$defs/i' }, $defs: { i: {} } } },
        required: ['result'],
      },
    })
    expect(ListToolsResultSchema.safeParse({ tools: tools.slice(0, 2) }).success).toBe(true)
  })
  test('what a 2026 host would have been sent is what a 2025 host gets back from a round trip', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom('tools/call', 'prompts/get', 'resources/read', 'completion/complete'),
        (body, method) => {
          const known = ['_meta', 'resultType', 'ttlMs', 'cacheScope', 'inputRequests', 'requestState', 'structuredContent']
          const text = JSON.stringify(Object.fromEntries(Object.entries(body).filter(([key]) => !known.includes(key))))
          const there = resultToModern(method, plainSlice(text), info)
          expect(resultToLegacy(method, plainSlice(there.toString())).toString()).toBe(text)
        },
      ),
    )
  })
})

describe('output schemas (SEP-2106)', () => {
  const wrap = (schema: unknown) =>
    JSON.parse(toolToLegacy(Buffer.from(JSON.stringify({ name: 'a', outputSchema: schema }))).toString()).outputSchema
  test('references move with the root, except in data, names and subtrees with a base of their own', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      anyOf: [{ $ref: '#' }, { $ref: '#/$defs/a' }, { $dynamicRef: '#/$defs/b' }, { $ref: 'other.json#/x' }, { $ref: '#anchor' }],
      properties: { $ref: { $ref: '#/$defs/a' }, default: { $ref: '#' }, const: { const: { $ref: '#' } } },
      enum: [{ $ref: '#' }],
      default: { $ref: '#/$defs/a' },
      $defs: { a: { $id: 'https://x.example/a', $ref: '#' }, b: { $id: '#frag', $ref: '#' } },
    }
    const wrapped = wrap(schema)
    expect(Object.keys(wrapped)).toEqual(['$schema', 'type', 'properties', 'required'])
    expect(wrapped.properties.result).toEqual({
      ...schema,
      anyOf: [
        { $ref: '#/properties/result' },
        { $ref: '#/properties/result/$defs/a' },
        { $dynamicRef: '#/properties/result/$defs/b' },
        { $ref: 'other.json#/x' },
        { $ref: '#anchor' },
      ],
      properties: {
        $ref: { $ref: '#/properties/result/$defs/a' },
        default: { $ref: '#/properties/result' },
        const: { const: { $ref: '#' } },
      },
      $defs: { a: { $id: 'https://x.example/a', $ref: '#' }, b: { $id: '#frag', $ref: '#/properties/result' } },
    })
  })
  test('a root with a base of its own is embedded as it is', () => {
    const schema = { $id: 'https://x.example/root', type: 'array', items: { $ref: '#/$defs/a' } }
    expect(wrap(schema).properties.result).toEqual(schema)
  })
  test('2019-09 recursion becomes a reference', () => {
    const $schema = 'https://json-schema.org/draft/2019-09/schema'
    expect(wrap({ $schema, type: 'array', items: { $recursiveRef: '#' } }).properties.result.items).toEqual({ $ref: '#/properties/result' })
    expect(wrap({ $schema, $recursiveAnchor: true, type: 'array', items: { $recursiveRef: '#' } }).properties.result.items).toEqual({
      $recursiveRef: '#',
    })
  })
  test.each([
    ['{"type":"object"}', false],
    ['{"anyOf":[{"type":"object"}]}', true],
    ['{"type":["object","null"]}', true],
    ['{}', true],
    ['true', false],
  ])('%s wrapped: %s', (schema, expected) => {
    expect(isWrappedOutput(Buffer.from(schema))).toBe(expected)
  })
  test('definitions that need no change keep their memory', () => {
    for (const text of ['{"name":"a","outputSchema":{"type":"object"}}', '{"name":"a"}', '{"name":"a","outputSchema":true}']) {
      const tool = Buffer.from(text)
      expect(toolToLegacy(tool).buffer).toBe(tool.buffer)
      expect(toolToModern(tool).equals(tool)).toBe(true)
    }
    expect(toolToModern(Buffer.from('{"execution":{"taskSupport":"optional"},"name":"a"}')).toString()).toBe('{"name":"a"}')
  })
  test('a schema nested to the reading limit does not overflow', () => {
    const depth = 60
    const tool = `{"name":"a","outputSchema":${'{"items":'.repeat(depth)}{"$ref":"#"}${'}'.repeat(depth)}}`
    expect(toolToLegacy(Buffer.from(tool)).toString()).toContain('"$ref":"#/properties/result"')
  })
})

describe('errors', () => {
  const translate = (error: string, from: 'legacy' | 'modern', to: 'legacy' | 'modern') => {
    const { bytes, code } = translateError(plainSlice(error), from, to)
    expect((JSON.parse(bytes.toString()) as { code: number }).code).toBe(code)
    return bytes.toString()
  }
  test('-32002 becomes -32602 with its uri for 2026 hosts (R60)', () => {
    const error = '{"code":-32002,"message":"Resource not found","data":{"uri":"a://b","X":1.0}}'
    expect(translate(error, 'legacy', 'modern')).toBe(error.replace('-32002', '-32602'))
    expect(translate(error, 'modern', 'modern')).toBe(error.replace('-32002', '-32602'))
    expect(translate(error, 'legacy', 'legacy')).toBe(error)
  })
  test.each([-32020, -32021, -32022])('%d of our hop to a modern upstream is internal for any host', code => {
    const error = `{"code":${code},"message":"m","data":{"requiredCapabilities":{}}}`
    expect(translate(error, 'modern', 'modern')).toBe(error.replace(String(code), '-32603'))
    expect(translate(error, 'modern', 'legacy')).toBe(error.replace(String(code), '-32603'))
  })
  test.each([-32042, -32099, -32023])('%d is never sent to a 2026 host (R20)', code => {
    expect(translate(`{"code":${code},"message":"m"}`, 'legacy', 'modern')).toBe('{"code":-32603,"message":"m"}')
    expect(translate(`{"code":${code},"message":"m"}`, 'legacy', 'legacy')).toBe(`{"code":${code},"message":"m"}`)
  })
  test.each([-32700, -32600, -32601, -32602, -32603, -32000, 0, 1, -1, 42])('%d passes byte by byte', code => {
    const error = `{ "message":"m\\u0041", "code":${code}, "vendor":12345678901234567890 }`
    for (const from of ['legacy', 'modern'] as const)
      for (const to of ['legacy', 'modern'] as const) expect(translate(error, from, to)).toBe(error)
  })
})
