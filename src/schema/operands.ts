// What keywords are given, read strictly: a keyword with a wrong operand makes its schema unusable.

import { textOf } from '../mcp/json.ts'
import { decimalOf, isWhole, type Decimal } from './decimal.ts'
import type { Value } from './value.ts'
import { SchemaUnusable } from './unusable.ts'

const wrong = (keyword: string): SchemaUnusable => new SchemaUnusable(`its \`${keyword}\` is not written correctly`)

export function textOperand(keyword: string, { doc, node }: Value): string {
  if (node.kind !== 'string') throw wrong(keyword)
  return textOf(doc, node)
}
export function numberOperand(keyword: string, { doc, node }: Value): Decimal {
  const found = node.kind === 'number' ? decimalOf(doc.bytes.toString('latin1', node.start, node.end)) : undefined
  if (!found) throw wrong(keyword)
  return found
}
export function countOperand(keyword: string, value: Value): number {
  const found = numberOperand(keyword, value)
  const count = Number(value.doc.bytes.toString('latin1', value.node.start, value.node.end))
  if (found.isNegative || !isWhole(found) || !Number.isFinite(count)) throw wrong(keyword)
  return count
}
export function listOperand(keyword: string, { doc, node }: Value): readonly Value[] {
  if (!node.items) throw wrong(keyword)
  return node.items.map(item => ({ doc, node: item }))
}
export function membersOperand(keyword: string, { doc, node }: Value): readonly (readonly [name: string, value: Value])[] {
  if (!node.members) throw wrong(keyword)
  return node.members.map(m => [m.key, { doc, node: m.value }] as const)
}
export const namesOperand = (keyword: string, value: Value): readonly string[] =>
  listOperand(keyword, value).map(each => textOperand(keyword, each))
export function flagOperand(keyword: string, { node }: Value): boolean {
  if (node.kind !== 'true' && node.kind !== 'false') throw wrong(keyword)
  return node.kind === 'true'
}
