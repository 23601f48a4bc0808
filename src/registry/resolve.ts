// The one call a proxy makes of a server: which version, what was signed of it, and what speaks against it. Nothing of it is to be believed without its signatures.

import type { Stop } from '../kernel/errors.ts'
import { neutral } from '../kernel/neutral-json.ts'
import { UNKNOWN } from './actor.ts'
import type { DocumentStore } from './documents.ts'
import { parseServerName } from './names.ts'
import { bundleJson, isWhole } from './official.ts'
import { revocationShown } from './revocation-feed.ts'
import type { Artifact, Attestation, Entry, RevocationLog, RevocationTarget, VersionStore } from './store.ts'
import { digestsOf } from './vouching.ts'

/** A version that the configuration runs. `name`: as it is written there. */
export type Pin = { readonly name: string; readonly version: string; readonly alias: string }
export type ResolveParts = {
  readonly versions: VersionStore
  readonly revocations: RevocationLog
  readonly documents: DocumentStore
  readonly pins: () => readonly Pin[]
}

/** `version`: exactly this one; otherwise the pinned one, or the highest that is served where none is pinned. JSON text. */
export async function resolve(parts: ResolveParts, name: string, version: string | undefined): Promise<string | Stop> {
  const parsed = parseServerName(name)
  if (!parsed) return UNKNOWN
  const pinned = new Set(parts.pins().flatMap(pin => (pin.name.toLowerCase() === parsed.key ? [pin.version] : [])))
  if (version === undefined && pinned.size > 1)
    return { stop: 'params-invalid', detail: 'it is pinned at several versions', fix: 'ask for one of them with `version`' }
  const [only] = pinned
  const found = await parts.versions.find(parsed.key, version ?? only ?? 'latest')
  // A pin that is not served is never replaced by another version.
  if (!found || found.standing === 'quarantined' || !isWhole(found)) return UNKNOWN
  const [{ attestations, artifacts }, documents] = await Promise.all([
    parts.versions.evidence(found.name, found.version),
    parts.documents.documents(found.name, found.version),
  ])
  const against = await parts.revocations.touching(targetsOf(found, attestations, artifacts))
  const { standing, sequence, digest, message } = found
  const known = { name: found.name, version: found.version, sequence, standing, ...(message !== undefined && { statusMessage: message }) }
  const rest = {
    serverJsonSha256: digest,
    isPinned: pinned.has(found.version),
    artifacts,
    documents,
    revocations: against.map(revocationShown),
  }
  return neutral(
    `${JSON.stringify(known).slice(0, -1)},"server":${found.serverJson},"bundles":[${attestations.map(bundleJson).join(',')}],${JSON.stringify(rest).slice(1)}`,
  )
}

/** Everything that a revocation of it could name. */
function targetsOf(
  { name, version }: Entry,
  attestations: readonly Attestation[],
  artifacts: readonly Artifact[],
): readonly RevocationTarget[] {
  return [
    { kind: 'version', target: `${name}@${version}` },
    { kind: 'namespace', target: name.slice(0, name.indexOf('/')) },
    ...artifacts.map(({ digest }): RevocationTarget => ({ kind: 'artifact', target: digest })),
    ...attestations.flatMap(({ bundle }) => digestsOf(bundle).map((target): RevocationTarget => ({ kind: 'bundle', target }))),
    ...attestations.flatMap(({ signer }) => signerTarget(signer) ?? []),
  ]
}

/** The words of the verification (adapters/registry-verifier.ts): `key <hint>` or `<subject> of <issuer>`, of a reviewer in brackets behind the name. */
function signerTarget(signer: string): RevocationTarget | undefined {
  const [, words = signer] = /^https:\S+ \((.*)\)$/.exec(signer) ?? []
  const [, hint] = /^key ([A-Za-z0-9+/]{43}=)$/.exec(words) ?? []
  if (hint !== undefined) return { kind: 'key', target: hint }
  const [, san, issuer] = /^(\S+) of (https:\S+)$/.exec(words) ?? []
  return san === undefined || issuer === undefined ? undefined : { kind: 'identity', target: `${issuer} ${san}` }
}
