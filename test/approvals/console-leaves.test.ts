// What a page of the console says of a request: every value of it, each under a name of its own.

import { expect, it } from 'vitest'
import { shortened } from '../../console/src/pages/leaves.ts'
import { leavesOf } from '../../src/approvals/leaves.ts'
import type { Text } from '../../src/approvals/shapes.ts'

const plain = (text: Text): string => text.map(piece => (typeof piece === 'string' ? piece : piece.code)).join('')
const rows = (
  params: object,
  { method = 'tools/call', name = 'deploy', kind = 'call' }: { method?: string; name?: string; kind?: 'call' | 'question' } = {},
): string[] =>
  shortened(leavesOf(JSON.stringify(params)) ?? [], { kind, method, name: [name] }).map(
    ({ path, text }) => `${path.map(plain).join('.')}=${plain(text)}`,
  )

it('a call of a tool: its arguments, and its name in the heading alone', () => {
  expect(rows({ name: 'deploy', arguments: { to: 'test', name: 'x', deep: { arguments: 1 } } })).toEqual([
    'to=test',
    'name=x',
    'deep.arguments=1',
  ])
  expect(rows({ name: 'deploy', arguments: {} })).toEqual(['arguments='])
})

it('attack: an argument of another method is called `name`, as the name of a tool is, and stands nowhere', () => {
  expect(rows({ name: 'prod-db' }, { method: 'vendor/delete', name: 'vendor/delete' })).toEqual(['name=prod-db'])
  expect(rows({ name: 'prod-db' }, { kind: 'question' })).toEqual(['name=prod-db'])
  expect(rows({ name: 'other', arguments: { a: 1 } })).toEqual(['name=other', 'arguments.a=1'])
})

it('attack: a member beside the arguments looks like one of them', () => {
  expect(rows({ name: 'deploy', path: '/etc', arguments: { path: '/tmp' } })).toEqual(['path=/etc', 'arguments.path=/tmp'])
  expect(rows({ path: '/etc', arguments: { path: '/tmp' } }, { method: 'vendor/write', name: 'vendor/write' })).toEqual([
    'path=/etc',
    'arguments.path=/tmp',
  ])
  expect(rows({ arguments: { a: 1 } }, { method: 'vendor/write', name: 'vendor/write' })).toEqual(['arguments.a=1'])
})
