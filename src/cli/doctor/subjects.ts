// Who somebody is: a claim that names the same person for ever and to every client, and that did not change under what is kept.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { lookAtSubjectClaims } from '../../adapters/sqlite/subject-claim-store.ts'
import type { Snapshot } from '../../config/schema.ts'
import { changedClaims, refusalOf, subjectClaimsOf } from '../../identity/subject-claims.ts'
import { fail, ok } from './check.ts'
import type { Check, World } from './check.ts'
import type { Metadata } from './metadata.ts'

type Named = { readonly issuer: string; readonly subjectClaim: string }

/** Hosts of Entra ID, its national clouds included. */
const ENTRA = /^(login\.microsoftonline\.(com|us)|login\.partner\.microsoftonline\.cn|sts\.windows\.net)$/

/**
 * OpenID Connect Core section 8: a pairwise `sub` is another one for each client, so the same person would be several, and lose what they connected with
 * each new application. Addresses and user names are refused by the configuration itself (config/identity-checks.ts).
 */
export function checkSubjectClaim(name: string, { issuer, subjectClaim }: Named, metadata: Metadata | undefined): Check {
  const claims = subjectClaim.split('+')
  const isEntra = ENTRA.test(new URL(issuer).hostname)
  if (isEntra && !(claims.includes('oid') && claims.includes('tid')))
    return fail(name, `\`${subjectClaim}\` does not name the same person in every application of Entra ID`, 'set `subjectClaim: tid+oid`')
  const kinds = metadata?.list('subject_types_supported') ?? []
  if (claims.includes('sub') && kinds.length > 0 && !kinds.includes('public'))
    return fail(
      name,
      'its `sub` is another one for each client (pairwise), so one person would be several',
      'name a claim under `subjectClaim` that is the same for all clients, and for ever',
    )
  return ok(name, `people are who \`${subjectClaim}\` says`)
}

/** What is kept stands under names of a claim; the gateway does not start with another. Silent where nothing is kept yet. */
export function checkKeptNames(_world: World, snapshot: Snapshot): Promise<Check[]> {
  const file = join(snapshot.dataDir, 'state.db')
  if (!existsSync(file)) return Promise.resolve([])
  try {
    return Promise.resolve(
      lookAtSubjectClaims(file, ({ claims, keptUnder }) =>
        changedClaims(claims, subjectClaimsOf(snapshot)).flatMap(changed => {
          const kept = keptUnder(changed.issuer)
          if (kept.connections + kept.blocks === 0) return []
          const { what, mend } = refusalOf(changed, kept)
          return [fail(`issuer ${changed.issuer}`, `${what}; the gateway does not start so`, mend)]
        }),
      ),
    )
  } catch {
    return Promise.resolve([
      fail('state', `${file} cannot be read`, 'see whether it is a database of this gateway, and readable for this user'),
    ])
  }
}
