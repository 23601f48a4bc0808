import { expect, it } from 'vitest'
import { readPage, written } from './page.ts'

it('docs/collisions.md holds the codes and hosts of the room (else: node_modules/.bin/node test/collision/page.ts)', () => {
  expect(written(readPage())).toBe(readPage())
  expect(readPage()).toContain('| `same-name` |')
})
