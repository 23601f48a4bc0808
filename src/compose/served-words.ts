// A served version in words: what hosts, the audit log and the log are told of it.

import type { ConfiguredUpstream, ServedTransport } from '../config/schema.ts'
import type { Stop } from '../kernel/errors.ts'
import type { SignedFacts } from '../pipeline/entry.ts'
import type { Denial } from '../trust/denial.ts'
import type { Pin, Served } from '../trust/served-version.ts'
import type { Signer } from '../trust/signer.ts'

export const pinOf = ({ credential }: ConfiguredUpstream, { name, version, package: kind, args, env, headers }: ServedTransport): Pin => ({
  name,
  version,
  launch: {
    args,
    env,
    headers,
    ...(kind !== undefined && { package: kind }),
    ...(credential?.env !== undefined && { ownEnv: credential.env }),
  },
})

/** Revoked is for good; anything else can be mended. */
export const stopOf = (alias: string, { denied, rule, detail, fix }: Denial): Stop => ({
  stop: denied === 'version-revoked' || denied === 'signer-revoked' ? 'server-revoked' : 'server-unverified',
  detail: `\`${alias}\`: ${rule}: ${detail}`,
  fix,
  data: { trust: { reason: denied, rule } },
})

export const verifying = (alias: string): Stop => ({
  stop: 'server-unverified',
  detail: `\`${alias}\`: its version is being verified`,
  fix: 'ask again',
})

export const another = (alias: string): Stop => ({
  stop: 'server-unverified',
  detail: `\`${alias}\`: another version is in force now`,
  fix: 'ask again',
})

/** Nothing is started any more. */
export const STOPPING: Stop = { stop: 'server-unverified', detail: 'the gateway is stopping', fix: 'ask again' }

const signerText = (signer: Signer): string => (signer.kind === 'key' ? `key ${signer.hint}` : `${signer.san} of ${signer.issuer}`)

/** For the record of what passes through it. */
export const signedFacts = ({ name, version, sequence, digest, publisher }: Served): SignedFacts => ({
  ...{ name, version, sequence },
  serverJson: digest,
  publisher: publisher ? signerText(publisher.signer) : 'none',
})

type About = {
  readonly pin?: Pick<ServedTransport, 'name' | 'version'>
  readonly served?: Served
  readonly denial?: Denial
  readonly before?: string
}

/** For the audit log: names, numbers and digests; no value of a variable or header. */
export const describeServed = (
  upstream: string,
  is: 'in-force' | 'refused' | 'ended',
  { pin, served, denial, before }: About,
): Readonly<Record<string, unknown>> => ({
  upstream,
  is,
  ...(pin && { name: pin.name, version: pin.version }),
  ...(served && signedOf(served)),
  ...(pin && served && pin.version !== served.version && { pinned: `${pin.name}@${pin.version}` }),
  ...(before !== undefined && { before }),
  ...(denial && { reason: denial.denied, rule: denial.rule, why: denial.detail }),
})

const signedOf = ({ name, version, sequence, countsAs, digest, surfaceDigest, artifacts, publisher, review, launch }: Served): object => ({
  name,
  version,
  sequence,
  ...(countsAs !== sequence && { countsAs, downgrade: review.statement.downgrade?.why }),
  serverJson: digest,
  surface: surfaceDigest,
  artifacts: Object.fromEntries(artifacts),
  publisher: publisher ? signerText(publisher.signer) : 'none',
  reviewer: review.statement.verifierId,
  launch: launchWords(launch),
})

/** How it is started or reached, without values. */
const launchWords = (launch: Served['launch']): object =>
  'url' in launch
    ? { kind: launch.kind, url: launch.url, headers: Object.keys(launch.headers) }
    : { kind: launch.kind, artifact: launch.artifact.purl, env: Object.keys(launch.env) }
