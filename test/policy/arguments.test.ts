import { describe, expect, it } from 'vitest'
import { argumentFacts, MAX_TEXT, stepsOf } from '../../src/policy/arguments.ts'

const at = (value: unknown, ...pointers: string[]): unknown => {
  const facts = argumentFacts(value, new Map(pointers.map(pointer => [pointer, stepsOf(pointer)!])))
  return 'tags' in facts ? Object.fromEntries(facts.tags) : facts
}
const all = (value: unknown): unknown => {
  const facts = argumentFacts(value, 'all')
  return 'tags' in facts ? Object.fromEntries(facts.tags) : facts
}
const nested = (depth: number): unknown => {
  let value: unknown = 'x'
  for (let i = 0; i < depth; i += 1) value = { a: value }
  return value
}

describe('arguments behind pointers', () => {
  it.each([
    ['a text', { path: '/srv' }, '/path', { '/path': ['/srv'] }],
    ['nothing there', { path: '/srv' }, '/other', {}],
    ['a number', { n: 1.5 }, '/n', { '/n': ['1.5'] }],
    ['minus nothing', { n: -0 }, '/n', { '/n': ['0'] }],
    ['a large number', { n: 1e21 }, '/n', { '/n': ['1e+21'] }],
    ['a truth value', { f: false }, '/f', { '/f': ['false'] }],
    ['null', { f: null }, '/f', { '/f': ['null'] }],
    ['an object is there', { o: { a: 1 } }, '/o', { '/o': ['{}'] }],
    ['an array is there', { o: [1] }, '/o', { '/o': ['[]'] }],
    ['inside', { a: { b: { c: 'x' } } }, '/a/b/c', { '/a/b/c': ['x'] }],
    ['every item', { a: [{ p: 'y' }, { p: 'x' }, { q: 'z' }, { p: 'x' }] }, '/a/*/p', { '/a/*/p': ['x', 'y'] }],
    ['no item of an object', { a: { '*': 'x' } }, '/a/*', {}],
    ['a member called *', { a: { '*': 'x' } }, '/a/~2', { '/a/~2': ['x'] }],
    ['a member with a slash and a tilde', { 'a/b~c': 'x' }, '/a~1b~0c', { '/a~1b~0c': ['x'] }],
    ['no member by number', { a: ['x'] }, '/a/0', {}],
    ['what is inherited is not there', {}, '/constructor', {}],
    ['arguments that are a text', 'x', '', { '': ['x'] }],
    ['no arguments', undefined, '/a', {}],
  ] as const)('%s', (_, value, pointer, facts) => {
    expect(at(value, pointer)).toEqual(facts)
  })

  it.each(['x', '/a~3', '/a~', `/${'a/'.repeat(40)}`])('refuses the pointer `%s`', pointer => {
    expect(stepsOf(pointer)).toBe(undefined)
  })

  it('attack: `__proto__` is a member like every other, and reaches no prototype', () => {
    const value: unknown = JSON.parse('{"__proto__":{"admin":"yes"},"a":1}')
    expect(at(value, '/__proto__/admin', '/admin')).toEqual({ '/__proto__/admin': ['yes'] })
    expect(all(value)).toEqual({ '': ['{}'], '/__proto__': ['{}'], '/__proto__/admin': ['yes'], '/a': ['1'] })
    expect({}).not.toHaveProperty('admin')
  })
  it('attack: texts that are not well-formed cannot be judged, and others can', () => {
    const value = { bad: '\ud800', good: 'x' }
    expect(at(value, '/good')).toEqual({ '/good': ['x'] })
    expect(at(value, '/good', '/bad')).toEqual({ unreadable: '/bad' })
    expect(all(value)).toEqual({ unreadable: '' })
    expect(all({ '\udfff': 1 })).toEqual({ unreadable: '' })
  })
  it('attack: a text longer than any in a policy is not cut to one that a policy names', () => {
    const long = 'a'.repeat(MAX_TEXT + 1)
    const [text] = (at({ p: long }, '/p') as Record<string, string[]>)['/p']!
    expect(text).toMatch(/^a{64}… sha256:[0-9a-f]{64} 4097$/)
    expect(at({ p: 'a'.repeat(MAX_TEXT) }, '/p')).toEqual({ '/p': ['a'.repeat(MAX_TEXT)] })
    expect(at({ p: `${'a'.repeat(63)}😀${long}` }, '/p')).toSatisfy(facts => (facts as Record<string, string[]>)['/p']![0]!.isWellFormed())
  })
  it('attack: nesting of 100,000 levels is looked into no deeper than a rule asks', () => {
    expect(at(nested(100_000), '/a/a')).toEqual({ '/a/a': ['{}'] })
    expect(all(nested(100_000))).toEqual({ unreadable: '' })
    expect(all(nested(10))).toHaveProperty(['/a'.repeat(10)], ['x'])
  })
  it('attack: huge maps and arrays cost no more than a bound, and are not judged by their first items', () => {
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, i]))
    expect(at(wide, '/k99999')).toEqual({ '/k99999': ['99999'] })
    expect(all(wide)).toEqual({ unreadable: '' })
    expect(at({ a: Array.from({ length: 100_000 }, () => 'x') }, '/a/*')).toEqual({ unreadable: '/a/*' })
    const cross = Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => 'x'))
    expect(at(cross, '/*/*')).toEqual({ unreadable: '/*/*' })
  })
  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['not a number', NaN],
    ['without end', Infinity],
  ])('what JSON does not hold cannot be judged: %s', (_, value) => {
    expect(at({ a: value }, '/a')).toEqual({ unreadable: '/a' })
  })
  it('large integers keep their digits', () => {
    expect(at({ a: 9007199254740993n, b: 10n ** 5000n }, '/a')).toEqual({ '/a': ['9007199254740993'] })
    expect((at({ b: 10n ** 5000n }, '/b') as Record<string, string[]>)['/b']![0]!.length).toBeLessThan(200)
  })
})
