// Where @sigstore/verify is used: one bundle against one trusted root, and who signed it. Runs in the verifying thread; whatever is thrown in here is a denial.

import { bundleFromJSON, ValidationError, type Bundle } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier, type SignedEntity, type TrustMaterial } from '@sigstore/verify'
import { createPublicKey } from 'node:crypto'
import { deny, isDenial, shown, type Denial, type TrustRule } from '../../trust/denial.ts'
import { hintOf } from '../../trust/signer-policy.ts'
import type { Signer, TrustedTime } from '../../trust/signer.ts'
import { certificateSigner } from './certificate-signer.ts'
import type { Answer, Job } from './verify-messages.ts'

/** A certificate has to be in a certificate transparency log, its signature in a log, and its time vouched for. */
const KEYLESS = { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 }
/** A key stands for itself; logs and timestamps that are there are verified all the same. */
const KEYED = { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 }

/** `root`: JSON of a trusted root that was linted (trust/trusted-root.ts). The function never throws. */
export function createBundleVerifier(root: string): (job: Job) => Answer {
  const authorities = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root)))
  return job => {
    try {
      return verify(authorities, job)
    } catch (error) {
      return denialOf(error)
    }
  }
}

function verify(authorities: TrustMaterial, { bundle: bytes, keys, file }: Job): Answer {
  const bundle = bundleFromJSON(JSON.parse(Buffer.from(bytes).toString('utf8')))
  const { content } = bundle.verificationMaterial
  const isKeyed = content.$case === 'publicKey'
  const spki = isKeyed ? keys.find(key => key.hint === content.publicKey.hint)?.spki : undefined
  if (isKeyed && !spki) return deny('key-unknown', `no key is known by the hint ${shown(content.publicKey.hint)}`)
  if (bundle.content.$case === 'messageSignature' && !file) return deny('payload-type', 'expected the file that was signed')
  const entity = toSignedEntity(bundle, file && Buffer.from(file))
  const material = spki ? { ...authorities, publicKey: () => keyFrom(spki) } : authorities
  // No policy goes in: the library takes an absent one for anyone's, and matches names as unanchored patterns. Who may sign is decided in trust/signer.ts.
  const { identity } = new Verifier(material, isKeyed ? KEYED : KEYLESS).verify(entity)
  const signer: Signer | Denial = spki ? { kind: 'key', hint: hintOf(Buffer.from(spki)) } : certificateSigner(identity)
  if (isDenial(signer)) return signer
  const time = timeOf(entity)
  return { signer, ...(time && { time }), ...payloadOf(bundle) }
}

/** Windows of keys are checked with the time that comes out, or with the present (trust/signer.ts), so they do not stand in the way here. */
const keyFrom = (spki: Uint8Array): ReturnType<TrustMaterial['publicKey']> => ({
  publicKey: createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' }),
  validFor: () => true,
})

function payloadOf({ content }: Bundle): { readonly payloadType?: string; readonly payload?: Uint8Array } {
  if (content.$case !== 'dsseEnvelope') return {}
  return { payloadType: content.dsseEnvelope.payloadType, payload: content.dsseEnvelope.payload }
}

/** The times that `verify` has just verified: a log's, where it promised inclusion, and those of timestamp authorities. */
function timeOf({ timestamps }: SignedEntity): TrustedTime | undefined {
  const times = timestamps.flatMap(each => {
    if (each.$case === 'timestamp-authority') return [each.timestamp.signingTime.getTime()]
    return each.tlogEntry.inclusionPromise ? [Number(each.tlogEntry.integratedTime) * 1000] : []
  })
  if (times.length === 0 || !times.every(Number.isFinite)) return undefined
  return { earliestMs: Math.min(...times), latestMs: Math.max(...times) }
}

/** The library's codes, by what would mend them. */
const RULES: Readonly<Record<string, TrustRule>> = {
  CERTIFICATE_ERROR: 'signature-certificate',
  PUBLIC_KEY_ERROR: 'signature-key',
  SIGNATURE_ERROR: 'signature-content',
  TIMESTAMP_ERROR: 'signature-timestamp',
  TLOG_BODY_ERROR: 'signature-content',
  TLOG_ERROR: 'signature-log',
  TLOG_INCLUSION_PROMISE_ERROR: 'signature-log',
  TLOG_INCLUSION_PROOF_ERROR: 'signature-log',
  TLOG_MISSING_INCLUSION_ERROR: 'signature-log',
}

function denialOf(error: unknown): Denial {
  if (!(error instanceof Error)) return deny('signature-other', 'it does not verify')
  if (error instanceof ValidationError) return deny('bundle-shape', shown(error.message))
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  // attacker-controlled: messages quote the bundle
  return deny(RULES[code] ?? 'signature-other', `${shown(code)}: ${shown(error.message)}`)
}
