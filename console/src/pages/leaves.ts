// Which values of a request stand on its page, and under which names: all but what the heading says already. Nothing else is left out, and no two get one name.

import type { ApprovalSummary, Leaf, Text } from '../../../src/approvals/shapes.ts'

type Asked = Pick<ApprovalSummary, 'kind' | 'method' | 'name'>
/** Whose name is one of the params, and stands in the heading. */
const NAMED: ReadonlySet<string> = new Set(['tools/call', 'prompts/get'])

/** Where a call of a tool or prompt has its name and arguments alone, they stand without that heading at each of them. */
export function shortened(leaves: readonly Leaf[], { kind, method, name }: Asked): readonly Leaf[] {
  if (kind !== 'call' || !NAMED.has(method)) return leaves
  const others = leaves.filter(({ path, kind: type, text }) => !(type === 'string' && isWord(path, 'name') && isSame(text, name)))
  const isAlone = others.every(({ path }) => path.length > 1 && isWord(path.slice(0, 1), 'arguments'))
  return isAlone ? others.map(leaf => ({ ...leaf, path: leaf.path.slice(1) })) : others
}

const isWord = (path: readonly Text[], word: string): boolean => path.length === 1 && path[0]?.length === 1 && path[0][0] === word
const isSame = (a: Text, b: Text): boolean => JSON.stringify(a) === JSON.stringify(b)
