// Known holes: why a version is not taken that an advisory concerns.

import type { Stop } from '../kernel/errors.ts'
import type { AdvisedVersion, AdvisoryWatch } from './advisories/book.ts'

export type VulnerableParts = {
  readonly advisories: Pick<AdvisoryWatch, 'advisoriesAgainst'>
  /** what becomes of a version that an advisory concerns; malware is refused in any case */
  readonly vulnerable: () => 'refuse' | 'warn'
}

/** The version, or a package it is made of, stands in an advisory that counts. */
export async function whyVulnerable({ advisories, vulnerable }: VulnerableParts, version: AdvisedVersion): Promise<Stop | undefined> {
  const known = await advisories.advisoriesAgainst(version)
  const [first] = [...known.filter(({ isMalware }) => isMalware), ...(vulnerable() === 'refuse' ? known : [])]
  return (
    first && {
      stop: 'version-vulnerable',
      detail: `${first.id} concerns \`${first.about}\``,
      fix: 'publish a version that it does not concern',
    }
  )
}
