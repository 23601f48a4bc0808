// Templates of names: which a configuration may write.

import { describe, expect, it } from 'vitest'
import { compareBindings, type Binding } from '../../src/registry/binding.ts'
import { provedBy, templateProblem } from '../../src/registry/proof-rules.ts'

describe('a template', () => {
  it.each(['io.github.{repository_owner}', 'com.corp.{team}.{user}', 'com.corp.team-{n}', 'com.corp.{realm_access.team}'])(
    'may be %s',
    text => {
      expect(templateProblem(text)).toBeUndefined()
    },
  )
  it.each([
    ['proves one name by every token', 'io.github.acme'],
    ['lets the token choose everything', '{namespace}'],
    ['lets the token choose the first label', '{tld}.{name}'],
    ['has no label of its own', '{a}.b'],
    ['is no namespace', 'io/github.{owner}'],
    ['has an open brace', 'io.github.{owner'],
    ['has an empty claim', 'io.github.{}'],
    ['has an empty label', 'io..{owner}'],
    ['is empty', ''],
  ])('may not be one that %s', (_what, text) => {
    expect(templateProblem(text)).toMatch(/^expected/)
  })
  it('makes no name longer than names are', () => {
    const rule = { issuer: 'x', namespace: 'io.{a}.{a}.{a}', ownerId: 'id', bind: [], require: new Map() }
    const claim = (name: string): string => (name === 'id' ? '1' : 'a'.repeat(63))
    expect(provedBy(rule, claim)).toMatchObject({ stop: 'proof-invalid' })
  })
})

describe('what a proof rests on', () => {
  const key = (text: string): Binding => ({ kind: 'key', key: text })
  const account = (owner: string, also: Record<string, string> = {}, authority = 'https://ci.example'): Binding => ({
    kind: 'account',
    authority,
    owner,
    also,
  })
  it.each([
    [undefined, key('a'), 'first'],
    [key('a'), key('a'), 'same'],
    [key('a'), key('b'), 'other-key'],
    [key('a'), account('1'), 'other-kind'],
    [account('1'), key('a'), 'other-kind'],
    [account('1'), account('1'), 'same'],
    [account('1'), account('2'), 'other-owner'],
    [account('1'), account('1', {}, 'https://other.example'), 'other-kind'],
    [account('1', { repo: '7' }), account('1', { repo: '8' }), 'other-detail'],
    [account('1', { repo: '7' }), account('2', { repo: '7' }), 'other-owner'],
    [account('1', { repo: '7' }), account('1'), 'other-detail'],
    [account('1', { repo: '7' }), account('1', { ref: 'x' }), 'other-detail'],
    [account('1', { repo: '7' }), account('1', { repo: '7', ref: 'x' }), 'same'],
    [account('1'), account('1', { repo: '7' }), 'same'],
  ] as const)('%j and then %j is %s', (bound, shown, expected) => {
    expect(compareBindings(bound, shown)).toBe(expected)
  })
})
