// What is asked of the thread that unpacks and reads trees, and what it answers.

import type { MessagePort } from 'node:worker_threads'
import type { Denial } from '../../trust/denial.ts'
import type { ContentLimits } from './limits.ts'
import type { NpmPlan, Platform, SignedPackage } from './npm-lock.ts'
import type { OciManifest } from './oci-manifest.ts'

/** `bytes` of archives are handed over. Folders are absolute. */
export type ContentJob =
  | { readonly kind: 'plan'; readonly lock: Uint8Array; readonly sha256: string; readonly signed: SignedPackage }
  | { readonly kind: 'tarball'; readonly bytes: Uint8Array; readonly sha512: string; readonly folder: string }
  | { readonly kind: 'bundle'; readonly bytes: Uint8Array; readonly sha256: string; readonly folder: string }
  /** the URL of the file with this digest in an index that was fetched from `page` */
  | { readonly kind: 'pypi-index'; readonly bytes: Uint8Array; readonly page: string; readonly sha256: string }
  /** compares the digest, then reads it */
  | { readonly kind: 'oci-manifest'; readonly bytes: Uint8Array; readonly sha256: string }
  /** compares a digest and unpacks nothing */
  | { readonly kind: 'compare'; readonly bytes: Uint8Array; readonly sha256: string }
  /** closes what was installed; answers with its digest. `programs`: files in it that are run, whatever their archive says */
  | { readonly kind: 'seal'; readonly folder: string; readonly programs: readonly string[] }
  | { readonly kind: 'digest'; readonly folder: string }
  | { readonly kind: 'uproot'; readonly folder: string }

export type ContentAnswers = {
  readonly plan: NpmPlan
  readonly tarball: undefined
  readonly bundle: undefined
  readonly 'pypi-index': string
  readonly 'oci-manifest': OciManifest
  readonly compare: undefined
  readonly seal: string
  readonly digest: string
  readonly uproot: undefined
}

export type ToContent = { readonly id: number; readonly job: ContentJob }
/** `failed`: code of the error of the file system, or '' */
export type FromContent = { readonly id: number } & (
  { readonly answer: ContentAnswers[keyof ContentAnswers] } | { readonly denial: Denial } | { readonly failed: string }
)
export type ContentSettings = { readonly limits: ContentLimits; readonly platform: Platform; readonly port: MessagePort }
