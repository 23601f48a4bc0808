// Who acts on the registry, and on which versions somebody may act.

import type { Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import { parseServerName } from './names.ts'
import type { Namespaces } from './namespaces.ts'
import type { Grant } from './registry-token.ts'
import type { Entry, VersionStore } from './store.ts'

/** Who acts; an operator need not be a member of the namespace, but never publishes in it. */
export type Actor = {
  readonly key: PrincipalKey
  readonly isOperator: boolean
  /** of a registry token: where it may publish, whoever is a member there; such an actor is no operator */
  readonly grant?: Grant
}

export type OwnParts = { readonly versions: VersionStore; readonly namespaces: Pick<Namespaces, 'whyNotPublisher' | 'find'> }
type Which = { readonly name: string; readonly version?: string | undefined }

/** The version, or the newest of a server, for somebody who may change it. */
export async function ownVersion({ versions, namespaces }: OwnParts, { name, version }: Which, by: Actor): Promise<Entry | Stop> {
  const parsed = parseServerName(name)
  if (!parsed) return UNKNOWN
  const refused = by.isOperator ? undefined : await namespaces.whyNotPublisher(parsed.namespace, by.key, by.grant)
  if (refused) return refused
  if (version === 'latest') return { stop: 'params-invalid', detail: 'expected a version, not `latest`' }
  if (version !== undefined) return (await versions.find(parsed.key, version)) ?? UNKNOWN
  const [newest] = await versions.versions(parsed.key, { withRevoked: true, withQuarantined: true, limit: 1 })
  return newest ?? UNKNOWN
}

/** What was frozen while a statement was verified is frozen for operators too: thawing is another act. */
export async function whyNotNow({ namespaces }: OwnParts, name: string, by: Actor): Promise<Stop | undefined> {
  const namespace = parseServerName(name)?.namespace ?? ''
  if (!by.isOperator) return namespaces.whyNotPublisher(namespace, by.key, by.grant)
  return (await namespaces.find(namespace))?.state === 'frozen' ? FROZEN : undefined
}

export const UNKNOWN: Stop = { stop: 'registry-unknown', detail: 'server not found' }
const FROZEN: Stop = { stop: 'namespace-frozen', detail: 'nothing is admitted in it for now', fix: 'thaw it first' }
