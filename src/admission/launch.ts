// How a server is started or reached, against how it was when a reviewer admitted it: nothing is spawned or connected to before the two are the same (N141, CVE-2025-54136).

import { createHash } from 'node:crypto'
import { canonicalJson } from '../kernel/canonical-json.ts'
import type { Stop } from '../kernel/errors.ts'
import { diff } from './diff.ts'
import { inertJson, inertText, type ShownChange } from './inert-text.ts'
import type { Digest } from './primitive.ts'

/** Plain JSON data: what is run or asked, on every machine the same, without a secret in it. */
export type LaunchSpecification = Readonly<Record<string, unknown>>

/** As the configuration in force has it. */
export type Launch = {
  readonly specification: LaunchSpecification
  /** SHA-256 of its canonical JSON, lower-case hex */
  readonly digest: string
  /** what its command fetches at every start without an exact version or digest */
  readonly unpinned?: string
}

/** SHA-256 over the canonical JSON of a specification. */
export function digestOfLaunch(specification: LaunchSpecification): Digest {
  // What has no canonical form equals nothing: no digest is that of an empty text.
  return createHash('sha256')
    .update(canonicalJson(specification) ?? '')
    .digest('hex') as Digest
}

/** What a statement says of it. */
export type AdmittedLaunch = { readonly launch: LaunchSpecification; readonly launchDigest: Digest }

/** For a reviewer: `new` = nobody has admitted how it starts, and all of it is shown. */
export type LaunchReview = {
  readonly standing: 'same' | 'changed' | 'new'
  readonly digest: string
  /** members by JSON pointer; values as inert text */
  readonly changes: readonly ShownChange[]
  readonly unpinned?: string
}

export function reviewLaunch({ specification, digest, unpinned }: Launch, admitted: AdmittedLaunch | undefined): LaunchReview {
  const { changes } = diff(admitted?.launch ?? {}, specification)
  return {
    standing: admitted === undefined ? 'new' : admitted.launchDigest === digest ? 'same' : 'changed',
    digest,
    changes: changes.map(({ pointer, before, after }) => ({
      pointer: inertText(pointer),
      ...(before !== undefined && { before: inertJson(before, MAX_SHOWN) }),
      ...(after !== undefined && { after: inertJson(after, MAX_SHOWN) }),
    })),
    ...(unpinned !== undefined && { unpinned: inertText(unpinned) }),
  }
}
/** Characters of one value: a whole command line has to be read. */
const MAX_SHOWN = 4000
/** Members that a refusal names. */
const MAX_NAMED = 5

/** Why a server that was admitted is not started as it is configured now; undefined where it may be. No value stands in it. */
export function whyNotLaunched(alias: string, now: Launch, admitted: AdmittedLaunch): Stop | undefined {
  if (now.unpinned !== undefined)
    return {
      stop: 'launch-unpinned',
      detail: `\`${alias}\`: its command fetches code that no exact version or digest names, so nobody can have reviewed it`,
      fix: `name an exact version (\`package@1.2.3\`, \`image@sha256:…\`) in \`upstreams.${alias}\`, then let a reviewer look at it`,
    }
  if (now.digest === admitted.launchDigest) return undefined
  const { changes } = diff(admitted.launch, now.specification)
  const members = changes.slice(0, MAX_NAMED).map(({ pointer }) => `\`${pointer.slice(0, 128)}\``)
  const more = changes.length > MAX_NAMED ? ` and ${changes.length - MAX_NAMED} more` : ''
  return {
    stop: 'launch-changed',
    detail: `\`${alias}\`: it would be started or reached otherwise than it was admitted: ${members.join(', ')}${more} changed`,
    fix: `a reviewer looks at \`gatehouse server diff ${alias}\`, then \`gatehouse server approve ${alias}\`; or put back what changed`,
  }
}
