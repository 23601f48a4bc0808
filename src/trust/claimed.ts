// What a bundle says it is, before anything is verified: good for choosing how it is judged, and for nothing else.

import { MAX_BUNDLE_BYTES } from './preflight.ts'

/** attacker-controlled: the predicate type in it, whatever that may be */
export function claimedPredicate(bundle: Buffer): unknown {
  if (bundle.length > MAX_BUNDLE_BYTES) return undefined
  try {
    const { dsseEnvelope } = JSON.parse(bundle.toString('utf8')) as { dsseEnvelope?: { payload?: unknown } }
    const payload: unknown = JSON.parse(Buffer.from(String(dsseEnvelope?.payload), 'base64').toString())
    return (payload as { predicateType?: unknown } | null)?.predicateType
  } catch {
    return undefined // no bundle: the verification says why
  }
}
