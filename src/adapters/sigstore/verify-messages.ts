// What the gateway and its verifying thread say to each other.

import type { Denial } from '../../trust/denial.ts'
import type { Signer, TrustedTime } from '../../trust/signer.ts'

/** Handed over when the thread starts; `root`: the trusted root as JSON. */
export type VerifierSettings = { readonly root: string }

export type Job = {
  readonly bundle: Uint8Array
  readonly keys: readonly { readonly hint: string; readonly spki: Uint8Array }[]
  readonly file?: Uint8Array
}

export type Answer =
  Denial | { readonly signer: Signer; readonly time?: TrustedTime; readonly payloadType?: string; readonly payload?: Uint8Array }

export type FromVerifier = { readonly type: 'ready' } | { readonly type: 'answer'; readonly answer: Answer }
