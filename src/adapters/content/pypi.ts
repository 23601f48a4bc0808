// PyPI packages: found in the configured index by the digest that was signed, fetched, compared, and not started.

import { deny, isDenial, shown, type Denial } from '../../trust/denial.ts'
import { run, type Installation } from './installation.ts'
import { baseOf, download } from './source.ts'

const MAX_INDEX = 16 * 1024 * 1024
/** PEP 691 */
const INDEX_TYPE = 'application/vnd.pypi.simple.v1+json'

/** Always a Denial: `artifact-kind-unsupported` where everything was as signed. Never rejects. */
export async function verifyPypi(install: Installation): Promise<Denial> {
  const { wanted, package: asked, sources, fetch, limits, budget } = install
  const base = baseOf(sources, 'pypi', asked)
  if (typeof base !== 'string') return base
  if (wanted.lock) {
    const locked = await run(install, { kind: 'compare', bytes: new Uint8Array(wanted.lock.bytes), sha256: wanted.lock.sha256 })
    if (locked) return deny('lock-mismatch', locked.detail)
  }
  const what = shown(`${asked.identifier}==${asked.version}`)
  // PEP 503: one name for all spellings
  const page = `${base}/${asked.identifier.toLowerCase().replaceAll(/[._-]+/g, '-')}/`
  const { downloadMs: timeoutMs } = limits
  const index = await download(fetch, page, { what, maxBytes: MAX_INDEX, timeoutMs, headers: { accept: INDEX_TYPE } }, budget)
  if (isDenial(index)) return index
  const file = await run(install, { kind: 'pypi-index', bytes: index, page, sha256: wanted.digest })
  if (typeof file !== 'string') return deny(file.rule, `${what}: ${file.detail}`)
  // the host that an index names is the index's choice: only its own counts as the configured source
  if (new URL(file).origin !== new URL(base).origin) return deny('source-other', `${what}: the index names a file on another host`)
  const bytes = await download(fetch, file, { what, maxBytes: limits.downloadBytes, timeoutMs, headers: { accept: '*/*' } }, budget)
  if (isDenial(bytes)) return bytes
  const refusal = await run(install, { kind: 'compare', bytes, sha256: wanted.digest })
  if (refusal) return deny(refusal.rule, `${what}: ${refusal.detail}`)
  return deny('artifact-kind-unsupported', `${what} has the signed SHA-256, and packages of PyPI are not started yet`)
}
