// Qualified names: injective, reversible, within the hosts' limits.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ALIAS, MAX_ALIAS, MAX_QUALIFIED, qualifyName, qualifyUri, splitName, splitUri } from '../../src/catalog/names.ts'

const alias = fc
  .oneof(
    fc.stringMatching(/^[a-z][a-z0-9]{0,3}(-[a-z0-9]{1,3}){0,3}$/),
    fc.constantFrom('a', 'a-b', 'ab', 'ui', 'abcdefghijklmnopqrstuvwx'),
  )
  .filter(a => a.length <= MAX_ALIAS)
const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_-]{1,50}$/),
  fc.stringMatching(/^[ab_-]{1,6}$/),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }),
)
const uri = fc.oneof(
  fc.webUrl(),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom('ui://x', 'ui://', 'ui:///x', 'UI://x', 'ui:x', 'ui://a/b+c', 'file:///a+b', '+', '', 'a+b', 'db://{table}/{+path}'),
)

describe('qualified tool and prompt names', () => {
  it('are 1 to 48 characters that every host accepts, and start with the alias', () => {
    fc.assert(
      fc.property(alias, name, (a, n) => {
        const exposed = qualifyName(a, n)
        expect(exposed).toMatch(/^[A-Za-z0-9_-]{1,48}$/)
        expect(exposed.startsWith(`${a}__`) || exposed.startsWith(`${a}--`)).toBe(true)
        expect(exposed.length).toBeLessThanOrEqual(MAX_QUALIFIED)
      }),
      { numRuns: 2000 },
    )
  })

  it('are injective: two pairs share a name only if they are one pair', () => {
    fc.assert(
      fc.property(alias, name, alias, name, (...[a, n, b, m]) => {
        expect(qualifyName(a, n) === qualifyName(b, m)).toBe(a === b && n === m)
      }),
      { numRuns: 5000 },
    )
  })

  it('are reversible: plain ones by themselves, escaped ones name their alias', () => {
    fc.assert(
      fc.property(alias, name, (a, n) => {
        const split = splitName(qualifyName(a, n))
        expect(split?.alias).toBe(a)
        if (split?.name !== undefined) expect(split.name).toBe(n)
        else expect(n.length + a.length + 2 > MAX_QUALIFIED || !/^[A-Za-z0-9_-]+$/.test(n)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('have no second spelling: what splits is what qualifies', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.stringMatching(/^[ab_-]{1,12}$/), fc.string({ unit: 'binary' }), fc.stringMatching(/^a(__|--)[A-Za-z0-9_. -]{1,50}$/)),
        exposed => {
          const split = splitName(exposed)
          if (split?.name !== undefined) expect(qualifyName(split.alias, split.name)).toBe(exposed)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('N134: server `a` with tool `b__c` and server `a__b` with tool `c` cannot meet: such an alias does not exist', () => {
    expect(qualifyName('a', 'b__c')).toBe('a__b__c')
    expect(splitName('a__b__c')).toEqual({ alias: 'a', name: 'b__c' })
    for (const refused of ['a__b', 'a_b', 'a--b', 'a-', '-a', 'A', 'a+b', 'a.b', '1a', '', 'a\n']) expect(ALIAS.test(refused)).toBe(false)
    expect(splitName('a__-b')).toEqual({ alias: 'a', name: '-b' })
    expect(splitName('a___b')).toEqual({ alias: 'a', name: '_b' })
    expect(splitName('a-b__c')).toEqual({ alias: 'a-b', name: 'c' })
    expect(qualifyName('a', '-b__c')).toBe('a__-b__c')
  })

  it('stay readable, and differ in the hash when they are cut or cleaned', () => {
    expect(qualifyName('files', 'read_file')).toBe('files__read_file')
    expect(qualifyName('files', 'read.file')).toMatch(/^files--read_file-[a-z2-7]{16}$/)
    expect(qualifyName('files', 'read/file')).not.toBe(qualifyName('files', 'read.file'))
    expect(qualifyName('files', '読む')).toMatch(/^files--[a-z2-7]{16}$/)
    const long = `list_shared_calendar_events_with_attachments`
    expect(qualifyName('microsoft-365', long)).toMatch(/^microsoft-365--list_shared_cale-[a-z2-7]{16}$/)
    expect(qualifyName('microsoft-365', long)).not.toBe(qualifyName('microsoft-365', long + '2'))
    expect(qualifyName('abcdefghijklmnopqrstuvwx', 'a.b.c.d.e')).toMatch(/^abcdefghijklmnopqrstuvwx--a_b_c-[a-z2-7]{16}$/)
  })

  it('differ where only the case differs: names are case-sensitive (R56)', () => {
    expect(qualifyName('a', 'Read')).not.toBe(qualifyName('a', 'read'))
    expect(qualifyName('a', 'Read.x').slice(-16)).not.toBe(qualifyName('a', 'read.x').slice(-16))
  })

  it.each([
    '',
    'files',
    'files_x',
    'files_',
    'files__',
    'files--',
    'files__a b',
    'files__a.b',
    'Files__a',
    '__a',
    'files--short',
    'x'.repeat(25) + '__a',
    'a__' + 'b'.repeat(46),
    'a__b\n',
  ])('%j is no exposed name', exposed => expect(splitName(exposed)).toBeUndefined())
})

describe('qualified resource URIs and templates', () => {
  it('are reversible and injective', () => {
    fc.assert(
      fc.property(alias, uri, (a, u) => {
        expect(splitUri(qualifyUri(a, u))).toEqual({ alias: a, uri: u })
      }),
      { numRuns: 3000 },
    )
  })

  it('have no second spelling', () => {
    fc.assert(
      fc.property(fc.oneof(uri, fc.stringMatching(/^(ui:\/\/)?[a-z-]{0,5}[+/]?(ui:\/\/)?[a-z+/]{0,6}$/)), exposed => {
        const split = splitUri(exposed)
        if (split) expect(qualifyUri(split.alias, split.uri)).toBe(exposed)
      }),
      { numRuns: 5000 },
    )
  })

  it('stay URIs, templates keep their variables, and apps stay `ui://` (R92)', () => {
    expect(qualifyUri('my-files', 'file:///notes.txt')).toBe('my-files+file:///notes.txt')
    expect(new URL(qualifyUri('my-files', 'file:///notes.txt')).protocol).toBe('my-files+file:')
    expect(qualifyUri('db', 'db://{table}/{+path}')).toBe('db+db://{table}/{+path}')
    expect(qualifyUri('clock', 'ui://get-time/app.html')).toBe('ui://clock/get-time/app.html')
    expect(splitUri('ui://clock/get-time/app.html')).toEqual({ alias: 'clock', uri: 'ui://get-time/app.html' })
    expect(splitUri('files+https://a+b')).toEqual({ alias: 'files', uri: 'https://a+b' })
  })

  it.each(['', 'file:///x', '+x', 'Files+x', 'a_b+x', 'files+ui://x', 'ui://', 'ui:///x', 'ui://Files/x', 'x'.repeat(25) + '+x'])(
    '%j is no exposed URI',
    exposed => expect(splitUri(exposed)).toBeUndefined(),
  )
})
