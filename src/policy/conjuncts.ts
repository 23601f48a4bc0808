// A rule as a list of conditions that must all hold: head and `when`/`unless` taken apart. For those who explain and compare rules; Cedar evaluates them whole.

import type { PolicyAst, ScopeAst } from './ast.ts'
import { operands, operation } from './ast.ts'

type Expr = Readonly<Record<string, unknown>>

const not = (expr: unknown): Expr => {
  const found = operation(expr)
  return found?.op === '!' ? (found.of as { readonly arg: Expr }).arg : { '!': { arg: expr } }
}

/** What `when` and `unless` demand, each part by itself. */
export const conditionsOf = ({ conditions }: PolicyAst): readonly Expr[] =>
  conditions.flatMap(({ kind, body }) => split(kind === 'when' ? body : not(body)))

/** What the head demands of principal and resource, as expressions. */
export function headOf({ principal, resource }: PolicyAst): readonly Expr[] {
  return [...scopeOf('principal', principal), ...scopeOf('resource', resource)]
}

function scopeOf(name: string, scope: ScopeAst): readonly Expr[] {
  const left = { Var: name }
  const entity = (of: unknown): Expr => ({ Value: { __entity: (of as { readonly entity: unknown }).entity } })
  switch (scope.op) {
    case '==':
    case 'in':
      return [{ [scope.op]: { left, right: entity(scope) } }]
    case 'is':
      return [{ is: { left, entity_type: scope['entity_type'], ...(scope['in'] !== undefined && { in: entity(scope['in']) }) } }]
    default:
      return []
  }
}

function split(expr: unknown): readonly Expr[] {
  const found = operation(expr)
  if (found?.op === '&&') {
    const { left, right } = operands(found.of)
    return [...split(left), ...split(right)]
  }
  if (found?.op === '!=') return [not({ '==': found.of })]
  if (found?.op === '!') {
    const { arg } = found.of as { readonly arg: unknown }
    const inner = operation(arg)
    if (inner?.op === '!') return split((inner.of as { readonly arg: unknown }).arg)
    if (inner?.op === '!=') return split({ '==': inner.of })
    if (inner?.op === '||') {
      const { left, right } = operands(inner.of)
      return [...split(not(left)), ...split(not(right))]
    }
  }
  return [expr as Expr]
}

/** Equal texts are the same condition; `a == b` and `b == a` are. */
export function textOf(expr: unknown): string {
  const found = operation(expr)
  if (found?.op === '!') return `!${textOf((found.of as { readonly arg: unknown }).arg)}`
  if (found?.op !== '==') return JSON.stringify(expr)
  const { left, right } = operands(found.of)
  return `==${[JSON.stringify(left), JSON.stringify(right)].sort().join()}`
}
