import { describe, expect, it } from 'vitest'
import { readsOf } from '../../src/policy/reads.ts'
import { allReads } from '../../src/policy/reads.ts'
import { tools } from '../support/policies.ts'
import type { PolicyAst } from '../../src/policy/ast.ts'

const ast = (head: string, rest = ''): PolicyAst => {
  const read = tools.language.read(`@id("x") permit (${head}) ${rest};`)
  if ('faults' in read) throw new Error(JSON.stringify(read.faults))
  return read
}
const reads = (condition: string): unknown => plain(readsOf(ast('principal, action, resource', `when { ${condition} }`)))
const plain = ({ principal, resource, context, pointers }: ReturnType<typeof readsOf>): unknown => {
  const entity = ({ isWhole, within, paths }: typeof principal): unknown => (isWhole ? 'all' : [...within, ...paths].sort())
  return {
    principal: entity(principal),
    resource: entity(resource),
    context: context.isWhole ? 'all' : [...context.paths].sort(),
    pointers: pointers === 'all' ? 'all' : [...pointers].sort(),
  }
}
const NONE = { principal: [], resource: [], context: [], pointers: [] }

describe('what a rule reads', () => {
  it.each([
    ['true', {}],
    ['resource.server.signature == MCP::Signature::"verified"', { resource: ['server.signature'] }],
    ['resource has hints && resource.hints.readOnly', { resource: ['hints', 'hints.readOnly'] }],
    ['resource has hints.readOnly', { resource: ['hints.readOnly'] }],
    ['context has approval && context.approval.count > 1', { context: ['approval', 'approval.count'] }],
    ['context has arguments', {}],
    ['principal == MCP::User::"a"', { principal: ['User a'] }],
    ['MCP::User::"a" != principal', { principal: ['User a'] }],
    ['principal in MCP::Group::"a"', { principal: ['Group a'] }],
    ['principal in [MCP::Group::"a", MCP::Group::"b"]', { principal: ['Group a', 'Group b'] }],
    ['MCP::Group::"a" in principal', { principal: ['Group a'] }],
    ['[MCP::Group::"a", MCP::Group::"b"] == principal', { principal: 'all' }],
    ['principal is MCP::User', {}],
    ['principal is MCP::User in MCP::Group::"a"', { principal: ['Group a'] }],
    ['principal == resource', { principal: 'all', resource: 'all' }],
    ['resource in principal', { principal: 'all', resource: 'all' }],
    ['action in MCP::Action::"read"', {}],
    ['principal.client like "a*"', { principal: ['client'] }],
    ['context.scopes.contains(principal.client)', { principal: ['client'], context: ['scopes'] }],
    ['context.scopes.containsAny(["a"]) || !context.readUntrusted', { context: ['readUntrusted', 'scopes'] }],
    ['context.hour + 1 > 9 && -context.weekday < 3', { context: ['hour', 'weekday'] }],
    [
      'if context.hour > 3 then resource.name == "x" else principal.subject == "y"',
      { principal: ['subject'], resource: ['name'], context: ['hour'] },
    ],
    ['(if context.hour > 3 then principal else principal).subject == "y"', { principal: 'all', context: ['hour'] }],
    ['context == {}', { context: 'all', pointers: 'all' }],
    ['{"Value": context.hour, "Var": principal.client} == {}', { principal: ['client'], context: ['hour'] }],
    ['{"left": principal}.left.client == "x"', { principal: 'all' }],
    ['ip(principal.client).isLoopback()', { principal: ['client'] }],
    ['decimal("1.0").lessThan(decimal(resource.name))', { resource: ['name'] }],
    ['context.arguments.hasTag("/path")', { pointers: ['/path'] }],
    ['context.arguments.getTag("/path").contains("x")', { pointers: ['/path'] }],
    ['context.arguments.hasTag("path")', { pointers: 'all' }],
    ['context.arguments.hasTag(resource.name)', { resource: ['name'], pointers: 'all' }],
    ['context.arguments == context.arguments', { pointers: 'all' }],
  ])('%s', (condition, expected) => {
    expect(reads(condition)).toEqual({ ...NONE, ...expected })
  })

  it.each([
    ['principal == MCP::User::"a", action, resource', { principal: ['User a'] }],
    ['principal in MCP::Group::"a", action, resource == MCP::Tool::"t"', { principal: ['Group a'], resource: ['Tool t'] }],
    ['principal is MCP::User in MCP::Group::"a", action == MCP::Action::"ping", resource is MCP::Tool', { principal: ['Group a'] }],
  ])('in its head: %s', (head, expected) => {
    expect(plain(readsOf(ast(head)))).toEqual({ ...NONE, ...expected })
  })

  it('attack: an operator nobody here knows reads everything, so nothing is left out of what it may read', () => {
    const policy = {
      ...ast('principal, action, resource'),
      conditions: [{ kind: 'when', body: { newOperator: { left: { Var: 'context' } } } }],
    }
    expect(plain(readsOf(policy as PolicyAst))).toEqual({ principal: 'all', resource: 'all', context: 'all', pointers: 'all' })
  })
  it('and so does a head of a form nobody knows', () => {
    expect(plain(readsOf({ ...ast('principal, action, resource'), principal: { op: 'near' } }))).toMatchObject({ principal: 'all' })
  })
  it('of several rules, is what each of them reads', () => {
    const each = [
      'context.hour > 1',
      'principal == resource',
      'context.arguments.hasTag("/a")',
      'context.arguments == context.arguments',
      'context == {}',
    ]
    expect(plain(allReads(each.map(c => readsOf(ast('principal, action, resource', `when { ${c} }`)))))).toEqual({
      principal: 'all',
      resource: 'all',
      context: 'all',
      pointers: 'all',
    })
  })
})
