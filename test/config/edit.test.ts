import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addUpstreams } from '../../src/config/edit.ts'
import type { NewUpstream } from '../../src/config/edit.ts'
import { MINIMAL, snapshot } from './configs.ts'

const one = (change: Partial<NewUpstream> = {}): NewUpstream => ({
  alias: 'new',
  comments: ['where it\ncomes from'],
  settings: { stdio: { command: 'x' } },
  allow: [],
  allowComments: ['nobody yet'],
  ...change,
})
const add = (text: string, ...upstreams: NewUpstream[]): string => {
  const result = addUpstreams(text, upstreams.length === 0 ? [one()] : upstreams)
  return 'text' in result ? result.text : `cannot: ${result.problem}`
}
const NEW = '  # where it comes from\n  new:\n    stdio:\n      command: x\n    # nobody yet\n    allow: []\n'

describe('adding upstreams to a text', () => {
  it.each([
    ['no upstreams', 'version: 1', `version: 1\n\nupstreams:\n${NEW}`],
    ['none yet', 'upstreams:\nversion: 1\n', `upstreams:\n${NEW}version: 1\n`],
    ['none yet, in braces', 'upstreams: {} # soon\nversion: 1\n', `upstreams: # soon\n${NEW}version: 1\n`],
    [
      'some',
      'upstreams:\n  a: { stdio: { command: a } } # a\n  # after\n\nversion: 1\n',
      `upstreams:\n  a: { stdio: { command: a } } # a\n${NEW}  # after\n\nversion: 1\n`,
    ],
    ['some, without a last line break', 'upstreams:\n  a:\n    title: A', `upstreams:\n  a:\n    title: A\n${NEW}`],
    ['lines that end with CR LF', 'upstreams:\r\nversion: 1\r\n', `upstreams:\r\n${NEW.replaceAll('\n', '\r\n')}version: 1\r\n`],
  ])('%s', (_, before, after) => {
    expect(add(before)).toBe(after)
  })

  it.each(['upstreams: { a: { title: A } }\n', '{ version: 1 }', '- a\n', ''])('refuses what it would have to write anew: %j', text => {
    expect(add(text)).toMatch(/^cannot: /)
  })

  it('nothing to add changes nothing', () => {
    expect(addUpstreams('anything: [', [])).toEqual({ text: 'anything: [' })
  })

  it('law: any text that may stand in an argument comes back as it is, and nothing else changes', async () => {
    const text = fc.oneof(
      fc.string({
        unit: fc.constantFrom(
          'a',
          ' ',
          ':',
          '#',
          '-',
          '\n',
          "'",
          '"',
          '&',
          '*',
          '!',
          '|',
          '>',
          '%',
          '@',
          '`',
          '{',
          '}',
          '[',
          ']',
          ',',
          '?',
          '~',
          '0',
          '\t',
          '\\',
        ),
      }),
      fc.constantFrom('null', 'true', 'yes', '0x1f', '1e3', '.inf', '~', '', '<<', '=', '---', '...', '\u2028', 'ä', '🎉'),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { maxLength: 4 }),
        fc.dictionary(fc.stringMatching(/^[A-Z]{1,3}$/), text, { maxKeys: 3 }),
        async (args, env) => {
          const before = `${MINIMAL}upstreams:\n  old: { stdio: { command: old } } # kept\nsets: { s: [old] }\n`
          const got = await snapshot(
            add(before, one({ settings: { stdio: { command: 'x', args, env } }, allow: [{ subjects: ['u'], tools: ['*'] }] })),
          )
          expect(got.upstreams.get('new')?.transport).toEqual({ kind: 'stdio', command: 'x', args, env: { ...env } })
          expect(got.upstreams.get('old')).toEqual((await snapshot(before)).upstreams.get('old'))
          expect(got.sets.size).toBe(1)
        },
      ),
      // a block scalar lost this space
      { numRuns: 500, examples: [[[], { A: ' \n' }]] },
    )
  })
})
