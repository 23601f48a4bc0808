import { describe, expect, it } from 'vitest'
import { FINDING_CODES } from '../../src/kernel/finding-words.ts'
import { RULES } from '../../src/inspection/finding.ts'
import { inspect } from '../../src/inspection/inspect.ts'
import { choosable, DEFAULT_TIERS, tiersOf, type TierChoices } from '../../src/inspection/tiers.ts'

const content = (...choices: Readonly<Record<string, 'off' | 'annotate' | 'hold' | 'block'>>[]) =>
  tiersOf(choices.map((each): TierChoices => ({ content: new Map(Object.entries(each)) }))).content

describe('tiers', () => {
  it('there is a rule for every word, and no other', () => {
    expect(RULES.map(({ code }) => code)).toEqual(FINDING_CODES)
  })
  it('are those of the table where nobody chose', () => {
    for (const { code, tiers } of RULES) {
      for (const kind of ['definition', 'content', 'request', 'arguments'] as const) {
        expect(DEFAULT_TIERS[kind].get(code)).toBe(tiers[kind])
        expect(choosable(kind).includes(code)).toBe(tiers[kind] !== undefined)
      }
    }
  })
  it('a code counts before its severity, whatever stands first, and a later choice before an earlier one', () => {
    expect(content({ 'secret-token': 'annotate', critical: 'block' }).get('secret-token')).toBe('annotate')
    expect(content({ critical: 'block' }).get('private-key')).toBe('block')
    expect(content({ 'secret-token': 'block' }, { critical: 'hold' }).get('secret-token')).toBe('hold')
    expect(content({ critical: 'hold' }, { high: 'block' }).get('secret-token')).toBe('hold')
    expect(content({ critical: 'off' }).has('secret-token')).toBe(false)
    expect(content({ critical: 'off' }).get('zero-width')).toBe('annotate')
  })
  it('what is not reported in such documents cannot be chosen into them', () => {
    expect(content({ critical: 'block', medium: 'block' }).has('odd-name')).toBe(false)
  })
  it('decide what inspection says, and how bad the whole is', () => {
    const json = Buffer.from(JSON.stringify({ text: 'a\u200bb \u202e' }))
    expect(inspect(json, 'content').tier).toBe('annotate')
    const found = inspect(json, 'content', { tiers: content({ 'zero-width': 'block', 'direction-control': 'off' }) })
    expect(found).toMatchObject({ tier: 'block', findings: [{ code: 'zero-width', tier: 'block' }] })
  })
})
