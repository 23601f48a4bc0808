import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inertJson, inertSentence, inertText } from '../../src/admission/inert-text.ts'

describe('text of strangers is shown as JSON that does nothing', () => {
  it.each([
    ['a terminal sequence', '\u001b[2J', '"\\u001b[2J"'],
    ['a C1 control', '\u009b2J', '"\\u009b2J"'],
    ['a turned direction', 'a\u202eb', '"a\\u202eb"'],
    ['a character without width', 'a\u200bb', '"a\\u200bb"'],
    ['characters that only programs read', '\u{E0041}', '"\\udb40\\udc41"'],
    ['a filler', '\u3164', '"\\u3164"'],
    ['a hidden byte in a selector', '\u{E0100}', '"\\udb40\\udd00"'],
    ['HTML', '<script>&amp;', '"\\u003cscript\\u003e\\u0026amp;"'],
    ['Markdown code', '`x`', '"\\u0060x\\u0060"'],
    ['a line break', 'a\nb', '"a\\nb"'],
    ['a line separator', '\u2028', '"\\u2028"'],
  ])('%s', (_, text, shown) => expect(inertJson(text)).toBe(shown))

  it('says the same to a JSON reader, whatever it holds', () => {
    fc.assert(
      fc.property(fc.json(), json => {
        expect(JSON.parse(inertJson(JSON.parse(json), 1_000_000))).toEqual(JSON.parse(json))
      }),
    )
  })

  it('cuts what is long, and never by half an escape into something active', () => {
    const shown = inertJson('\u202e'.repeat(10_000), 50)
    expect(shown).toHaveLength(50)
    expect(shown.endsWith('…')).toBe(true)
    expect(shown).not.toContain('\u202e')
  })

  it('shows nothing for what JSON has no text for', () => expect(inertJson(undefined)).toBe('null'))
  it('shows names without quotes', () => expect(inertText('a"\u001bb')).toBe('a\\"\\u001bb'))
  it('shows what this gateway itself sets between backticks as it wrote it, and what strangers put there as inert as ever', () =>
    expect(inertSentence('pin `a\u202e<b>`')).toBe('pin `a\\u202e\\u003cb\\u003e`'))
})
