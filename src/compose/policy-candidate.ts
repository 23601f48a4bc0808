// A folder of policies as a gateway of this configuration would take it: loaded in a thread beside the permits of its allow rules, its tests run, its groups held by
// somebody. Asked by the gateway, and by whoever wants to know before.

import { loadInThread } from '../adapters/cedar/load-thread.ts'
import { shippedSchema } from '../adapters/policy-folder.ts'
import { readStillFolder } from '../adapters/still-policy-folder.ts'
import type { Snapshot } from '../config/schema.ts'
import { ENFORCED } from '../pipeline/verdict.ts'
import { allowPolicies } from '../policy/allow-policies.ts'
import type { Bundle, PolicyFault, PolicyFile } from '../policy/load.ts'
import { unheldGroups } from '../policy/unheld-groups.ts'

/** The one reader of YAML. */
export type ReadYaml = (bytes: Buffer) => {
  readonly data: unknown
  readonly faults: readonly { readonly message: string; readonly line?: number; readonly column?: number }[]
}

/** `fingerprint`: of the folder as it was read. */
export type PolicyCandidate = { readonly fingerprint: string } & (
  { readonly bundle: Bundle; readonly warnings: readonly string[] } | { readonly faults: readonly PolicyFault[] }
)

/** Never rejects. */
export async function loadCandidate(
  dir: string,
  snapshot: Pick<Snapshot, 'issuers' | 'upstreams'>,
  readYaml: ReadYaml,
): Promise<PolicyCandidate> {
  const { folder, fingerprint } = await readStillFolder(dir)
  const cases = folder.cases.map(({ name, bytes }) => ({ name, ...readYaml(bytes) }))
  const unread = cases.flatMap(({ name, faults }) =>
    faults.map(({ message, line = 0, column = 0 }) => ({ file: name, line, column, message })),
  )
  if (folder.faults.length + unread.length > 0) return { faults: [...folder.faults, ...unread], fingerprint }
  const loaded = await loadInThread({
    files: folder.policies,
    generated: generatedBy(snapshot),
    schema: shippedSchema(),
    cases: cases.map(({ name, data }) => ({ name, data })),
    enforced: ENFORCED,
  })
  if ('faults' in loaded) return { ...loaded, fingerprint }
  const unheld = unheldGroups(loaded.bundle.policies, namersOf(snapshot))
  return unheld.length > 0 ? { faults: unheld, fingerprint } : { ...loaded, fingerprint }
}

type Issuers = Snapshot['issuers']
/** Asked at every decision; a configuration's issuers are frozen. */
const known = new WeakMap<Issuers, readonly string[]>()

/** Whose words groups are: the gateway's own authorization server repeats those of the identity provider that people came from, and is none of them. */
function namersOf({ issuers }: Pick<Snapshot, 'issuers'>): readonly string[] {
  let namers = known.get(issuers)
  if (!namers)
    known.set(issuers, (namers = [...new Set(issuers.flatMap(({ issuer, identityProviders }) => identityProviders ?? [issuer]))]))
  return namers
}

/** In front of groups of an issuer where several could hold the same: what a policy names is what one of them says. */
export const groupPrefix =
  (current: () => Pick<Snapshot, 'issuers'>) =>
  (issuer: string): string =>
    namersOf(current()).length > 1 ? `${issuer} ` : ''

function generatedBy(snapshot: Pick<Snapshot, 'issuers' | 'upstreams'>): PolicyFile[] {
  const prefix = groupPrefix(() => snapshot)
  const text = [...snapshot.upstreams].map(([alias, { allow }]) => allowPolicies(alias, allow, prefix)).join('\n')
  return text.trim() === '' ? [] : [{ set: 'authz', name: 'upstreams.<alias>.allow', text }]
}
