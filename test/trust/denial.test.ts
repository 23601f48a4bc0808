// The words of refusals: stable, explained, and harmless on a terminal.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { deny, RULES, shown } from '../../src/trust/denial.ts'

describe('refusals', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/signing.md'), 'utf8')
  const section = /\n## Reasons\n([\s\S]*?)\n## /.exec(page)?.[1] ?? ''
  const explained = [...section.matchAll(/^\| `([^`]+)`[^|]*\| (.+) \|$/gm)].flatMap(([, reason = '', rules = '']) =>
    [...rules.matchAll(/`([^`]+)`/g)].map(([, rule = '']) => [rule, reason]),
  )

  it('are explained in docs/signing.md, each under its reason, and no others', () => {
    expect(Object.fromEntries(explained)).toEqual(Object.fromEntries(Object.entries(RULES).map(([rule, { reason }]) => [rule, reason])))
  })
  it('say what would mend them, lower case and without a full stop', () => {
    for (const { fix } of Object.values(RULES)) expect(fix).toMatch(/^[a-z].*[^.]$/)
    expect(deny('signer-san', 'x')).toEqual({ denied: 'signer-forbidden', rule: 'signer-san', detail: 'x', fix: RULES['signer-san'].fix })
  })
  it('show what came from outside without what a terminal would obey, and cut', () => {
    expect(shown('a\u001b[31m\u202e`\nb')).toBe('`a?[31m???b`')
    expect(shown('x'.repeat(5000))).toHaveLength(205)
  })
})
