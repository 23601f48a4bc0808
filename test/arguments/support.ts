import { ArgumentGuard, type RuleFault } from '../../src/arguments/guard.ts'
import type { ArgumentRule } from '../../src/arguments/rule.ts'
import { isJsonFault, readJson } from '../../src/mcp/json.ts'

/** What one rule about the tool `t` says of these arguments. */
export function faultOf(rule: Partial<ArgumentRule>, args: string | object): RuleFault | undefined {
  const guard = new ArgumentGuard({
    validate: 'off',
    rules: [{ id: 'r', tools: ['t'], prompts: [], pointer: '/x', ...rule }],
    resourceRoots: [],
  })
  const doc = readJson(Buffer.from(typeof args === 'string' ? args : JSON.stringify(args)))
  if (isJsonFault(doc)) throw new Error(doc.fault)
  return guard.fault('tool', 't', { doc, node: doc.root })
}
export const problemOf = (rule: Partial<ArgumentRule>, x: unknown): string | undefined => faultOf(rule, { x })?.problem
