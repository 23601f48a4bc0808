// What holds for any names: the order handed in changes nothing, near names are found as by comparing all pairs, work grows with the names.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collide, collideInSlices } from '../../src/collision/collide.ts'
import { MAX_PER_CODE } from '../../src/collision/finding.ts'
import type { Inventory, ShownServer } from '../../src/collision/inventory.ts'
import { NearIndex } from '../../src/collision/near-index.ts'
import { isWithinOne } from '../../src/kernel/look-alikes.ts'
import { cpuTimer } from '../support/cpu.ts'
import { entry, heldOf, inventory, prompt, server, tool } from './world.ts'

const name = fc.oneof(
  fc.constantFrom(
    'format_code',
    'Format_Code',
    'f\u043ermat_code',
    'format_code_v2',
    'code_format',
    'format_codes',
    'help',
    '/clear',
    'read',
  ),
  fc.stringMatching(/^[ab_]{1,9}$/),
  fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
)
const made = fc.oneof(
  fc
    .tuple(
      name,
      fc.option(fc.constantFrom('x'.repeat(50), 'A tool that does something that takes long to say, really'), { nil: undefined }),
    )
    .map(([n, d]) => tool(n, d)),
  name.map(n => prompt(n)),
  name.map(n => entry('resources', `file:///${n}`)),
  name.map(n => entry('templates', `file:///${n}/{x}`)),
)
const world = fc
  .array(
    fc.record({
      entries: fc.array(made, { maxLength: 8 }),
      name: fc.option(name, { nil: undefined }),
      since: fc.nat(3),
      isSigned: fc.boolean(),
    }),
    { maxLength: 5 },
  )
  .map(servers =>
    servers.map(({ entries, isSigned, ...more }, i) =>
      server(`s${i}`, [...new Map(entries.map(e => [`${e.kind} ${e.name}`, e])).values()], {
        ...more,
        identity: isSigned ? { source: `p/${i}`, publisher: `p${i % 2}` } : { source: `${i}` },
      }),
    ),
  )
const reversed = (servers: readonly ShownServer[]): Inventory =>
  inventory(...servers.map(s => ({ ...s, primitives: s.primitives.toReversed() })).toReversed())

describe('for any names', () => {
  it('property: the order of servers and entries changes nothing, nor do slices', async () => {
    await fc.assert(
      fc.asyncProperty(world, async servers => {
        const found = collide(inventory(...servers))
        expect(collide(reversed(servers))).toEqual(found)
        expect(await collideInSlices(inventory(...servers), () => Promise.resolve())).toEqual(found)
      }),
      { numRuns: 300 },
    )
  })
  it('property: never the first of all; and what is held is said in printable ASCII', () => {
    fc.assert(
      fc.property(world, servers => {
        const found = collide(
          inventory(...servers.map((s, i) => (i === 0 ? { ...s, since: -1, identity: { source: '0', publisher: 'p0' } } : s))),
        )
        const first = found.findings.filter(f => f.subject.server === 's0' && f.disposition === 'held')
        expect(first.filter(f => f.against.host === undefined)).toEqual([])
        for (const { sentence } of found.findings) expect(sentence).toMatch(/^[ -~]*$/)
      }),
      { numRuns: 300 },
    )
  })
  it('property: names one keystroke apart are found as by comparing all pairs', () => {
    const word = fc.stringMatching(/^[ab]{5,9}$/)
    fc.assert(
      fc.property(fc.uniqueArray(word, { maxLength: 40 }), fc.integer(), (words, seed) => {
        const index = new NearIndex<string>({ names: 1, seed }, (a, b) => a !== b)
        for (const [i, each] of words.entries()) {
          const expected = words.slice(0, i).some(other => each.length >= 6 && other.length >= 6 && isWithinOne(each, other))
          const isFound = index.find(each, each, () => true) !== undefined
          // Under one key four are kept: with more of them there, one of those is found.
          expect(isFound).toBe(expected)
          index.add(each, each)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('what an operator settled', () => {
  const incumbent = server('a', [tool('format_code')])
  it('`accepted`: the look-alike is shown, and told without accusation', () => {
    const world = inventory(incumbent, server('b', [entry('tools', 'Format_Code', { settled: 'accepted' })], { since: 2 }))
    expect(heldOf(world)).toEqual([])
    expect(collide(world).findings).toMatchObject([{ code: 'case-variant', severity: 'none', disposition: 'resolved' }])
  })
  it('`preferred`: the other one is the offender, whoever was first', () => {
    expect(heldOf(inventory(incumbent, server('b', [entry('tools', 'Format_Code', { settled: 'preferred' })], { since: 2 })))).toEqual([
      'a format_code: case-variant',
    ])
  })
  it('a server may keep its name: another one is then the offender', () => {
    const [a, b] = [server('a', [], { name: 'github' }), server('b', [], { name: 'GitHub', since: 2, settled: 'preferred' as const })]
    expect(heldOf(inventory(a, b))).toEqual(['a: server-name'])
  })
})

describe('how much work it is', () => {
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  let state = 7
  const random = (below: number): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff) % below
  const word = (): string => Array.from({ length: 14 }, () => letters[random(26)] ?? '').join('')
  /** names of one beginning, so that many meet under many keys */
  const catalogue = (names: number): Inventory =>
    inventory(
      ...Array.from({ length: names / 100 }, (_, s) =>
        server(
          `s${s}`,
          Array.from({ length: 100 }, () => tool(`get_${word()}_item`, `Returns the item that ${word()} and ${word()} ask for`)),
          { since: s, name: word() },
        ),
      ),
    )
  it('four times the catalogue is about four times the work: by pairs it would be sixteen', () => {
    const measure = (names: number): number => {
      const worlds = [catalogue(names), catalogue(names)]
      return Math.min(
        ...worlds.map(of => {
          const spent = cpuTimer()
          collide(of)
          return spent()
        }),
      )
    }
    collide(catalogue(2000))
    const [once, fourfold] = [measure(3000), measure(12_000)]
    expect(fourfold).toBeLessThan(once * 8)
  }, 60_000)
  it('attack: 20,000 names one keystroke from each other, of 20 servers, are all held and few are told', () => {
    const world = inventory(
      server('first', [tool('format_code')]),
      ...Array.from({ length: 20 }, (_, s) =>
        server(
          `s${s}`,
          Array.from({ length: 1000 }, (_x, i) => tool(`format_cod${String.fromCodePoint(0x4e00 + i)}`)),
          { since: 2 + s },
        ),
      ),
    )
    const spent = cpuTimer()
    const { findings, held, counts } = collide(world)
    expect(spent()).toBeLessThan(15_000)
    expect([...held.values()].reduce((sum, { entries }) => sum + entries.size, 0)).toBe(20_000)
    expect(counts.get('one-edit')).toBe(20_000)
    expect(findings).toHaveLength(MAX_PER_CODE)
  }, 60_000)
  it('attack: more entries than are compared are held of the server that has them, and of no other', () => {
    const many = server(
      'many',
      Array.from({ length: 40_001 }, (_, i) => entry('resources', `file:///${i}`)),
    )
    const { held } = collide(inventory(many, server('other', [tool('read')], { since: 2 })))
    expect([...held].map(([alias, { entries }]) => [alias, entries.size])).toEqual([['many', 1]])
  }, 60_000)
})
