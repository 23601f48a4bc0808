// The judge of this process: its policies, and what is known of servers, principals and of what was read before for them.

import type { Snapshot } from '../config/schema.ts'
import { sqliteMarks } from '../adapters/sqlite/mark-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import { Marks } from '../flow/marks.ts'
import type { Admitting } from '../pipeline/admitting.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'
import { Judge } from '../pipeline/judge.ts'
import type { ServerFacts } from '../policy/facts.ts'
import type { Served } from '../trust/served-version.ts'
import { Policies, type PoliciesParts } from './policies.ts'
import { groupPrefix } from './policy-candidate.ts'

type Parts = Omit<PoliciesParts, 'changed'> & {
  readonly current: () => Snapshot
  readonly admitting: () => Admitting
  /** versions of the registry, as they are in force */
  readonly served: { inUse(alias: string): { readonly served: Pick<Served, 'name' | 'version' | 'publisher'> } | undefined }
  /** where marks of what was read are kept */
  readonly state: StateDb
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly monotonic: () => number
}

export async function openJudge(
  snapshot: Snapshot,
  parts: Parts,
): Promise<{ readonly policies: Policies; readonly judge: Judge; readonly marks: Marks }> {
  const { current, admitting, state, now, monotonic } = parts
  const marks = await Marks.open({ store: sqliteMarks(state), now, decayMs: () => current().flow.decayMs })
  const policies = await Policies.open(snapshot, {
    ...parts,
    changed: () => {
      for (const alias of current().upstreams.keys()) admitting().decided(alias)
    },
  })
  const judge = new Judge({
    rules: () => policies.rules,
    shadow: () => policies.shadow,
    serverFacts: factsOfServers(parts),
    groupPrefix: groupPrefix(current),
    marks,
    now,
    monotonic,
    pause: () => new Promise(resolve => setImmediate(resolve)),
  })
  return { policies, judge, marks }
}

type Known = { readonly served: unknown; readonly reviewer: string | undefined; readonly facts: ServerFacts }

/** What was verified, never what is claimed: names of the registry count with the publisher's own signature alone. */
function factsOfServers({ admitting, served: versions }: Pick<Parts, 'admitting' | 'served'>): (entry: UpstreamEntry) => ServerFacts {
  const known = new WeakMap<UpstreamEntry, Known>()
  return entry => {
    const served = entry.version === undefined ? undefined : versions.inUse(entry.alias)?.served
    const reviewer = admitting().reviewerOf(entry)
    const before = known.get(entry)
    if (before && before.served === served && before.reviewer === reviewer) return before.facts
    const { alias, labels, admission } = entry
    const facts: ServerFacts = {
      alias,
      labels,
      standing: admission === 'configured' ? 'configured' : reviewer === undefined ? 'quarantined' : 'admitted',
      ...(reviewer !== undefined && { reviewer }),
      ...(served?.publisher
        ? { signature: 'verified', registryName: served.name, version: served.version, publisher: namespaceOf(served.name) }
        : { signature: 'unsigned' }),
    }
    known.set(entry, { served, reviewer, facts })
    return facts
  }
}

const namespaceOf = (name: string): string => name.slice(0, Math.max(name.indexOf('/'), 0))
