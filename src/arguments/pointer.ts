// JSON pointers of rules, followed through judged bytes.

import { isJsonFault, readJson, type JsonDoc, type JsonNode } from '../mcp/json.ts'

export type Value = { readonly doc: JsonDoc; readonly node: JsonNode }
/** `isEach`: every item of a list. */
type Step = { readonly isEach: true } | { readonly isEach: false; readonly name: string }

const MAX_STEPS = 32
/** Values behind one pointer. */
const MAX_VALUES = 10_000

/** Undefined for what is no pointer (RFC 6901, and `*`). The whole is ''. */
export function stepsOf(pointer: string): readonly Step[] | undefined {
  if (pointer === '') return []
  if (!pointer.startsWith('/') || /~(?![0-2])/.test(pointer)) return undefined
  const parts = pointer.slice(1).split('/')
  if (parts.length > MAX_STEPS) return undefined
  return parts.map(part =>
    part === '*' ? { isEach: true } : { isEach: false, name: part.replaceAll('~2', '*').replaceAll('~1', '/').replaceAll('~0', '~') },
  )
}

/** All values there; none where a member is absent or null. `problem`: what stands on the way is not what the pointer says, so nobody knows what is read there. */
export function valuesAt(value: Value, steps: readonly Step[]): readonly Value[] | { readonly problem: string } {
  let found: readonly Value[] = [value]
  for (const step of steps) {
    const next: Value[] = []
    for (const each of found) {
      const { node } = each
      if (node.kind === 'null') continue
      if (node.kind !== (step.isEach ? 'array' : 'object')) return { problem: step.isEach ? 'expected a list' : 'expected an object' }
      const inner = indexed(each)
      if (!inner) return { problem: 'has more values than can be looked at' }
      for (const child of childrenAt(inner, step)) next.push(child)
      if (next.length > MAX_VALUES) return { problem: `has more than ${MAX_VALUES} values` }
    }
    found = next
  }
  return found.filter(({ node }) => node.kind !== 'null')
}

function childrenAt({ doc, node }: Value, step: Step): readonly Value[] {
  if (step.isEach) return (node.items ?? []).map(item => ({ doc, node: item }))
  // INVARIANT: the reader refused names that stand twice, escaped ones too.
  const member = node.members?.find(m => m.key === step.name)
  return member ? [{ doc, node: member.value }] : []
}

const WHOLE = 256
/** A message is indexed as deep as the gateway needs it; what lies deeper is read once a rule asks. */
function indexed(value: Value): Value | undefined {
  const { doc, node } = value
  if (node.members ?? node.items) return value
  const inner = readJson(doc.bytes.subarray(node.start, node.end), { maxDepth: WHOLE, indexDepth: WHOLE })
  if (isJsonFault(inner) || !(inner.root.members ?? inner.root.items)) return undefined
  return { doc: inner, node: inner.root }
}
