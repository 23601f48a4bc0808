// OCI images: index and manifest fetched by their digests from the configured registry, compared, and not started.

import { deny, isDenial, shown, type Denial } from '../../trust/denial.ts'
import { integerAt, jsonAt, listAt, objectAt, reading, textAt, wrong, type TextRule } from '../../trust/shape.ts'
import { run, type Installation } from './installation.ts'
import { baseOf, download } from './source.ts'

/** OCI distribution-spec: registries need not take larger manifests. */
const MAX_MANIFEST = 4 * 1024 * 1024
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')
const DIGEST: TextRule = { pattern: /^sha256:[0-9a-f]{64}$/, what: 'a SHA-256 digest' }
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }

type Manifest = { readonly digest: string; readonly size: number }

/** Always a Denial: `artifact-kind-unsupported` where everything was as signed. Never rejects. */
export async function verifyOci(install: Installation): Promise<Denial> {
  const { wanted, package: asked, sources } = install
  const base = baseOf(sources, 'oci', asked)
  if (typeof base !== 'string') return base
  const [reference = ''] = asked.identifier.split('@')
  const what = shown(asked.identifier)
  const fetched = async (digest: string): Promise<Buffer | Denial> => {
    const { fetch, limits, budget } = install
    const url = `${base}/v2/${repositoryOf(reference)}/manifests/sha256:${digest}`
    const bytes = await download(
      fetch,
      url,
      { what, maxBytes: MAX_MANIFEST, timeoutMs: limits.downloadMs, headers: { accept: ACCEPT } },
      budget,
    )
    if (isDenial(bytes)) return bytes
    // a copy goes to the thread: the bytes are read here as well
    const refusal = await run(install, { kind: 'compare', bytes: new Uint8Array(bytes), sha256: digest })
    return refusal ? deny(refusal.rule, `${what}: ${refusal.detail}`) : bytes
  }
  const top = await fetched(wanted.digest)
  if (isDenial(top)) return top
  const chosen = manifestIn(top, what)
  if (chosen !== undefined && 'denied' in chosen) return chosen
  if (chosen) {
    const manifest = await fetched(chosen.digest)
    if (isDenial(manifest)) return manifest
    if (manifest.length !== chosen.size) return deny('artifact-mismatch', `${what}: the manifest has another size than the index says`)
  }
  return deny(
    'artifact-kind-unsupported',
    `${what}: ${chosen ? 'index and manifest have' : 'the manifest has'} the signed SHA-256, and images are not started yet`,
  )
}

/** The path of a reference without its host and tag: where a registry keeps it, whichever of its names was used. */
function repositoryOf(reference: string): string {
  const path = reference.replace(/:[^/:]*$/, '')
  const [first = '', ...rest] = path.split('/')
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? rest.join('/') : path
}

/** The manifest for this machine, where the document is an index; undefined where it is a manifest itself. */
function manifestIn(bytes: Buffer, what: string): Manifest | Denial | undefined {
  return reading(
    () => {
      const document = objectAt(jsonAt(bytes, 'manifest'), 'manifest')
      const { manifests, layers, config } = document
      // CVE-2021-41190: what is an index for one reader must not be an image for another
      if (manifests !== undefined && (layers !== undefined || config !== undefined))
        throw wrong('manifest', 'an index or an image, not both')
      if (manifests === undefined) {
        objectAt(config, 'config')
        return undefined
      }
      const architecture = ARCHITECTURES[process.arch] ?? process.arch
      for (const [i, each] of listAt(manifests, 'manifests', 1000).entries()) {
        const { platform, digest, size } = objectAt(each, `manifests[${i}]`)
        const { os, architecture: cpu } = objectAt(platform ?? {}, `manifests[${i}].platform`)
        if (os !== 'linux' || cpu !== architecture) continue
        return {
          digest: textAt(digest, `manifests[${i}].digest`, DIGEST).slice('sha256:'.length),
          size: integerAt(size, `manifests[${i}].size`, 0),
        }
      }
      return deny('manifest-invalid', `${what}: the index has no image for linux/${architecture}`)
    },
    detail => deny('manifest-invalid', `${what}: ${detail}`),
  )
}
