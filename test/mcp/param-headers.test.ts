// Which tools may declare Mcp-Param headers, and that headers never say anything but what the body says.

import { describe, expect, test } from 'vitest'
import { decodeHeaderValue } from '../../src/mcp/header-values.ts'
import { isJsonFault, readJson } from '../../src/mcp/json.ts'
import { checkParamHeaders, paramHeadersOf, scanParamHeaders } from '../../src/mcp/param-headers.ts'
import type { ParamHeader } from '../../src/mcp/param-headers.ts'
import { cpuTimer } from '../support/cpu.ts'

const scan = (schema: unknown) => scanParamHeaders(Buffer.from(typeof schema === 'string' ? schema : JSON.stringify(schema)))
const property = (name: unknown, extra: object = { type: 'string' }) => ({
  type: 'object',
  properties: { p: { ...extra, 'x-mcp-header': name } },
})
const args = (text: string | undefined) => {
  if (text === undefined) return undefined
  const doc = readJson(Buffer.from(text))
  if (isJsonFault(doc)) throw new Error(doc.fault)
  return { doc, node: doc.root }
}
const headers = (...list: [string, string, ParamHeader['type']?][]): ParamHeader[] =>
  list.map(([name, path, type]) => ({ name, path: path.split('.'), type: type ?? 'string' }))

describe('scan', () => {
  test('annotated properties at any depth of a properties chain', () => {
    expect(
      scan({
        type: 'object',
        properties: {
          region: { type: 'string', 'x-mcp-header': 'Region' },
          options: {
            type: 'object',
            properties: { count: { type: 'integer', 'x-mcp-header': 'Count' }, dry: { type: 'boolean', 'x-mcp-header': 'Dry-Run' } },
          },
          'x-mcp-header': { type: 'string' },
          plain: { type: 'number' },
          method: { type: 'string', 'x-mcp-header': 'Method' },
        },
      }),
    ).toEqual({
      headers: [
        { name: 'Region', path: ['region'], type: 'string' },
        { name: 'Method', path: ['method'], type: 'string' },
        { name: 'Count', path: ['options', 'count'], type: 'integer' },
        { name: 'Dry-Run', path: ['options', 'dry'], type: 'boolean' },
      ],
    })
    expect(scan({ type: 'object' })).toEqual({ headers: [] })
    expect(scan({ default: { 'x-mcp-header': 'A' }, examples: [{ 'x-mcp-header': 'B' }] })).toEqual({ headers: [] })
  })
  test.each([
    ['empty', ''],
    ['CRLF', 'A\r\nX-Injected: 1'],
    ['space', 'My Header'],
    ['colon', 'A:B'],
    ['non-ASCII', 'Région'],
    ['NUL', 'A\0'],
    ['number', 1],
    ['null', null],
    ['endless', 'a'.repeat(200)],
    ['Authorization', 'Authorization'],
    ['Host', 'hOST'],
    ['Mcp-Name', 'Mcp-Name'],
    ['Mcp-Session-Id', 'mcp-session-id'],
    ['Cookie', 'Cookie'],
    ['Transfer-Encoding', 'Transfer-Encoding'],
  ])('N068 a name that is %s excludes the tool', (_, name) => {
    expect(scan(property(name))).toHaveProperty('fault')
  })
  test.each([
    ['number', { type: 'number' }],
    ['array', { type: 'array' }],
    ['object', { type: 'object' }],
    ['null', { type: 'null' }],
    ['no type', {}],
    ['several types', { type: ['string', 'null'] }],
    ['$ref', { $ref: '#/$defs/x' }],
  ])('N068 on %s excludes the tool', (_, extra) => {
    expect(scan(property('Good', extra))).toHaveProperty('fault')
  })
  const annotated = { type: 'string', 'x-mcp-header': 'Good' }
  test.each([
    ['the root', annotated],
    ['items', { properties: { a: { type: 'array', items: annotated } } }],
    ['properties under items', { properties: { a: { items: { properties: { b: annotated } } } } }],
    ['prefixItems', { properties: { a: { prefixItems: [{}, annotated] } } }],
    ['oneOf', { oneOf: [{ properties: { a: annotated } }] }],
    ['anyOf', { anyOf: [annotated] }],
    ['allOf', { properties: { a: { allOf: [annotated] } } }],
    ['not', { not: annotated }],
    ['if', { if: { properties: { a: annotated } } }],
    ['then', { then: { properties: { a: annotated } } }],
    ['else', { else: { properties: { a: annotated } } }],
    ['$defs', { properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: annotated } }],
    ['definitions', { definitions: { a: annotated } }],
    ['additionalProperties', { additionalProperties: annotated }],
    ['patternProperties', { patternProperties: { '^x': annotated } }],
    ['dependentSchemas', { dependentSchemas: { a: annotated } }],
    ['propertyNames', { propertyNames: annotated }],
    ['contains', { contains: annotated }],
  ])('N068 under %s excludes the tool', (_, schema) => {
    expect(scan(schema)).toEqual({ fault: 'x-mcp-header outside a chain of `properties`' })
  })
  test('N068 duplicates by case exclude the tool', () => {
    const schema = {
      properties: {
        a: { type: 'string', 'x-mcp-header': 'Region' },
        b: { properties: { c: { type: 'string', 'x-mcp-header': 'REGION' } } },
      },
    }
    expect(scan(schema)).toHaveProperty('fault')
  })
  test('N083 prototype keys are plain properties', () => {
    expect(
      scan('{"properties":{"__proto__":{"type":"string","x-mcp-header":"P"},"constructor":{"type":"string","x-mcp-header":"C"}}}'),
    ).toEqual({
      headers: [
        { name: 'P', path: ['__proto__'], type: 'string' },
        { name: 'C', path: ['constructor'], type: 'string' },
      ],
    })
  })
  const nested = (keyword: (inner: string) => string, levels: number) => {
    let text = '{}'
    for (let i = 0; i < levels; i++) text = keyword(text)
    return text
  }
  test.each([
    ['10^4 subschemas', JSON.stringify({ properties: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`p${i}`, {}])) })],
    ['10^4 branches', JSON.stringify({ allOf: Array.from({ length: 10_000 }, () => ({ $ref: '#' })) })],
    ['nested properties', nested(s => `{"properties":{"a":${s}}}`, 80)],
    ['nested allOf', nested(s => `{"allOf":[${s}]}`, 70)],
    ['nesting of 100,000', nested(s => s, 0).replace('{}', '{"not":'.repeat(100_000))],
    ['a huge enum', JSON.stringify({ enum: Array.from({ length: 100_000 }, (_, i) => `value-${i}`) })],
    ['a huge pattern', JSON.stringify({ pattern: '(a+)+'.repeat(200_000) })],
    [
      'many headers',
      JSON.stringify({
        properties: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`p${i}`, { type: 'string', 'x-mcp-header': `H${i}` }])),
      }),
    ],
  ])('N095 schema bomb: %s excludes the tool at once', (_, schema) => {
    const spent = cpuTimer()
    expect(scan(schema)).toHaveProperty('fault')
    expect(spent()).toBeLessThan(250)
  })
})

describe('N067 header against body', () => {
  const region = headers(['Region', 'region'])
  const count = headers(['Count', 'n', 'integer'])
  const check = (declared: ParamHeader[], body: string | undefined, ...sent: [string, string][]) =>
    checkParamHeaders(declared, args(body), sent)
  test.each<[string, ParamHeader[], string | undefined, [string, string][]]>([
    ['equal', region, '{"region":"eu"}', [['region', 'eu']]],
    ['encoded', region, '{"region":"Zürich\\n"}', [['region', '=?base64?WsO8cmljaAo=?=']]],
    ['encoded though plain', region, '{"region":"eu"}', [['region', '=?base64?ZXU=?=']]],
    ['absent', region, '{}', []],
    ['null', region, '{"region":null}', []],
    ['no arguments', region, undefined, []],
    [
      'undeclared header',
      region,
      '{"region":"eu"}',
      [
        ['region', 'eu'],
        ['other', 'x'],
      ],
    ],
    ['42 and 42.0', count, '{"n":42}', [['count', '42.0']]],
    ['42.0 and 42', count, '{"n":42.0}', [['count', '42']]],
    ['4.2e1 and 42', count, '{"n":4.2e1}', [['count', '42']]],
    ['boolean', headers(['Dry', 'dry', 'boolean']), '{"dry":true}', [['dry', 'true']]],
    ['nested', headers(['Deep', 'a.b.c.d.e']), '{"a":{"b":{"c":{"d":{"e":"x"}}}}}', [['deep', 'x']]],
    ['nested chain broken', headers(['Deep', 'a.b']), '{"a":"x"}', []],
    ['an object has no header', region, '{"region":{}}', []],
  ])('agrees: %s', (_, declared, body, sent) => {
    expect(check(declared, body, ...sent)).toBeUndefined()
  })
  test.each<[string, ParamHeader[], string | undefined, [string, string][]]>([
    ['different', region, '{"region":"eu"}', [['region', 'us']]],
    ['different case', region, '{"region":"eu"}', [['region', 'EU']]],
    ['missing', region, '{"region":"eu"}', []],
    ['missing although empty', region, '{"region":""}', []],
    ['present but null', region, '{"region":null}', [['region', 'eu']]],
    ['present but absent', region, '{}', [['region', 'eu']]],
    ['present without arguments', region, undefined, [['region', 'eu']]],
    ['present but an object', region, '{"region":{}}', [['region', '{}']]],
    [
      'twice',
      region,
      '{"region":"eu"}',
      [
        ['region', 'eu'],
        ['region', 'eu'],
      ],
    ],
    ['bad padding', region, '{"region":"eu"}', [['region', '=?base64?ZXU?=']]],
    ['not UTF-8', region, '{"region":"eu"}', [['region', '=?base64?/w==?=']]],
    ['42 and 43', count, '{"n":42}', [['count', '43']]],
    ['42.0 against text', count, '{"n":"42"}', [['count', '42.0']]],
    ['exponent', count, '{"n":42}', [['count', '4.2e1']]],
    ['hex', count, '{"n":42}', [['count', '0x2a']]],
    ['empty number', count, '{"n":0}', [['count', '=?base64??=']]],
    ['beyond exact numbers', count, '{"n":9007199254740993}', [['count', '9007199254740992']]],
    ['boolean by other words', headers(['Dry', 'dry', 'boolean']), '{"dry":true}', [['dry', 'True']]],
    ['boolean as number', headers(['Dry', 'dry', 'boolean']), '{"dry":true}', [['dry', '1']]],
  ])('refused: %s', (_, declared, body, sent) => {
    const fault = check(declared, body, ...sent)
    expect(fault).toMatch(/^header Mcp-Param-/)
    expect(fault).not.toMatch(/eu|us|42/)
  })
})

test('headers made from arguments satisfy the check (R25)', () => {
  const declared = headers(
    ['Region', 'region'],
    ['Count', 'n', 'integer'],
    ['Dry', 'o.dry', 'boolean'],
    ['None', 'none'],
    ['Big', 'big', 'integer'],
    ['Obj', 'o'],
  )
  const body = args('{"region":" ü\\r\\nX: 1","n":42.0,"o":{"dry":false},"none":null,"big":1e300}')
  const made = paramHeadersOf(declared, body)
  expect(made.map(([n, v]) => [n, decodeHeaderValue(v)])).toEqual([
    ['Region', ' ü\r\nX: 1'],
    ['Count', '42'],
    ['Dry', 'false'],
  ])
  for (const [, v] of made) expect(v).toMatch(/^[\x21-\x7e]+$/)
  expect(
    checkParamHeaders(
      declared,
      body,
      made.map(([n, v]) => [n.toLowerCase(), v] as const),
    ),
  ).toBeUndefined()
})
