// Other keys for a role, or the same ones for another while: staged for those who have to sign it.

import { delegatedOf, rootOf, targetsOf, type OfflineRole, type OnlineRole, type Role, type TrustKeys } from './ceremony.ts'
import { checkKeyCount, refused, THRESHOLD } from './key-counts.ts'
import { namedKey, publicPem } from './metadata.ts'
import { current, keysIn, nextVersion } from './staging.ts'
import type { TrustFolder } from './trust-folder.ts'

/** `add`: public keys, PEM. `remove`: ids. Nothing of both renews what the role signs. */
export type Rotation = { readonly role: Exclude<Role, 'targets'>; readonly add: readonly string[]; readonly remove: readonly string[] }

/** Stages new keys for a role; answers the roles that have to sign. Throws Fault `trust-refused`. */
export function rotateKeys(folder: TrustFolder, { role, add, remove }: Rotation, nowMs: number): readonly OfflineRole[] {
  const { root, targets, namespaces } = current(folder)
  const keys = keysIn(root, targets)
  const next =
    role === 'root' || role === 'namespaces' ? withPeople(keys, { role, add, remove }) : withOnline(folder, keys, { role, add, remove })
  // Whoever held a root key has signed targets too: what stays valid is signed by those who stay.
  const roles = ROTATED[role]
  const issueOf = (each: OfflineRole) => ({ version: nextVersion(folder, each), nowMs })
  for (const each of roles) {
    if (each === 'root') folder.stage('root', rootOf(next, issueOf('root')))
    else if (each === 'targets') folder.stage('targets', targetsOf(next, folder.documentsOf(targets), issueOf('targets')))
    else folder.stage('namespaces', delegatedOf('namespaces', folder.documentsOf(namespaces), issueOf('namespaces')))
  }
  return roles
}

/** What has to be signed anew when a role gets other keys. */
const ROTATED: Readonly<Record<Rotation['role'], readonly OfflineRole[]>> = {
  root: ['root', 'targets'],
  timestamp: ['root'],
  snapshot: ['root'],
  namespaces: ['targets', 'namespaces'],
  index: ['targets'],
  revocations: ['targets'],
}

function withPeople(keys: TrustKeys, { role, add, remove }: Rotation & { readonly role: 'root' | 'namespaces' }): TrustKeys {
  const old = keys[role]
  const unknown = remove.find(id => !old.some(key => key.id === id))
  if (unknown !== undefined) throw refused(`${role} has no key \`${unknown.slice(0, 80)}\``)
  const people = [...old.filter(({ id }) => !remove.includes(id)), ...add.map(namedKey)]
  if (keys.threshold >= THRESHOLD) checkKeyCount(role, people)
  else if (add.length + remove.length > 0)
    throw refused('an evaluation does not become anything else: begin anew with `gatehouse trust init`')
  return { ...keys, [role]: people }
}

function withOnline(folder: TrustFolder, keys: TrustKeys, { role, add, remove }: Rotation): TrustKeys {
  if (add.length + remove.length > 0) throw refused(`the key of \`${role}\` is made here: --add and --remove are for keyholders`)
  return { ...keys, online: { ...keys.online, [role]: namedKey(publicPem(folder.makeOnlineKey(role as OnlineRole))) } }
}
