// npm packages: the signed tarball and every package of the signed lock file, from the one registry, each compared with its SHA-512. No script is run, no program linked.

import { join } from 'node:path'
import { deny, isDenial, shown, type Denial } from '../../trust/denial.ts'
import { run, type Installation } from './installation.ts'
import type { PlannedPackage } from './npm-lock.ts'
import { baseOf, download } from './source.ts'

/** Downloads at once. */
const AT_ONCE = 6

/** Fills the folder; undefined = everything is there. Never rejects. */
export async function installNpm(install: Installation): Promise<Denial | undefined> {
  const { wanted, package: asked, sources } = install
  const base = baseOf(sources, 'npm', asked)
  if (typeof base !== 'string') return base
  if (!wanted.lock) return deny('artifact-absent', 'expected the signed lock file of the package')
  const signed = { name: asked.identifier, version: asked.version, sha512: wanted.digest }
  const plan = await run(install, { kind: 'plan', lock: wanted.lock.bytes, sha256: wanted.lock.sha256, signed })
  if (isDenial(plan)) return plan

  const waiting = [...plan.packages]
  const refusals: Denial[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next && refusals.length === 0; next = waiting.shift()) {
      const refusal = await add(install, base, next)
      if (!refusal) continue
      refusals.push(refusal)
      install.budget.stop()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return refusals[0]
}

async function add(install: Installation, base: string, planned: PlannedPackage): Promise<Denial | undefined> {
  const { fetch, limits, budget, sources, wanted, folder } = install
  const what = shown(`${planned.name}@${planned.version}`)
  const { npmAuthorization: authorization } = sources
  const bytes = await download(
    fetch,
    tarballUrl(base, planned),
    {
      what,
      maxBytes: limits.downloadBytes,
      timeoutMs: limits.downloadMs,
      headers: { accept: '*/*', ...(authorization !== undefined && { authorization }) },
    },
    budget,
  )
  if (isDenial(bytes)) return bytes
  const done = await run(install, { kind: 'tarball', bytes, sha512: planned.sha512, folder: join(folder, planned.folder) })
  if (!done) return undefined
  const isOther = done.rule === 'artifact-mismatch' && planned.sha512 !== wanted.digest
  return deny(isOther ? 'dependency-mismatch' : done.rule, `${what}: ${done.detail}`)
}

/** Where npm registries keep it. `resolved` of the lock file does not count: its host was whoever made the lock file's. */
function tarballUrl(base: string, { name, version }: PlannedPackage): string {
  const file = `${name.replace(/^@.*\//, '')}-${version}.tgz`
  return `${base}/${name}/-/${encodeURIComponent(file)}`
}
