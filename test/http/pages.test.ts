import { describe, expect, it } from 'vitest'
import { escape, html, type Html } from '../../src/http/control-plane/pages/html.ts'
import { problemPage, renderPage } from '../../src/http/control-plane/pages/shell.ts'
import { oddities, skeleton, visible } from '../../src/http/control-plane/pages/visible-text.ts'

describe('templates', () => {
  it('escape whatever is put in, in text and in quoted attributes, and leave out what is not there', () => {
    const evil = `"><script>alert('1')</script>&\`<!--`
    expect(html`<p title="${evil}">${evil}${[html`<b>${1}</b>`, undefined, false]}</p>`.text).toBe(
      `<p title="${escape(evil)}">${escape(evil)}<b>1</b></p>`,
    )
    expect(escape(evil)).not.toMatch(/[<>"'`]/)
    expect(escape('ABC äöü 漢字 🙂 ‘x’')).toBe('ABC äöü 漢字 🙂 ‘x’')
  })
  it('take nothing for markup that a template did not make', () => {
    const parsed = JSON.parse('{"text":"<b>"}') as Html
    expect(() => html`${parsed}`.text).toThrow()
  })
})

describe('text of strangers', () => {
  it.each([
    '\u202e',
    '\u200b',
    '\u200d',
    '\u2066',
    '\ufeff',
    '\u00ad',
    '\u0000',
    '\u001b',
    '\u2028',
    '\u3164',
    '\ufe0f',
    '\u{e0041}',
    '\u{f0000}',
    '\u034f',
    '\ud800',
  ])('%j is shown by its code', character => {
    // prettier-ignore
    const code = `[U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`
    expect(visible(`a${character}b`)).toBe(`a${code}b`)
    expect(oddities(`a${character}b`)).toHaveLength(1)
  })
  it('look-alikes have the same skeleton', () => {
    for (const name of ['Сlаudе', 'CLAUDE', 'C1aude', 'ClaudЕ', 'Ｃlaude', 'C l-a_u.d e', 'Cláude'])
      expect(skeleton(name), name).toBe(skeleton('Claude'))
    expect(skeleton('rnodern')).toBe(skeleton('modern'))
    expect(skeleton('Cursor')).not.toBe(skeleton('Claude'))
  })
  it('says what is odd, and nothing of names as people write them', () => {
    expect(oddities('Сlaude')).toEqual([expect.stringContaining('several alphabets (Latin, Cyrillic)')])
    expect(oddities('сосо')).toEqual([expect.stringContaining('Cyrillic letters look like Latin')])
    expect(
      oddities('Claude', [
        { name: 'CIaude', id: 'x' },
        { name: 'Claude', id: 'y' },
      ]),
    ).toEqual([])
    expect(oddities('C1aude', [{ name: 'Claude', id: 'https://claude.ai/client' }])).toEqual([
      expect.stringContaining('https://claude.ai/client'),
    ])
    for (const name of ['Visual Studio Code', 'Яндекс Браузер', '日本語エディター Pro', 'Müller’s Tool', 'محرر'])
      expect(oddities(name), name).toEqual([])
  })
})

describe('a page', () => {
  it('carries one style whose digest its policy names, and nothing else may style it or run', async () => {
    const { headers, body } = renderPage(problemPage(400, 'No <b>', { what: '<script>', details: [['a', '"']] }))
    const style = /<style>([\s\S]*)<\/style>/.exec(body)![1]!
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(style))).toString('base64')
    expect(headers['Content-Security-Policy']).toContain(`'sha256-${digest}'`)
    expect(body.replace(style, '')).not.toMatch(/<script|style=|<b>| on[a-z]+=/)
    expect(body).toContain('<title>No &#60;b&#62; · Gatehouse</title>')
  })
})
