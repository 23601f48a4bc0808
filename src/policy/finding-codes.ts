// Codes of findings that a rule compares with: one that nobody can find would make the rule match nothing, or everything, in silence.

import { FINDING_CODES } from '../kernel/finding-words.ts'
import { nearest } from '../kernel/nearest.ts'
import { literalText, operands, operation, pathOf, type PolicyAst } from './ast.ts'

const COMPARING: ReadonlySet<string> = new Set(['contains', 'containsAny', 'containsAll'])
const KNOWN: ReadonlySet<string> = new Set(FINDING_CODES)

/** Texts that `context.findings` is asked for and that are no code (docs/detection.md), each once, with the nearest that is one. */
export function unknownFindings({ conditions }: PolicyAst): readonly { readonly code: string; readonly near?: string }[] {
  const unknown = new Set<string>()
  for (const { body } of conditions) visit(body, unknown)
  return [...unknown].map(code => {
    const near = nearest(code, FINDING_CODES)
    return { code, ...(near !== undefined && { near }) }
  })
}

function visit(expr: unknown, unknown: Set<string>): void {
  if (typeof expr !== 'object' || expr === null) return
  const found = operation(expr)
  if (found && COMPARING.has(found.op)) {
    const { left, right } = operands(found.of)
    const path = pathOf(left)
    if (path?.root === 'context' && path.path.join('.') === 'findings')
      for (const code of textsOf(right)) if (!KNOWN.has(code)) unknown.add(code)
  }
  // Cedar bounds how deep a rule nests.
  for (const part of Object.values(expr)) visit(part, unknown)
}

function textsOf(expr: unknown): string[] {
  const found = operation(expr)
  const items = found?.op === 'Set' && Array.isArray(found.of) ? (found.of as unknown[]) : [expr]
  return items.map(literalText).filter(text => text !== undefined)
}
