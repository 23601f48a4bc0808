// What publications are verified by: files that are read at the first bundle, so that a fault in them should not wait for one.

import { readFile } from 'node:fs/promises'
import type { Snapshot } from '../../config/schema.ts'
import { Fault } from '../../kernel/errors.ts'
import { readTrustPolicies, type TrustPolicies } from '../../trust/signer-policy.ts'
import { readTrustedRoot } from '../../trust/trusted-root.ts'
import { codeOf } from '../files.ts'
import { fail, ok, warn, type Check, type World } from './check.ts'

const NAME = 'registry'

export async function checkRegistryTrust(_world: World, { registry: { trust } }: Snapshot): Promise<Check[]> {
  if (!trust) return []
  const policies = await read(trust.policies, readTrustPolicies)
  const root = trust.root === undefined ? undefined : await read(trust.root, readTrustedRoot)
  const faults = [policies, root].filter(found => typeof found === 'string')
  if (faults.length > 0)
    return faults.map(fault => fail(NAME, fault, 'mend or replace the file; nothing is published or admitted meanwhile'))
  return [summary(policies as TrustPolicies)]
}

/** What it says, or what is wrong with it. */
async function read<T extends object>(file: string, parse: (bytes: Buffer) => T): Promise<T | string> {
  try {
    return parse(await readFile(file))
  } catch (error) {
    return `${file}: ${error instanceof Fault ? error.message : `cannot be read (${codeOf(error) ?? 'unknown error'})`}`
  }
}

function summary({ namespaces, reviewers }: TrustPolicies): Check {
  if (reviewers.length === 0)
    return warn(NAME, 'the policies name no reviewer, so nothing published is ever admitted', 'add `reviewers` to the policies')
  return ok(NAME, `the policies name signers of ${namespaces.size} namespaces and ${reviewers.length} reviewers`)
}
