// What could be taken for something else, as an act: what is held, what our names keep apart, and which decisions decide what.

import { LIST_KINDS, type ListKind } from '../../catalog/entry.ts'
import { heldKey, RULE_OF, type CollisionFinding } from '../../collision/finding.ts'
import { adminAnswer, type AdminDeps } from '../administration.ts'
import type { Judgement } from '../colliding.ts'
import { isAggregated } from '../compared-servers.ts'
import type { Held } from '../held-entries.ts'
import type { Answered, Received, Stage } from '../path.ts'

/** Entries and findings that are named in one answer; all are counted. */
const MAX_SHOWN = 500

export const listCollisionsStage = (deps: Pick<AdminDeps, 'collisions'>): Stage<Received, Answered> => ({
  name: 'list-collisions',
  run: async () => {
    const judged = await deps.collisions()
    const [held, resolved] = [heldEntries(judged), keptApart(judged)]
    return adminAnswer({
      held: held.slice(0, MAX_SHOWN),
      resolved: resolved.slice(0, MAX_SHOWN),
      decisions: decisions(judged),
      counts: { held: held.length, resolved: resolved.length },
    })
  },
})

type Entry = Held & { readonly server: string; readonly kind: ListKind; readonly name: string; readonly endpoints: string[] }

/** In their servers' own names, whatever is in them: decisions name them so. */
function heldEntries(judged: readonly Judgement[]): readonly Entry[] {
  const found = new Map<string, Entry>()
  for (const { endpoint, held } of judged)
    for (const [server, of] of held)
      for (const kind of LIST_KINDS)
        for (const [name, why] of of[kind]) {
          // What somebody hid is no news to him.
          if (why.code === 'hidden') continue
          const key = JSON.stringify([server, kind, name, why.code, why.against])
          const known = found.get(key)
          if (known) known.endpoints.push(endpoint.path)
          else found.set(key, { server, kind, name, ...why, endpoints: [endpoint.path] })
        }
  return [...found.values()]
}

type Apart = Pick<CollisionFinding, 'code' | 'sentence'> & { readonly endpoints: string[] }

function keptApart(judged: readonly Judgement[]): readonly Apart[] {
  const found = new Map<string, Apart>()
  for (const { endpoint, applied } of judged)
    for (const { code, subject, against, sentence } of applied.findings) {
      // What somebody accepted is told with the decisions.
      if (RULE_OF.get(code)?.disposition !== 'resolved') continue
      const key = JSON.stringify([code, subject, against])
      const known = found.get(key)
      if (known) known.endpoints.push(endpoint.path)
      else found.set(key, { code, sentence, endpoints: [endpoint.path] })
    }
  return [...found.values()]
}

/** `isStale`: nothing of its entry would be held without it. `isImpossible`: its entry is held under the name it was given, too. */
function decisions(judged: readonly Judgement[]): readonly object[] {
  return (judged[0]?.resolutions.all ?? []).map(decision => {
    const { server, kind, name, resolve, as } = decision
    const isDeciding = ({ plain, known }: Judgement): boolean =>
      resolve === 'hide'
        ? known.get(server)?.of[kind].has(name) === true
        : plain.held.get(server)?.whole !== undefined || plain.held.get(server)?.entries.has(heldKey(kind, name)) === true
    const isHeldAgain = ({ applied, endpoint }: Judgement): boolean =>
      as !== undefined && isAggregated(endpoint) && applied.held.get(server)?.entries.has(heldKey(kind, as)) === true
    return {
      ...decision,
      ...(!judged.some(isDeciding) && { isStale: true }),
      ...(judged.some(isHeldAgain) && { isImpossible: true }),
    }
  })
}
