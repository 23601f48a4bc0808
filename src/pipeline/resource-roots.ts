// Where resources of an upstream may lie, whoever admitted them (N135).

import type { Stop } from '../kernel/errors.ts'
import type { Asked } from './catalogue.ts'
import type { UpstreamEntry } from './entry.ts'

/** A template that is completed is no resource yet. */
export function outsideOfRoots({ method }: { readonly method: string }, entry: UpstreamEntry, { kind, name }: Asked): Stop | undefined {
  if (kind !== 'resource' || method === 'completion/complete') return undefined
  const problem = entry.arguments.resourceProblem(name)
  return problem === undefined
    ? undefined
    : {
        stop: 'arguments-forbidden',
        detail: `\`${entry.alias}\`: the URI of the resource ${problem}`,
        fix: 'ask for a resource under `arguments.resourceRoots` of this upstream, written plainly',
      }
}
