// An upstream that computed two names with one hash (80 bits: 2^40 work) gains nothing: the first keeps the name, the second is left out.

import { expect, it, vi } from 'vitest'
import { listOf, paged, tool } from './pages.ts'

vi.mock('../../src/catalog/names.ts', async original => ({
  ...(await original<object>()),
  qualifyName: (alias: string) => `${alias}--same-aaaaaaaaaaaaaaaa`,
}))

it('two names of one upstream that would be exposed as one: the later is refused and reported', async () => {
  const list = await listOf('tools', paged({ tools: [tool('first.name'), tool('second.name')] }))
  expect(list.entries.map(e => e.name)).toEqual(['first.name'])
  expect(list.findExposed('files--same-aaaaaaaaaaaaaaaa')?.name).toBe('first.name')
  expect(list.refused.map(r => [r.name, r.code])).toEqual([['second.name', 'name-collision']])
})
