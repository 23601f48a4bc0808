import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFit } from '../../src/schema/schema.ts'
import { judge, told, unusable } from './support.ts'

const DRAFT_7 = 'http://json-schema.org/draft-07/schema#'

describe('a value against a schema', () => {
  it.each([
    [{ type: 'object', properties: { path: { type: 'string' } }, required: ['path'], additionalProperties: false }, '{"path":"a"}', []],
    [{ properties: { path: { type: 'string' } } }, '{"path":7}', ['/path type']],
    [{ required: ['path', 'mode'] }, '{}', ['/path required', '/mode required']],
    [{ properties: { a: true }, additionalProperties: false }, '{"a":1,"sk-secret":2}', ['/(member 2) additionalProperties']],
    [{ properties: { 'a/b~c': { type: 'null' } } }, '{"a/b~c":1}', ['/a~1b~0c type']],
    [{ properties: { l: { items: { type: 'integer' } } } }, '{"l":[1,2.0,1e2,2.5]}', ['/l/3 type']],
    [{ additionalProperties: { type: 'string' } }, '{"x":1}', ['/(member 1) type']],
    [{ maxLength: 2 }, '"😀😀"', []],
    [{ maxLength: 2 }, '"abc"', [' maxLength']],
    [{ pattern: '^[a-z]+$' }, '"aB"', [' pattern']],
    [{ format: 'email', 'x-unknown': { $ref: 'https://evil.example/' } }, '"no mail"', []],
    [{ enum: ['a', { b: [1.0, null] }] }, '{"b":[1,null]}', []],
    [{ const: 1 }, '1.0', []],
    [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, '1', [' anyOf']],
    [{ oneOf: [{ type: 'number' }, { type: 'integer' }] }, '1', [' oneOf']],
    [{ not: { required: ['a'] } }, '{"a":1}', [' not']],
    [{ if: { required: ['a'] }, then: { required: ['b'] }, else: { required: ['c'] } }, '{"a":1}', ['/b required']],
    [{ dependentRequired: { a: ['b'] } }, '{"a":1}', ['/b dependentRequired']],
    [{ prefixItems: [{ type: 'string' }], items: false }, '["a",1]', ['/1 false']],
    [{ items: [{ type: 'string' }], additionalItems: false }, '["a",1]', ['/1 false']],
    [{ uniqueItems: true }, '[{"a":1,"b":2},{"b":2.0,"a":1}]', ['/1 uniqueItems']],
    [{ allOf: [{ properties: { a: true } }], unevaluatedProperties: false }, '{"a":1,"b":2}', ['/(member 2) unevaluatedProperties']],
    [
      { $defs: { node: { properties: { next: { $ref: '#/$defs/node' } }, additionalProperties: false } }, $ref: '#/$defs/node' },
      '{"next":{"next":{"x":1}}}',
      ['/next/next/(member 1) additionalProperties'],
    ],
    [
      { $schema: DRAFT_7, definitions: { t: { type: 'string' } }, properties: { a: { $ref: '#/definitions/t', maxLength: 1 } } },
      '{"a":"long"}',
      [],
    ],
    [{ $defs: { t: { type: 'string' } }, properties: { a: { $ref: '#/$defs/t', maxLength: 1 } } }, '{"a":"long"}', ['/a maxLength']],
    [
      { $id: 'https://example.com/s', properties: { a: { $ref: 'https://example.com/s#/$defs/t' } }, $defs: { t: { type: 'string' } } },
      '{"a":1}',
      ['/a type'],
    ],
    [{ properties: { a: { $ref: '#t' } }, $defs: { x: { $anchor: 't', type: 'string' } } }, '{"a":1}', ['/a type']],
    [{ contains: { type: 'null' }, unevaluatedItems: { type: 'string' } }, '[null,"a",1]', ['/2 type']],
    [false, '{}', [' false']],
    [
      { additionalProperties: false },
      JSON.stringify(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]))),
      Array.from({ length: 8 }, (_, i) => `/(member ${i + 1}) additionalProperties`),
    ],
  ] as const)('%j: %s', (schema, json, faults) => {
    expect(told(schema, json)).toEqual(faults)
  })

  it('names what the prototype of objects has are members like any other', () => {
    expect(told({ properties: { constructor: { type: 'string' } } }, '{"a":1}')).toEqual([])
    expect(told({ required: ['constructor'] }, '{}')).toEqual(['/constructor required'])
    expect(told({ properties: { a: true }, additionalProperties: false }, '{"__proto__":{"a":1}}')).toEqual([
      '/(member 1) additionalProperties',
    ])
    const own = JSON.parse('{"properties":{"__proto__":{"type":"string"}}}') as object
    expect(told(own, '{"__proto__":1}')).toEqual(['/__proto__ type'])
    expect(told({ enum: [{}] }, '{"__proto__":{}}')).toEqual([' enum'])
  })

  it.each([
    ['9007199254740993', { const: 9007199254740992 }, [' const']],
    ['9007199254740993', { maximum: 9007199254740992 }, [' maximum']],
    ['1e999', { maximum: 100 }, [' maximum']],
    ['-1e999', { minimum: 0 }, [' minimum']],
    ['1e-999', { exclusiveMinimum: 0 }, []],
    ['-0', { minimum: 0 }, []],
    ['-0.0', { const: 0 }, []],
    ['1e999', { type: 'integer' }, []],
    ['1.00000000000000000001', { type: 'integer' }, [' type']],
    ['0.3', { multipleOf: 0.1 }, []],
    ['1e999999999999999999999', { maximum: 1 }, ['?a number is longer than can be checked']],
    ['1'.repeat(2_000), { maximum: 1 }, ['?a number is longer than can be checked']],
    ['1e900000', { multipleOf: 3 }, ['?a number is longer than can be checked']],
  ] as const)('%s is judged as it is written, not as a double rounds it', (json, schema, faults) => {
    expect(told(schema, json)).toEqual(faults)
  })
})

describe('a schema that nothing can be judged by', () => {
  it.each([
    [{ $ref: 'https://evil.example/schema' }, 'a reference points outside of it'],
    [{ $ref: 'file:///etc/passwd' }, 'a reference points outside of it'],
    [{ $ref: '#/$defs/none' }, 'a reference leads nowhere'],
    [{ $schema: 'https://evil.example/dialect' }, 'its `$schema` names a dialect that is not known here'],
    [{ type: 'text' }, 'its `type` is not written correctly'],
    [{ properties: [] }, 'its `properties` is not written correctly'],
    [{ properties: { a: 7 } }, 'a subschema is neither an object nor true or false'],
    [{ pattern: String.raw`(a)\1` }, 'its `pattern` cannot be used: a backreference cannot be judged in linear time'],
    [{ minimum: '1' }, 'its `minimum` is not written correctly'],
    [{ multipleOf: 0 }, 'its `multipleOf` is not written correctly'],
    ['{"a":1,"a":2}', 'it cannot be read (duplicate-key)'],
    [`${'{"not":'.repeat(200)}{}${'}'.repeat(200)}`, 'it cannot be read (depth)'],
    [{ allOf: Array.from({ length: 5_000 }, () => ({})) }, 'it has too many subschemas'],
    [
      { $defs: Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }])), $ref: '#/$defs/d0' },
      'its references go on too long',
    ],
    [{ description: 'x'.repeat(600_000) }, 'it is larger than 524288 bytes'],
  ])('%#', (schema, why) => {
    expect(unusable(schema)).toBe(why)
  })
})

const key = fc.constantFrom('a', 'b', 'c')
const value = fc.letrec(tie => ({
  v: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, 0, 1, 2, 1.5, -3, '', 'a', 'b', 'ab', '😀', 'abc'),
    fc.array(tie('v'), { maxLength: 4 }),
    fc.dictionary(key, tie('v'), { maxKeys: 4 }),
  ),
})).v
const schemas = fc.letrec(tie => {
  const list = fc.array(tie('s'), { minLength: 1, maxLength: 2 })
  const keyword = fc.oneof(
    ...Object.entries({
      type: fc.constantFrom('object', 'array', 'string', 'number', 'integer', 'boolean', ['string', 'null']),
      enum: fc.array(value, { minLength: 1, maxLength: 3 }),
      minimum: fc.integer({ min: -2, max: 2 }),
      multipleOf: fc.constantFrom(1, 2, 0.5),
      maxLength: fc.nat(2),
      pattern: fc.constantFrom('^a', 'b$', 'a|b', '^.$'),
      maxItems: fc.nat(3),
      uniqueItems: fc.boolean(),
      required: fc.uniqueArray(key, { maxLength: 2 }),
      properties: fc.dictionary(key, tie('s'), { maxKeys: 3 }),
      patternProperties: fc.dictionary(fc.constantFrom('^a', 'b'), tie('s'), { maxKeys: 2 }),
      additionalProperties: tie('s'),
      unevaluatedProperties: tie('s'),
      propertyNames: tie('s'),
      prefixItems: list,
      items: tie('s'),
      contains: tie('s'),
      maxContains: fc.nat(2),
      allOf: list,
      anyOf: list,
      oneOf: list,
      not: tie('s'),
      if: tie('s'),
      then: tie('s'),
      else: tie('s'),
      $ref: fc.constant('#/$defs/x'),
    }).map(([name, operand]) => fc.tuple(fc.constant(name), operand)),
  )
  return {
    s: fc.oneof(
      { maxDepth: 2 },
      fc.boolean(),
      fc.array(keyword, { maxLength: 4 }).map(all => Object.fromEntries(all) as object),
    ),
  }
}).s

/** What Ajv says; undefined where the code it made for the schema throws (a fault of its own: `unevaluated` tracking in a `oneOf` of which nothing fits). */
function saidBy(validate: (value: unknown) => { readonly valid: boolean }, value: unknown): boolean | undefined {
  try {
    return validate(value).valid
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return undefined
  }
}

it('answers as Ajv does, whatever the schema and the value', () => {
  const ajv = new AjvJsonSchemaValidator()
  const noCircle = (x: unknown): boolean => !JSON.stringify(x).includes('$ref')
  fc.assert(
    fc.property(schemas, schemas.filter(noCircle), fc.array(value, { minLength: 3, maxLength: 3 }), (part, x, values) => {
      // as they come from JSON: Ajv tells objects by their prototypes
      const schema = JSON.parse(JSON.stringify({ $defs: { x }, allOf: [part] })) as Record<string, unknown>
      const other = ajv.getValidator(schema)
      for (const each of JSON.parse(JSON.stringify(values)) as unknown[]) {
        const said = saidBy(other, each)
        if (said !== undefined) expect([each, isFit(judge(schema, JSON.stringify(each)))]).toEqual([each, said])
      }
    }),
    { numRuns: 300 },
  )
})
