// What comes signed: bundles about one version, verified together, and neither revoked nor contradicting each other.

import { hash } from 'node:crypto'
import { canonicalJsonOf } from '../kernel/canonical-json.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { SaidOfDocuments } from './documents.ts'
import type { Artifact, Attestation, RevocationLog, VersionStore } from './store.ts'

/** What a verified bundle says. `sequence`: which version of the server it is, where the statement counts; `artifacts`: what is to be run. */
export type Vouched = {
  readonly kind: Attestation['kind']
  readonly signer: string
  readonly sequence?: number
  readonly artifacts: readonly Artifact[]
} & SaidOfDocuments
/** What a bundle has to be about. `digest`: SHA-256 over the canonical server.json; `surfaceDigest`: the same of the surface, where one is shown. */
export type VouchedFor = {
  readonly name: string
  readonly version: string
  readonly serverJson: string
  readonly digest: string
  readonly surfaceDigest?: string
}
/**
 * Verifies a bundle (JSON text) by the policy in force: signatures, signer, and that its statement is about exactly this server.json. A Stop says why it does
 * not count. Never rejects.
 */
export type VerifyBundle = (bundle: string, about: VouchedFor) => Promise<Vouched | Stop>

export type VouchingParts = { readonly versions: VersionStore; readonly revocations: RevocationLog; readonly verify: VerifyBundle }
export type Verified = { readonly vouch: Vouched; readonly attestation: Attestation }

/** Bundles of one request. */
export const MAX_BUNDLES = 4
const MAX_BUNDLE_BYTES = 262_144

/** All of them, each once, or why they do not count. `surface`: JSON text that all of them have to be about too. */
export async function verifyAll(
  parts: VouchingParts,
  bundles: readonly string[],
  on: VouchedFor & { readonly surface?: string | undefined },
): Promise<readonly Verified[] | Stop> {
  const { surface, ...of } = on
  const shown = surface === undefined ? undefined : canonicalJsonOf(surface)
  if (surface !== undefined && shown === undefined) return { stop: 'params-invalid', detail: '`surface` has no canonical form' }
  const about = { ...of, ...(shown !== undefined && { surfaceDigest: hash('sha256', shown) }) }
  if (bundles.length === 0) return REQUIRED
  if (bundles.length > MAX_BUNDLES) return { stop: 'params-invalid', detail: `expected at most ${MAX_BUNDLES} bundles` }
  const verified: Verified[] = []
  for (const bundle of bundles) {
    if (Buffer.byteLength(bundle) > MAX_BUNDLE_BYTES)
      return { stop: 'attestation-invalid', detail: `expected a bundle of at most ${MAX_BUNDLE_BYTES} bytes` }
    const vouch = await parts.verify(bundle, about)
    if (isStop(vouch)) return vouch
    const attestation = { digest: hash('sha256', bundle), kind: vouch.kind, bundle, signer: vouch.signer }
    const revoked = await whyRevoked(parts, attestation, { ...about, artifacts: vouch.artifacts })
    if (revoked) return revoked
    if (!verified.some(other => other.attestation.digest === attestation.digest)) verified.push({ vouch, attestation })
  }
  return verified
}

/** Signers are the verification's business; these are what was signed. */
export async function whyRevoked(
  { versions, revocations }: VouchingParts,
  { bundle }: Attestation,
  { name, version, artifacts }: VouchedFor & { readonly artifacts: readonly Artifact[] },
): Promise<Stop | undefined> {
  const blocked = new Set((await revocations.blocking('bundle')).map(({ target }) => target))
  const known = blocked.size === 0 ? [] : (await versions.evidence(name, version)).attestations
  // The same statement in other bytes (a blank, another order, a member nobody reads) is the same statement, and it is about this version alone.
  const alike = known.filter(other => statementOf(other.bundle) === statementOf(bundle)).flatMap(other => digestsOf(other.bundle))
  if ([...digestsOf(bundle), ...alike].some(digest => blocked.has(digest)))
    return { stop: 'attestation-invalid', detail: 'this bundle is revoked', fix: 'publish and sign another version' }
  const refused = new Set((await revocations.blocking('artifact')).map(({ target }) => target))
  const found = artifacts.find(({ digest }) => refused.has(digest))
  return found && { stop: 'attestation-invalid', detail: `the artifact \`${found.identifier}\` is revoked`, fix: 'publish another one' }
}

/** Mix and match: one statement's package with another's review. */
export function whyContradicted(named: readonly Artifact[], others: readonly Artifact[]): Stop | undefined {
  const found = named.find(artifact => others.some(other => other.identifier === artifact.identifier && other.digest !== artifact.digest))
  return (
    found && {
      stop: 'attestation-invalid',
      detail: `statements name \`${found.identifier}\` by two digests`,
      fix: 'review and sign the same bytes',
    }
  )
}
/** Digest of what a bundle's signature is over; of the whole text where it has none such. */
function statementOf(bundle: string): string {
  const { dsseEnvelope } = JSON.parse(bundle) as { dsseEnvelope?: { payload?: unknown } }
  const payload = dsseEnvelope?.payload
  return hash('sha256', typeof payload === 'string' ? Buffer.from(payload, 'base64') : bundle)
}
/** What a bundle can be revoked by: its text, the file with that text and a line break, the statement in it. */
export const digestsOf = (bundle: string): readonly string[] => [hash('sha256', bundle), hash('sha256', `${bundle}\n`), statementOf(bundle)]

const REQUIRED: Stop = {
  stop: 'attestation-required',
  detail: 'there is no bundle',
  fix: 'sign it, or send it to `/v0.1/publish`, where it waits for one',
}
