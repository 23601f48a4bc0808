// A result that something was taken out of must still be what its tool promises: structured content that does not satisfy the pinned `outputSchema` stops the call.

import { isStop, type Stop } from '../kernel/errors.ts'
import { isJsonFault, member, rawOf, readJson, type JsonNode } from '../mcp/json.ts'
import { compileSchema, isFit, isUnusable } from '../schema/schema.ts'
import type { GatewayDeps } from './deps.ts'
import { blocked, type Inspected } from './inspect-content.ts'
import type { Ready } from './ready.ts'

/** A stop where it does not, or nobody can say that it does. */
export async function breaksSchema(
  x: Ready,
  { bytes, before, redacted }: Inspected,
  { catalogue }: Pick<GatewayDeps, 'catalogue'>,
): Promise<Stop | undefined> {
  const { route } = x
  const was = readJson(before, { maxDepth: 256, indexDepth: 2 })
  if (isJsonFault(was)) return stopped(x)
  const isTouched = (node: JsonNode | undefined): boolean =>
    node !== undefined && redacted.some(({ start }) => start >= node.start && start < node.end)
  // A task's own result stands inside its state, and its tool is not known by then.
  if (isTouched(member(member(was.root, 'result'), 'structuredContent'))) return stopped(x)
  if (!isTouched(member(was.root, 'structuredContent'))) return undefined
  if (route.kind !== 'tool') return stopped(x)
  const defined = await catalogue.definition(x, route.entry, 'tool', route.name)
  if (!defined || isStop(defined)) return stopped(x)
  const definition = readJson(defined.entry.raw, { maxDepth: 256, indexDepth: 1 })
  const schema = isJsonFault(definition) ? undefined : member(definition.root, 'outputSchema')
  if (isJsonFault(definition) || !schema) return isJsonFault(definition) ? stopped(x) : undefined
  const compiled = compileSchema(rawOf(definition, schema))
  const now = readJson(bytes, { maxDepth: 256, indexDepth: 2 })
  const content = isJsonFault(now) ? undefined : member(now.root, 'structuredContent')
  if (isJsonFault(now) || !content || isUnusable(compiled)) return stopped(x)
  // What legacy hosts are shown inside an object is judged without it.
  const isWrapped = x.era === 'legacy' && (await catalogue.isOutputWrapped(x, route.entry, route.name))
  const node = isWrapped ? member(content, 'result') : content
  return node && isFit(compiled.judge({ doc: now, node })) ? undefined : stopped(x)
}

const stopped = ({ route: { entry } }: Ready): Stop => ({
  ...blocked({ from: entry, in: 'result' }, 'structured content that does not satisfy its schema any more'),
  fix: 'a policy author may leave this tool out of `@redact`, or stop it with `@stop_on`',
})
