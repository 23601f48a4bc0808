import { expect, it } from 'vitest'
import { unheldGroups } from '../../src/policy/unheld-groups.ts'
import { bundleOf } from '../support/policies.ts'

const [A, B] = ['https://a.example', 'https://b.example']
const named = (group: string): string => `@id("no") forbid (principal in MCP::Group::"${group}", action, resource);`
const faults = (text: string, ...issuers: string[]): string[] =>
  unheldGroups(bundleOf(`@id("all") permit (principal, action, resource);\n${text}`).policies, issuers).map(
    ({ id, line, message, fix }) => `${id} ${line}: ${message}; ${fix}`,
  )

it('names rules about a group that nobody can be in, where they stand, and how it is named', () => {
  expect(faults(named('contractors'), A, B)).toEqual([
    'no 2: nobody is in the group `contractors`: several issuers are configured; name it as `<issuer> contractors`',
  ])
  expect(faults(named(`${A} contractors`), A)).toEqual([
    `no 2: nobody is in the group \`${A} contractors\`: one issuer is configured; name it as \`contractors\``,
  ])
  // also where a condition asks, and of an issuer that is none of them
  expect(faults('@id("no") forbid (principal, action, resource) when { principal in MCP::Group::"x" };', A, B)).toHaveLength(1)
  expect(faults(named('https://c.example contractors'), A, B)).toHaveLength(1)
})
it('finds nothing where they fit, and where rules name people', () => {
  expect(faults(named('contractors'), A)).toEqual([])
  expect(faults(named(`${B} contractors`), A, B)).toEqual([])
  expect(faults(named('contractors'))).toEqual([])
  expect(faults('@id("no") forbid (principal == MCP::User::"https://a.example bob", action, resource);', A, B)).toEqual([])
})
