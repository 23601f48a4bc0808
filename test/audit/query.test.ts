import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { askedOf, facetsOf, matches, parseQuery } from '../../src/audit/query.ts'
import { MemoryReader } from '../support/memory-reader.ts'

const EXCHANGE = {
  v: 1,
  type: 'refusal',
  id: 'e1',
  time: '2026-07-28T09:30:00.000Z',
  call: 'c1',
  request: 'r1',
  trace: 't1',
  principal: { issuer: 'https://id.example', subject: 'anna', client: 'editor' },
  subject: { endpoint: '/mcp', era: 'modern', method: 'tools/call', server: 'files', name: 'read_file' },
  reason: 'policy-denied',
  stage: 'evaluate-policy',
}
const ASKED = {
  v: 1,
  type: 'lifecycle',
  id: 'e2',
  time: '2026-07-28T09:31:00.000Z',
  what: 'approval-asked',
  detail: {
    approval: 'a1',
    of: { issuer: 'https://id.example', subject: 'anna' },
    client: 'editor',
    server: 'files',
    method: 'tools/call',
    name: 'write',
  },
}

describe('what an event is found by', () => {
  test('an exchange: who, what, why, and its ids', () => {
    expect(Object.fromEntries(facetsOf(EXCHANGE))).toStrictEqual({
      principal: 'anna',
      issuer: 'https://id.example',
      client: 'editor',
      server: 'files',
      method: 'tools/call',
      name: 'read_file',
      reason: 'policy-denied',
      type: 'refusal',
      call: 'c1',
      request: 'r1',
      trace: 't1',
      id: 'e1',
    })
  })

  test('what people decided: by the approval and by whom it is of', () => {
    expect(facetsOf(ASKED)).toEqual(
      expect.arrayContaining([
        ['approval', 'a1'],
        ['principal', 'anna'],
        ['what', 'approval-asked'],
      ]),
    )
  })

  test('a member of another type is no value, and none throws', () => {
    fc.assert(
      fc.property(
        fc.object({ key: fc.constantFrom('subject', 'detail', 'principal', 'of', 'type', 'reason', 'server', 'call') }),
        event => {
          for (const [, value] of facetsOf(event)) expect(typeof value).toBe('string')
        },
      ),
    )
  })

  test('law: an event is found by each of its own facets, alone and together', () => {
    for (const event of [EXCHANGE, ASKED]) {
      const facets = facetsOf(event)
      for (const [facet, value] of facets) expect(matches({ [facet]: value }, event)).toBe(true)
      expect(matches(Object.fromEntries(facets), event)).toBe(true)
      for (const [facet, value] of facets) expect(matches({ [facet]: `${value}x` }, event)).toBe(false)
    }
  })

  test('times: from is inclusive, to is not', () => {
    const { time } = EXCHANGE
    expect(matches({ from: time }, EXCHANGE)).toBe(true)
    expect(matches({ to: time }, EXCHANGE)).toBe(false)
    expect(matches({ from: '2026-07-28T09:30:00.001Z' }, EXCHANGE)).toBe(false)
    expect(matches({ to: '2026-07-28T09:30:00.001Z' }, EXCHANGE)).toBe(true)
    expect(matches({ from: time }, { type: 'refusal' })).toBe(false)
  })
})

describe('a query from texts', () => {
  test('is taken with times in UTC and numbers as numbers', () => {
    expect(
      parseQuery({ principal: 'anna', from: '2026-07-28T11:30:00+02:00', to: '2026-07-29', before: '70', limit: '500' }),
    ).toStrictEqual({
      query: { principal: 'anna', from: '2026-07-28T09:30:00.000Z', to: '2026-07-29T00:00:00.000Z', before: 70, limit: 500 },
    })
    expect(askedOf({ principal: 'anna', from: 'x', limit: 1 })).toStrictEqual([['principal', 'anna']])
  })

  test('attack: nothing a stranger may write becomes another question, and every fault is told at once without the value', () => {
    const values = {
      limit: '501',
      before: '-1',
      from: 'yesterday',
      to: '9'.repeat(99),
      server: '',
      secret: 'hunter2',
      __proto__x: '1',
    }
    const parsed = parseQuery(values)
    expect('faults' in parsed && parsed.faults).toHaveLength(7)
    expect(JSON.stringify(parsed)).not.toMatch(/yesterday|hunter2|501/)
    for (const limit of ['0', '01', '1e2', ' 5', '0x10', '1.5', '']) expect(parseQuery({ limit })).toHaveProperty('faults')
    for (const from of ['2026-13-01', '2026-07-28T25:00Z', '2026-07-28 09:30', '+099999-01-01'])
      expect(parseQuery({ from })).toHaveProperty('faults')
  })

  test('property: whatever is taken matches by what it says, whatever is refused is refused with a reason', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('principal', 'reason', 'from', 'limit', 'toString', 'x'), fc.string()), values => {
        const parsed = parseQuery(values)
        if ('faults' in parsed) expect(parsed.faults.length).toBeGreaterThan(0)
        else for (const [facet, value] of askedOf(parsed.query)) expect(values[facet]).toBe(value)
      }),
    )
  })
})

describe('the reader in memory, for tests of whoever reads', () => {
  test('finds newest first and pages, reads in order', async () => {
    const reader = new MemoryReader([EXCHANGE, ASKED, EXCHANGE].map(event => JSON.stringify(event)))
    const first = await reader.search({ principal: 'anna', limit: 2 })
    expect(first.events.map(found => found.seq)).toStrictEqual([2, 1])
    expect((await reader.search({ principal: 'anna', limit: 2, before: first.next ?? 0 })).events.map(found => found.seq)).toStrictEqual([
      0,
    ])
    expect((await reader.read(1, 5)).map(found => found.seq)).toStrictEqual([1, 2])
    expect((await reader.story('c1')).map(found => found.seq)).toStrictEqual([0, 2])
    expect((await reader.state()).size).toBe(3)
    await expect(reader.proof(0)).rejects.toMatchObject({ code: 'audit-uncovered' })
  })
})
