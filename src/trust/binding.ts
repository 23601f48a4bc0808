// Whether what was signed is what is here: server.json, artifacts, lock file and surface against the subjects of a statement. And whether it is still current.

import { deny, isDenial, shown, type Denial } from './denial.ts'
import type { ReviewStatement } from './review.ts'
import { SURFACE_SUBJECT, surfaceDigest } from './review.ts'
import { readServerJson, type NeededArtifact, type ServerDocument } from './server-json.ts'
import type { ServerStatement, SignedSurface, Subject } from './statement.ts'

/** What would be launched or connected to. Digests were computed here, from bytes that are here: never taken from metadata. */
export type Presented = {
  readonly serverJson: Buffer
  /** by package URL: lower-case hexadecimal, SHA-512 for npm, SHA-256 for others */
  readonly artifacts: ReadonlyMap<string, string>
  /** by file name: SHA-256 */
  readonly locks: ReadonlyMap<string, string>
  /** absent = compared elsewhere, primitive by primitive, when the server shows it */
  readonly surface?: SignedSurface
}

/** A publisher's statement against what is here and the registry it is used in. */
export function whyNotSigned(statement: ServerStatement, presented: Presented, registry: string): Denial | undefined {
  const document = readServerJson(presented.serverJson)
  if (isDenial(document)) return document
  const { server, subjects } = statement
  if (statement.registry !== registry) return deny('registry-mismatch', `expected \`${registry}\`, got ${shown(statement.registry)}`)
  const refusal = whyOtherServer(server, document) ?? whyOtherBytes(subjects, document, presented)
  if (refusal) return refusal
  const signed = statement.remotes.map(remote => remote.url)
  const strange = document.remotes.find(url => !signed.includes(url))
  if (strange !== undefined) return deny('remote-mismatch', `the remote ${shown(strange)} was not signed`)
  const unnamed = document.envNames.find(name => !statement.launch.envNames.includes(name))
  if (unnamed !== undefined) return deny('launch-mismatch', `the environment variable ${shown(unnamed)} was not signed`)
  if (presented.surface && surfaceDigest(presented.surface) !== surfaceDigest(statement.surface))
    return deny('surface-mismatch', 'the surface differs from the one that was signed')
  return undefined
}

/** A reviewer's statement against what is here. The surface has to be here: what was admitted is exactly what the reviewer saw. */
export function whyNotReviewed(review: ReviewStatement, presented: Presented & { readonly surface: SignedSurface }): Denial | undefined {
  const document = readServerJson(presented.serverJson)
  if (isDenial(document)) return document
  const refusal = whyOtherServer(review.server, document) ?? whyOtherBytes(review.subjects, document, presented)
  if (refusal) return refusal
  const seen = digestOf(review.subjects, SURFACE_SUBJECT, 'sha256')
  return seen === surfaceDigest(presented.surface)
    ? undefined
    : deny('surface-mismatch', 'the surface differs from the one that was reviewed')
}

/** `floor`: the lowest sequence that may still be admitted; it only rises. */
export function whyNotCurrent(
  { server, notAfter }: ServerStatement,
  { nowMs, floor }: { readonly nowMs: number; readonly floor: number },
): Denial | undefined {
  if (server.sequence < floor) return deny('below-floor', `expected sequence ${floor} or above, got ${server.sequence}`)
  if (!(nowMs < Date.parse(notAfter))) return deny('not-after', `it counts until ${notAfter}`)
  return undefined
}

function whyOtherServer(
  signed: { readonly name: string; readonly version: string },
  { name, version }: ServerDocument,
): Denial | undefined {
  if (signed.name === name && signed.version === version) return undefined
  return deny('server-mismatch', `expected ${shown(`${name} ${version}`)}, got ${shown(`${signed.name} ${signed.version}`)}`)
}

function whyOtherBytes(subjects: readonly Subject[], document: ServerDocument, presented: Presented): Denial | undefined {
  if (digestOf(subjects, 'server.json', 'sha256') !== document.digest)
    return deny('server-json-mismatch', 'server.json is not the one that was signed')
  for (const artifact of document.artifacts) {
    const refusal = whyOtherArtifact(subjects, artifact, presented) ?? (artifact.lock && whyOtherLock(subjects, artifact.lock, presented))
    if (refusal) return refusal
  }
  return undefined
}

function whyOtherArtifact(subjects: readonly Subject[], artifact: NeededArtifact, { artifacts }: Presented): Denial | undefined {
  const { purl, algorithm } = artifact
  const signed = digestOf(subjects, purl, algorithm)
  if (signed === undefined) return deny('subject-absent', `expected a subject ${shown(purl)} with ${algorithm}`)
  const here = artifacts.get(purl)
  if (here === undefined) return deny('artifact-absent', `the artifact ${shown(purl)} is not here`)
  if (here !== signed || (artifact.digest ?? here) !== here)
    return deny('artifact-mismatch', `the bytes of ${shown(purl)} are not those that were signed`)
  return undefined
}

/** The artifact alone says nothing of what it depends on. */
function whyOtherLock(subjects: readonly Subject[], name: string, { locks }: Presented): Denial | undefined {
  const signed = digestOf(subjects, name, 'sha256')
  if (signed === undefined) return deny('subject-absent', `expected a subject \`${name}\``)
  const here = locks.get(name)
  if (here === undefined) return deny('artifact-absent', `\`${name}\` is not here`)
  return here === signed ? undefined : deny('lock-mismatch', `\`${name}\` is not the one that was signed`)
}

const digestOf = (subjects: readonly Subject[], name: string, algorithm: 'sha256' | 'sha512'): string | undefined =>
  subjects.find(subject => subject.name === name)?.digest[algorithm]
