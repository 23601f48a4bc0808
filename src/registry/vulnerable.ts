// Known holes: why a version is not taken that an advisory concerns.

import type { Stop } from '../kernel/errors.ts'
import type { AdvisedVersion, AdvisoryWatch } from './advisories/book.ts'
import type { StoredDocument } from './documents.ts'

export type VulnerableParts = {
  readonly advisories: Pick<AdvisoryWatch, 'advisoriesAgainst'>
  /** what becomes of a version that an advisory concerns; malware is refused in any case */
  readonly vulnerable: () => 'refuse' | 'warn'
}

/**
 * The version, or a package it is made of, stands in an advisory that counts. `documents`: those that come with it. Of what its lock file pins beside its own
 * packages malware alone counts: nearly every lock file has something that could be better.
 */
export async function whyVulnerable(
  { advisories, vulnerable }: VulnerableParts,
  version: AdvisedVersion,
  documents: readonly StoredDocument[],
): Promise<Stop | undefined> {
  const come = documents
    .filter(({ kind }) => kind.startsWith('lock:'))
    .map(({ kind, content }) => ({ kind, text: content.toString('utf8') }))
  const { name, version: number, serverJson } = version
  const known = await advisories.advisoriesAgainst({ name, version: number, serverJson, ...(come.length > 0 && { locks: come }) })
  const own = vulnerable() === 'refuse' ? known.filter(({ isIndirect }) => !isIndirect) : []
  const [first] = [...known.filter(({ isMalware }) => isMalware), ...own]
  return (
    first && {
      stop: 'version-vulnerable',
      detail: `${first.id} concerns \`${first.about}\``,
      fix: 'publish a version that it does not concern',
    }
  )
}
