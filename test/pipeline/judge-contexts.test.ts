// What rules are told of the moment and place of a request: shared while it is the same, and never a moment longer.

import { expect, it } from 'vitest'
import type { Principal } from '../../src/kernel/principal.ts'
import { JudgeContexts } from '../../src/pipeline/judge-contexts.ts'

const HOUR = 3_600_000
const principal = (key: string): Principal => ({ key, issuer: 'i', subject: key, groups: [], scopes: ['a'], kind: 'user' }) as never
const NOTHING = { readUntrusted: false, readPrivate: false }
const MARKED = { readUntrusted: true, readPrivate: false }

it('is one object while nothing of it changes, and another one with the hour, a mark, the era, the endpoint or the principal', () => {
  let now = 5 * HOUR
  let standing = NOTHING
  const contexts = new JudgeContexts(
    () => now,
    () => standing,
  )
  const alice = principal('alice')
  const first = contexts.of(alice, '/mcp', 'modern')
  now += HOUR - 1
  expect(contexts.of(alice, '/mcp', 'modern')).toBe(first)
  expect(first.context).toMatchObject({ endpoint: '/mcp', era: 'modern', hour: 5, weekday: 4, readUntrusted: false, scopes: ['a'] })

  const others = [
    contexts.of(alice, '/mcp', 'legacy'),
    contexts.of(alice, '/servers/a/mcp', 'modern'),
    contexts.of(principal('bob'), '/mcp', 'modern'),
  ]
  standing = MARKED
  others.push(contexts.of(alice, '/mcp', 'modern'))
  standing = NOTHING
  now += 1
  others.push(contexts.of(alice, '/mcp', 'modern'))
  expect(new Set([first, ...others]).size).toBe(6)
  expect(others.map(({ context }) => [context.endpoint, context.era, context.hour, context.readUntrusted])).toEqual([
    ['/mcp', 'legacy', 5, false],
    ['/servers/a/mcp', 'modern', 5, false],
    ['/mcp', 'modern', 5, false],
    ['/mcp', 'modern', 5, true],
    ['/mcp', 'modern', 6, false],
  ])
})

it('attack: a mark that comes and goes at every request fills no memory', () => {
  let hour = 0
  const contexts = new JudgeContexts(
    () => hour * HOUR,
    () => (hour % 2 === 0 ? NOTHING : MARKED),
  )
  const alice = principal('alice')
  const seen = new Set(Array.from({ length: 100 }, () => (hour++, contexts.of(alice, '/mcp', 'modern'))))
  expect(seen.size).toBe(100)
  hour = 1
  expect(seen.has(contexts.of(alice, '/mcp', 'modern'))).toBe(false)
})
