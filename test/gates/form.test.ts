// Forms: what passes is what the protocol has, and a person sees all of it. Attacks are named.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentProblem, readForm, type Form } from '../../src/gates/form.ts'

const schema = (properties: object, more: object = {}): object => ({ type: 'object', properties, ...more })
const form = (properties: object, more: object = {}): Form => {
  const read = readForm(schema(properties, more), 24)
  if (typeof read === 'string') throw new Error(read)
  return read
}

describe('forms of the protocol pass', () => {
  it.each<[object]>([
    [{ type: 'string' }],
    [{ type: 'string', title: 'Name', description: 'Yours', minLength: 1, maxLength: 10, default: 'Ada' }],
    ...['email', 'uri', 'date', 'date-time'].map((format): [object] => [{ type: 'string', format }]),
    [{ type: 'number', minimum: 0.5, maximum: 2, default: 1 }],
    [{ type: 'integer', minimum: 0, default: 3 }],
    [{ type: 'boolean', default: false }],
    [{ type: 'string', enum: ['a', 'b'], default: 'b' }],
    [{ type: 'string', enum: ['a', 'b'], enumNames: ['A', 'B'] }],
    [{ type: 'string', oneOf: [{ const: 'a', title: 'A' }] }],
    [{ type: 'array', items: { type: 'string', enum: ['a', 'b'] }, minItems: 1, maxItems: 2, default: ['a'] }],
    [{ type: 'array', items: { anyOf: [{ const: 'a', title: 'A' }] } }],
  ])('%j', field =>
    expect(readForm(schema({ field }, { required: ['field'], $schema: 'x', additionalProperties: false }), 1)).toHaveLength(1),
  )
})

describe('attack: a field that nobody sees', () => {
  it.each([
    ['a keyword that hides it', schema({ a: { type: 'string', 'x-hidden': true } })],
    ['write-only', schema({ a: { type: 'string', writeOnly: true } })],
    ['a format of secrets', schema({ a: { type: 'string', format: 'password' } })],
    ['a constant', schema({ a: { type: 'string', const: 'yes' } })],
    ['required and not there', schema({ a: { type: 'string' } }, { required: ['a', 'b'] })],
    ['any further field', schema({}, { additionalProperties: true })],
    ['further fields of a schema', schema({}, { additionalProperties: { type: 'string' } })],
    ['by pattern', schema({}, { patternProperties: { '.*': { type: 'string' } } })],
    ['behind a condition', schema({}, { if: {}, then: { required: ['a'] } })],
    ['in another schema', schema({}, { allOf: [schema({ a: { type: 'string' } })] })],
    ['by reference', schema({ a: { $ref: '#/$defs/a' } }, { $defs: { a: { type: 'string' } } })],
    ['an object in a field', schema({ a: schema({ b: { type: 'string' } }) })],
    ['a list of objects', schema({ a: { type: 'array', items: schema({}) } })],
    ['a list of anything', schema({ a: { type: 'array' } })],
    ['a list of words without choice', schema({ a: { type: 'array', items: { type: 'string' } } })],
    ['several types', schema({ a: { type: ['string', 'object'] } })],
    ['no type', schema({ a: {} })],
    ['under the name of a prototype', JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}') as object],
    ['without a name', schema({ '': { type: 'string' } })],
    ['a default that is none of the choices', schema({ a: { type: 'string', enum: ['no'], default: 'yes' } })],
    ['a default of another type', schema({ a: { type: 'boolean', default: 'true' } })],
    ['choices with other titles', schema({ a: { type: 'string', enum: ['no', 'yes'], enumNames: ['Yes'] } })],
    ['choices without titles', schema({ a: { type: 'string', oneOf: [{ const: 'a' }] } })],
    ['a choice twice', schema({ a: { type: 'string', enum: ['a', 'a'] } })],
    ['bounds that nothing meets', schema({ a: { type: 'string', minLength: 3, maxLength: 2 } })],
    ['a list for an object', []],
    ['no object', { type: 'string' }],
  ])('%s', (_, hostile) => expect(readForm(hostile, 24)).toBeTypeOf('string'))
})

describe('attack: a form that nobody reads to its end', () => {
  it.each([
    ['10,000 properties', schema(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`f${i}`, { type: 'string' }])))],
    ['one more field than permitted', schema(Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`f${i}`, { type: 'string' }])))],
    ['a name of 65 characters', schema({ ['x'.repeat(65)]: { type: 'string' } })],
    ['a title of a page', schema({ a: { type: 'string', title: 'x'.repeat(201) } })],
    ['a description of pages', schema({ a: { type: 'string', description: 'x'.repeat(1001) } })],
    ['101 choices', schema({ a: { type: 'string', enum: Array.from({ length: 101 }, String) } })],
    ['a choice of a page', schema({ a: { type: 'string', enum: ['x'.repeat(201)] } })],
  ])('%s', (_, hostile) => expect(readForm(hostile, 24)).toBeTypeOf('string'))

  it('says no word of the server', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{12,20}$/), fc.jsonValue(), { minKeys: 1 }), properties => {
        const said = readForm(schema(properties), 0)
        for (const name of Object.keys(properties)) expect(said).not.toContain(name)
      }),
    )
  })
})

describe('attack: answers that were not asked', () => {
  const asked = form(
    {
      name: { type: 'string', minLength: 2, maxLength: 3 },
      age: { type: 'integer', minimum: 18 },
      size: { type: 'number', maximum: 2 },
      ok: { type: 'boolean' },
      colour: { type: 'string', enum: ['red', 'blue'] },
      days: { type: 'array', items: { type: 'string', enum: ['mo', 'tu'] }, maxItems: 1 },
      mail: { type: 'string', format: 'email' },
      site: { type: 'string', format: 'uri' },
      on: { type: 'string', format: 'date' },
      at: { type: 'string', format: 'date-time' },
    },
    { required: ['name'] },
  )
  it.each([
    [{ name: 'Ada' }],
    [{ name: '👩👩👩', age: 18, size: 1.5, ok: false, colour: 'blue', days: ['tu'] }],
    [{ name: 'Ada', mail: 'a@b.c', site: 'https://x.test', on: '2026-11-27', at: '2026-11-27T10:00:00Z' }],
  ])('%j is an answer', content => expect(contentProblem(asked, content)).toBeUndefined())
  it.each([
    [undefined],
    [null],
    [[]],
    ['Ada'],
    [{}],
    [{ name: 'A' }],
    [{ name: 'Adam' }],
    [{ name: 7 }],
    [{ name: null }],
    [{ name: 'Ada', admin: true }],
    [JSON.parse('{"name":"Ada","__proto__":{"admin":true}}')],
    [{ name: 'Ada', age: 17 }],
    [{ name: 'Ada', age: 18.5 }],
    [{ name: 'Ada', age: '18' }],
    [{ name: 'Ada', size: 3 }],
    [{ name: 'Ada', ok: 'yes' }],
    [{ name: 'Ada', colour: 'green' }],
    [{ name: 'Ada', colour: ['red'] }],
    [{ name: 'Ada', days: ['mo', 'tu'] }],
    [{ name: 'Ada', days: ['we'] }],
    [{ name: 'Ada', days: 'mo' }],
    [{ name: 'Ada', mail: 'nobody' }],
    [{ name: 'Ada', mail: `a@${'b'.repeat(5000)}` }],
    [{ name: 'Ada', site: 'nowhere' }],
    [{ name: 'Ada', on: 'tomorrow' }],
    [{ name: 'Ada', at: '2026-11-27' }],
  ])('%j is none', content => expect(contentProblem(asked, content)).toBeTypeOf('string'))
  it('a form without required fields may be accepted empty', () => {
    expect(contentProblem(form({ a: { type: 'string' } }), undefined)).toBeUndefined()
    expect(contentProblem(form({ a: { type: 'array', items: { type: 'string', enum: ['x'] } } }), { a: ['x', 'x'] })).toBeTypeOf('string')
  })
})
