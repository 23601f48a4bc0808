import { describe, expect, it } from 'vitest'
import { formOf, latinOf, seenOf } from '../../src/kernel/look-alikes.ts'

describe('what a text looks like', () => {
  it.each([
    ['f\u043ermat', 'format'],
    ['\u0421lear', 'clear'],
    ['\u03f2lear', 'clear'],
    ['ｃｌｅａｒ', 'clear'],
    ['𝐜𝐥𝐞𝐚𝐫', 'clear'],
    ['c\u200blear', 'clear'],
    ['c\u{e0061}lear', 'clear'],
    ['cléar', 'clear'],
    ['ｅ\u0301', 'e'],
    ['\u043f\u0430\u043f\u043a\u0430', '\u043fa\u043fka'],
    ['ファイル', 'ファイル'],
    ['Read_File', 'Read_File'],
  ])('`%s` is read as `%s`', (text, read) => {
    expect(latinOf(text)).toBe(read)
    expect(latinOf(read)).toBe(read)
  })
  it('hidden characters and forms, apart', () => {
    expect([seenOf('a\u200bb\u00ad'), seenOf('ａ')]).toEqual(['ab', 'ａ'])
    expect(formOf('ａ\u200bb')).toBe('ab')
  })
})
