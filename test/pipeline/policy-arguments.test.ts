// Arguments as rules see them: the same values that travel on, and at a price that a caller cannot raise.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isJsonFault, readJson } from '../../src/mcp/json.ts'
import { argumentsOf } from '../../src/pipeline/policy-arguments.ts'
import { argumentFacts, stepsOf } from '../../src/policy/arguments.ts'
import type { WantedPointers } from '../../src/policy/request.ts'
import { cpuTimer } from '../support/cpu.ts'

function read(text: string, wanted: WantedPointers = 'all'): unknown {
  const doc = readJson(Buffer.from(`{"name":"t","arguments":${text}}`), { indexDepth: 4 })
  if (isJsonFault(doc)) throw new Error(doc.fault)
  return argumentsOf({ doc, params: doc.root, method: 'tools/call' }, wanted)
}
const seen = (text: string): unknown => argumentFacts(read(text), 'all')

it('reads long integers as they stand, wherever they stand, and nothing else otherwise', () => {
  const tags = seen(
    '{"a":9007199254740993,"b":[-12345678901234567890,1],"c":"9007199254740993","d":"\\"1234567890123456\\\\","e":1.2345678901234567,"1234567890123456":true}',
  )
  expect(tags).toEqual({
    tags: new Map([
      ['', ['{}']],
      ['/1234567890123456', ['true']],
      ['/a', ['9007199254740993']],
      ['/b', ['[]']],
      ['/b/*', ['-12345678901234567890', '1']],
      ['/c', ['9007199254740993']],
      ['/d', ['"1234567890123456\\']],
      ['/e', ['1.2345678901234567']],
    ]),
  })
})
it('shows rules what JSON.parse would, but for integers that it rounds', () => {
  const value = fc.jsonValue({ maxDepth: 3 })
  fc.assert(
    fc.property(value, fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (other, integer) => {
      const text = JSON.stringify({ long: '#', other }).replace('"#"', `${integer}`)
      const { other: found, long } = read(text) as { other: unknown; long: unknown }
      expect(argumentFacts(found, 'all')).toEqual(argumentFacts((JSON.parse(text) as { other: unknown }).other, 'all'))
      expect(String(long)).toBe(String(integer))
    }),
  )
})
it('attack: members that no rule reads, and names with `/`, `~`, `*` or `__proto__` in them, change nothing of what a rule reads', () => {
  const name = fc.constantFrom('a', 'b', '*', 'a/b', '~', '__proto__', 'constructor', '')
  const value = fc.letrec<{ value: unknown }>(tie => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string(),
      fc.bigInt().map(Number),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: false }),
    ),
  })).value
  const pointer = fc.array(fc.constantFrom('a', 'b', '~2', '*', 'a~1b', '~0', '__proto__', 'constructor', ''), { maxLength: 3 })
  const pointers = fc.array(
    pointer.map(steps => steps.map(step => `/${step}`).join('')),
    { maxLength: 10 },
  )
  fc.assert(
    fc.property(value, pointers, (given, asked) => {
      const wanted = new Map(asked.map(each => [each, stepsOf(each) ?? []]))
      const text = JSON.stringify(given)
      expect(argumentFacts(read(text, wanted), wanted)).toEqual(argumentFacts(read(text), wanted))
    }),
  )
})
it.each([
  ['one long integer behind as many short ones as are read', `[${'1,'.repeat(250_000)}1234567890123456]`],
  ['one integer of four million digits', '1'.repeat(4_000_000)],
  ['four million digits and a fraction', `${'1'.repeat(4_000_000)}.5`],
  ['long digits between escapes', `["${'\\\\'.repeat(1_000_000)}1234567890123456"]`],
])('attack: %s costs no more than its bytes', (_, text) => {
  const spent = cpuTimer()
  read(text)
  expect(spent()).toBeLessThan(400)
})
