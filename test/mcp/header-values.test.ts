// The base64 sentinel of MCP header values.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeaderValue, encodeHeaderValue } from '../../src/mcp/header-values.ts'
import { cpuTimer } from '../support/cpu.ts'

test('every text survives the round trip as a legal, trimmed header value', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary-ascii' }),
        fc.constantFrom('', ' ', ' a', 'a ', '=?base64??=', '=?base64?YQ==?='),
      ),
      text => {
        fc.pre(text.isWellFormed())
        const value = encodeHeaderValue(text)
        expect(value).toMatch(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/)
        expect(decodeHeaderValue(value)).toBe(text)
      },
    ),
    { numRuns: 2000 },
  )
})
test.each(['echo', 'a b', 'tool.name-1_x', '=?utf-8?q?x?=', '=?base64?x', 'x?=', '=?BASE64?YQ==?='])(
  'plain text stays as it is: %s',
  text => {
    expect(encodeHeaderValue(text)).toBe(text)
    expect(decodeHeaderValue(text)).toBe(text)
  },
)
test.each([
  ['', '=?base64??='],
  [' a', '=?base64?IGE=?='],
  ['a\n', '=?base64?YQo=?='],
  ['\u00e9', '=?base64?w6k=?='],
  ['=?base64?YQ==?=', '=?base64?PT9iYXNlNjQ/WVE9PT89?='],
])('N065 what a header cannot carry, or looks like the sentinel, is encoded: %j', (text, value) => {
  expect(encodeHeaderValue(text)).toBe(value)
  expect(decodeHeaderValue(value)).toBe(text)
})
test.each([
  ['bad alphabet', '=?base64?Y!==?='],
  ['URL alphabet', '=?base64?-_8=?='],
  ['no padding', '=?base64?YQ?='],
  ['too much padding', '=?base64?YQ===?='],
  ['padding inside', '=?base64?YQ==YQ==?='],
  ['space', '=?base64?YQ= =?='],
  ['bits under the padding', '=?base64?YR==?='],
  ['not UTF-8', '=?base64?/w==?='],
  ['half a surrogate', '=?base64?7aCA?='],
  ['overlong', '=?base64?wK8=?='],
  ['markers that overlap', '=?base64?='],
])('N065 %s is refused', (_, value) => {
  expect(decodeHeaderValue(value)).toBeUndefined()
})
test('N065 a nested sentinel is decoded once; a byte order mark is text', () => {
  expect(decodeHeaderValue(encodeHeaderValue('=?base64?YQ==?='))).toBe('=?base64?YQ==?=')
  expect(decodeHeaderValue('=?base64?77u/YQ==?=')).toBe('\ufeffa')
})
test('a long value is decided in linear time', () => {
  const spent = cpuTimer()
  expect(decodeHeaderValue(`=?base64?${'A'.repeat(1_000_001)}?=`)).toBeUndefined()
  expect(encodeHeaderValue(`${' '.repeat(1_000_000)}\n`)).toContain('=?base64?')
  expect(spent()).toBeLessThan(500)
})
