// A result that something was taken out of must still be what its tool promises: structured content that does not satisfy the pinned `outputSchema` stops the call.

import { isStop, type Stop } from '../kernel/errors.ts'
import { isJsonFault, member, readJson } from '../mcp/json.ts'
import type { GatewayDeps } from './deps.ts'
import { blocked, type Inspected } from './inspect-content.ts'
import type { Ready } from './ready.ts'

/** A stop where nobody can say that it does. */
export async function breaksSchema(
  x: Ready,
  { before, redacted }: Inspected,
  { catalogue }: Pick<GatewayDeps, 'catalogue'>,
): Promise<Stop | undefined> {
  const { route } = x
  const doc = readJson(before, { maxDepth: 256, indexDepth: 2 })
  if (isJsonFault(doc)) return stopped(x)
  // A task's own result stands inside its state, and its tool is not known by then.
  const inner = member(member(doc.root, 'result'), 'structuredContent')
  if (inner && redacted.some(({ start }) => start >= inner.start && start < inner.end)) return stopped(x)
  const content = member(doc.root, 'structuredContent')
  if (!content || !redacted.some(({ start }) => start >= content.start && start < content.end)) return undefined
  if (route.kind !== 'tool') return stopped(x)
  const defined = await catalogue.definition(x, route.entry, 'tool', route.name)
  if (!defined || isStop(defined)) return stopped(x)
  const definition = readJson(defined.entry.raw, { maxDepth: 256, indexDepth: 1 })
  if (isJsonFault(definition)) return stopped(x)
  return member(definition.root, 'outputSchema') ? stopped(x) : undefined
}

const stopped = ({ route: { entry } }: Ready): Stop => ({
  ...blocked({ from: entry, in: 'result' }, 'structured content that would no longer be known to satisfy its schema'),
  fix: 'a policy author may leave this tool out of `@redact`, or stop it with `@stop_on`',
})
