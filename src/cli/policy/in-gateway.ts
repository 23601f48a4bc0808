// The folders of policies that a configuration names, as its gateway would take them: what `gatehouse config check` and `gatehouse doctor` say of them.

import { relative } from 'node:path'
import { loadCandidate } from '../../compose/policy-candidate.ts'
import { readPlainYaml } from '../../config/plain-yaml.ts'
import type { Snapshot } from '../../config/schema.ts'
import { lint } from '../../policy/lint.ts'
import { faultText } from './folder.ts'

export type FolderReport = {
  readonly role: 'folder' | 'shadow'
  /** as it is shown: relative to the working directory where it is near */
  readonly dir: string
  /** lines for people; empty = a gateway takes it */
  readonly faults: readonly string[]
  readonly warnings: readonly string[]
  /** rules that can never matter, and such */
  readonly findings: number
  readonly rules: number
  readonly digest?: string
}

/** In the order: those that decide, then the shadow. Empty where none are configured. Never rejects. */
export async function policiesOf(snapshot: Pick<Snapshot, 'policies' | 'issuers' | 'upstreams'>, cwd: string): Promise<FolderReport[]> {
  const { policies } = snapshot
  if (!policies) return []
  const named = [
    { role: 'folder' as const, path: policies.folder },
    ...(policies.shadow === undefined ? [] : [{ role: 'shadow' as const, path: policies.shadow }]),
  ]
  return Promise.all(
    named.map(async ({ role, path }) => {
      const near = relative(cwd, path)
      const dir = near === '' || near.startsWith('..') ? path : near
      const candidate = await loadCandidate(path, snapshot, readPlainYaml)
      if ('faults' in candidate) {
        const faults = candidate.faults.map(fault => faultText(dir, fault).trimEnd())
        return { role, dir, faults, warnings: [], findings: 0, rules: 0 }
      }
      const { bundle, warnings } = candidate
      const own = bundle.policies.filter(({ file }) => /^(?:authz|obligations)\//.test(file))
      return { role, dir, faults: [], warnings, findings: lint(own).length, rules: own.length, digest: bundle.digest }
    }),
  )
}
