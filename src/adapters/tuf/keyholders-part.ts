// What keyholders signed: taken up from their copies, and what of it is signed by enough to be the newest.

import type { Metadata, Root, Targets } from '@tufjs/models'
import { OFFLINE_ROLES, type OfflineRole } from './ceremony.ts'
import { refused, THRESHOLD } from './key-counts.ts'
import { isComplete, signedBy, signedBytes, type AnyMetadata, type SignedBy } from './metadata.ts'
import type { Published, TrustFolder } from './trust-folder.ts'

/** What was taken up, and what still lacks signatures: the ids of keys that could give them. */
export type Publication = {
  readonly published: readonly OfflineRole[]
  readonly waiting: readonly {
    readonly role: OfflineRole
    readonly signed: number
    readonly threshold: number
    readonly missing: readonly string[]
  }[]
}

/** Files of keyholders that signed copies of what is staged. Throws Fault `trust-refused` for a copy of something else. */
export function mergeSigned(folder: TrustFolder, copies: readonly AnyMetadata[]): void {
  for (const copy of copies) {
    const role = OFFLINE_ROLES.find(each => {
      const staged = folder.staged(each)
      return staged !== undefined && signedBytes(staged).equals(signedBytes(copy))
    })
    const staged = role && folder.staged(role)
    if (!staged) throw refused('a signed file is not a copy of anything that is staged now; stage it again, or sign the one that is')
    // What is here already stays: a copy could hold a worthless signature under somebody else's key.
    staged.signatures = { ...copy.signatures, ...staged.signatures }
    folder.stage(role, staged)
  }
}

type Choice = Publication & { readonly root: Metadata<Root>; readonly targets: Metadata<Targets>; readonly namespaces: Metadata<Targets> }

/** What is to be the newest of what keyholders sign, without the staged metadata of the roles `held`. Throws Fault `trust-refused`. */
export function choose(folder: TrustFolder, before: Published, held: readonly OfflineRole[] = []): Choice {
  const waiting: Publication['waiting'][number][] = []
  const published: OfflineRole[] = []
  /** The staged metadata of a role when it is complete, else what is published. */
  function next<T extends AnyMetadata>(role: OfflineRole, old: T | undefined, delegators: readonly AnyMetadata[]): T {
    const staged = held.includes(role) ? undefined : (folder.staged(role) as T | undefined)
    const short = staged && delegators.map(delegator => signedBy(delegator, role, staged)).find(by => !isComplete(by))
    if (short) waiting.push(waitingFor(role, short))
    if (staged && !short) {
      published.push(role)
      return staged
    }
    if (old) return old
    throw refused(`nothing can be published yet: ${role} has ${short?.signed.length ?? 0} of ${short?.threshold ?? THRESHOLD} signatures`)
  }
  const stagedRoot = folder.staged('root') as Metadata<Root> | undefined
  const root = next('root', before.root, [...(before.root ? [before.root] : []), ...(stagedRoot ? [stagedRoot] : [])])
  const targets = next('targets', before.roles.get('targets'), [root])
  const namespaces = next('namespaces', before.roles.get('namespaces'), [targets])
  const pairs = [
    { role: 'targets', metadata: targets, above: 'root', delegator: root },
    { role: 'namespaces', metadata: namespaces, above: 'targets', delegator: targets },
  ] as const
  for (const { role, metadata, above, delegator } of pairs) {
    if (isComplete(signedBy(delegator, role, metadata))) continue
    if (!published.includes(above)) throw refused(`what is published does not fit together: ${role} is not signed by who should`)
    // New keys that would make the rest worthless wait until it is signed by them as well; everything else goes on, timestamps above all.
    const rest = choose(folder, before, [...held, above])
    const missing = waitingFor(role, signedBy(delegator, role, folder.staged(role) ?? metadata))
    return { ...rest, waiting: [...rest.waiting.filter(other => other.role !== role), missing] }
  }
  return { root, targets, namespaces, published, waiting }
}

const waitingFor = (role: OfflineRole, { signed, threshold, missing }: SignedBy): Publication['waiting'][number] => ({
  role,
  signed: signed.length,
  threshold,
  missing,
})
