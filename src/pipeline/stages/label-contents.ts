// What an administrator calls the contents that this call would read, from its configuration and the admitted definition. `call-upstream` marks by it before anything
// leaves; it stands here so that the intent says so too.

import { labelsOf, type Label } from '../../flow/reading.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Defined } from '../judge-entities.ts'
import type { Authenticated, Classified, Joined, Limited, Received, Stage } from '../path.ts'
import { readToolHints } from '../tool-hints.ts'
import type { Routed } from './resolve-route.ts'

export type Labelled = { readonly labels: readonly Label[] }
type Need = Received & Classified & Authenticated & Joined & Routed & Limited

const NOTHING: Labelled = { labels: [] }

export const labelContentsStage = (deps: Pick<GatewayDeps, 'catalogue'>): Stage<Need, Labelled> => ({
  name: 'label-contents',
  run: x => {
    const { entry, kind, name } = x.route
    const { reads } = entry
    if (!reads) return NOTHING
    // What came of a task was the answer of a tool; which one is not known any more.
    if (!reads.openWorld || reads.untrusted || (kind !== 'tool' && kind !== 'task')) return { labels: labelsOf(reads, undefined) }
    if (kind === 'task') return { labels: labelsOf(reads, OPEN) }
    const found = deps.catalogue.definition(x, entry, 'tool', name)
    const labelled = (defined: Defined | Stop | undefined): Labelled => ({ labels: labelsOf(reads, worldOf(defined)) })
    return found instanceof Promise ? found.then(labelled) : labelled(found)
  },
})

const OPEN = { isOpenWorld: true }
/** What nobody admitted, or nobody can read now, says nothing. */
const worldOf = (defined: Defined | Stop | undefined): { readonly isOpenWorld: boolean } =>
  defined === undefined || isStop(defined) || defined.digest === ''
    ? OPEN
    : { isOpenWorld: readToolHints(defined.entry.raw).openWorldHint !== false }
