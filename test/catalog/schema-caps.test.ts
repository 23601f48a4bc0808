// What a tool's schema may not do to the hosts that read it.

import { describe, expect, it } from 'vitest'
import { checkSchema } from '../../src/catalog/schema-caps.ts'

const check = (schema: unknown): string | undefined => checkSchema(Buffer.from(JSON.stringify(schema)))
const chain = (length: number, inner: unknown): unknown => Array.from({ length }).reduce(at => ({ items: at }), inner)

describe('schemas of tools', () => {
  it('pass when they keep to themselves, also recursive ones', () => {
    const fine = [
      {},
      true,
      { type: 'object', properties: { a: { type: 'string', pattern: '^a+$' } }, required: ['a'] },
      { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: 'https://example.com/x', $defs: { a: { $anchor: 'a' } }, $ref: '#a' },
      { properties: { children: { type: 'array', items: { $ref: '#' } } } },
      { anyOf: [{ type: 'string' }, { type: 'array', items: { $ref: '#' } }] },
      { $defs: { node: { properties: { next: { $ref: '#/$defs/node' } } } }, $ref: '#/$defs/node' },
      { properties: { $ref: { type: 'string' }, enum: { type: 'string' }, default: { type: 'string' } } },
      {
        properties: { a: { default: { $ref: 'http://not.a.reference' }, enum: [{ $ref: 'http://data' }], const: { $ref: 'http://data' } } },
      },
      { $ref: '#/nowhere', $defs: { '%': {} } },
      { $ref: '#/%zz' },
    ]
    for (const schema of fine) expect(check(schema), JSON.stringify(schema)).toBeUndefined()
  })

  it.each([
    ['http', { $ref: 'http://attacker.example/s.json' }],
    ['https with a fragment', { $ref: 'https://attacker.example/s.json#/a' }],
    ['file', { properties: { a: { $ref: 'file:///etc/passwd' } } }],
    ['relative', { items: [{ $ref: 's.json' }] }],
    ['scheme-relative', { not: { $ref: '//attacker.example/s' } }],
    ['empty', { $ref: '' }],
    ['dynamic', { $dynamicRef: 'https://attacker.example/#x' }],
    ['old recursive', { $recursiveRef: 'x' }],
    ['under a property called default', { properties: { default: { $ref: 'http://attacker.example' } } }],
    ['under a definition called enum', { $defs: { enum: { $ref: 'http://attacker.example' } } }],
    ['under an unknown keyword', { 'x-any': { deep: [{ $ref: 'http://attacker.example' }] } }],
    ['in a pattern property', { patternProperties: { '^a': { $ref: 'http://attacker.example' } } }],
  ])('N057: a reference out of the schema is refused: %s', (_what, schema) => {
    expect(check(schema)).toMatch(/points outside its schema/)
  })

  it('N095: a circle that never goes into the value is refused', () => {
    const circles = [
      { $ref: '#' },
      { allOf: [{ $ref: '#' }] },
      { $defs: { a: { $ref: '#/$defs/b' }, b: { anyOf: [{ not: { $ref: '#/$defs/a' } }] } } },
      { $defs: { a: { $anchor: 'x', if: { $ref: '#x' } } } },
      { $defs: { a: { $id: 'inner', oneOf: [{ $ref: '#' }] } } },
      { dependentSchemas: { a: { $ref: '#' } } },
      { $defs: { 'a/b~c': { allOf: [{ $ref: '#/$defs/a~1b~0c' }] } } },
      { $dynamicAnchor: 'm', allOf: [{ $dynamicRef: '#m' }] },
    ]
    for (const schema of circles) expect(check(schema), JSON.stringify(schema)).toMatch(/refers to itself/)
  })

  it('N095: references that double at each step are refused, in no time', () => {
    const $defs: Record<string, unknown> = { d0: {} }
    for (let i = 1; i <= 60; i++) $defs[`d${i}`] = { allOf: [{ $ref: `#/$defs/d${i - 1}` }, { $ref: `#/$defs/d${i - 1}` }] }
    expect(check({ $defs, $ref: '#/$defs/d60' })).toMatch(/expands to more than/)
  })

  it('N095: a chain of thousands of references does not exhaust the stack', () => {
    const $defs = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]))
    expect(check({ $defs, $ref: '#/$defs/d0' })).toBeUndefined()
    expect(check({ $defs: { ...$defs, d4000: { $ref: '#/$defs/d0' } } })).toMatch(/refers to itself/)
  })

  it('N095: too many, too deep, too large, too long', () => {
    expect(check({ allOf: Array.from({ length: 10_000 }, () => ({})) })).toMatch(/more than 4096 subschemas/)
    expect(check(chain(65, {}))).toMatch(/deeper than 64/)
    expect(check(chain(60, {}))).toBeUndefined()
    expect(check({ enum: Array.from({ length: 5000 }, (_, i) => i) })).toMatch(/`enum`/)
    expect(check({ pattern: '('.repeat(3000) })).toMatch(/`pattern`/)
    expect(check({ patternProperties: { ['a'.repeat(3000)]: {} } })).toMatch(/`pattern`/)
    expect(check({ description: 'x'.repeat(600_000) })).toMatch(/larger than/)
    for (const other of [null, 1, 'x', []]) expect(check(other)).toMatch(/not an object/)
  })
})
