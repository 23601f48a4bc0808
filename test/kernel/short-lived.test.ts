import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ShortLived } from '../../src/kernel/short-lived.ts'

const key = fc.oneof(
  fc.integer({ min: 0, max: 12 }).map(String),
  fc.constantFrom('__proto__', 'constructor', 'toString', '"a"', '-1', '1.5', ''),
)
const step = fc.record({ act: fc.constantFrom('set', 'delete', 'clear'), key, value: fc.nat() })

describe('a table of what is short-lived', () => {
  it('law: holds what a Map would hold, whatever the keys are called', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const [table, map] = [new ShortLived<number>(), new Map<string, number>()]
        for (const { act, key: at, value } of steps) {
          if (act === 'set') {
            table.set(at, value)
            map.set(at, value)
          } else if (act === 'delete') expect(table.delete(at)).toBe(map.delete(at))
          else {
            table.clear()
            map.clear()
          }
          expect([table.size, table.has(at), table.get(at)]).toEqual([map.size, map.has(at), map.get(at)])
        }
        expect(table.values().sort()).toEqual([...map.values()].sort())
      }),
    )
  })

  it('strings come back oldest first', () => {
    const table = new ShortLived<number>()
    for (const [i, name] of ['b', 'a', 'c'].entries()) table.set(name, i)
    table.delete('b')
    table.set('b', 3)
    expect(table.values()).toEqual([1, 2, 3])
  })
})
