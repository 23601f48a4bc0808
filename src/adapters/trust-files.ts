// Policies and trusted root from files, where no repository of trust is followed: whoever administers the machine answers for how new they are.

import { readFile } from 'node:fs/promises'
import { readTrustPolicies, type TrustPolicies } from '../trust/signer-policy.ts'
import { KEYS_ONLY, readTrustedRoot, type TrustedRootFile } from '../trust/trusted-root.ts'

/** Absolute paths. Without a root keys alone count. */
export type TrustFiles = { readonly policies: string; readonly root?: string }

/** Read anew at each call. Rejects with the Fault of a file that is not what it should be, or with the error of the system. */
export async function readTrustFiles({
  policies,
  root,
}: TrustFiles): Promise<{ readonly policies: TrustPolicies; readonly root: TrustedRootFile }> {
  return {
    policies: readTrustPolicies(await readFile(policies)),
    root: root === undefined ? KEYS_ONLY : readTrustedRoot(await readFile(root)),
  }
}
