// OCI images: index and manifest fetched by their digests from the configured registry, compared, and not started.

import { deny, isDenial, shown, type Denial } from '../../trust/denial.ts'
import { run, type Installation } from './installation.ts'
import type { OciManifest } from './oci-manifest.ts'
import { baseOf, download } from './source.ts'

/** OCI distribution-spec: registries need not take larger manifests. */
const MAX_MANIFEST = 4 * 1024 * 1024
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** Always a Denial: `artifact-kind-unsupported` where everything was as signed. Never rejects. */
export async function verifyOci(install: Installation): Promise<Denial> {
  const { wanted, package: asked, sources } = install
  const base = baseOf(sources, 'oci', asked)
  if (typeof base !== 'string') return base
  const [reference = ''] = asked.identifier.split('@')
  const what = shown(asked.identifier)
  const read = async (sha256: string): Promise<OciManifest | Denial> => {
    const { fetch, limits, budget } = install
    const url = `${base}/v2/${repositoryOf(reference)}/manifests/sha256:${sha256}`
    const bytes = await download(
      fetch,
      url,
      { what, maxBytes: MAX_MANIFEST, timeoutMs: limits.downloadMs, headers: { accept: ACCEPT } },
      budget,
    )
    if (isDenial(bytes)) return bytes
    const found = await run(install, { kind: 'oci-manifest', bytes, sha256 })
    return isDenial(found) ? deny(found.rule, `${what}: ${found.detail}`) : found
  }
  const top = await read(wanted.digest)
  if (isDenial(top)) return top
  if (top.of) {
    const image = await read(top.of.sha256)
    if (isDenial(image)) return image
    if (image.of) return deny('manifest-invalid', `${what}: the index names another index for this machine`)
    if (image.bytes !== top.of.bytes) return deny('artifact-mismatch', `${what}: the manifest has another size than the index says`)
  }
  return deny(
    'artifact-kind-unsupported',
    `${what}: ${top.of ? 'index and manifest have' : 'the manifest has'} the signed SHA-256, and images are not started yet`,
  )
}

/** The path of a reference without its host and tag: where a registry keeps it, whichever of its names was used. */
function repositoryOf(reference: string): string {
  const path = reference.replace(/:[^/:]*$/, '')
  const [first = '', ...rest] = path.split('/')
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? rest.join('/') : path
}
